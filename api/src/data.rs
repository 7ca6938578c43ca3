//! The free JSON of a payment: in a canonical form that both databases can hold, with no number ever read into a float.

use std::{borrow::Cow, collections::BTreeMap};

use serde::Serialize;
use serde_json::value::RawValue;
use thiserror::Error;

/// Deepest nesting accepted; the canonical form is made by recursion.
const MAX_DEPTH: usize = 32;

/// Any JSON value in canonical form: keys sorted and unique, no white space, numbers verbatim.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Data(Box<RawValue>);

/// Why a JSON value cannot be the data of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DataError {
    #[error("not valid JSON")]
    Syntax,
    #[error("nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    #[error("a key appears twice in one object")]
    DuplicateKey,
    #[error("the character U+0000 cannot be stored")]
    NullCharacter,
    #[error("a number is longer than 40 characters or beyond the range of a double")]
    Number,
}

impl Data {
    /// Canonicalises a JSON text.
    ///
    /// # Errors
    /// Refuses what Postgres' `jsonb` cannot hold or would silently change.
    pub fn parse(json: &RawValue) -> Result<Self, DataError> {
        let mut canonical = String::with_capacity(json.get().len());
        write_canonical(json.get(), MAX_DEPTH, &mut canonical)?;
        Self::from_stored(canonical)
    }

    /// Takes a text that a database returned.
    ///
    /// # Errors
    /// [`DataError::Syntax`] when it is not JSON.
    pub fn from_stored(json: String) -> Result<Self, DataError> {
        RawValue::from_string(json).map(Self).map_err(|_| DataError::Syntax)
    }

    /// The empty object, which stands for absent data.
    #[must_use]
    pub fn empty() -> Self {
        Self(
            serde_json::value::to_raw_value(&serde_json::Map::new())
                .unwrap_or_else(|_| RawValue::NULL.to_owned()),
        )
    }

    /// The canonical text.
    #[must_use]
    pub fn text(&self) -> &str {
        self.0.get()
    }
}

fn write_canonical(json: &str, depth: usize, out: &mut String) -> Result<(), DataError> {
    let json = json.trim_matches([' ', '\t', '\r', '\n']);
    match json.as_bytes().first() {
        Some(b'{' | b'[') if depth == 0 => Err(DataError::TooDeep),
        Some(b'{') => {
            let Members(members) = serde_json::from_str(json).map_err(|_| DataError::Syntax)?;
            let mut sorted = BTreeMap::new();
            for (key, value) in members {
                if sorted.insert(key, value).is_some() {
                    return Err(DataError::DuplicateKey);
                }
            }
            out.push('{');
            for (place, (key, value)) in sorted.into_iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                write_text(&key, out)?;
                out.push(':');
                write_canonical(value.get(), depth - 1, out)?;
            }
            out.push('}');
            Ok(())
        }
        Some(b'[') => {
            let items: Vec<&RawValue> =
                serde_json::from_str(json).map_err(|_| DataError::Syntax)?;
            out.push('[');
            for (place, item) in items.into_iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                write_canonical(item.get(), depth - 1, out)?;
            }
            out.push(']');
            Ok(())
        }
        Some(b'"') => {
            let text: Cow<'_, str> = serde_json::from_str(json).map_err(|_| DataError::Syntax)?;
            write_text(&text, out)
        }
        Some(b'-' | b'0'..=b'9') => {
            let number: f64 = serde_json::from_str(json).map_err(|_| DataError::Number)?;
            // A non-zero number that a double can only hold as zero would be another number to most readers.
            let vanished = number == 0.0
                && json
                    .split(['e', 'E'])
                    .next()
                    .is_some_and(|m| m.contains(|c| matches!(c, '1'..='9')));
            if json.len() > 40 || vanished {
                return Err(DataError::Number);
            }
            out.push_str(json);
            Ok(())
        }
        _ => {
            out.push_str(json);
            Ok(())
        }
    }
}

fn write_text(text: &str, out: &mut String) -> Result<(), DataError> {
    if text.contains('\0') {
        return Err(DataError::NullCharacter);
    }
    out.push_str(&serde_json::to_string(text).map_err(|_| DataError::Syntax)?);
    Ok(())
}

/// The members of an object in order, duplicates included, values unread.
pub(crate) struct Members<'a>(pub(crate) Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> serde::Deserialize<'de> for Members<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Vec<(Cow<'de, str>, &'de RawValue)>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Self::Value, A::Error> {
                let mut members = Vec::with_capacity(map.size_hint().unwrap_or(4));
                while let Some((Key(key), value)) = map.next_entry()? {
                    members.push((key, value));
                }
                Ok(members)
            }
        }
        #[derive(serde::Deserialize)]
        struct Key<'a>(#[serde(borrow)] Cow<'a, str>);
        deserializer.deserialize_map(Visitor).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<String, DataError> {
        let raw: &RawValue = serde_json::from_str(json).map_err(|_| DataError::Syntax)?;
        Data::parse(raw).map(|data| data.text().to_owned())
    }

    #[test]
    fn keys_are_sorted_and_numbers_stay_as_written() {
        let json =
            r#" { "b" : [1.10, 12345678901234567890123, "\u00e9"], "a": {"y": null, "x": true} } "#;
        assert_eq!(
            parse(json).unwrap(),
            r#"{"a":{"x":true,"y":null},"b":[1.10,12345678901234567890123,"é"]}"#
        );
    }

    #[test]
    fn what_a_database_cannot_hold_is_refused() {
        assert_eq!(parse(r#"{"a":"\u0000"}"#), Err(DataError::NullCharacter));
        assert_eq!(parse(r#"{"\u0000":1}"#), Err(DataError::NullCharacter));
        assert_eq!(parse(r#""\ud800""#), Err(DataError::Syntax));
        assert_eq!(parse("1e400"), Err(DataError::Number));
        assert_eq!(parse("1e-400"), Err(DataError::Number));
        assert_eq!(parse(r#"{"a":1,"\u0061":2}"#), Err(DataError::DuplicateKey));
        assert_eq!(
            parse(&format!("{}{}", "[".repeat(40), "]".repeat(40))),
            Err(DataError::TooDeep)
        );
    }
}
