//! Values that may not be known yet: known now, or another resource's output.
//!
//! An [`Input`] serialises as a plain string when it is known, else as an object that no user value
//! can be confused with: `{"$output": "vpc.main/id"}` or `{"$join": ["arn:…", {"$output": …}]}`. So
//! a graph, a plan and a state are ordinary JSON.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeOwned, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::address::Address;
use crate::error::{Class, Error, Result};

const OUTPUT: &str = "$output";
const JOIN: &str = "$join";

/// A string that is known now, or another resource's output, or a concatenation of such.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Input {
    Known(String),
    Output { of: Address, field: String },
    Join(Vec<Input>),
}

impl Input {
    /// The value, in an adapter, where the engine has resolved everything.
    pub fn get(&self) -> Result<&str> {
        match self {
            Self::Known(value) => Ok(value),
            _ => Err(Error::new(Class::Other, format!("{self} was used before it was known"))),
        }
    }

    /// The value, if it is known.
    #[must_use]
    pub fn known(&self) -> Option<&str> {
        match self {
            Self::Known(value) => Some(value),
            _ => None,
        }
    }

    /// Several parts, one after the other.
    #[must_use]
    pub fn join<I: Into<Input>>(parts: impl IntoIterator<Item = I>) -> Self {
        let parts: Vec<Input> = parts.into_iter().map(Into::into).collect();
        if let Some(known) = parts.iter().map(Input::known).collect::<Option<String>>() {
            return Self::Known(known);
        }
        Self::Join(parts)
    }

    /// This, followed by a suffix.
    #[must_use]
    pub fn with_suffix(&self, suffix: &str) -> Self {
        Self::join([self.clone(), suffix.into()])
    }
}

impl From<&str> for Input {
    fn from(value: &str) -> Self {
        Self::Known(value.into())
    }
}

impl From<String> for Input {
    fn from(value: String) -> Self {
        Self::Known(value)
    }
}

impl From<&Input> for Input {
    fn from(value: &Input) -> Self {
        value.clone()
    }
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(value) => f.write_str(value),
            Self::Output { of, field } => write!(f, "${{{of}.{field}}}"),
            Self::Join(parts) => parts.iter().try_for_each(|part| part.fmt(f)),
        }
    }
}

impl Serialize for Input {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Known(value) => serializer.serialize_str(value),
            Self::Output { of, field } => {
                serializer.collect_map([(OUTPUT, format!("{of}/{field}"))])
            }
            Self::Join(parts) => serializer.collect_map([(JOIN, parts)]),
        }
    }
}

impl<'de> Deserialize<'de> for Input {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InputVisitor;
        impl<'de> Visitor<'de> for InputVisitor {
            type Value = Input;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a reference to an output")
            }

