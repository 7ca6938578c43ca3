//! Policy documents in a normal form, so that two that mean the same compare as equal.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// A JSON policy document (IAM, ECR lifecycle, endpoint). Single values that AWS lets stand for a
/// list of one become a list, and lists of strings are in order. May hold unresolved
/// [`engine::Input`]s.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Policy(Value);

/// Where AWS accepts one value or a list, and where order means nothing.
const LISTS: [&str; 5] = ["Action", "NotAction", "Resource", "NotResource", "Statement"];

impl Policy {
    #[must_use]
    pub fn new(document: Value) -> Self {
        Self(normal(document))
    }

    /// Reads a document as AWS returns it; what is not JSON is kept as a string, and so is a
    /// difference from anything desired.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        Self::new(serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.into())))
    }

    /// The document as sent to AWS.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.to_string()
    }

    #[must_use]
    pub fn document(&self) -> &Value {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Policy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self::new)
    }
}

fn normal(value: Value) -> Value {
    match value {
        // Its parts stand in an order.
        Value::Object(map) if is_input(&map) => Value::Object(map),
        Value::Object(map) => Value::Object(
            map.into_iter()
                .map(|(key, value)| {
                    let value = match value {
                        Value::Object(inner) if key == "Principal" => principals(inner),
                        Value::Object(inner) if key == "Condition" => conditions(inner),
                        value @ Value::Array(_) => value,
                        value if LISTS.contains(&key.as_str()) => Value::Array(vec![value]),
                        value => value,
                    };
                    (key, normal(value))
                })
                .collect(),
        ),
        Value::Array(items) => {
            let mut items: Vec<Value> = items.into_iter().map(normal).collect();
            if items.iter().all(is_text) {
                items.sort_by_key(Value::to_string);
            }
            Value::Array(items)
        }
        other => other,
    }
}

/// A string, or an input that will become one.
fn is_text(value: &Value) -> bool {
    value.is_string() || value.as_object().is_some_and(is_input)
}

fn is_input(map: &Map<String, Value>) -> bool {
    !map.is_empty() && map.keys().all(|key| key.starts_with('$'))
}

fn as_list(value: Value) -> Value {
    if value.is_array() { value } else { Value::Array(vec![value]) }
}

fn principals(map: Map<String, Value>) -> Value {
    Value::Object(map.into_iter().map(|(kind, who)| (kind, as_list(who))).collect())
}

fn conditions(map: Map<String, Value>) -> Value {
    let lists = |value: Value| match value {
        Value::Object(keys) => principals(keys),
        other => other,
    };
    Value::Object(map.into_iter().map(|(operator, keys)| (operator, lists(keys))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn one_value_and_a_list_of_one_are_the_same() {
        let short = Policy::new(json!({"Statement": {
            "Effect": "Allow", "Action": "s3:GetObject", "Resource": ["b", "a"],
            "Principal": {"Service": "ecs-tasks.amazonaws.com"},
            "Condition": {"StringEquals": {"aws:SourceAccount": "1"}}}}));
        let long = Policy::parse(
            r#"{"Statement": [{"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["a", "b"],
            "Principal": {"Service": ["ecs-tasks.amazonaws.com"]},
            "Condition": {"StringEquals": {"aws:SourceAccount": ["1"]}}}]}"#,
        );
        assert_eq!(short, long);
        let more = Policy::new(json!({"Statement": [{"Effect": "Allow", "Action": "s3:*"}]}));
        assert_ne!(short, more);
    }

    #[test]
    fn the_parts_of_an_input_stay_in_their_order() {
        let group = engine::Input::Output { of: "log-group.api".into(), field: "arn".into() };
        let streams = json!(group.with_suffix(":*"));
        let policy = Policy::new(json!({"Statement": {"Resource": [streams, "a"]}}));
        let resolved = engine::input::resolve(policy.document(), &|_, _| Some("arn:b".into()));
        let expected = json!({"Statement": [{"Resource": ["a", "arn:b:*"]}]});
        assert_eq!(Policy::new(resolved).document(), &expected);
    }
}
