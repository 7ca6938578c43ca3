//! The free JSON of a payment: in a canonical form that both databases can hold, with no number ever read into a float.

use std::{borrow::Cow, collections::BTreeMap};

use serde::Serialize;
use serde_json::value::RawValue;
use thiserror::Error;

/// Longest number, both as it was sent and written out.
const MAX_NUMBER: usize = 40;
/// The canonical form may be so many times as long as what was sent: exponents are written out.
const MAX_GROWTH: usize = 2;
/// Deepest nesting accepted; the canonical form is made by recursion.
const MAX_DEPTH: usize = 32;

/// Any JSON value in canonical form: keys sorted and unique, no white space, numbers without exponents.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Data(Box<RawValue>);

/// Why a JSON value cannot be the data of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum DataError {
    #[error("not valid JSON")]
    Syntax,
    #[error("nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    #[error("a key appears twice in one object")]
    DuplicateKey,
    #[error("the character U+0000 cannot be stored")]
    NullCharacter,
    #[error(
        "a number has more than {MAX_NUMBER} characters when it is written without an exponent"
    )]
    Number,
    #[error("the exponents of its numbers would make it more than {MAX_GROWTH} times as long")]
    TooManyExponents,
}

impl Data {
    /// Canonicalises a JSON text.
    ///
    /// # Errors
    /// Refuses what Postgres' `jsonb` cannot hold or would silently change.
    pub(crate) fn parse(json: &RawValue) -> Result<Self, DataError> {
        let mut canonical = String::with_capacity(json.get().len());
        write_canonical(json.get(), MAX_DEPTH, &mut canonical)?;
        if canonical.len() > json.get().len() * MAX_GROWTH + MAX_NUMBER {
            return Err(DataError::TooManyExponents);
        }
        Self::from_stored(canonical)
    }

    /// Takes a text that a database returned.
    ///
    /// # Errors
    /// [`DataError::Syntax`] when it is not JSON.
    pub(crate) fn from_stored(json: String) -> Result<Self, DataError> {
        RawValue::from_string(json).map(Self).map_err(|_| DataError::Syntax)
    }

    /// The empty object, which stands for absent data.
    #[must_use]
    pub(crate) fn empty() -> Self {
        Self(
            serde_json::value::to_raw_value(&serde_json::Map::new())
                .unwrap_or_else(|_| RawValue::NULL.to_owned()),
        )
    }

    /// The canonical text.
    #[must_use]
    pub(crate) fn text(&self) -> &str {
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
            out.push_str(&plain_number(json).ok_or(DataError::Number)?);
            Ok(())
        }
        _ => {
            out.push_str(json);
            Ok(())
        }
    }
}

/// Writes a number as Postgres' `jsonb` does: without an exponent, zero without a sign, the decimals as they were sent.
/// `None` when that is too long: `jsonb` would make 16 kB of `0e-16383`.
fn plain_number(json: &str) -> Option<String> {
    if json.len() > MAX_NUMBER {
        return None;
    }
    let (sign, unsigned) = json.strip_prefix('-').map_or(("", json), |rest| ("-", rest));
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let is_zero = digits.bytes().all(|digit| digit == b'0');
    // Beyond what can be written out, but small enough to calculate with.
    let exponent = exponent.parse::<i32>().ok().filter(|e| e.unsigned_abs() <= 100_000)?;
    let whole_length = i32::try_from(whole.len()).ok()? + exponent;
    let decimals = usize::try_from(i32::try_from(fraction.len()).ok()? - exponent).unwrap_or(0);
    let length = if is_zero { 0 } else { usize::try_from(whole_length).unwrap_or(0) };
    if length + decimals > MAX_NUMBER + digits.len() {
        return None;
    }
    let (whole, fraction) = if is_zero {
        (String::new(), "0".repeat(decimals))
    } else if let Some(point) = usize::try_from(whole_length).ok().filter(|point| *point > 0) {
        let padded = format!("{digits:0<point$}");
        (padded[..point].to_owned(), padded[point..].to_owned())
    } else {
        (String::new(), format!("{digits:0>decimals$}"))
    };
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        whole => whole,
    };
    let sign = if is_zero { "" } else { sign };
    let point = if fraction.is_empty() { "" } else { "." };
    Some(format!("{sign}{whole}{point}{fraction}")).filter(|text| text.len() <= MAX_NUMBER)
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
    fn numbers_are_written_out_as_jsonb_does() {
        for (sent, kept) in [
            ("1.10e1", "11.0"),
            ("1.5E-3", "0.0015"),
            ("100e-2", "1.00"),
            ("0.0012e3", "1.2"),
            ("12e+3", "12000"),
            ("-0", "0"),
            ("-0.0", "0.0"),
            ("0e5", "0"),
            ("0e-3", "0.000"),
            ("0.00e1", "0.0"),
            ("-2.5e0", "-2.5"),
            ("1e-38", "0.00000000000000000000000000000000000001"),
            ("1e39", "1000000000000000000000000000000000000000"),
        ] {
            assert_eq!(parse(sent).as_deref(), Ok(kept), "{sent}");
        }
    }

    #[test]
    fn numbers_that_would_grow_are_refused() {
        for sent in [
            "0e-16383",
            "1e308",
            "1e40",
            "1e-39",
            "1e99999999999",
            "-1e39",
            "0e-39",
            "12345678901234567890123456789012345678901",
        ] {
            assert_eq!(parse(sent), Err(DataError::Number), "{sent}");
        }
        let many = format!("[{}]", vec!["1e39"; 100].join(","));
        assert_eq!(parse(&many), Err(DataError::TooManyExponents));
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