            fn visit_str<E>(self, value: &str) -> Result<Input, E> {
                Ok(Input::Known(value.into()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Input, A::Error> {
                match map.next_key::<String>()?.as_deref() {
                    Some(OUTPUT) => parse_output(&map.next_value::<String>()?)
                        .ok_or_else(|| A::Error::custom("an output is written kind.name/field")),
                    Some(JOIN) => Ok(Input::Join(map.next_value()?)),
                    _ => Err(A::Error::custom("expected $output or $join")),
                }
            }
        }
        deserializer.deserialize_any(InputVisitor)
    }
}

fn parse_output(text: &str) -> Option<Input> {
    let (of, field) = text.split_once('/')?;
    Some(Input::Output { of: of.into(), field: field.into() })
}

/// The outputs that a JSON value waits for.
#[must_use]
pub fn references(value: &Value) -> BTreeSet<Address> {
    let mut found = BTreeSet::new();
    collect(value, &mut found);
    found
}

fn collect(value: &Value, found: &mut BTreeSet<Address>) {
    match value {
        Value::Object(map) => {
            match map.get(OUTPUT).and_then(Value::as_str).and_then(parse_output) {
                Some(Input::Output { of, .. }) => {
                    found.insert(of);
                }
                _ => map.values().for_each(|inner| collect(inner, found)),
            }
        }
        Value::Array(items) => items.iter().for_each(|inner| collect(inner, found)),
        _ => {}
    }
}

/// Whether a JSON value still waits for an output.
#[must_use]
pub fn is_unknown(value: &Value) -> bool {
    !references(value).is_empty()
}

/// Replaces every output that `lookup` knows; what it does not know stays a reference.
pub fn resolve(value: &Value, lookup: &impl Fn(&Address, &str) -> Option<String>) -> Value {
    match value {
        Value::Object(map) => {
            if map.contains_key(OUTPUT) || map.contains_key(JOIN) {
                return resolve_input(value, lookup);
            }
            Value::Object(map.iter().map(|(k, v)| (k.clone(), resolve(v, lookup))).collect())
        }
        Value::Array(items) => {
            Value::Array(items.iter().map(|item| resolve(item, lookup)).collect())
        }
        other => other.clone(),
    }
}

fn resolve_input(value: &Value, lookup: &impl Fn(&Address, &str) -> Option<String>) -> Value {
    fn settle(input: Input, lookup: &impl Fn(&Address, &str) -> Option<String>) -> Input {
        match input {
            Input::Output { of, field } => match lookup(&of, &field) {
                Some(value) => Input::Known(value),
                None => Input::Output { of, field },
            },
            Input::Join(parts) => Input::join(parts.into_iter().map(|part| settle(part, lookup))),
            known @ Input::Known(_) => known,
        }
    }
    serde_json::from_value::<Input>(value.clone())
        .and_then(|input| serde_json::to_value(settle(input, lookup)))
        .unwrap_or_else(|_| value.clone())
}

/// The outputs of a resource that is not there yet: every field of `O` refers to `of`.
pub fn outputs_of<O: DeserializeOwned>(of: &Address) -> Result<O> {
    let fields = fields::<O>();
    let map: Map<String, Value> = fields
        .iter()
        .map(|field| {
            let input = Input::Output { of: of.clone(), field: (*field).into() };
            Ok(((*field).to_owned(), serde_json::to_value(input)?))
        })
        .collect::<Result<_>>()?;
    Ok(serde_json::from_value(Value::Object(map))?)
}

/// The names of a struct's fields, learnt by asking serde to read one.
#[must_use]
pub fn fields<T: DeserializeOwned>() -> &'static [&'static str] {
    struct Probe<'a>(&'a mut &'static [&'static str]);
    impl<'de> Deserializer<'de> for Probe<'_> {
        type Error = serde::de::value::Error;

        fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
            Err(Self::Error::custom("not a struct"))
        }

        fn deserialize_struct<V: Visitor<'de>>(
            self,
            _: &'static str,
            fields: &'static [&'static str],
            _: V,
        ) -> Result<V::Value, Self::Error> {
            *self.0 = fields;
            Err(Self::Error::custom("only the names were wanted"))
        }

        serde::forward_to_deserialize_any! {
            bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
            unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
        }
    }
    let mut names: &'static [&'static str] = &[];
    // Always an error: the probe stops once it has the names.
    let _stopped = T::deserialize(Probe(&mut names));
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[derive(Serialize, Deserialize, Debug)]
    struct Outputs {
        id: Input,
        arn: Input,
    }

    #[test]
    fn outputs_are_typed_references() {
        let outputs: Outputs = outputs_of(&Address::new("vpc", "main")).unwrap();
        assert_eq!(outputs.arn.to_string(), "${vpc.main.arn}");
        assert_eq!(serde_json::to_value(&outputs.id).unwrap(), json!({"$output": "vpc.main/id"}));
    }

    #[test]
    fn resolves_inside_joins_and_keeps_the_unknown() {
        let value = json!({"a": {"$join": [{"$output": "vpc.main/id"}, ":*"]}, "b": [{"$output": "x.y/z"}]});
        let seen = resolve(&value, &|of, field| {
            (of.as_str() == "vpc.main" && field == "id").then(|| "vpc-1".into())
        });
        assert_eq!(seen, json!({"a": "vpc-1:*", "b": [{"$output": "x.y/z"}]}));
        assert_eq!(references(&seen), BTreeSet::from(["x.y".into()]));
    }

    #[test]
    fn an_unresolved_input_cannot_be_used() {
        let input = Input::Output { of: "vpc.main".into(), field: "id".into() };
        assert!(input.get().is_err());
        assert_eq!(Input::from("x").get().unwrap(), "x");
    }
}
