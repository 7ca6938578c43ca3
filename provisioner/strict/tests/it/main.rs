//! The strict cloud's own tests: unmodified boto3 in front of a real MiniStack, and logs written by hand.

#[cfg(test)]
mod audit;
#[cfg(test)]
mod boto;
#[cfg(test)]
mod proxy;
