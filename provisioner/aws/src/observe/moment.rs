//! Points in time as AWS's JSON writes them: seconds since 1970 with a fraction on the wire, and dates
//! in what its command line prints. Ours are written as dates.

use jiff::Timestamp;
use serde::{Deserialize as _, Deserializer, de::Error as _};
use serde_json::Value;

/// For `#[serde(deserialize_with = …)]`.
pub(crate) fn read<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
    let value = Value::deserialize(from)?;
    match &value {
        Value::Null => Ok(None),
        Value::Number(seconds) => {
            let milliseconds = seconds.as_f64().unwrap_or_default() * 1000.0;
            // Exact: today's instants are far below 2^53 milliseconds.
            #[expect(clippy::cast_possible_truncation, reason = "saturates, and is checked next")]
            let found = Timestamp::from_millisecond(milliseconds.round() as i64);
            found.map(Some).map_err(D::Error::custom)
        }
        Value::String(date) => date.parse().map(Some).map_err(D::Error::custom),
        other => Err(D::Error::custom(format!("{other} is no point in time"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_the_same_moment() {
        let expected: Timestamp = "2026-11-21T11:46:40.123Z".parse().unwrap();
        for text in ["1795261600.123", r#""2026-11-21T12:46:40.123+01:00""#] {
            let found = read(&mut serde_json::Deserializer::from_str(text)).unwrap();
            assert_eq!(found, Some(expected));
        }
        assert_eq!(read(Value::Null).unwrap(), None);
        assert!(read(Value::from("soon")).is_err());
    }
}
