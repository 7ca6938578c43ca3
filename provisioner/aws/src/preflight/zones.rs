//! Availability zones.

use aws_sdk_ec2::types::{AvailabilityZoneOptInStatus as OptIn, AvailabilityZoneState as State};
use engine::Result;

use crate::Aws;
use crate::error::error;
use crate::observe::tags;

/// An availability zone. Names differ between accounts, ids do not: `us-east-1a` may be `use1-az4` here
/// and `use1-az1` elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Zone {
    pub name: String,
    pub id: String,
}

/// Regions of which Fargate runs Linux tasks in some zones only, and those zones' ids (ECS developer guide,
/// "Supported Regions for Amazon ECS on AWS Fargate").
const FARGATE: [(&str, &[&str]); 3] = [
    ("ap-northeast-1", &["apne1-az1", "apne1-az2", "apne1-az4"]),
    ("cn-north-1", &["cnn1-az1", "cnn1-az2"]),
    ("us-west-1", &["usw1-az1", "usw1-az3"]),
];

impl Zone {
    /// Whether Fargate runs tasks here. Told by the id: the same letter is another zone in another account.
    #[must_use]
    pub fn runs_fargate(&self, region: &str) -> bool {
        let known = FARGATE.iter().find(|(of, _)| *of == region);
        // An emulator may have no ids.
        known.is_none_or(|(_, ids)| self.id == self.name || ids.contains(&self.id.as_str()))
    }
}

impl Aws {
    /// The region's zones in which anybody may place resources, in the order of their names. Local and
    /// wavelength zones are left out.
    pub async fn zones(&self) -> Result<Vec<Zone>> {
        let kind = tags::filter("zone-type", ["availability-zone"]);
        let call = self.read().ec2.describe_availability_zones().filters(kind);
        let found = call.send().await.map_err(|e| error("ec2:DescribeAvailabilityZones", e))?;
        let mut zones: Vec<Zone> = found
            .availability_zones
            .unwrap_or_default()
            .into_iter()
            .filter(|zone| matches!(zone.state, None | Some(State::Available)))
            .filter(|zone| matches!(zone.opt_in_status, None | Some(OptIn::OptInNotRequired)))
            .filter(|zone| zone.zone_type.as_deref().is_none_or(|kind| kind == "availability-zone"))
            .filter_map(|zone| {
                let name = zone.zone_name?;
                Some(Zone { id: zone.zone_id.unwrap_or_else(|| name.clone()), name })
            })
            .collect();
        zones.sort();
        Ok(zones)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_decide_and_not_letters() {
        let zone = |name: &str, id: &str| Zone { name: name.into(), id: id.into() };
        // Two accounts, two mappings.
        assert!(zone("ap-northeast-1a", "apne1-az4").runs_fargate("ap-northeast-1"));
        assert!(!zone("ap-northeast-1a", "apne1-az3").runs_fargate("ap-northeast-1"));
        assert!(!zone("us-west-1b", "usw1-az2").runs_fargate("us-west-1"));
        assert!(zone("eu-west-1c", "euw1-az3").runs_fargate("eu-west-1"));
        assert!(zone("us-west-1b", "us-west-1b").runs_fargate("us-west-1"));
    }
}
