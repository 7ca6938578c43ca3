//! AWS's partitions: groups of Regions whose ARNs, endpoints and credentials are apart from all others.

/// Partitions other than `aws`, by how their Regions' names begin (botocore: `partitions.json`, the
/// field `regionRegex`).
const PARTITIONS: [(&str, &str); 7] = [
    ("cn-", "aws-cn"),
    ("us-gov-", "aws-us-gov"),
    ("us-iso-", "aws-iso"),
    ("us-isob-", "aws-iso-b"),
    ("eu-isoe-", "aws-iso-e"),
    ("us-isof-", "aws-iso-f"),
    ("eusc-", "aws-eusc"),
];

/// The partition that a Region is in: for who has no ARN of the caller's to tell it from.
#[must_use]
pub fn of_region(region: &str) -> &'static str {
    let known = PARTITIONS.iter().find(|(start, _)| region.starts_with(start));
    known.map_or("aws", |(_, partition)| partition)
}

/// A Region of the same partition that accounts cannot disable (AWS Account Management guide, "Enable or
/// disable AWS Regions"); `None` where every Region is one.
#[must_use]
pub fn region_always_enabled(region: &str) -> Option<&'static str> {
    (of_region(region) == "aws").then_some("us-east-1")
}

/// The partition that an ARN names.
#[must_use]
pub fn of_arn(arn: &str) -> Option<&str> {
    let partition = arn.strip_prefix("arn:")?.split(':').next()?;
    (!partition.is_empty()).then_some(partition)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_region_is_in_one() {
        for (region, partition) in [
            ("eu-west-1", "aws"),
            ("us-east-1", "aws"),
            ("cn-northwest-1", "aws-cn"),
            ("us-gov-east-1", "aws-us-gov"),
            ("us-iso-west-1", "aws-iso"),
            ("us-isob-east-1", "aws-iso-b"),
            ("eu-isoe-west-1", "aws-iso-e"),
            ("us-isof-south-1", "aws-iso-f"),
            ("eusc-de-east-1", "aws-eusc"),
        ] {
            assert_eq!(of_region(region), partition, "{region}");
        }
    }

    #[test]
    fn an_arn_names_one() {
        assert_eq!(of_arn("arn:aws-eusc:sts::1:assumed-role/up/x"), Some("aws-eusc"));
        assert_eq!(of_arn("x"), None);
        assert_eq!(of_arn("arn::iam::1:root"), None);
    }
}
