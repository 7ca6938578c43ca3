//! Patterns with `*` (any characters, none included) and `?` (one character), as load balancers know them.

use std::cmp::Reverse;

/// How specific a pattern is, the most specific first: exact texts, then those that ask for more characters, then those
/// that say more of them. A pattern whose texts all match another one comes before it.
pub(crate) type Rank = (bool, Reverse<usize>, Reverse<usize>, usize);

pub(crate) fn rank(pattern: &str) -> Rank {
    let least = pattern.chars().filter(|character| *character != '*').count();
    let said = least - pattern.matches('?').count();
    let gaps = pattern.split(|character| !matches!(character, '*' | '?'));
    (
        wildcards(pattern) > 0,
        Reverse(least),
        Reverse(said),
        gaps.filter(|gap| gap.contains('*')).count(),
    )
}

pub(crate) fn wildcards(pattern: &str) -> usize {
    pattern.matches(['*', '?']).count()
}

/// Whether every text that matches `inner` matches `outer`. A text without wildcards is a pattern of itself alone.
/// Unlike patterns that mean the same may go unnoticed.
pub(crate) fn covers(outer: &str, inner: &str) -> bool {
    compare(outer, inner, |outer, inner| outer == inner || outer == '?' && inner != '*', false)
}

/// Whether some text matches both.
pub(crate) fn overlap(one: &str, other: &str) -> bool {
    compare(one, other, |one, other| one == other || one == '?' || other == '?', true)
}

/// Walks through both at once. A star of `one` swallows any character of `other`, its stars included; with `both`, a star of
/// `other` swallows too.
fn compare(one: &str, other: &str, same: impl Fn(char, char) -> bool, both: bool) -> bool {
    let other: Vec<char> = other.chars().collect();
    let is_star = |n: usize| both && other.get(n) == Some(&'*');
    // `reached[n]`: what was read of `one` so far matches the first `n` of `other`.
    let mut reached = vec![false; other.len() + 1];
    reached[0] = true;
    pass_stars(&mut reached, is_star);
    for character in one.chars() {
        let mut next = vec![false; other.len() + 1];
        for (n, here) in reached.into_iter().enumerate() {
            next[n] |= here && (character == '*' || is_star(n));
            if let Some(wanted) = other.get(n) {
                let steps = here && !is_star(n) && same(character, *wanted);
                next[n + 1] |= steps || (character == '*' && next[n]);
            }
        }
        pass_stars(&mut next, is_star);
        reached = next;
    }
    reached[other.len()]
}

/// A star may also swallow nothing.
fn pass_stars(reached: &mut [bool], is_star: impl Fn(usize) -> bool) {
    for n in 1..reached.len() {
        reached[n] |= reached[n - 1] && is_star(n - 1);
    }
}

/// A text that matches the pattern.
pub(crate) fn filled(pattern: &str) -> String {
    pattern.replace('*', "any").replace('?', "x")
}
