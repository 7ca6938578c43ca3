//! The query protocols' forms: `Filter.1.Value.2=x` becomes nested JSON.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// A form read into a tree before arrays are told from objects.
#[derive(Default)]
struct Tree {
    text: Option<String>,
    children: BTreeMap<String, Tree>,
}

/// The operation and its parameters; `None` when there is no `Action`.
pub(crate) fn parse(form: &[u8]) -> Option<(String, Value)> {
    let mut root = Tree::default();
    let mut action = None;
    for (name, value) in form_urlencoded::parse(form) {
        match name.as_ref() {
            "Action" => action = Some(value.into_owned()),
            "Version" => {}
            path => {
                let mut node = &mut root;
                for step in path.split('.') {
                    node = node.children.entry(step.to_owned()).or_default();
                }
                node.text = Some(value.into_owned());
            }
        }
    }
    Some((action?, root.into_value()))
}

impl Tree {
    fn into_value(self) -> Value {
        if self.children.is_empty() {
            return self.text.map_or_else(|| Value::Object(Map::new()), Value::String);
        }
        if self.children.keys().all(|k| k.bytes().all(|b| b.is_ascii_digit())) {
            let mut items: Vec<_> = self.children.into_iter().collect();
            items.sort_by_key(|(k, _)| k.parse::<u32>().unwrap_or(u32::MAX));
            return Value::Array(items.into_iter().map(|(_, tree)| tree.into_value()).collect());
        }
        if self.children.len() == 1
            && let Some(list) =
                self.children.keys().find(|k| *k == "member" || *k == "item").cloned()
        {
            return self
                .children
                .into_iter()
                .find(|(k, _)| *k == list)
                .map_or(Value::Null, |(_, tree)| tree.into_value());
        }
        Value::Object(self.children.into_iter().map(|(k, tree)| (k, tree.into_value())).collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_of_both_dialects() {
        let form = b"Action=X&Version=1&Filter.1.Name=vpc-id&Filter.1.Value.1=a&Filter.1.Value.2=b&Subnets.member.1=s&Name=n";
        let (action, parameters) = parse(form).unwrap();
        assert_eq!(action, "X");
        assert_eq!(
            parameters,
            json!({"Filter": [{"Name": "vpc-id", "Value": ["a", "b"]}], "Subnets": ["s"], "Name": "n"})
        );
    }

    #[test]
    fn more_than_nine_members_keep_their_order() {
        let members: Vec<String> = (1..=11).map(|n| format!("Id.{n}={n}")).collect();
        let form = format!("Action=X&{}", members.join("&"));
        let (_, parameters) = parse(form.as_bytes()).unwrap();
        assert_eq!(parameters["Id"][10], "11");
    }
}
