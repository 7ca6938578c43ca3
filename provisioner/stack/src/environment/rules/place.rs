//! Where the environment is: region, account and domain.

use crate::environment::complaint::Findings;
use crate::environment::node::Node;
use crate::environment::suggest::did_you_mean;

use super::text;

/// Regions to suggest from. A region that is newer than this list is accepted: the form decides.
const REGIONS: [&str; 38] = [
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eusc-de-east-1",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-west-1",
    "us-west-2",
];

pub(super) fn check(root: &Node, findings: &mut Findings) {
    if let Some((region, node)) = text(root, "region")
        && !is_region(region)
    {
        let known = REGIONS.map(str::to_owned);
        let help = did_you_mean(region, &known)
            .unwrap_or_else(|| "write it as AWS does: `us-east-1`".to_owned());
        findings.error(node.site, format!("`{region}` is not a region"), help);
    }
    if let Some((account, node)) = text(root, "account") {
        let digits = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        if !digits {
            let message = format!("`{account}` is not an AWS account");
            findings.error(node.site, message, "write its 12 digits in quotes: `\"123456789012\"`");
        }
    }
    if let Some((domain, node)) = text(root, "domain")
        && let Err(reason) = is_domain(domain)
    {
        let message = format!("`{domain}` is not a domain name: {reason}");
        findings.error(node.site, message, "write the bare name: `api.example.com`");
    }
}

/// What regions' names are made of, between the first letters and the digit.
const WORDS: [&str; 13] = [
    "central",
    "east",
    "gov",
    "iso",
    "isob",
    "isoe",
    "isof",
    "north",
    "northeast",
    "northwest",
    "south",
    "southeast",
    "west",
];

/// Two to four letters, one or two known words, and a digit, joined by hyphens. After `eusc`, the European
/// Sovereign Cloud, comes a country: `eusc-de-east-1`.
fn is_region(region: &str) -> bool {
    let parts: Vec<&str> = region.split('-').collect();
    let country = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_lowercase());
    match parts.as_slice() {
        ["eusc", of, words @ .., last] if country(of) => {
            matches!(words, [word] if WORDS.contains(word)) && is_digit(last)
        }
        [first, words @ .., last] => {
            (2..=4).contains(&first.len())
                && first.bytes().all(|byte| byte.is_ascii_lowercase())
                && (1..=2).contains(&words.len())
                && words.iter().all(|word| WORDS.contains(word))
                && is_digit(last)
        }
        _ => false,
    }
}

fn is_digit(text: &str) -> bool {
    text.len() == 1 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_partitions_regions_are_regions() {
        for region in
            REGIONS.into_iter().chain(["us-iso-east-1", "us-isob-east-1", "eu-isoe-west-1"])
        {
            assert!(is_region(region), "{region}");
        }
        for wrong in [
            "eusc-east-1x",
            "eusc-deu-east-1",
            "eusc-de-1",
            "europe-west-1",
            "us-east",
            "eu-wset-1",
        ] {
            assert!(!is_region(wrong), "{wrong}");
        }
    }
}

/// A fully qualified name (RFC 1035): two labels or more of up to 63 letters, digits and hyphens, 253 in all.
pub(super) fn is_domain(domain: &str) -> Result<(), &'static str> {
    if domain.contains("://") {
        return Err("it has a scheme");
    }
    if domain.contains(['/', ':']) {
        return Err("it has a path or a port");
    }
    if domain.len() > 253 {
        return Err("it has more than 253 characters");
    }
    let labels: Vec<&str> = domain.split('.').collect();
    if labels.len() < 2 {
        return Err("it has no dot");
    }
    let label = |label: &&str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if labels.iter().all(label) {
        Ok(())
    } else {
        Err("its parts are letters, digits and inner hyphens, up to 63")
    }
}
