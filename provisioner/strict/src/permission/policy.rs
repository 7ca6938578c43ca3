//! Identity-based policies: read and evaluated. An explicit deny wins; what nothing allows is refused.

use std::collections::BTreeMap;

use serde_json::Value;
use thiserror::Error;

use crate::world::value::like;

/// A policy document that this does not understand is refused as a whole: half a policy judges wrongly.
#[derive(Debug, Error)]
#[error("not a policy that the strict cloud can evaluate: {what}")]
pub struct UnreadablePolicy {
    what: String,
}

/// Condition keys, in lower case, with the values that the request has for them.
pub(super) type Context = BTreeMap<String, Vec<String>>;

#[derive(Debug)]
pub(super) struct Policies(Vec<Statement>);

#[derive(Debug)]
struct Statement {
    deny: bool,
    actions: Vec<String>,
    resources: Vec<String>,
    conditions: Vec<Condition>,
}

/// One key under one operator.
#[derive(Debug)]
struct Condition {
    of: Set,
    test: Test,
    negated: bool,
    if_exists: bool,
    /// In lower case.
    key: String,
    values: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    /// One value in the request.
    One,
    ForAll,
    ForAny,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Test {
    Equal,
    Like,
    Null,
}

impl Policies {
    pub(super) fn read(documents: &[Value]) -> Result<Self, UnreadablePolicy> {
        let statements = documents.iter().flat_map(|one| match &one["Statement"] {
            Value::Array(many) => many.clone(),
            one => vec![one.clone()],
        });
        statements.map(|one| Statement::read(&one)).collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn allow(&self, action: &str, resource: &str, context: &Context) -> bool {
        let mut matching = self.0.iter().filter(|one| one.is_about(action, resource, context));
        let denied = matching.clone().any(|one| one.deny);
        !denied && matching.next().is_some()
    }
}

impl Statement {
    fn read(value: &Value) -> Result<Self, UnreadablePolicy> {
        const KNOWN: [&str; 5] = ["Sid", "Effect", "Action", "Resource", "Condition"];
        let unreadable = |what: &str| UnreadablePolicy { what: format!("{what} in {value}") };
        let fields = value.as_object().ok_or_else(|| unreadable("no statement"))?;
        if let Some(unknown) = fields.keys().find(|key| !KNOWN.contains(&key.as_str())) {
            return Err(unreadable(unknown));
        }
        let deny = match value["Effect"].as_str() {
            Some("Allow") => false,
            Some("Deny") => true,
            _ => return Err(unreadable("no effect")),
        };
        let (actions, resources) = (texts(&value["Action"]), texts(&value["Resource"]));
        if actions.is_empty() || resources.is_empty() {
            return Err(unreadable("no action or no resource"));
        }
        let mut conditions = Vec::new();
        for (operator, keys) in value["Condition"].as_object().into_iter().flatten() {
            for (key, values) in keys.as_object().into_iter().flatten() {
                let read = Condition::read(operator, key, values);
                conditions.push(read.ok_or_else(|| unreadable(operator))?);
            }
        }
        let actions = actions.iter().map(|action| action.to_lowercase()).collect();
        Ok(Self { deny, actions, resources, conditions })
    }

    fn is_about(&self, action: &str, resource: &str, context: &Context) -> bool {
        let action = action.to_lowercase();
        self.actions.iter().any(|pattern| like(pattern, &action))
            && self.resources.iter().any(|pattern| like(pattern, resource))
            && self.conditions.iter().all(|condition| condition.holds(context))
    }
}

impl Condition {
    fn read(operator: &str, key: &str, values: &Value) -> Option<Self> {
        let (of, operator) = match operator.split_once(':') {
            Some(("ForAllValues", rest)) => (Set::ForAll, rest),
            Some(("ForAnyValue", rest)) => (Set::ForAny, rest),
            Some(_) => return None,
            None => (Set::One, operator),
        };
        let (operator, if_exists) = match operator.strip_suffix("IfExists") {
            Some(rest) => (rest, true),
            None => (operator, false),
        };
        let (test, negated) = match operator {
            "StringEquals" => (Test::Equal, false),
            "StringNotEquals" => (Test::Equal, true),
            "StringLike" | "ArnLike" | "ArnEquals" => (Test::Like, false),
            "StringNotLike" | "ArnNotLike" | "ArnNotEquals" => (Test::Like, true),
            "Null" => (Test::Null, false),
            _ => return None,
        };
        let values = texts(values);
        Some(Self { of, test, negated, if_exists, key: key.to_lowercase(), values })
    }

