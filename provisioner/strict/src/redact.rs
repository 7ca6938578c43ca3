//! What must not reach the log: values of secrets, and a watch for them in other requests.

use serde_json::Value;

const HIDDEN: [&str; 7] = [
    "SecretString",
    "SecretBinary",
    "Password",
    "MasterUserPassword",
    "authorizationToken",
    "SecretAccessKey",
    "SessionToken",
];

/// A copy with secret values replaced.
pub(crate) fn redact(value: &Value) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .map(|(k, v)| {
                (k.clone(), if HIDDEN.contains(&k.as_str()) { "***".into() } else { redact(v) })
            })
            .collect(),
        Value::Array(items) => items.iter().map(redact).collect(),
        other => other.clone(),
    }
}

/// Values of secrets seen so far. Short ones are not watched for: they would be found by chance.
#[derive(Debug, Default)]
pub(crate) struct Secrets(Vec<String>);

impl Secrets {
    const SHORTEST: usize = 8;

    /// Takes in a secret's value, and the values inside when it is JSON.
    pub(crate) fn learn(&mut self, parameters: &Value) {
        let Some(value) = parameters.get("SecretString").and_then(Value::as_str) else { return };
        self.watch(value);
        if let Ok(Value::Object(fields)) = serde_json::from_str(value) {
            fields.values().filter_map(Value::as_str).for_each(|field| self.watch(field));
        }
    }

    fn watch(&mut self, value: &str) {
        if value.len() >= Self::SHORTEST && !self.0.iter().any(|v| v == value) {
            self.0.push(value.to_owned());
        }
    }

    pub(crate) fn found_in(&self, body: &[u8]) -> bool {
        self.0.iter().any(|value| contains(body, value.as_bytes()))
    }
}

fn contains(body: &[u8], value: &[u8]) -> bool {
    body.len() >= value.len() && body.windows(value.len()).any(|window| window == value)
}

/// Resource ids (`vpc-0ab..`) and ARNs in a value, in order of appearance.
pub(crate) fn ids(value: &Value) -> Vec<String> {
    fn walk(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::String(text) if is_id(text) && !found.iter().any(|f| f == text) => {
                found.push(text.clone());
            }
            Value::Array(items) => items.iter().for_each(|v| walk(v, found)),
            Value::Object(map) => map.values().for_each(|v| walk(v, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(value, &mut found);
    found
}

fn is_id(text: &str) -> bool {
    if text.starts_with("arn:") {
        return true;
    }
    let Some((prefix, rest)) = text.rsplit_once('-') else { return false };
    let lower = |b: u8| b.is_ascii_lowercase() || b == b'-';
    prefix.len() <= 12
        && prefix.bytes().all(lower)
        && rest.len() >= 8
        && rest.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_hidden_and_watched_for() {
        let parameters = json!({"Name": "db", "SecretString": "postgres://u:p@h/d"});
        assert_eq!(redact(&parameters)["SecretString"], "***");
        let mut secrets = Secrets::default();
        secrets.learn(&parameters);
        assert!(secrets.found_in(b"{\"url\":\"postgres://u:p@h/d\"}"));
        assert!(!secrets.found_in(b"{\"url\":\"postgres://\"}"));
        secrets
            .learn(&json!({"SecretString": "{\"user\":\"app\",\"password\":\"hunter2hunter2\"}"}));
        assert!(secrets.found_in(b"password=hunter2hunter2") && !secrets.found_in(b"user=app"));
    }

    #[test]
    fn finds_ids_and_arns_only() {
        let value = json!({"a": "vpc-0123456789abcdef0", "b": ["eipalloc-0a1b2c3d", "eu-west-1a"], "c": "arn:aws:x", "d": "no-id-here"});
        assert_eq!(ids(&value), ["vpc-0123456789abcdef0", "eipalloc-0a1b2c3d", "arn:aws:x"]);
    }
}
