//! Short reads from JSON parameters and answers.

use serde_json::Value;

/// The text at a key; empty when missing.
pub(crate) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The list at a key; empty when missing or no list.
pub(crate) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The texts in the list at a key.
pub(crate) fn texts(value: &Value, key: &str) -> Vec<String> {
    list(value, key).iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// A flag, written as JSON or as a form writes it.
pub(crate) fn flag(value: &Value, key: &str) -> Option<bool> {
    match value.get(key)? {
        Value::Bool(b) => Some(*b),
        Value::String(s) => Some(s == "true"),
        _ => None,
    }
}

/// A number, written as JSON or as a form writes it.
pub(crate) fn number(value: &Value, key: &str) -> Option<i64> {
    match value.get(key)? {
        Value::Number(n) => n.as_i64(),
        Value::String(s) => s.parse().ok(),
        _ => None,
    }
}

/// EC2's `Filter` list as (name, values).
pub(crate) fn filters(parameters: &Value) -> Vec<(String, Vec<String>)> {
    list(parameters, "Filter")
        .iter()
        .map(|f| (text(f, "Name").to_owned(), texts(f, "Value")))
        .collect()
}

/// A filter value against a text, `*` standing for anything.
pub(crate) fn like(pattern: &str, subject: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == subject,
        Some((head, tail)) => subject.strip_prefix(head).is_some_and(|rest| {
            (0..=rest.len()).filter(|n| rest.is_char_boundary(*n)).any(|n| like(tail, &rest[n..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards() {
        assert!(like("ELB app/*", "ELB app/web/0123"));
        assert!(like("*web*", "ELB app/web/0123"));
        assert!(like("", "") && like("*", ""));
        assert!(!like("ELB net/*", "ELB app/web/0123") && !like("a", "ab"));
    }
}
