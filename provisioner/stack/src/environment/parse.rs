//! The text of a file, read into a tree. What is not YAML, and keys that are there twice, are complained about here.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::{DuplicateKeyPolicy, Location, NonFiniteFloatPolicy, Spanned};

use super::complaint::Findings;
use super::node::{Entry, Node, Style, Value};
use super::source::{Site, Sources};

/// The deepest nesting and the most values of a file, aliases counted where they are used. An environment needs about
/// ten levels; each costs stack when the tree is walked.
const DEPTH: usize = 16;
const NODES: usize = 50_000;

/// Reads a file of `sources` into a tree. What is not YAML, and keys that are there twice, become findings; the tree is
/// then what could still be read, or an empty map.
pub(crate) fn parse(sources: &Sources, file: usize, findings: &mut Findings) -> Node {
    let root = Site::start(file);
    let text = sources.text(file);
    // The last key wins here only so that both reach the tree, where the second is complained about.
    let options = serde_yaml::options! {
        duplicate_keys: DuplicateKeyPolicy::LastWins,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        reject_unsupported_tags: true,
        strict_booleans: true,
        budget: serde_yaml::budget! { max_depth: DEPTH, max_nodes: NODES },
    };
    match serde_yaml::from_str_with_options::<Spanned<Yaml>>(text, options) {
        Ok(yaml) => {
            let mut node = Reading { text, file, findings }.node(yaml);
            node.site = root;
            node
        }
        Err(error) => {
            let site = error.location().map_or(root, |location| site(file, text, location));
            let (message, help) = explain(&error);
            findings.error(site, message, help);
            Node { site: root, default: false, value: Value::Spoiled }
        }
    }
}

/// What the parser says, in our words where its own are about its interface.
fn explain(error: &serde_yaml::Error) -> (String, &'static str) {
    use serde_yaml::Error;
    match error.without_snippet() {
        Error::MultipleDocuments { .. } => (
            "there is a second document in this file".to_owned(),
            "remove the line `---` and what follows it",
        ),
        Error::UnsupportedTag { tag, .. } => (
            format!("the tag `{tag}` means nothing here"),
            "remove it: values are taken as they are written",
        ),
        Error::UnknownAnchor { .. } => (
            "this refers to an anchor that there is not".to_owned(),
            "define it above with `&name`, or put a text that begins with * in quotes",
        ),
        other => {
            let text = other.to_string();
            let text = text.lines().next().unwrap_or_default();
            let text =
                text.split(" at line ").next().unwrap_or(text).trim_end_matches([':', ',', ' ']);
            let help = "check the indentation, quotes and brackets here and on the line above";
            (format!("this is not YAML: {text}"), help)
        }
    }
}

fn site(file: usize, text: &str, location: Location) -> Site {
    let line = usize::try_from(location.line()).unwrap_or(1).max(1);
    let column = usize::try_from(location.column()).unwrap_or(1).max(1);
    let width = text.lines().nth(line - 1).map_or(0, |line| line.trim_end().chars().count());
    let length = usize::try_from(location.span().len()).unwrap_or(1);
    Site { file, line, column, length: length.min((width + 1).saturating_sub(column)).max(1) }
}

/// A node as the YAML library hands it over.
enum Yaml {
    Null,
    /// Looks like a number or a boolean: its text is taken from the file.
    Plain,
    Text(String),
    List(Vec<Spanned<Yaml>>),
    Map(Vec<(Spanned<String>, Spanned<Yaml>)>),
}

struct Reading<'a> {
    text: &'a str,
    file: usize,
    findings: &'a mut Findings,
}

impl Reading<'_> {
    fn site(&self, location: Location) -> Site {
        site(self.file, self.text, location)
    }

    fn node(&mut self, yaml: Spanned<Yaml>) -> Node {
        let written = self.written(yaml.defined).to_owned();
        let value = match yaml.value {
            Yaml::Null => Value::Null,
            Yaml::Plain => Value::Raw { text: written, style: Style::Literal },
            Yaml::Text(text) => {
                let quoted = written.starts_with(['"', '\'', '|', '>']);
                // Older readers take digits after a zero for an octal number.
                let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
                let style = match (quoted, digits) {
                    (true, _) => Style::Quoted,
                    (false, true) => Style::Literal,
                    (false, false) => Style::Word,
                };
                Value::Raw { text, style }
            }
            Yaml::List(items) => {
                Value::List(items.into_iter().map(|item| self.node(item)).collect())
            }
            Yaml::Map(pairs) => Value::Map(self.entries(pairs)),
        };
        Node { site: self.site(yaml.referenced), default: false, value }
    }

    fn entries(&mut self, pairs: Vec<(Spanned<String>, Spanned<Yaml>)>) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            let site = self.site(key.referenced);
            let mut node = self.node(value);
            // A list or a map begins on the line after its key; the key is what the user looks for.
            if matches!(node.value, Value::List(_) | Value::Map(_) | Value::Null) {
                node.site = site;
            }
            if let Some(first) = entries.iter().find(|entry| entry.key == key.value) {
                let message = format!("`{}` is set twice", key.value);
                self.findings
                    .error(site, message, "keep one of the two")
                    .and(first.site, "first set here");
            } else {
                entries.push(Entry { key: key.value, site, node });
            }
        }
        entries
    }

    /// What the file says at a place, to its byte.
    fn written(&self, location: Location) -> &str {
        let span = location.span();
        let range = span.byte_offset().zip(span.byte_len()).and_then(|(start, length)| {
            let start = usize::try_from(start).ok()?;
            Some(start..start.checked_add(usize::try_from(length).ok()?)?)
        });
        range.and_then(|range| self.text.get(range)).unwrap_or_default().trim_end()
    }
}

impl<'de> Deserialize<'de> for Yaml {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Yaml;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a value")
            }

            fn visit_unit<E>(self) -> Result<Yaml, E> {
                Ok(Yaml::Null)
            }

            fn visit_bool<E>(self, _: bool) -> Result<Yaml, E> {
                Ok(Yaml::Plain)
            }

            fn visit_i64<E>(self, _: i64) -> Result<Yaml, E> {
                Ok(Yaml::Plain)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Yaml, E> {
                Ok(Yaml::Plain)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Yaml, E> {
                Ok(Yaml::Plain)
            }

            fn visit_str<E>(self, text: &str) -> Result<Yaml, E> {
                Ok(Yaml::Text(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Yaml, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    list.push(item);
                }
                Ok(Yaml::List(list))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Yaml, A::Error> {
                let mut map = Vec::new();
                while let Some(pair) = pairs.next_entry()? {
                    map.push(pair);
                }
                Ok(Yaml::Map(map))
            }
        }

        deserializer.deserialize_any(Any)
    }
}
