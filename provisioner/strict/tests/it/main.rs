//! The strict cloud's own tests: unmodified boto3 in front of a real MiniStack, and logs written by hand.

mod audit;
mod boto;
mod proxy;
