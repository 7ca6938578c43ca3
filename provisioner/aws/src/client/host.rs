//! Whose an endpoint is that the user named: AWS's own, or an emulator.

use std::net::IpAddr;

/// Says that endpoints which are named and not AWS's are emulators, wherever they are.
pub(super) const SWITCH: &str = "PROVISIONER_EMULATOR";

/// What AWS's endpoints end with: Regional, FIPS, dual-stack and PrivateLink ones, in all partitions
/// (botocore: `partitions.json`, `dnsSuffix` and `dualStackDnsSuffix`; AWS PrivateLink guide, "Access
/// AWS services").
const OF_AWS: [&str; 15] = [
    "amazonaws.com",
    "amazonaws.com.cn",
    "amazonaws.eu",
    "api.aws",
    "on.aws",
    "api.amazonwebservices.com.cn",
    "on.amazonwebservices.com.cn",
    "api.amazonwebservices.eu",
    "on.amazonwebservices.eu",
    "c2s.ic.gov",
    "sc2s.sgov.gov",
    "cloud.adc-e.uk",
    "csp.hci.ic.gov",
    "api.aws.ic.gov",
    "api.aws.scloud",
];

/// What names of this machine and of its containers end with, but for names without a dot.
const LOCAL: [&str; 5] =
    ["localhost", "localhost.localstack.cloud", "docker.internal", "containers.internal", "local"];

/// Whether a URL leads to AWS itself.
pub(super) fn is_aws(url: &str) -> bool {
    is_under(host(url), &OF_AWS)
}

/// Whether an emulator answers at a URL: on this machine or in a private network, and not AWS. In front
/// of everything else an answer counts as AWS's, unless `switched` says that it is not.
pub(super) fn is_emulator(url: &str, switched: bool) -> bool {
    let host = host(url);
    !is_aws(url) && (switched || is_private(host))
}

fn is_private(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => {
            ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified()
        }
        Ok(IpAddr::V6(ip)) => {
            ip.is_loopback()
                || ip.is_unique_local()
                || ip.is_unicast_link_local()
                || ip.is_unspecified()
        }
        // A name without a dot is a container's, or this network's.
        Err(_) => !host.is_empty() && (!host.contains('.') || is_under(host, &LOCAL)),
    }
}

fn is_under(host: &str, suffixes: &[&str]) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    suffixes.iter().any(|suffix| {
        host.strip_suffix(suffix).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })
}

/// The host of a URL, without user, brackets and port.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leniency_is_for_emulators() {
        for url in [
            "http://127.0.0.1:4566",
            "http://localhost:4566/",
            "https://localhost.localstack.cloud:4566",
            "http://s3.localhost.localstack.cloud:4566",
            "http://[::1]:5000",
            "http://10.1.2.3:5000",
            "http://172.18.0.2:4566",
            "http://192.168.1.9",
            "http://[fd00::1]:4566",
            "http://0.0.0.0:4566",
            "http://ministack:4566",
            "http://host.docker.internal:4566",
            "http://host.containers.internal:4566",
            "http://user:pw@moto:5000/x?y@z",
        ] {
            assert!(is_emulator(url, false) && !is_aws(url), "{url}");
        }
    }

    #[test]
    fn what_is_aws_is_never_one() {
        for url in [
            "https://sts.eu-west-1.amazonaws.com",
            "https://s3.amazonaws.com",
            "https://S3.Amazonaws.Com.",
            "https://ecs-fips.us-gov-west-1.amazonaws.com",
            "https://bucket.vpce-1a2b.s3.eu-west-1.vpce.amazonaws.com",
            "https://vpce-1.api.ecr.eu-west-1.vpce.amazonaws.com:443",
            "https://sts.cn-north-1.amazonaws.com.cn",
            "https://ec2.eu-west-1.api.aws",
            "https://s3.dualstack.eu-west-1.amazonaws.com",
            "https://123456789012.ddb.eu-west-1.on.aws",
            "https://ecs.eusc-de-east-1.amazonaws.eu",
            "https://ec2.cn-north-1.api.amazonwebservices.com.cn",
            "https://sts.us-iso-east-1.c2s.ic.gov",
        ] {
            assert!(is_aws(url) && !is_emulator(url, false) && !is_emulator(url, true), "{url}");
        }
    }

    /// A gateway or a proxy of somebody's: what it answers may well be AWS's.
    #[test]
    fn of_others_it_must_be_said() {
        for url in [
            "https://aws.example.com",
            "https://amazonaws.com.example.com",
            "https://notamazonaws.com",
            "http://203.0.113.7:4566",
            "https://sts.corp.internal",
            "",
        ] {
            assert!(!is_emulator(url, false) && is_emulator(url, true) && !is_aws(url), "{url}");
        }
    }
}
