//! Every rule against its failure, and everything else that must not change unseen.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod answers;
mod evidence;
mod fixture;
mod others;
mod readme;
mod rules;
mod unknown;
mod words;
