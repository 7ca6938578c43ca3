//! The rules of a group as the listing of groups tells them: without ids, and those of equal ports
//! together.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::{IpPermission, SecurityGroup};
use kinds::{Direction, Rule};

/// A group's id and its rules; `None` for a group without rules.
pub(super) fn of_group(group: &SecurityGroup) -> Option<(String, BTreeSet<Rule>)> {
    let ingress = group.ip_permissions().iter().flat_map(|of| rules(of, Direction::Ingress));
    let egress = group.ip_permissions_egress().iter().flat_map(|of| rules(of, Direction::Egress));
    let all: BTreeSet<Rule> = ingress.chain(egress).collect();
    Some((group.group_id()?.to_owned(), all)).filter(|(_, rules)| !rules.is_empty())
}

fn rules(of: &IpPermission, direction: Direction) -> impl Iterator<Item = Rule> {
    let protocol = of.ip_protocol().unwrap_or("-1");
    let port = move |port: Option<i32>| if protocol == "-1" { -1 } else { port.unwrap_or(-1) };
    let v4 = of.ip_ranges().iter().map(|range| (range.cidr_ip(), range.description()));
    let v6 = of.ipv6_ranges().iter().map(|range| (range.cidr_ipv6(), range.description()));
    let lists = of.prefix_list_ids().iter().map(|list| (list.prefix_list_id(), list.description()));
    let groups = of.user_id_group_pairs().iter().map(|pair| (pair.group_id(), pair.description()));
    v4.chain(v6).chain(lists).chain(groups).map(move |(peer, description)| Rule {
        direction,
        protocol: protocol.into(),
        from: port(of.from_port()),
        to: port(of.to_port()),
        peer: peer.unwrap_or_default().into(),
        description: description.unwrap_or_default().into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_ec2::types::{IpRange, UserIdGroupPair};

    #[test]
    fn rules_of_equal_ports_are_told_apart() {
        let range = |cidr: &str| IpRange::builder().cidr_ip(cidr).description("office").build();
        let web = IpPermission::builder()
            .ip_protocol("tcp")
            .from_port(443)
            .to_port(443)
            .ip_ranges(range("10.0.0.0/8"))
            .ip_ranges(range("172.16.0.0/12"))
            .user_id_group_pairs(UserIdGroupPair::builder().group_id("sg-2").build())
            .build();
        let all = IpPermission::builder()
            .ip_protocol("-1")
            .from_port(0)
            .ip_ranges(IpRange::builder().cidr_ip("0.0.0.0/0").build())
            .build();
        let group = SecurityGroup::builder().group_id("sg-1").ip_permissions(web);
        let (id, rules) = of_group(&group.ip_permissions_egress(all).build()).unwrap();
        assert_eq!((id.as_str(), rules.len()), ("sg-1", 4));
        let egress: Vec<&Rule> =
            rules.iter().filter(|rule| rule.direction == Direction::Egress).collect();
        assert_eq!((egress[0].from, egress[0].to), (-1, -1));
        assert_eq!(rules.iter().filter(|rule| rule.description == "office").count(), 2);
        assert_eq!(of_group(&SecurityGroup::builder().group_id("sg-1").build()), None);
    }
}
