//! ETag, If-Match and If-None-Match (RFC 9110 section 13) over the version of a payment.

use http::{HeaderMap, HeaderName, header};

/// What `If-Match` asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum IfMatch {
    Absent,
    /// `*`: any version of an existing payment.
    Any,
    /// One of these versions; a tag that cannot be ours matches nothing.
    Versions(Vec<i32>),
}

impl IfMatch {
    pub(crate) fn read(headers: &HeaderMap) -> Self {
        match tags(headers, &header::IF_MATCH) {
            None => Self::Absent,
            Some(tags) if tags.iter().any(|tag| tag == "*") => Self::Any,
            // If-Match compares strongly: a weak tag never matches.
            Some(tags) => Self::Versions(tags.iter().filter_map(|tag| version(tag)).collect()),
        }
    }

    pub(crate) fn allows(&self, current: i32) -> bool {
        match self {
            Self::Absent | Self::Any => true,
            Self::Versions(versions) => versions.contains(&current),
        }
    }
}

/// Whether the client already has this version.
pub(crate) fn not_modified(headers: &HeaderMap, current: i32) -> bool {
    tags(headers, &header::IF_NONE_MATCH).is_some_and(|tags| {
        tags.iter().any(|tag| {
            tag == "*" || version(tag.strip_prefix("W/").unwrap_or(tag)) == Some(current)
        })
    })
}

fn tags(headers: &HeaderMap, name: &HeaderName) -> Option<Vec<String>> {
    headers.contains_key(name).then(|| {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).map(|tag| tag.trim().to_owned()).collect()
    })
}

fn version(tag: &str) -> Option<i32> {
    tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, http::HeaderValue::from_static(value))])
    }

    #[test]
    fn if_match_is_strong_and_if_none_match_weak() {
        assert!(IfMatch::read(&headers(header::IF_MATCH, "\"1\", \"2\"")).allows(2));
        assert!(!IfMatch::read(&headers(header::IF_MATCH, "W/\"2\"")).allows(2));
        assert!(!IfMatch::read(&headers(header::IF_MATCH, "2")).allows(2));
        assert!(IfMatch::read(&headers(header::IF_MATCH, "*")).allows(2));
        assert!(not_modified(&headers(header::IF_NONE_MATCH, "W/\"2\""), 2));
        assert!(!not_modified(&headers(header::IF_NONE_MATCH, "\"3\""), 2));
    }
}
