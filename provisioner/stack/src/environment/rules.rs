//! What a file of the right shape must also obey: AWS's limits, and combinations that cannot work.
//!
//! Emulators accept most of what is refused here; AWS refuses it minutes later, half-way through an `up`.

mod account;
mod compute;
mod image;
mod ingress;
mod labels;
mod names;
mod network;
mod network_routes;
mod overrides;
mod ownership;
mod permissions;
mod place;
mod routes;
mod secrets;
mod traffic;
mod variables;

use std::path::Path;

use super::complaint::Findings;
use super::node::{Entry, Node};
use super::source::Sources;
use super::types::Seconds;

/// Judges a whole environment. Values that were already complained about are absent from the tree and judged no more.
pub(crate) fn check(
    dir: &Path,
    name: &str,
    root: &Node,
    sources: &Sources,
    findings: &mut Findings,
) {
    names::check(name, root, findings);
    place::check(root, findings);
    account::check(root, findings);
    network::check(root, findings);
    network::check_overlap(dir, name, root, sources, findings);
    network_routes::check(root, findings);
    ingress::check(root, findings);
    labels::check(root, findings);
    ownership::check(root, findings);
    secrets::check(root, findings);
    traffic::check(root, findings);
    routes::check(root, findings);
    for service in services(root) {
        image::check(service, findings);
        compute::check(service, findings);
        variables::check(service, findings);
        overrides::check(service, findings);
        permissions::check(service, findings);
    }
}

/// The services, each with its name.
fn services(root: &Node) -> &[Entry] {
    root.get("services").map_or(&[], Node::entries)
}

/// A text and the node that holds it.
fn text<'a>(node: &'a Node, key: &str) -> Option<(&'a str, &'a Node)> {
    let node = node.get(key)?;
    Some((node.text()?, node))
}

/// A time between two bounds, in seconds; anything else is complained about and None.
fn seconds(node: &Node, key: &str, least: u32, most: u32, findings: &mut Findings) -> Option<u32> {
    let (written, node) = text(node, key)?;
    let Ok(Seconds(seconds)) = written.parse::<Seconds>() else {
        let digits = written.bytes().all(|byte| byte.is_ascii_digit());
        let help = if digits {
            format!("add the unit: `{written}s`")
        } else {
            "write a whole number with s, m or h: `30s`, `5m`, `1h`".to_owned()
        };
        findings.error(node.site, format!("`{key}` cannot be `{written}`"), help);
        return None;
    };
    if !(least..=most).contains(&seconds) {
        let (least, most) = (Seconds(least), Seconds(most));
        let help = format!("use {least} to {most}");
        findings.error(node.site, format!("`{key}` cannot be {}", Seconds(seconds)), help);
        return None;
    }
    Some(seconds)
}
