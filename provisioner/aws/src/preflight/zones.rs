//! Availability zones.

use aws_sdk_ec2::types::{AvailabilityZoneOptInStatus as OptIn, AvailabilityZoneState as State};
use engine::Result;

use crate::error::error;
use crate::{Aws, tags};

/// An availability zone. Names differ between accounts, ids do not: `us-east-1a` may be `use1-az4` here
/// and `use1-az1` elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Zone {
    pub name: String,
    pub id: String,
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
