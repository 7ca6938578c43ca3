//! Quotas: what an account may have against what it has and what a plan needs. Without this a plan
//! fails in its third minute, half made.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use aws_sdk_ec2::types::NatGatewayState;
use aws_sdk_ecs::types::{LaunchType, Task};
use engine::{Class, Result};
use futures::future::try_join_all;
use futures::try_join;

use crate::Aws;
use crate::error::error;
use crate::observe::tags;

/// What a plan would add.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Needs {
    /// Elastic IP addresses.
    pub addresses: u32,
    pub vpcs: u32,
    /// NAT gateways by the name of their zone.
    pub nat_gateways: BTreeMap<String, u32>,
    /// Application load balancers.
    pub load_balancers: u32,
    /// Rules of one listener; none when they are no more than an account has from the start.
    pub listener_rules: u32,
    /// Rules of one security group and direction, likewise.
    pub group_rules: u32,
    /// Fargate vCPU of all tasks at their least number, those that run already included.
    pub vcpus: f64,
    /// The same at the most: all services at their most tasks, and a rolling deployment of one of them,
    /// which starts the new ones before it stops the old.
    pub peak_vcpus: f64,
    /// The name of our cluster, whose tasks are in `vcpus` and not somebody else's.
    pub cluster: Option<String>,
}

/// One quota that a plan would exceed. Its `Display` says so, and what to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Shortage {
    /// `Elastic IPs`.
    pub what: &'static str,
    /// Where it is counted: a region or a zone.
    pub place: String,
    /// In the unit of the quota.
    pub used: f64,
    pub needed: f64,
    pub quota: f64,
    /// Service Quotas could not be asked (or is not emulated); `quota` is AWS's default.
    pub assumed: bool,
    /// Only the peak does not fit: everything runs, and a rolling deployment or autoscaling gets fewer
    /// tasks at a time than it wants.
    pub at_peak: bool,
    code: Code,
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, place, used, needed, quota, code, .. } = self;
        let who = if self.at_peak { "a deployment at full load" } else { "this plan" };
        let remedy = if code.released { "release one or ask" } else { "ask" };
        write!(
            f,
            "your account has {used} of {quota} {what} in {place}; {who} needs {needed} more: \
             {remedy} for more with `aws service-quotas request-service-quota-increase \
             --service-code {} --quota-code {} --desired-value {}`",
            code.service,
            code.quota,
            (used + needed).ceil(),
        )?;
        if self.assumed {
            write!(f, " ({quota} is AWS's default; Service Quotas could not be asked)")?;
        }
        Ok(())
    }
}

/// A quota as Service Quotas names it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Code {
    what: &'static str,
    service: &'static str,
    quota: &'static str,
    /// In an account that never asked for more (AWS General Reference).
    default: f64,
    /// Whether giving one back is a way out.
    released: bool,
}

const ADDRESSES: Code =
    Code { what: "Elastic IPs", service: "ec2", quota: "L-0263D0A3", default: 5.0, released: true };
const VPCS: Code =
    Code { what: "VPCs", service: "vpc", quota: "L-F678F1CE", default: 5.0, released: false };
const NAT_GATEWAYS: Code = Code {
    what: "NAT gateways",
    service: "vpc",
    quota: "L-FE5A380F",
    default: 5.0,
    released: false,
};
const LOAD_BALANCERS: Code = Code {
    what: "application load balancers",
    service: "elasticloadbalancing",
    quota: "L-53DA6B97",
    default: 50.0,
    released: false,
};
const VCPUS: Code = Code {
    what: "Fargate vCPU",
    service: "fargate",
    quota: "L-3032A538",
    default: 6.0,
    released: false,
};

/// ELB User Guide, "Quotas for your Application Load Balancers".
const LISTENER_RULES: Code = Code {
    what: "rules of a load balancer",
    service: "elasticloadbalancing",
    quota: "L-7EED9B64",
    default: 100.0,
    released: false,
};
/// VPC User Guide, "Amazon VPC quotas": inbound or outbound rules per security group.
const GROUP_RULES: Code = Code {
    what: "rules of a security group in one direction",
    service: "vpc",
    quota: "L-0EA8095F",
    default: 60.0,
    released: false,
};

