//! From one set of rules to another, without ever taking away a route that both have.

use std::collections::BTreeSet;

use kinds::ListenerRule;

use super::Known;

/// What is to be done, in the order of the fields.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Changes {
    /// Unwanted, at a priority that another rule moves to: deleted first.
    pub(super) in_the_way: Vec<String>,
    /// Something else at the same priority.
    pub(super) altered: Vec<(String, ListenerRule)>,
    /// The same at another priority.
    pub(super) moved: Vec<(String, u32)>,
    pub(super) new: Vec<ListenerRule>,
    /// Deleted last.
    pub(super) unwanted: Vec<String>,
}

impl Changes {
    pub(super) fn between(desired: &BTreeSet<ListenerRule>, had: Vec<Known>) -> Self {
        let mut changes = Self::default();
        let mut had: Vec<Known> = had;
        let mut wanted: Vec<&ListenerRule> = desired.iter().collect();
        let mut pair =
            |wanted: &mut Vec<&ListenerRule>,
             alike: &dyn Fn(&ListenerRule, &ListenerRule) -> bool| {
                let mut pairs = Vec::new();
                wanted.retain(|rule| {
                    let Some(at) = had.iter().position(|(_, other)| alike(rule, other)) else {
                        return true;
                    };
                    pairs.push((had.remove(at).0, (*rule).clone()));
                    false
                });
                pairs
            };
        pair(&mut wanted, &|a, b| a == b);
        let same = |a: &ListenerRule, b: &ListenerRule| {
            (&a.paths, &a.hosts, &a.target_group) == (&b.paths, &b.hosts, &b.target_group)
        };
        let moved = pair(&mut wanted, &same);
        changes.moved = moved.into_iter().map(|(arn, rule)| (arn, rule.priority)).collect();
        changes.altered = pair(&mut wanted, &|a, b| a.priority == b.priority);
        changes.new = wanted.into_iter().cloned().collect();
        for (arn, rule) in had {
            let taken = changes.moved.iter().any(|(_, priority)| *priority == rule.priority);
            let list = if taken { &mut changes.in_the_way } else { &mut changes.unwanted };
            list.push(arn);
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(priority: u32, path: &str, target: &str) -> ListenerRule {
        ListenerRule {
            priority,
            paths: [path.to_owned()].into(),
            hosts: BTreeSet::new(),
            target_group: target.into(),
        }
    }

    fn known(rules: &[(&str, ListenerRule)]) -> Vec<Known> {
        rules.iter().map(|(arn, rule)| ((*arn).to_owned(), rule.clone())).collect()
    }

    #[test]
    fn two_rules_change_places_in_one_call() {
        let had = known(&[("a", to(1, "/a", "x")), ("b", to(2, "/b", "y"))]);
        let changes = Changes::between(&[to(2, "/a", "x"), to(1, "/b", "y")].into(), had);
        let mut moved = changes.moved.clone();
        moved.sort();
        assert_eq!(moved, [("a".to_owned(), 2), ("b".to_owned(), 1)]);
        assert_eq!(changes, Changes { moved: changes.moved.clone(), ..Changes::default() });
    }

    #[test]
    fn a_rule_gets_another_target_where_it_is() {
        let had = known(&[("a", to(1, "/a", "old"))]);
        let changes = Changes::between(&[to(1, "/a", "new")].into(), had);
        let altered = vec![("a".to_owned(), to(1, "/a", "new"))];
        assert_eq!(changes, Changes { altered, ..Changes::default() });
    }

    #[test]
    fn what_stands_where_another_moves_to_goes_first_and_the_rest_last() {
        let had = known(&[
            ("a", to(1, "/a", "x")),
            ("stranger", to(2, "/s", "z")),
            ("old", to(9, "/old", "z")),
        ]);
        let changes = Changes::between(&[to(2, "/a", "x"), to(3, "/c", "y")].into(), had);
        assert_eq!(changes.in_the_way, ["stranger"]);
        assert_eq!(changes.moved, [("a".to_owned(), 2)]);
        assert_eq!(changes.new, [to(3, "/c", "y")]);
        assert_eq!(changes.unwanted, ["old"]);
    }
}
