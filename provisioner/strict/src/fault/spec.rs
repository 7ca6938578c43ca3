//! The textual form of faults: `after:57,before:#12,500:CreateVpc@2,throttle:20%,slow:5%/800,pages:2,buckets,stale:20%`.

use std::str::FromStr;

use thiserror::Error;

use super::{Fault, Faults, Kind, Which};

/// Why a specification is not understood.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum SpecError {
    #[error(
        "unknown fault `{0}`: expected before, after, hold-before, hold-after, throttle, 500, 503, slow, expired, pages, buckets, stale or fresh"
    )]
    Kind(String),
    #[error(
        "`{0}` needs a target after a colon: a number, number+, #number, 20%, Operation or Operation@n"
    )]
    Target(String),
    #[error("`{0}` is not a number")]
    Number(String),
}

impl FromStr for Faults {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let mut faults = Self::default();
        for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            let (kind, target) = item.split_once(':').unwrap_or((item, ""));
            match kind {
                "buckets" => faults.buckets = true,
                "fresh" => faults.fresh = true,
                "pages" => faults.page = Some(number(target)?),
                "stale" => faults.stale = percent(target)?,
                _ => faults.plan.push(fault(kind, target)?),
            }
        }
        Ok(faults)
    }
}

fn fault(kind: &str, target: &str) -> Result<Fault, SpecError> {
    let (target, tail) = target.split_once('/').map_or((target, None), |(t, tail)| (t, Some(tail)));
    let kind = match kind {
        "before" => Kind::Before,
        "after" => Kind::After,
        "hold-before" => Kind::HoldBefore,
        "hold-after" => Kind::HoldAfter,
        "throttle" => Kind::Throttle,
        "500" => Kind::Error500,
        "503" => Kind::Error503,
        "slow" => Kind::Slow(number(tail.unwrap_or("1000"))?),
        "expired" => Kind::Expired,
        other => return Err(SpecError::Kind(other.to_owned())),
    };
    Ok(Fault { which: which(&kind.to_string(), target)?, kind })
}

fn which(kind: &str, target: &str) -> Result<Which, SpecError> {
    if target.is_empty() {
        return Err(SpecError::Target(kind.to_owned()));
    }
    if target.ends_with('%') {
        return Ok(Which::Chance(percent(target)?));
    }
    if let Some(k) = target.strip_prefix('#') {
        return Ok(Which::Call(number(k)?));
    }
    if let Some(k) = target.strip_suffix('+') {
        return Ok(Which::From(number(k)?));
    }
    if target.starts_with(|c: char| c.is_ascii_digit()) {
        return Ok(Which::Mutating(number(target)?));
    }
    let (operation, nth) = target.split_once('@').unwrap_or((target, "1"));
    Ok(Which::Operation(operation.to_owned(), number(nth)?))
}

fn number<T: FromStr>(text: &str) -> Result<T, SpecError> {
    text.parse().map_err(|_| SpecError::Number(text.to_owned()))
}

fn percent(text: &str) -> Result<f64, SpecError> {
    Ok(number::<f64>(text.trim_end_matches('%'))? / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form() {
        let faults: Faults =
            "after:57, before:#12,500:ec2.CreateVpc@2,throttle:20%,slow:5%/800,pages:2,buckets,stale:20%".parse().unwrap();
        let plan: Vec<_> = faults.plan.iter().map(|f| (f.which.clone(), f.kind)).collect();
        assert_eq!(
            plan,
            [
                (Which::Mutating(57), Kind::After),
                (Which::Call(12), Kind::Before),
                (Which::Operation("ec2.CreateVpc".into(), 2), Kind::Error500),
                (Which::Chance(0.2), Kind::Throttle),
                (Which::Chance(0.05), Kind::Slow(800)),
            ]
        );
        assert_eq!((faults.page, faults.buckets), (Some(2), true));
        assert!((faults.stale - 0.2).abs() < 1e-9);
    }

    #[test]
    fn from_a_call_on() {
        let faults: Faults = "expired:3+".parse().unwrap();
        assert_eq!(faults.plan, [Fault { which: Which::From(3), kind: Kind::Expired }]);
    }

    #[test]
    fn complaints() {
        assert_eq!("explode:1".parse::<Faults>(), Err(SpecError::Kind("explode".into())));
        assert_eq!("after".parse::<Faults>(), Err(SpecError::Target("after".into())));
        assert_eq!("pages:x".parse::<Faults>(), Err(SpecError::Number("x".into())));
    }
}
