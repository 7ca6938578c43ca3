//! Routes of the user's own.

use ipnet::Ipv4Net;

use crate::environment::complaint::Findings;
use crate::environment::node::Node;
use crate::environment::source::Site;

use super::text;

/// What CreateRoute takes as a target, beside the gateways that the tool makes by itself (EC2 API reference, CreateRoute).
const TARGETS: [&str; 7] = ["pcx-", "tgw-", "vgw-", "eni-", "vpce-", "lgw-", "cagw-"];

pub(super) fn check(root: &Node, findings: &mut Findings) {
    let Some(network) = root.get("network") else { return };
    let cidr = text(network, "cidr").and_then(|(cidr, _)| cidr.parse::<Ipv4Net>().ok());
    let public_tasks = text(network, "nat").is_some_and(|(nat, _)| nat == "none");
    let mut known: Vec<(String, &str, Site)> = Vec::new();
    for route in network.get("routes").map_or(&[][..], Node::items) {
        if let Some((target, node)) = text(route, "target")
            && !TARGETS.iter().any(|prefix| is_id(target, prefix))
        {
            let message = format!("`{target}` cannot be the target of a route");
            let help = "write the id of a peering connection (`pcx-0a1b2c3d`), transit gateway (`tgw-`), VPN gateway (`vgw-`), network interface (`eni-`), Gateway Load Balancer endpoint (`vpce-`), local gateway (`lgw-`) or carrier gateway (`cagw-`)";
            findings.error(node.site, message, help);
        }
        let side = text(route, "subnets");
        if let Some((_, node)) = side.filter(|(side, _)| *side == "private" && public_tasks) {
            let help = "write `subnets: public` or leave it out, or give the network NAT gateways";
            findings.error(node.site, "without NAT gateways there are no private subnets", help);
            continue;
        }
        let tasks = if public_tasks { "public" } else { "private" };
        let side = side.map_or(tasks, |(side, _)| side);
        let Some((written, node)) = text(route, "destination") else { continue };
        if !destination(written, node, cidr, findings) {
            continue;
        }
        let key = format!("{side} {written}");
        if let Some((_, _, site)) = known.iter().find(|(known, ..)| *known == key) {
            let message = format!("the {side} subnets have two routes to {written}");
            let help = "a route table has one route for each destination: remove one of them";
            findings.error(node.site, message, help).and(*site, "already here");
        } else {
            known.push((key, written, node.site));
        }
    }
}

fn destination(written: &str, node: &Node, cidr: Option<Ipv4Net>, findings: &mut Findings) -> bool {
    if is_id(written, "pl-") {
        return true;
    }
    let to = match block(written) {
        Ok(to) => to,
        Err(help) => {
            let help = help.unwrap_or_else(|| {
                "write a range of IPv4 addresses (`10.99.0.0/16`) or a prefix list (`pl-0a1b2c3d`)".into()
            });
            findings.error(node.site, format!("`{written}` cannot be a destination"), help);
            return false;
        }
    };
    if to.prefix_len() == 0 {
        let help = "name the ranges that are elsewhere, such as `10.0.0.0/8`";
        findings.error(node.site, "the way to everywhere is the tool's own route", help);
        return false;
    }
    // The local route has the VPC's own addresses (VPC User Guide, "Route table concepts").
    if let Some(cidr) = cidr.filter(|cidr| cidr.contains(&to)) {
        let message = format!("`{written}` is in the network itself, {cidr}");
        findings.error(node.site, message, "use a range of another network");
        return false;
    }
    true
}

/// An identifier of EC2: a prefix and 8 or 17 hexadecimal digits (EC2 User Guide, "Resource IDs").
pub(super) fn is_id(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|digits| {
        matches!(digits.len(), 8 | 17)
            && digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'))
    })
}

/// A range of IPv4 addresses in the form that EC2 reports; else how to write it, where that is known. EC2 shortens
/// 10.1.2.3/16 to 10.1.0.0/16, which would differ from what the file says for ever.
pub(super) fn block(written: &str) -> Result<Ipv4Net, Option<String>> {
    if written.contains(':') {
        return Err(Some("the network has IPv4 addresses only".into()));
    }
    if written.parse::<std::net::Ipv4Addr>().is_ok() {
        return Err(Some(format!("add the length: `{written}/32` is one address")));
    }
    let range = written.parse::<Ipv4Net>().map_err(|_| None)?;
    if range.trunc() != range {
        return Err(Some(format!("write `{}`", range.trunc())));
    }
    Ok(range)
}
