//! The credential scope of a signed request: who calls which service where.

use http::request::Parts;

/// `<key>/<date>/<region>/<service>/aws4_request`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) key: String,
    pub(crate) region: String,
    pub(crate) service: String,
}

impl Scope {
    /// Reads the scope from the Authorization header or from a presigned query; `None` when unsigned.
    pub(crate) fn of(parts: &Parts) -> Option<Self> {
        let header = parts.headers.get(http::header::AUTHORIZATION).and_then(|v| v.to_str().ok());
        if let Some(scope) = header.and_then(|h| h.split("Credential=").nth(1)) {
            return Self::parse(scope.split([',', ' ']).next().unwrap_or_default());
        }
        let query = parts.uri.query().unwrap_or_default();
        form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name == "X-Amz-Credential")
            .and_then(|(_, scope)| Self::parse(&scope))
    }

    fn parse(scope: &str) -> Option<Self> {
        let mut parts = scope.rsplit('/');
        let _terminator = parts.next()?;
        let service = parts.next()?.to_owned();
        let region = parts.next()?.to_owned();
        let _date = parts.next()?;
        let key = parts.next()?.to_owned();
        Some(Self { key, region, service })
    }

    pub(crate) fn account(&self) -> String {
        let number = self.key.len() == 12 && self.key.bytes().all(|b| b.is_ascii_digit());
        if number { self.key.clone() } else { "000000000000".to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_and_presigned_scopes() {
        let (parts, ()) = http::Request::builder()
            .uri("/")
            .header("authorization", "AWS4-HMAC-SHA256 Credential=AKID/20261121/eu-west-1/ec2/aws4_request, SignedHeaders=host, Signature=00")
            .body(())
            .unwrap()
            .into_parts();
        let scope = Scope::of(&parts).unwrap();
        assert_eq!(
            (scope.key.as_str(), scope.region.as_str(), scope.service.as_str()),
            ("AKID", "eu-west-1", "ec2")
        );
        assert_eq!(scope.account(), "000000000000");
        let (parts, ()) = http::Request::builder()
            .uri("/b/k?X-Amz-Credential=111122223333%2F20261121%2Fus-east-1%2Fs3%2Faws4_request")
            .body(())
            .unwrap()
            .into_parts();
        assert_eq!(Scope::of(&parts).unwrap().account(), "111122223333");
        let (parts, ()) = http::Request::builder().uri("/health").body(()).unwrap().into_parts();
        assert_eq!(Scope::of(&parts), None);
    }
}
