//! Lists asked page by page: the query's filters and page, every wrong parameter named, and signed cursors.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::value::RawValue;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

use crate::{
    payment::{
        Status,
        data::Members,
        filter::{Contained, Filter, Page},
        first_id,
    },
    problem::{Code, Complaint, FieldError, Problem},
};

/// Payments per page when nothing is said.
const DEFAULT_LIMIT: i64 = 20;
/// Payments per page at most.
const MAX_LIMIT: i64 = 100;

/// A list's query, read.
#[derive(Debug)]
pub(crate) struct Listing {
    pub(crate) filter: Filter,
    pub(crate) page: Page,
    pub(crate) with_total: bool,
    /// The filters as they were sent: a cursor belongs to them, and the next page's link repeats them.
    query: String,
}

impl Listing {
    /// Reads the parameters of `/v1/payments`.
    ///
    /// # Errors
    /// `invalid_parameter` with every complaint.
    pub(crate) fn read(query: &[(String, String)], secret: &[u8]) -> Result<Self, Problem> {
        Self::of(
            query,
            secret,
            &[
                "limit",
                "cursor",
                "include",
                "status",
                "created_gte",
                "created_lt",
                "minor_gte",
                "minor_lte",
                "data",
                "show_deleted",
            ],
        )
    }

    /// Reads the parameters of the challenge's `/list`: no filters.
    ///
    /// # Errors
    /// As for [`Listing::read`].
    pub(crate) fn read_plain(query: &[(String, String)], secret: &[u8]) -> Result<Self, Problem> {
        Self::of(query, secret, &["limit", "cursor"])
    }

    fn of(query: &[(String, String)], secret: &[u8], known: &[&str]) -> Result<Self, Problem> {
        let mut errors = Vec::new();
        let mut listing = Self {
            filter: Filter::default(),
            page: Page { after: None, limit: DEFAULT_LIMIT },
            with_total: false,
            query: String::new(),
        };
        let mut filters: Vec<&(String, String)> = Vec::new();
        for (place, pair) in query.iter().enumerate() {
            let name = pair.0.as_str();
            if !known.contains(&name) {
                errors.push(FieldError::new(name, Complaint::UnknownParameter));
            } else if query[..place].iter().any(|(other, _)| other == name) {
                errors.push(FieldError::new(name, Complaint::Duplicate));
            } else if !matches!(name, "limit" | "cursor" | "include") {
                filters.push(pair);
            }
        }
        filters.sort();
        listing.query = form(&filters);
        for (name, value) in query {
            if let Err(complaint) = listing.take(name, value, secret) {
                errors.push(FieldError::new(name.clone(), complaint));
            }
        }
        if errors.is_empty() {
            Ok(listing)
        } else {
            Err(Problem::invalid(Code::InvalidParameter, errors))
        }
    }

