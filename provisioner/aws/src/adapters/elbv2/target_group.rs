//! Target groups of addresses.

use aws_sdk_elasticloadbalancingv2::types::{
    Matcher, ProtocolEnum, TargetGroup as Found, TargetGroupAttribute, TargetTypeEnum,
};
use engine::{Adapter, Class, Error, Id, Op, Owner, Ready, Result, Seen, Which};
use kinds::traffic::TargetGroupOutputs;
use kinds::{HealthCheck, Tags, TargetGroup};

use super::arns::known;
use crate::Aws;
use crate::error::{error, gone, unnamed};
use crate::observe::details;
use crate::observe::details::detailed;
use crate::observe::tags;

const DELAY: &str = "deregistration_delay.timeout_seconds";
/// AWS's default, in seconds.
const USUAL_DELAY: u32 = 300;

impl Adapter<TargetGroup> for Aws {
    async fn observe(&self, which: Which<'_, TargetGroup>) -> Result<Vec<Seen<TargetGroup>>> {
        let found = async {
            match &which {
                Which::Ids(ids) => {
                    let arns: Vec<&str> = ids.iter().map(Id::as_str).collect();
                    known(&arns, |arns| self.target_groups(Some(arns), None)).await
                }
                Which::Ours(_) => self.target_groups(None, None).await,
                Which::Named(named) => self.target_groups_named(named).await,
                Which::Lost(desired, _) => {
                    self.target_groups_named(std::slice::from_ref(*desired)).await
                }
            }
        };
        let listing = async {
            let (found, labels) = self.labelled(&which, found, Found::target_group_arn).await?;
            let ours = found.into_iter().filter_map(|one| {
                let (owner, tags) = labels.of(one.target_group_arn()?);
                let is_ours = tags::asked(&which, one.target_group_arn()?, owner.as_ref());
                is_ours.then_some((one, owner, tags))
            });
            Ok(ours.collect())
        };
        let arn = |(one, ..): &(Found, _, _)| one.target_group_arn().unwrap_or_default().to_owned();
        let delay = |arn| self.deregistration_delay(arn);
        let found = detailed(details::known(&which), listing, arn, delay).await?;
        let seen =
            found.into_iter().map(|((one, owner, tags), delay)| seen(&one, owner, tags, delay));
        Ok(seen.collect())
    }

    async fn create(&self, desired: &TargetGroup, op: &Op) -> Result<Id> {
        // As with load balancers: the create call answers with a stranger's of the same settings.
        if !self.target_groups_named(std::slice::from_ref(desired)).await?.is_empty() {
            let message = format!("a target group named {} exists", desired.name);
            return Err(Error::new(Class::Exists, message));
        }
        let health = &desired.health;
        let made = self
            .write()?
            .elb
            .create_target_group()
            .name(&desired.name)
            .vpc_id(desired.vpc.get()?)
            .port(i32::from(desired.port))
            .protocol(ProtocolEnum::from(desired.protocol.as_str()))
            .target_type(TargetTypeEnum::Ip)
            .health_check_path(&health.path)
            .matcher(Matcher::builder().http_code(&health.codes).build())
            .health_check_interval_seconds(number(health.interval)?)
            .health_check_timeout_seconds(number(health.timeout)?)
            .healthy_threshold_count(number(health.healthy)?)
            .unhealthy_threshold_count(number(health.unhealthy)?)
            .set_tags(Some(tags::elb(desired.tags.for_create(&op.id))))
            .send()
            .await
            .map_err(|e| error("elasticloadbalancing:CreateTargetGroup", e))?;
        let arn = made.target_groups().first().and_then(|one| one.target_group_arn());
        arn.map(Id::from).ok_or_else(|| unnamed("elasticloadbalancing:CreateTargetGroup"))
    }

