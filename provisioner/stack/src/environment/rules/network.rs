//! Addresses and zones.

use std::path::Path;

use ipnet::Ipv4Net;

use crate::environment::chain::siblings;
use crate::environment::complaint::Findings;
use crate::environment::node::{Node, Value};
use crate::environment::source::Sources;
use crate::environment::types::{MAXIMUM_ZONES, carve};

use super::{services, text};

/// AWS keeps five addresses of every subnet (VPC User Guide, "Subnet sizing").
const RESERVED: usize = 5;
/// A load balancer needs a /27 with eight free addresses (ELB User Guide, "Subnets for your load balancer").
/// Shared address space (RFC 6598): a VPC takes it (VPC User Guide, "VPC CIDR blocks"), and many networks have it left.
const SHARED: Ipv4Net = Ipv4Net::new_assert(std::net::Ipv4Addr::new(100, 64, 0, 0), 10);
const BALANCER_PREFIX: u8 = 27;
const BALANCER: usize = 8;

pub(super) fn check(root: &Node, findings: &mut Findings) {
    let Some(network) = root.get("network") else { return };
    let zones = zones(root, network, findings);
    let Some((written, node)) = text(network, "cidr") else { return };
    let Some(cidr) = cidr(written, node, findings) else { return };
    let routed = services(root).iter().any(|service| service.node.get("route").is_some());
    let Some(zones) = zones.filter(|zones| (1..=MAXIMUM_ZONES).contains(zones)) else { return };
    let Some(carved) = carve(cidr, zones) else {
        let message =
            format!("{cidr} is too small: its subnets would be /{}", cidr.prefix_len() + 3);
        let help = "AWS's smallest subnet is a /28, and the range is cut into 8: use a /25 or larger, such as a /16";
        findings.error(node.site, message, help);
        return;
    };
    let Some(subnet) = carved.first().map(|carved| carved.private) else { return };
    if routed && subnet.prefix_len() > BALANCER_PREFIX {
        let message = format!(
            "{cidr} is too small for a load balancer: its subnets would be /{}",
            subnet.prefix_len()
        );
        let help = "a load balancer needs a /27 in each zone, and the range is cut into 8: use a /24 or larger";
        findings.error(node.site, message, help);
        return;
    }
    let nat_none = text(network, "nat").is_some_and(|(nat, _)| nat == "none");
    let taken = RESERVED + if nat_none && routed { BALANCER } else { 0 };
    let free = zones * (subnet.hosts().count() + 2).saturating_sub(taken);
    let needed = 2 * tasks(root);
    if needed > free {
        let message = format!(
            "{cidr} has {free} addresses for tasks, and a rolling deployment needs {needed}"
        );
        findings.error(
            node.site,
            message,
            "use a larger range, more zones, or a smaller `replicas.max`",
        );
    }
}

/// The most tasks that run at once outside deployments.
fn tasks(root: &Node) -> usize {
    let most = |service: &Node| service.at("replicas.max").and_then(Node::integer).unwrap_or(0);
    services(root).iter().filter_map(|service| usize::try_from(most(&service.node)).ok()).sum()
}

fn cidr(written: &str, node: &Node, findings: &mut Findings) -> Option<Ipv4Net> {
    let Ok(cidr) = written.parse::<Ipv4Net>() else {
        let message = format!("`{written}` is not a range of IPv4 addresses");
        findings.error(node.site, message, "write an address and a length: `10.20.0.0/16`");
        return None;
    };
    if !(16..=28).contains(&cidr.prefix_len()) {
        let message = format!("a VPC cannot have a /{}", cidr.prefix_len());
        findings.error(node.site, message, "use /16 to /28; /16 leaves the most room");
        return None;
    }
    if cidr.trunc() != cidr {
        let message = format!("`{written}` does not begin where a /{} begins", cidr.prefix_len());
        findings.error(node.site, message, format!("write `{}`", cidr.trunc()));
        return None;
    }
    if !cidr.addr().is_private() && !SHARED.contains(&cidr) {
        let message = format!("`{written}` is not private: it belongs to someone on the internet");
        let help = "use a range inside 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or 100.64.0.0/10";
        findings.error(node.site, message, help);
        return None;
    }
    Some(cidr)
}

