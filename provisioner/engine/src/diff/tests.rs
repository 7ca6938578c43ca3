use super::*;
use serde_json::json;

fn paths(desired: &Value, seen: &Value) -> Vec<String> {
    diff(desired, seen, &["initial"], &["policy"]).into_iter().map(|d| d.path).collect()
}

#[test]
fn only_what_is_desired_counts() {
    let seen = json!({"a": {"b": 1, "theirs": 2}, "more": 3});
    assert!(paths(&json!({"a": {"b": 1.0}, "initial": 7, "none": null}), &seen).is_empty());
    assert_eq!(paths(&json!({"a": {"b": 2}, "gone": 1}), &seen), ["a.b", "gone"]);
}

#[test]
fn what_the_cloud_does_not_tell_is_no_difference() {
    assert!(paths(&json!({"address": "eipalloc-1"}), &json!({"address": null})).is_empty());
}

#[test]
fn lists_are_closed_and_named_elements_are_compared_by_name() {
    let desired = json!({"tags": [{"key": "a", "value": "1"}, {"key": "b", "value": "2"}]});
    let seen = json!({"tags": [{"key": "b", "value": "3"}, {"key": "c", "value": "4"}]});
    let found = diff(&desired, &seen, &[], &[]);
    let shown: Vec<_> = found.iter().map(|d| (d.path.as_str(), d.to.is_some())).collect();
    assert_eq!(shown, [("tags[a]", true), ("tags[b].value", true), ("tags[c]", false)]);
    assert_eq!(paths(&json!({"s": ["a"]}), &json!({"s": ["a", "b"]})), ["s"]);
    assert_eq!(paths(&json!({"s": [{"x": 1}]}), &json!({"s": [{"x": 2, "y": 3}]})), ["s[0].x"]);
}

#[test]
fn an_element_that_only_moved_is_no_difference_beside_others() {
    let desired = json!({"s": [{"x": 1, "y": 1}, {"x": 3}, {"x": 5}]});
    assert_eq!(paths(&desired, &json!({"s": [{"x": 3}, {"x": 4, "y": 1}, {"x": 5}]})), ["s[0].x"]);
    let moved = json!({"s": [{"x": 3}, {"x": 1, "y": 1}, {"x": 5}]});
    assert_eq!(paths(&desired, &moved), ["s"]);
}

#[test]
fn what_is_exact_may_have_nothing_more() {
    let desired = json!({"policy": [{"Effect": "Allow"}]});
    let seen = json!({"policy": [{"Effect": "Allow", "Condition": {}}]});
    assert_eq!(paths(&desired, &seen), ["policy"]);
}

#[test]
fn an_unknown_value_is_a_difference() {
    let found =
        diff(&json!({"vpc": {"$output": "vpc.main/id"}}), &json!({"vpc": "vpc-1"}), &[], &[]);
    assert!(found[0].is_unknown());
    let set = diff(&json!({"s": [{"$output": "a.b/id"}]}), &json!({"s": ["x"]}), &[], &[]);
    assert!(set[0].is_unknown());
}
