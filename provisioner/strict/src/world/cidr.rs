//! IPv4 blocks.

/// A block as first and last address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cidr {
    first: u32,
    last: u32,
    pub(crate) prefix: u8,
}

impl Cidr {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/')?;
        let address = u32::from(address.parse::<std::net::Ipv4Addr>().ok()?);
        let prefix: u8 = prefix.parse().ok().filter(|p| *p <= 32)?;
        let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
        Some(Self { first: address & mask, last: address | !mask, prefix })
    }

    pub(crate) fn overlaps(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }

    pub(crate) fn contains(self, other: Self) -> bool {
        self.first <= other.first && other.last <= self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks() {
        let vpc = Cidr::parse("10.0.0.0/16").unwrap();
        let a = Cidr::parse("10.0.0.0/20").unwrap();
        assert!(vpc.contains(a) && !a.contains(vpc));
        assert!(a.overlaps(Cidr::parse("10.0.15.0/24").unwrap()));
        assert!(!a.overlaps(Cidr::parse("10.0.16.0/24").unwrap()));
        assert_eq!(Cidr::parse("10.0.0.0/33"), None);
        assert!(Cidr::parse("0.0.0.0/0").unwrap().contains(vpc));
    }
}
