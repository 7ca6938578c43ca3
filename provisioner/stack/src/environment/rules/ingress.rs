//! Who else may open connections to the tasks and to the load balancer.

use crate::environment::complaint::Findings;
use crate::environment::node::Node;
use crate::environment::source::Site;

use super::network_routes::{block, is_id};
use super::{services, text};

/// EC2 API reference, IpRange: Description.
const DESCRIPTION: usize = 255;

pub(super) fn check(root: &Node, findings: &mut Findings) {
    for service in services(root) {
        rules(&service.node, findings);
    }
    let Some(balancer) = root.get("load_balancer") else { return };
    let wanted = balancer.get("ingress").filter(|list| !list.items().is_empty());
    let routed = services(root).iter().any(|service| service.node.get("route").is_some());
    if let Some(list) = wanted.filter(|_| !routed) {
        let help = "give a service a `route`, or remove the rules";
        findings.error(list.site, "no service has a route, so there is no load balancer", help);
    }
    for (port, from, site) in rules(balancer, findings) {
        if (port, from.as_str()) == (80, "tcp 0.0.0.0/0") {
            let help = "remove this rule";
            findings.error(site, "port 80 of the load balancer is open to everybody already", help);
        }
    }
}

/// Judges the rules of one holder. Returns those that can be told apart: port, protocol with peer, place.
fn rules(holder: &Node, findings: &mut Findings) -> Vec<(i64, String, Site)> {
    let mut known: Vec<(i64, String, Site)> = Vec::new();
    for rule in holder.get("ingress").map_or(&[][..], Node::items) {
        if let Some((text, node)) = text(rule, "description") {
            description(text, node, findings);
        }
        let Some((from, node)) = text(rule, "from") else { continue };
        if !peer(from, node, findings) {
            continue;
        }
        let Some(port) = rule.get("port").and_then(Node::integer) else { continue };
        let protocol = text(rule, "protocol").map_or("tcp", |(protocol, _)| protocol);
        let key = format!("{protocol} {from}");
        if let Some((.., site)) = known.iter().find(|(p, k, _)| (p, k) == (&port, &key)) {
            let message = format!("port {port} is opened to {from} twice");
            findings.error(node.site, message, "remove one of them").and(*site, "already here");
        } else {
            known.push((port, key, node.site));
        }
    }
    known
}

fn peer(from: &str, node: &Node, findings: &mut Findings) -> bool {
    if is_id(from, "sg-") || is_id(from, "pl-") {
        return true;
    }
    match block(from) {
        Ok(_) => true,
        Err(help) => {
            let help = help.unwrap_or_else(|| {
                "write a range of IPv4 addresses (`10.99.0.0/16`), a security group (`sg-0a1b2c3d`) or a prefix list (`pl-0a1b2c3d`)".into()
            });
            findings.error(node.site, format!("`{from}` cannot be let in"), help);
            false
        }
    }
}

fn description(text: &str, node: &Node, findings: &mut Findings) {
    let allowed = |c: char| c.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(c);
    if text.chars().count() > DESCRIPTION || !text.chars().all(allowed) {
        let help = format!(
            "use up to {DESCRIPTION} letters without accents, digits, spaces and . _ - : / ( ) # , @ [ ] + = & ; {{ }} ! $ *"
        );
        findings.error(node.site, "EC2 does not take this description of a rule", help);
    }
}
