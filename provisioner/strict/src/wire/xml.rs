//! A small XML tree: read an answer, change it, write it again.

use std::fmt::Write as _;

use serde_json::{Map, Value};

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) namespace: Option<String>,
    pub(crate) text: String,
    pub(crate) children: Vec<Element>,
}

impl Element {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let document = roxmltree::Document::parse(text).ok()?;
        let root = document.root_element();
        let mut element = Self::from_node(root);
        element.namespace = root.tag_name().namespace().map(str::to_owned);
        Some(element)
    }

    fn from_node(node: roxmltree::Node<'_, '_>) -> Self {
        let children: Vec<_> =
            node.children().filter(roxmltree::Node::is_element).map(Self::from_node).collect();
        let text = if children.is_empty() {
            node.text().unwrap_or_default().to_owned()
        } else {
            String::new()
        };
        Self { name: node.tag_name().name().to_owned(), namespace: None, text, children }
    }

    /// An element with text.
    pub(crate) fn leaf(name: &str, text: impl Into<String>) -> Self {
        Self { name: name.to_owned(), text: text.into(), ..Self::default() }
    }

    /// An element with children.
    pub(crate) fn node(name: &str, children: Vec<Element>) -> Self {
        Self { name: name.to_owned(), children, ..Self::default() }
    }

    pub(crate) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|c| c.name == name)
    }

    pub(crate) fn child_mut(&mut self, name: &str) -> Option<&mut Element> {
        self.children.iter_mut().find(|c| c.name == name)
    }

    /// The text of a child, empty when there is none.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.child(name).map_or("", |c| c.text.as_str())
    }

    /// Sets the text of a child, adding it when missing.
    pub(crate) fn set(&mut self, name: &str, text: impl Into<String>) {
        let text = text.into();
        match self.child_mut(name) {
            Some(child) => child.text = text,
            None => self.children.push(Self::leaf(name, text)),
        }
    }

    /// The first descendant of that name, itself included.
    pub(crate) fn find_mut(&mut self, name: &str) -> Option<&mut Element> {
        if self.name == name {
            return Some(self);
        }
        self.children.iter_mut().find_map(|c| c.find_mut(name))
    }

    pub(crate) fn write(&self) -> String {
        let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        self.write_to(&mut out);
        out
    }

    fn write_to(&self, out: &mut String) {
        let _ = write!(out, "<{}", self.name);
        if let Some(namespace) = &self.namespace {
            let _ = write!(out, " xmlns=\"{}\"", escape(namespace));
        }
        if self.children.is_empty() && self.text.is_empty() {
            out.push_str("/>");
            return;
        }
        out.push('>');
        out.push_str(&escape(&self.text));
        for child in &self.children {
            child.write_to(out);
        }
        let _ = write!(out, "</{}>", self.name);
    }

    /// As JSON: an element whose children are all `item` or `member` is a list, an empty one an empty string.
    pub(crate) fn to_value(&self) -> Value {
        let Some(first) = self.children.first() else { return Value::String(self.text.clone()) };
        if (first.name == "item" || first.name == "member")
            && self.children.iter().all(|c| c.name == first.name)
        {
            return Value::Array(self.children.iter().map(Element::to_value).collect());
        }
        let mut map = Map::new();
        for child in &self.children {
            map.insert(child.name.clone(), child.to_value());
        }
        Value::Object(map)
    }
}

pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_changes_and_writes() {
        let text =
            "<R xmlns=\"urn:x\"><set><item><id>a</id><state>old</state></item></set><none/></R>";
        let mut root = Element::parse(text).unwrap();
        assert_eq!(root.to_value(), json!({"set": [{"id": "a", "state": "old"}], "none": ""}));
        root.find_mut("item").unwrap().set("state", "a<b");
        assert!(root.write().ends_with(
            "<R xmlns=\"urn:x\"><set><item><id>a</id><state>a&lt;b</state></item></set><none/></R>"
        ));
    }
}