    fn holds(&self, context: &Context) -> bool {
        let actual = context.get(&self.key).filter(|values| !values.is_empty());
        if self.test == Test::Null {
            return self.values.iter().any(|wanted| (wanted == "true") == actual.is_none());
        }
        let Some(actual) = actual else {
            return self.if_exists || self.of == Set::ForAll || self.negated;
        };
        let one = |value: &String| {
            let found = self.values.iter().any(|wanted| match self.test {
                Test::Like => like(wanted, value),
                _ => wanted == value,
            });
            found != self.negated
        };
        match self.of {
            Set::ForAny => actual.iter().any(one),
            Set::One | Set::ForAll => actual.iter().all(one),
        }
    }
}

/// One text or a list of texts; a flag counts as its text.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(one) => vec![one.clone()],
        Value::Bool(flag) => vec![flag.to_string()],
        Value::Array(many) => many.iter().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn allow(condition: &Value, context: &[(&str, &[&str])]) -> bool {
        let statement = json!({"Effect": "Allow", "Action": "ec2:Create*", "Resource": "arn:a:*", "Condition": condition});
        let policies = Policies::read(&[json!({"Statement": statement})]).unwrap();
        let context = context.iter().map(|(key, values)| {
            ((*key).to_owned(), values.iter().map(|value| (*value).to_owned()).collect())
        });
        policies.allow("ec2:CreateVpc", "arn:a:vpc/1", &context.collect())
    }

    #[test]
    fn conditions() {
        let equals = json!({"StringEquals": {"aws:RequestTag/Team": ["a", "b"]}});
        assert!(allow(&equals, &[("aws:requesttag/team", &["b"])]));
        assert!(!allow(&equals, &[("aws:requesttag/team", &["c"])]));
        assert!(!allow(&equals, &[]));
        let if_exists = json!({"StringLikeIfExists": {"s3:prefix": "shop/*"}});
        assert!(allow(&if_exists, &[]) && allow(&if_exists, &[("s3:prefix", &["shop/x"])]));
        assert!(!allow(&if_exists, &[("s3:prefix", &["other/x"])]));
        let all = json!({"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": "shop/prod"}});
        assert!(allow(&all, &[("dynamodb:leadingkeys", &["shop/prod"])]));
        assert!(!allow(&all, &[("dynamodb:leadingkeys", &["shop/prod", "x"])]));
        assert!(allow(&json!({"Null": {"k": "true"}}), &[]));
        assert!(!allow(&json!({"Null": {"k": "true"}}), &[("k", &["v"])]));
    }

    #[test]
    fn a_deny_wins_and_the_rest_is_refused() {
        let policies = Policies::read(&[json!({"Statement": [
            {"Effect": "Allow", "Action": ["s3:*"], "Resource": "*"},
            {"Effect": "Deny", "Action": "s3:Delete*", "Resource": "arn:aws:s3:::kept"},
        ]})])
        .unwrap();
        let none = Context::new();
        assert!(policies.allow("s3:DeleteBucket", "arn:aws:s3:::other", &none));
        assert!(!policies.allow("s3:DeleteBucket", "arn:aws:s3:::kept", &none));
        assert!(!policies.allow("ec2:CreateVpc", "*", &none));
    }

    #[test]
    fn what_is_not_understood_is_said() {
        for statement in [
            json!({"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}),
            json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {"IpAddress": {"aws:SourceIp": "::1"}}}),
            json!({"Action": "s3:*", "Resource": "*"}),
        ] {
            assert!(Policies::read(&[json!({"Statement": [statement]})]).is_err());
        }
    }
}