    fn take(&mut self, name: &str, value: &str, secret: &[u8]) -> Result<(), Complaint> {
        let filter = &mut self.filter;
        match name {
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
                self.page.limit = limit.ok_or(Complaint::LimitFormat)?;
            }
            "cursor" => {
                let after = open_cursor(value, &self.query, secret);
                self.page.after = Some(after.ok_or(Complaint::CursorFormat)?);
            }
            "include" => {
                self.with_total = value == "total";
                if !self.with_total {
                    return Err(Complaint::IncludeFormat);
                }
            }
            "status" => {
                filter.status = Some(Status::from_name(value).ok_or(Complaint::StatusFormat)?);
            }
            "created_gte" => filter.id_gte = Some(first_id(moment(value)?)),
            "created_lt" => filter.id_lt = Some(first_id(moment(value)?)),
            "minor_gte" => filter.amount_gte = Some(minor(value)?),
            "minor_lte" => filter.amount_lte = Some(minor(value)?),
            "data" => filter.data = Some(contained(value)?),
            "show_deleted" => {
                filter.show_deleted = value.parse().map_err(|_| Complaint::FlagFormat)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// The cursor of the page that follows a payment.
    pub(crate) fn cursor(&self, last: Uuid, secret: &[u8]) -> String {
        let mut bytes = last.as_bytes().to_vec();
        bytes.extend_from_slice(&signature(last, &self.query, secret));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The `Link` field's value for the next page.
    pub(crate) fn link(&self, path: &str, cursor: &str) -> String {
        let separator = if self.query.is_empty() { "" } else { "&" };
        format!(
            "<{path}?{}{separator}limit={}&cursor={cursor}>; rel=\"next\"",
            self.query, self.page.limit
        )
    }
}

fn open_cursor(text: &str, query: &str, secret: &[u8]) -> Option<Uuid> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (id, sent) = bytes.split_at_checked(16)?;
    let id = Uuid::from_slice(id).ok()?;
    bool::from(sent.ct_eq(&signature(id, query, secret))).then_some(id)
}

fn signature(id: Uuid, query: &str, secret: &[u8]) -> [u8; 16] {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return [0; 16] };
    mac.update(id.as_bytes());
    mac.update(query.as_bytes());
    let digest = mac.finalize().into_bytes();
    std::array::from_fn(|place| digest[place])
}

fn moment(value: &str) -> Result<OffsetDateTime, Complaint> {
    let at = OffsetDateTime::parse(value, &Rfc3339).map_err(|_| Complaint::TimeFormat)?;
    // At the ends of the calendar another offset leads beyond it.
    at.checked_to_offset(time::UtcOffset::UTC)
        .filter(|at| (1970..=9999).contains(&at.year()))
        .ok_or(Complaint::TimeFormat)
}

fn minor(value: &str) -> Result<i64, Complaint> {
    value.parse().ok().filter(|minor| *minor >= 0).ok_or(Complaint::CentavosFormat)
}

/// Arrays are left out because the two databases do not agree on what it means to contain one.
fn contained(value: &str) -> Result<Contained, Complaint> {
    let members: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(value).map_err(|_| Complaint::DataFilterFormat)?;
    // Read through a double, a longer number would become its neighbour: the texts are looked at, not the values.
    let raw: &RawValue = serde_json::from_str(value).map_err(|_| Complaint::DataFilterFormat)?;
    if comparable(&members) && exact(raw) {
        Ok(Contained(members))
    } else {
        Err(Complaint::DataFilterFormat)
    }
}

/// Largest whole number that every double holds exactly.
const LARGEST_EXACT: f64 = 9_007_199_254_740_992.0;
/// Digits that every double keeps.
const EXACT_DIGITS: usize = 15;

fn comparable(members: &serde_json::Map<String, serde_json::Value>) -> bool {
    members.iter().all(|(key, value)| {
        let plain = !key.contains(['"', '\\', '\0']);
        plain
            && match value {
                serde_json::Value::Object(inner) => comparable(inner),
                serde_json::Value::Array(_) => false,
                serde_json::Value::String(text) => !text.contains('\0'),
                serde_json::Value::Number(number) => {
                    number.as_f64().is_some_and(|number| number.abs() <= LARGEST_EXACT)
                }
                _ => true,
            }
    })
}

/// Whether every number in the text is one that a double holds as it was written.
fn exact(json: &RawValue) -> bool {
    if let Ok(members) = serde_json::from_str::<Members<'_>>(json.get()) {
        return members.0.iter().all(|(_, value)| exact(value));
    }
    let text = json.get();
    let is_number = text.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).count();
    let leading = mantissa.bytes().take_while(|byte| !(b'1'..=b'9').contains(byte));
    let zeros = leading.filter(|byte| *byte == b'0').count();
    !is_number
        || digits - zeros <= EXACT_DIGITS
        || text.parse::<i64>().is_ok_and(|whole| whole.unsigned_abs() <= 1 << 53)
}

fn form(pairs: &[&(String, String)]) -> String {
    let mut url = reqwest::Url::parse("http://list").ok();
    if let Some(url) = &mut url
        && !pairs.is_empty()
    {
        url.query_pairs_mut().extend_pairs(pairs.iter().map(|(name, value)| (name, value)));
    }
    url.and_then(|url| url.query().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_cursor_belongs_to_its_filters_and_its_key() {
        let secret = b"secret";
        let listing = Listing::read(&query(&[("status", "inserted")]), secret).unwrap();
        let id = Uuid::now_v7();
        let cursor = listing.cursor(id, secret);
        let again =
            Listing::read(&query(&[("cursor", &cursor), ("status", "inserted")]), secret).unwrap();
        assert_eq!(again.page.after, Some(id));
        assert!(Listing::read(&query(&[("cursor", &cursor)]), secret).is_err());
        assert!(
            Listing::read(&query(&[("status", "inserted"), ("cursor", &cursor)]), b"other")
                .is_err()
        );
    }

    #[test]
    fn every_wrong_parameter_is_named() {
        let wrong = query(&[
            ("limit", "0"),
            ("nope", "1"),
            ("status", "x"),
            ("created_gte", "yesterday"),
            ("data", "[]"),
        ]);
        let problem = Listing::read(&wrong, b"").unwrap_err();
        let mut names: Vec<_> = problem.errors.iter().map(|error| error.pointer.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["created_gte", "data", "limit", "nope", "status"]);
    }
}