/// Rules of a listener, and of a security group and direction, that every account may have.
pub const USUAL_RULES: (u32, u32) = (100, 60);

/// How many tasks one `DescribeTasks` takes.
const TASKS: usize = 100;

impl Aws {
    /// The quotas that `needs` would exceed; none when everything fits. Only what is needed is counted.
    pub async fn quotas(&self, needs: &Needs) -> Result<Vec<Shortage>> {
        let count = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
        let region = self.region();
        let addresses = Box::pin(async {
            let used = async { Ok(count(self.addresses(vec![]).await?.len())) };
            self.shortage(ADDRESSES, region, f64::from(needs.addresses), used).await
        });
        let vpcs = Box::pin(async {
            let used = async { Ok(count(self.vpc_count().await?)) };
            self.shortage(VPCS, region, f64::from(needs.vpcs), used).await
        });
        let load_balancers = Box::pin(async {
            let used = async { Ok(count(self.balancers(None, None).await?.len())) };
            self.shortage(LOAD_BALANCERS, region, f64::from(needs.load_balancers), used).await
        });
        let vcpus = Box::pin(async {
            let used = self.foreign_vcpus(needs.cluster.as_deref());
            self.vcpu_shortage(needs, used).await
        });
        let nat_gateways = Box::pin(self.nat_shortages(&needs.nat_gateways));
        // These are counted whole: nothing but ours is in them.
        let whole = |code: Code, needed: u32| {
            Box::pin(self.shortage(code, region, f64::from(needed), async { Ok(0.0) }))
        };
        let listener_rules = whole(LISTENER_RULES, needs.listener_rules);
        let group_rules = whole(GROUP_RULES, needs.group_rules);
        let (addresses, vpcs, nat_gateways, load_balancers, vcpus, listener_rules, group_rules) = try_join!(
            addresses,
            vpcs,
            nat_gateways,
            load_balancers,
            vcpus,
            listener_rules,
            group_rules
        )?;
        let single = [addresses, vpcs, load_balancers, vcpus, listener_rules, group_rules];
        let single = single.into_iter().flatten();
        Ok(single.chain(nat_gateways).collect())
    }

    async fn shortage(
        &self,
        code: Code,
        place: &str,
        needed: f64,
        used: impl Future<Output = Result<f64>>,
    ) -> Result<Option<Shortage>> {
        if needed <= 0.0 {
            return Ok(None);
        }
        let (used, (quota, assumed)) = try_join!(used, self.quota(code))?;
        let (what, place) = (code.what, place.to_owned());
        let at_peak = false;
        let shortage = Shortage { what, place, used, needed, quota, assumed, at_peak, code };
        Ok((used + needed > quota).then_some(shortage))
    }

    /// Of vCPU either the usual number of tasks does not fit, or the peak.
    async fn vcpu_shortage(
        &self,
        needs: &Needs,
        used: impl Future<Output = Result<f64>>,
    ) -> Result<Option<Shortage>> {
        let peak = needs.peak_vcpus.max(needs.vcpus);
        let found = self.shortage(VCPUS, self.region(), peak, used).await?;
        Ok(found.map(|found| {
            let at_peak = found.used + needs.vcpus <= found.quota;
            let needed = if at_peak { peak } else { needs.vcpus };
            Shortage { at_peak, needed, ..found }
        }))
    }

    /// The account's value, or AWS's default and that it is one.
    async fn quota(&self, code: Code) -> Result<(f64, bool)> {
        let call = self.read().quotas.get_service_quota();
        let answer = call.service_code(code.service).quota_code(code.quota).send().await;
        match answer.map_err(|e| error("servicequotas:GetServiceQuota", e)) {
            Ok(answer) => {
                let value = answer.quota.and_then(|quota| quota.value);
                Ok((value.unwrap_or(code.default), value.is_none()))
            }
            Err(e) if matches!(e.class, Class::NotEmulated | Class::Denied | Class::Absent) => {
                Ok((code.default, true))
            }
            Err(e) => Err(e),
        }
    }

    async fn vpc_count(&self) -> Result<usize> {
        let pages = self.read().ec2.describe_vpcs().into_paginator().items().send();
        let found = pages.collect::<Result<Vec<_>, _>>().await;
        Ok(found.map_err(|e| error("ec2:DescribeVpcs", e))?.len())
    }

