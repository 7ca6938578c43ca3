//! The variables that point any AWS SDK, or the aws command, at a local endpoint.

use std::collections::BTreeMap;

/// What the SDK reads. The credentials are dummies: the server checks no signature. Keys in the environment win over
/// a profile's and over web identity (the SDK's default credential chain), so the user's own need not be removed.
#[must_use]
pub fn variables(endpoint: &str, region: &str) -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        ("AWS_ENDPOINT_URL", endpoint.to_owned()),
        ("AWS_REGION", region.to_owned()),
        ("AWS_DEFAULT_REGION", region.to_owned()),
        ("AWS_ACCESS_KEY_ID", "local".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
    ])
}