/// How many zones there are, and whether they can be used as they are.
fn zones(root: &Node, network: &Node, findings: &mut Findings) -> Option<usize> {
    let zones = network.get("zones")?;
    let count = match &zones.value {
        Value::Integer(count) => usize::try_from(*count).ok()?,
        Value::List(names) => {
            named(root, names, findings);
            names.len()
        }
        _ => return None,
    };
    if count == 0 || count > MAXIMUM_ZONES {
        let message = format!("an environment cannot have {count} zones");
        findings.error(zones.site, message, format!("use 1 to {MAXIMUM_ZONES} zones; 2 is usual"));
        return None;
    }
    let routed = services(root).iter().find(|service| service.node.get("route").is_some());
    if let Some(service) = routed.filter(|_| count < 2) {
        let help = "use 2 zones or more, or remove the routes";
        let site = service.node.entry("route").map_or(service.site, |entry| entry.site);
        findings
            .error(zones.site, "a load balancer needs subnets in two zones", help)
            .and(site, format!("`{}` is behind the load balancer", service.key));
    }
    Some(count)
}

fn named(root: &Node, names: &[Node], findings: &mut Findings) {
    let region = text(root, "region").map(|(region, _)| region);
    for (index, node) in names.iter().enumerate() {
        let Some(name) = node.text() else { continue };
        if names[..index].iter().any(|earlier| earlier.text() == Some(name)) {
            findings.error(
                node.site,
                format!("the zone `{name}` is named twice"),
                "name each zone once",
            );
        }
        let letter = name.strip_suffix(|last: char| last.is_ascii_lowercase());
        match (letter, region) {
            (None, region) => {
                let help =
                    format!("write the region and a letter: `{}a`", region.unwrap_or("us-east-1"));
                findings.error(node.site, format!("`{name}` is not a zone"), help);
            }
            (Some(of), Some(region)) if of != region => {
                let message = format!("the zone `{name}` is not in {region}");
                let help = format!("write `{region}{}`, or change `region`", &name[of.len()..]);
                findings.error(node.site, message, help);
            }
            _ => {}
        }
    }
}

/// Environments whose files state overlapping ranges: their networks could never be joined, and a network's range
/// cannot be changed. A range that both take from one line of a base is meant, and so are other accounts.
pub(super) fn check_overlap(
    dir: &Path,
    name: &str,
    root: &Node,
    sources: &Sources,
    findings: &mut Findings,
) {
    let Some((cidr, node)) = stated(root) else { return };
    let line = |sources: &Sources, node: &Node| {
        format!("{}:{}", sources.name(node.site.file), node.site.line)
    };
    let mine = line(sources, node);
    for (other, tree, sources) in siblings(dir, name) {
        let Some((theirs, place)) = stated(&tree) else { continue };
        let account = |root: &Node| text(root, "account").map(|(account, _)| account.to_owned());
        let apart = account(root).zip(account(&tree)).is_some_and(|(one, two)| one != two);
        let overlap = cidr.contains(&theirs) || theirs.contains(&cidr);
        let theirs_at = line(&sources, place);
        if !overlap || apart || theirs_at == mine {
            continue;
        }
        let message = format!("{cidr} overlaps {theirs} of the environment `{other}`");
        let help = format!(
            "give each environment its own range, so that their networks can be joined; the other is at {theirs_at}"
        );
        findings.error(node.site, message, help);
    }
}

/// The range that an environment's files state, not a default.
fn stated(root: &Node) -> Option<(Ipv4Net, &Node)> {
    let node = root.at("network.cidr").filter(|node| !node.default)?;
    Some((node.text()?.parse().ok()?, node))
}
