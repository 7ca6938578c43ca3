//! The address of the client: the socket's, or what a proxy of ours says in `X-Forwarded-For`.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use ipnet::IpNet;

/// Follows `X-Forwarded-For` from its end for as long as it was written by a proxy that is trusted. A client can put
/// anything before what the first of our proxies added, so the rest is not looked at.
pub(crate) fn address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|range| range.contains(address));
    let mut address = peer;
    let lines = headers.get_all("x-forwarded-for").iter().rev();
    let mut hops = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    while is_trusted(&address) {
        let hop = hops.next().and_then(|hop| parse(str::from_utf8(hop).ok()?.trim()));
        let Some(hop) = hop else { break };
        address = hop;
    }
    address
}

/// An address, with or without the port that an Application Load Balancer can be told to add
/// ("HTTP headers and Application Load Balancers", client port preservation).
fn parse(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok().or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn seen(peer: &str, lines: &[&'static str]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", HeaderValue::from_static(line));
        }
        let trusted = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        address(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        assert_eq!(seen("192.0.2.1", &["9.9.9.9"]), "192.0.2.1");
        assert_eq!(seen("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", &["6.6.6.6, 9.9.9.9"]), "9.9.9.9");
        assert_eq!(seen("10.0.0.1", &["6.6.6.6", "9.9.9.9, 10.2.3.4"]), "9.9.9.9");
        assert_eq!(seen("fd00::1", &["6.6.6.6, 2001:db8::1"]), "2001:db8::1");
    }

    #[test]
    fn hops_are_addresses_or_end_the_walk() {
        assert_eq!(seen("10.0.0.1", &["9.9.9.9:443"]), "9.9.9.9");
        assert_eq!(seen("10.0.0.1", &["[2001:db8::1]:443"]), "2001:db8::1");
        assert_eq!(seen("10.0.0.1", &["[2001:db8::1]"]), "2001:db8::1");
        assert_eq!(seen("10.0.0.1", &["::ffff:9.9.9.9"]), "9.9.9.9");
        assert_eq!(seen("10.0.0.1", &["9.9.9.9, unknown"]), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", &["9.9.9.9,"]), "10.0.0.1");
    }
}
