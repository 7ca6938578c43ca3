//! Chance that can be repeated: a draw depends on the seed, a label and a number, not on what was drawn before.

/// The source of all chance in a cloud.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seed(pub(crate) u64);

impl Seed {
    /// A number in `[0, 1)`.
    pub(crate) fn draw(self, label: &str, n: u64) -> f64 {
        let mut hash = self.0 ^ 0xcbf2_9ce4_8422_2325;
        for byte in label.bytes().chain(n.to_le_bytes()) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        // FNV alone leaves its high bits poor for short labels.
        let mut z = hash.wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let high = u32::try_from((z ^ (z >> 31)) >> 32).unwrap_or_default();
        f64::from(high) / (f64::from(u32::MAX) + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeatable_and_even() {
        let seed = Seed(7);
        assert!((seed.draw("a", 1) - seed.draw("a", 1)).abs() < f64::EPSILON);
        let hits = (0..10_000).filter(|n| seed.draw("ec2:DescribeVpcs", *n) < 0.2).count();
        assert!((1_800..2_200).contains(&hits), "{hits}");
        assert!((Seed(8).draw("a", 1) - seed.draw("a", 1)).abs() > f64::EPSILON);
    }
}