    async fn update(&self, desired: &TargetGroup, seen: &Seen<TargetGroup>) -> Result<Id> {
        let arn = seen.id.as_str();
        if desired.health != seen.spec.health {
            let health = &desired.health;
            self.write()?
                .elb
                .modify_target_group()
                .target_group_arn(arn)
                .health_check_path(&health.path)
                .matcher(Matcher::builder().http_code(&health.codes).build())
                .health_check_interval_seconds(number(health.interval)?)
                .health_check_timeout_seconds(number(health.timeout)?)
                .healthy_threshold_count(number(health.healthy)?)
                .unhealthy_threshold_count(number(health.unhealthy)?)
                .send()
                .await
                .map_err(|e| error("elasticloadbalancing:ModifyTargetGroup", e))?;
        }
        if desired.deregistration_delay != seen.spec.deregistration_delay {
            let delay = desired.deregistration_delay.to_string();
            let delay = TargetGroupAttribute::builder().key(DELAY).value(delay).build();
            let call = self.write()?.elb.modify_target_group_attributes().target_group_arn(arn);
            call.attributes(delay)
                .send()
                .await
                .map_err(|e| error("elasticloadbalancing:ModifyTargetGroupAttributes", e))?;
        }
        self.retag_elb(arn, &desired.tags, &seen.spec.tags).await?;
        Ok(seen.id.clone())
    }

    async fn delete(&self, seen: &Seen<TargetGroup>) -> Result<()> {
        let call = self.write()?.elb.delete_target_group().target_group_arn(seen.id.as_str());
        let answer = call.send().await.map(drop);
        gone(answer.map_err(|e| error("elasticloadbalancing:DeleteTargetGroup", e)))
    }
}

impl Aws {
    async fn target_groups(
        &self,
        arns: Option<Vec<String>>,
        names: Option<Vec<String>>,
    ) -> Result<Vec<Found>> {
        let call = self.read().elb.describe_target_groups().set_target_group_arns(arns);
        let pages = call.set_names(names).into_paginator().items().send();
        pages
            .collect::<Result<Vec<_>, _>>()
            .await
            .map_err(|e| error("elasticloadbalancing:DescribeTargetGroups", e))
    }

    async fn target_groups_named(&self, wanted: &[TargetGroup]) -> Result<Vec<Found>> {
        let names: Vec<&str> = wanted.iter().map(|one| one.name.as_str()).collect();
        known(&names, |names| self.target_groups(None, Some(names))).await
    }

    /// In seconds.
    async fn deregistration_delay(&self, arn: String) -> Result<u32> {
        let call = self.read().elb.describe_target_group_attributes().target_group_arn(arn);
        let operation = "elasticloadbalancing:DescribeTargetGroupAttributes";
        let answer = call.send().await.map_err(|e| error(operation, e))?;
        let delay = answer.attributes().iter().find(|one| one.key() == Some(DELAY));
        Ok(delay.and_then(|one| one.value()?.parse().ok()).unwrap_or(USUAL_DELAY))
    }
}

fn seen(found: &Found, owner: Option<Owner>, tags: Tags, delay: u32) -> Seen<TargetGroup> {
    let arn = found.target_group_arn().unwrap_or_default();
    let spec = TargetGroup {
        name: found.target_group_name().unwrap_or_default().into(),
        vpc: found.vpc_id().unwrap_or_default().into(),
        port: found.port().and_then(|port| port.try_into().ok()).unwrap_or_default(),
        protocol: found.protocol().map(|p| p.as_str().into()).unwrap_or_default(),
        health: health(found),
        deregistration_delay: delay,
        tags,
    };
    let full_name = arn.rsplit_once(':').map_or(arn, |(_, name)| name);
    let outputs = TargetGroupOutputs { arn: arn.into(), full_name: full_name.into() };
    Seen { id: arn.into(), owner, spec, outputs, ready: Ready::Yes }
}

fn health(found: &Found) -> HealthCheck {
    let number = |n: Option<i32>| n.and_then(|n| n.try_into().ok()).unwrap_or_default();
    HealthCheck {
        path: found.health_check_path().unwrap_or_default().into(),
        codes: found.matcher().and_then(|m| m.http_code()).unwrap_or_default().into(),
        interval: number(found.health_check_interval_seconds()),
        timeout: number(found.health_check_timeout_seconds()),
        healthy: number(found.healthy_threshold_count()),
        unhealthy: number(found.unhealthy_threshold_count()),
    }
}

fn number(n: u32) -> Result<i32> {
    n.try_into().map_err(|_| Error::new(Class::Invalid, format!("{n} is too large")))
}
