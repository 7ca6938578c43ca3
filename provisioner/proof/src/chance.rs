//! Chance that repeats: numbers that depend on a seed alone (the generator is SplitMix64).

/// A row of numbers.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `end`; 0 when that is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)).checked_rem(end).unwrap_or(0)
    }

    /// Some of these, in an order of its own.
    pub fn some<T>(&mut self, mut all: Vec<T>, most: usize) -> Vec<T> {
        let mut some = Vec::new();
        while some.len() < most && !all.is_empty() {
            let at = usize::try_from(self.below(all.len() as u64)).unwrap_or(0);
            some.push(all.swap_remove(at));
        }
        some
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_and_another_differs() {
        let row = |seed| Chance::new(seed).some((0..100).collect::<Vec<_>>(), 10);
        assert_eq!(row(7), row(7));
        assert_ne!(row(7), row(8));
        assert_eq!(Chance::new(1).below(0), 0);
    }
}
