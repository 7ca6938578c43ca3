//! The hosts of private ECR registries, and the repositories that image references name in them.

/// What the host of a private ECR registry says: `123456789012.dkr.ecr.eu-west-1.amazonaws.com`.
///
/// Beside this form there are FIPS endpoints (`dkr.ecr-fips`), dual-stack endpoints
/// (`dkr-ecr.<region>.on.aws`) and those of the other partitions. The forms are those that AWS's own
/// `amazon-ecr-credential-helper` recognises; dual-stack: ECR user guide, "Making requests to Amazon
/// ECR registries".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registry<'a> {
    pub account: &'a str,
    pub region: &'a str,
    pub partition: &'static str,
}

/// DNS suffixes and the partitions that they belong to. GovCloud shares its suffixes with `aws`.
const SUFFIXES: [(&str, &str); 9] = [
    ("amazonaws.com", "aws"),
    ("on.aws", "aws"),
    ("amazonaws.com.cn", "aws-cn"),
    ("on.amazonwebservices.com.cn", "aws-cn"),
    ("amazonaws.eu", "aws-eusc"),
    ("c2s.ic.gov", "aws-iso"),
    ("sc2s.sgov.gov", "aws-iso-b"),
    ("cloud.adc-e.uk", "aws-iso-e"),
    ("csp.hci.ic.gov", "aws-iso-f"),
];

impl<'a> Registry<'a> {
    /// Reads a host; none when it is not one of a private ECR registry.
    #[must_use]
    pub fn parse(host: &'a str) -> Option<Self> {
        let (account, rest) = host.split_once('.')?;
        let rest = rest.strip_prefix("dkr.").or_else(|| rest.strip_prefix("dkr-"))?;
        let (service, rest) = rest.split_once('.')?;
        let (region, suffix) = rest.split_once('.')?;
        let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        if !is_account || !matches!(service, "ecr" | "ecr-fips") || region.is_empty() {
            return None;
        }
        let (_, partition) = *SUFFIXES.iter().find(|(known, _)| *known == suffix)?;
        let partition = if region.starts_with("us-gov-") { "aws-us-gov" } else { partition };
        Some(Self { account, region, partition })
    }

    /// Reads the registry and the repository that an image reference names; none when the image is
    /// elsewhere.
    #[must_use]
    pub fn of_reference(reference: &'a str) -> Option<(Self, &'a str)> {
        let (host, rest) = reference.split_once('/')?;
        let name = rest.split(['@', ':']).next().filter(|name| !name.is_empty())?;
        Some((Self::parse(host)?, name))
    }

    /// The ARN of one of its repositories.
    #[must_use]
    pub fn repository_arn(&self, name: &str) -> String {
        let Self { account, region, partition } = self;
        format!("arn:{partition}:ecr:{region}:{account}:repository/{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_private_host_is_read() {
        for (host, region, partition) in [
            ("123456789012.dkr.ecr.eu-west-1.amazonaws.com", "eu-west-1", "aws"),
            ("123456789012.dkr.ecr-fips.us-east-1.amazonaws.com", "us-east-1", "aws"),
            ("123456789012.dkr-ecr.eu-west-1.on.aws", "eu-west-1", "aws"),
            ("123456789012.dkr-ecr-fips.us-east-1.on.aws", "us-east-1", "aws"),
            (
                "123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com",
                "us-gov-west-1",
                "aws-us-gov",
            ),
            ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "cn-north-1", "aws-cn"),
            ("123456789012.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn", "cn-north-1", "aws-cn"),
            ("123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1", "aws-eusc"),
            ("123456789012.dkr.ecr.us-iso-east-1.c2s.ic.gov", "us-iso-east-1", "aws-iso"),
        ] {
            let found = Registry::parse(host);
            assert_eq!(
                found,
                Some(Registry { account: "123456789012", region, partition }),
                "{host}"
            );
        }
    }

    #[test]
    fn other_hosts_are_not_taken_for_ecr() {
        for host in [
            "public.ecr.aws",
            "ghcr.io",
            "12345.dkr.ecr.eu-west-1.amazonaws.com",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com.example.com",
            "123456789012.dkr.ecr.amazonaws.com",
            "123456789012.dkr.s3.eu-west-1.amazonaws.com",
        ] {
            assert_eq!(Registry::parse(host), None, "{host}");
        }
    }

    #[test]
    fn a_reference_names_its_repository() {
        let host = "123456789012.dkr-ecr-fips.us-gov-east-1.on.aws";
        for rest in ["shop/api:1.2", "shop/api@sha256:00", "shop/api:1.2@sha256:00", "shop/api"] {
            let reference = format!("{host}/{rest}");
            let (registry, name) =
                Registry::of_reference(&reference).unwrap_or_else(|| panic!("{rest}"));
            let arn = "arn:aws-us-gov:ecr:us-gov-east-1:123456789012:repository/shop/api";
            assert_eq!(registry.repository_arn(name), arn);
        }
        assert_eq!(Registry::of_reference("ghcr.io/acme/api:1"), None);
    }
}
