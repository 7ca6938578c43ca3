//! How a network's addresses are carved.

use std::collections::BTreeSet;

use ipnet::Ipv4Net;
use stack::environment::{MAXIMUM_ZONES, carve};

fn net(text: &str) -> Ipv4Net {
    text.parse().unwrap()
}

#[test]
fn each_zone_has_two_subnets() {
    let carved = carve(net("10.20.0.0/16"), 2).unwrap();
    let texts: Vec<_> =
        carved.iter().map(|zone| (zone.private.to_string(), zone.public.to_string())).collect();
    assert_eq!(
        texts,
        [
            ("10.20.0.0/19".to_owned(), "10.20.32.0/19".to_owned()),
            ("10.20.64.0/19".to_owned(), "10.20.96.0/19".to_owned()),
        ]
    );
}

#[test]
fn subnets_lie_inside_and_apart_and_stay_when_a_zone_is_added() {
    for length in 16..=25 {
        let cidr = Ipv4Net::new([10, 0, 0, 0].into(), length).unwrap();
        let mut before = Vec::new();
        for zones in 1..=MAXIMUM_ZONES {
            let carved = carve(cidr, zones).unwrap();
            assert_eq!(carved[..before.len()], before[..]);
            let subnets: Vec<_> =
                carved.iter().flat_map(|zone| [zone.public, zone.private]).collect();
            assert!(subnets.iter().all(|subnet| cidr.contains(subnet)));
            let first: BTreeSet<_> = subnets.iter().map(Ipv4Net::network).collect();
            assert_eq!(first.len(), 2 * zones);
            before = carved;
        }
    }
}

#[test]
fn too_small_a_range_and_too_many_zones_are_not_carved() {
    assert!(carve(net("10.0.0.0/26"), 1).is_none());
    assert!(carve(net("10.0.0.0/16"), MAXIMUM_ZONES + 1).is_none());
}