    /// NAT gateways count by zone, from their creation until they are gone.
    async fn nat_shortages(&self, needs: &BTreeMap<String, u32>) -> Result<Vec<Shortage>> {
        if needs.values().all(|needed| *needed == 0) {
            return Ok(vec![]);
        }
        let mut gateways = self.nat_gateways(vec![vec![]]).await?;
        gateways.retain(|one| {
            !matches!(one.state, Some(NatGatewayState::Deleted | NatGatewayState::Failed))
        });
        let subnets: BTreeSet<&str> = gateways.iter().filter_map(|one| one.subnet_id()).collect();
        let zones = self.zones_of(&subnets).await?;
        let found = needs.iter().map(|(zone, needed)| {
            let in_zone = gateways.iter().filter(|one| {
                one.subnet_id().and_then(|subnet| zones.get(subnet)).is_some_and(|z| z == zone)
            });
            let used = u32::try_from(in_zone.count()).unwrap_or(u32::MAX);
            let used = async move { Ok(f64::from(used)) };
            self.shortage(NAT_GATEWAYS, zone, f64::from(*needed), used)
        });
        Ok(try_join_all(found).await?.into_iter().flatten().collect())
    }

    async fn zones_of(&self, subnets: &BTreeSet<&str>) -> Result<BTreeMap<String, String>> {
        let subnets: Vec<&str> = subnets.iter().copied().collect();
        let filters = subnets.chunks(200).map(|ids| vec![tags::filter("subnet-id", ids.to_vec())]);
        let found = self.subnets(filters.collect()).await?;
        let zones =
            found.into_iter().filter_map(|one| Some((one.subnet_id?, one.availability_zone?)));
        Ok(zones.collect())
    }

    /// What the Fargate tasks of all clusters but ours use, in vCPU.
    async fn foreign_vcpus(&self, ours: Option<&str>) -> Result<f64> {
        let pages = self.read().ecs.list_clusters().into_paginator().items().send();
        let clusters = pages.collect::<Result<Vec<_>, _>>().await;
        let clusters = clusters.map_err(|e| error("ecs:ListClusters", e))?;
        let others = clusters
            .into_iter()
            .filter(|arn| ours.is_none_or(|ours| arn.rsplit('/').next() != Some(ours)));
        let tasks = try_join_all(others.map(|cluster| self.fargate_tasks(cluster))).await?;
        Ok(tasks.into_iter().flatten().map(|task| vcpus(&task)).sum())
    }

    async fn fargate_tasks(&self, cluster: String) -> Result<Vec<Task>> {
        let call = self.read().ecs.list_tasks().cluster(&cluster).launch_type(LaunchType::Fargate);
        let arns = call.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
        let arns = match arns.map_err(|e| error("ecs:ListTasks", e)) {
            Err(e) if e.is(Class::Absent) => return Ok(vec![]),
            arns => arns?,
        };
        let found = arns.chunks(TASKS).map(async |arns| {
            let call = self.read().ecs.describe_tasks().cluster(&cluster);
            let found = call.set_tasks(Some(arns.to_vec())).send().await;
            found.map_err(|e| error("ecs:DescribeTasks", e))
        });
        let found = try_join_all(found).await?.into_iter();
        Ok(found.flat_map(|found| found.tasks.unwrap_or_default()).collect())
    }
}

/// A task's CPU is told in units of 1/1024 vCPU.
fn vcpus(task: &Task) -> f64 {
    task.cpu().and_then(|units| units.parse::<f64>().ok()).unwrap_or_default() / 1024.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortage_says_what_to_do() {
        let mut shortage = Shortage {
            what: ADDRESSES.what,
            place: "us-east-1".into(),
            used: 5.0,
            needed: 2.0,
            quota: 5.0,
            assumed: false,
            at_peak: false,
            code: ADDRESSES,
        };
        assert_eq!(
            shortage.to_string(),
            "your account has 5 of 5 Elastic IPs in us-east-1; this plan needs 2 more: release one or \
             ask for more with `aws service-quotas request-service-quota-increase --service-code ec2 \
             --quota-code L-0263D0A3 --desired-value 7`"
        );
        shortage.assumed = true;
        assert!(shortage.to_string().ends_with("Service Quotas could not be asked)"));
    }
}
