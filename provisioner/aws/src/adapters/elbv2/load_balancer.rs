//! Application load balancers. Gone means that their network interfaces are gone too: these hold the
//! security groups, the subnets and the internet gateway for minutes.

use std::collections::BTreeSet;

use aws_sdk_elasticloadbalancingv2::types::{
    LoadBalancer as Found, LoadBalancerAttribute, LoadBalancerSchemeEnum, LoadBalancerStateEnum,
    LoadBalancerTypeEnum,
};
use engine::{Adapter, Class, Error, Id, Input, Op, Owner, Ready, Result, Seen, Which};
use kinds::traffic::LoadBalancerOutputs;
use kinds::{LoadBalancer, LoadBalancerAttributes, Tags};

use super::arns::{behind, known};
use crate::Aws;
use crate::adapters::ec2::interface::describe;
use crate::error::{error, gone, unnamed};
use crate::observe::details;
use crate::observe::details::detailed;
use crate::observe::tags;

const PROTECTED: &str = "deletion_protection.enabled";
const DROP_HEADERS: &str = "routing.http.drop_invalid_header_fields.enabled";
const IDLE: &str = "idle_timeout.timeout_seconds";

impl Adapter<LoadBalancer> for Aws {
    async fn observe(&self, which: Which<'_, LoadBalancer>) -> Result<Vec<Seen<LoadBalancer>>> {
        let found = async {
            match &which {
                Which::Ids(ids) => {
                    let arns: Vec<&str> = ids.iter().map(Id::as_str).collect();
                    known(&arns, |arns| self.balancers(Some(arns), None)).await
                }
                Which::Ours(_) => self.balancers(None, None).await,
                Which::Named(named) => self.balancers_named(named).await,
                Which::Lost(desired, _) => {
                    self.balancers_named(std::slice::from_ref(*desired)).await
                }
            }
        };
        let listing = async {
            let (found, labels) = self.labelled(&which, found, Found::load_balancer_arn).await?;
            let ours = found.into_iter().filter_map(|one| {
                let (owner, tags) = labels.of(one.load_balancer_arn()?);
                let is_ours = tags::asked(&which, one.load_balancer_arn()?, owner.as_ref());
                is_ours.then_some((one, owner, tags))
            });
            Ok(ours.collect())
        };
        let arn =
            |(one, ..): &(Found, _, _)| one.load_balancer_arn().unwrap_or_default().to_owned();
        let attributes = |arn| self.balancer_attributes(arn);
        let found = detailed(details::known(&which), listing, arn, attributes).await?;
        let seen: Vec<_> = found
            .into_iter()
            .map(|((one, owner, tags), attributes)| seen(&one, owner, tags, attributes))
            .collect();
        let missing: Vec<&Id> = match &which {
            Which::Ids(ids) => ids.iter().filter(|id| seen.iter().all(|s| s.id != **id)).collect(),
            _ => vec![],
        };
        let leaving = self.lingering(&missing).await?;
        Ok(seen.into_iter().chain(leaving).collect())
    }

    async fn create(&self, desired: &LoadBalancer, op: &Op) -> Result<Id> {
        // With the name and the settings of one that exists, the create call answers with that one,
        // whoever it belongs to.
        if !self.balancers_named(std::slice::from_ref(desired)).await?.is_empty() {
            let message = format!("a load balancer named {} exists", desired.name);
            return Err(Error::new(Class::Exists, message));
        }
        let made = self
            .write()?
            .elb
            .create_load_balancer()
            .name(&desired.name)
            .r#type(LoadBalancerTypeEnum::Application)
            .scheme(LoadBalancerSchemeEnum::from(desired.scheme.as_str()))
            .set_subnets(Some(texts(&desired.subnets)?))
            .set_security_groups(Some(texts(&desired.security_groups)?))
            .set_tags(Some(tags::elb(desired.tags.for_create(&op.id))))
            .send()
            .await
            .map_err(|e| error("elasticloadbalancing:CreateLoadBalancer", e))?;
        let arn = made.load_balancers().first().and_then(|one| one.load_balancer_arn());
        arn.map(Id::from).ok_or_else(|| unnamed("elasticloadbalancing:CreateLoadBalancer"))
    }

    async fn update(&self, desired: &LoadBalancer, seen: &Seen<LoadBalancer>) -> Result<Id> {
        let arn = seen.id.as_str();
        if desired.subnets != seen.spec.subnets {
            let call = self.write()?.elb.set_subnets().load_balancer_arn(arn);
            call.set_subnets(Some(texts(&desired.subnets)?))
                .send()
                .await
                .map_err(|e| error("elasticloadbalancing:SetSubnets", e))?;
        }
        if desired.security_groups != seen.spec.security_groups {
            let call = self.write()?.elb.set_security_groups().load_balancer_arn(arn);
            call.set_security_groups(Some(texts(&desired.security_groups)?))
                .send()
                .await
                .map_err(|e| error("elasticloadbalancing:SetSecurityGroups", e))?;
        }
        self.set_attributes(arn, &desired.attributes, &seen.spec.attributes).await?;
        self.retag_elb(arn, &desired.tags, &seen.spec.tags).await?;
        Ok(seen.id.clone())
    }

    async fn delete(&self, seen: &Seen<LoadBalancer>) -> Result<()> {
        let arn = seen.id.as_str();
        let attributes = &seen.spec.attributes;
        let open = LoadBalancerAttributes { deletion_protection: false, ..attributes.clone() };
        gone(self.set_attributes(arn, &open, attributes).await)?;
        let call = self.write()?.elb.delete_load_balancer().load_balancer_arn(arn);
        let answer = call.send().await.map(drop);
        gone(answer.map_err(|e| error("elasticloadbalancing:DeleteLoadBalancer", e)))
    }
}

impl Aws {
    pub(crate) async fn balancers(
        &self,
        arns: Option<Vec<String>>,
        names: Option<Vec<String>>,
    ) -> Result<Vec<Found>> {
        let call = self.read().elb.describe_load_balancers().set_load_balancer_arns(arns);
        let pages = call.set_names(names).into_paginator().items().send();
        pages
            .collect::<Result<Vec<_>, _>>()
            .await
            .map_err(|e| error("elasticloadbalancing:DescribeLoadBalancers", e))
    }

    async fn balancers_named(&self, wanted: &[LoadBalancer]) -> Result<Vec<Found>> {
        let names: Vec<&str> = wanted.iter().map(|one| one.name.as_str()).collect();
        known(&names, |names| self.balancers(None, Some(names))).await
    }

    async fn balancer_attributes(&self, arn: String) -> Result<LoadBalancerAttributes> {
        let call = self.read().elb.describe_load_balancer_attributes().load_balancer_arn(arn);
        let operation = "elasticloadbalancing:DescribeLoadBalancerAttributes";
        let answer = call.send().await.map_err(|e| error(operation, e))?;
        Ok(attributes(answer.attributes()))
    }

    /// Those of `arns`, of which Elastic Load Balancing knows nothing any more, that still have network
    /// interfaces.
    async fn lingering(&self, arns: &[&Id]) -> Result<Vec<Seen<LoadBalancer>>> {
        if arns.is_empty() {
            return Ok(vec![]);
        }
        let marks: Vec<String> = arns
            .iter()
            .map(|arn| format!("ELB {}", behind(arn.as_str(), ":loadbalancer/")))
            .collect();
        let left = self.interfaces(tags::filter("description", marks.iter())).await?;
        let seen = arns.iter().zip(&marks).filter_map(|(arn, mark)| {
            let of = left.iter().find(|interface| interface.description() == Some(mark))?;
            let name = mark.split('/').nth(1).unwrap_or_default();
            let spec = LoadBalancer {
                name: name.into(),
                scheme: String::new(),
                subnets: BTreeSet::new(),
                security_groups: BTreeSet::new(),
                attributes: attributes(&[]),
                tags: Tags::default(),
            };
            let ready = Ready::Leaving(format!("its interface {} is still there", describe(of)));
            let outputs = outputs(arn.as_str(), None, None);
            Some(Seen { id: (*arn).clone(), owner: None, spec, outputs, ready })
        });
        Ok(seen.collect())
    }

    async fn set_attributes(
        &self,
        arn: &str,
        desired: &LoadBalancerAttributes,
        seen: &LoadBalancerAttributes,
    ) -> Result<()> {
        let had = pairs(seen);
        let changed = pairs(desired).into_iter().filter(|pair| !had.contains(pair));
        let changed: Vec<LoadBalancerAttribute> = changed
            .map(|(key, value)| LoadBalancerAttribute::builder().key(key).value(value).build())
            .collect();
        if changed.is_empty() {
            return Ok(());
        }
        let call = self.write()?.elb.modify_load_balancer_attributes().load_balancer_arn(arn);
        let answer = call.set_attributes(Some(changed)).send().await.map(drop);
        answer.map_err(|e| error("elasticloadbalancing:ModifyLoadBalancerAttributes", e))
    }
}

fn texts(inputs: &BTreeSet<Input>) -> Result<Vec<String>> {
    inputs.iter().map(|input| input.get().map(Into::into)).collect()
}

fn outputs(arn: &str, dns_name: Option<&str>, zone: Option<&str>) -> LoadBalancerOutputs {
    LoadBalancerOutputs {
        arn: arn.into(),
        dns_name: dns_name.unwrap_or_default().into(),
        zone: zone.unwrap_or_default().into(),
        full_name: behind(arn, ":loadbalancer/").into(),
    }
}

fn seen(
    found: &Found,
    owner: Option<Owner>,
    tags: Tags,
    attributes: LoadBalancerAttributes,
) -> Seen<LoadBalancer> {
    let arn = found.load_balancer_arn().unwrap_or_default();
    let zones = found.availability_zones();
    let spec = LoadBalancer {
        name: found.load_balancer_name().unwrap_or_default().into(),
        scheme: found.scheme().map(|scheme| scheme.as_str().into()).unwrap_or_default(),
        subnets: zones.iter().filter_map(|zone| zone.subnet_id()).map(Input::from).collect(),
        security_groups: found.security_groups().iter().map(|id| id.as_str().into()).collect(),
        attributes,
        tags,
    };
    let outputs = outputs(arn, found.dns_name(), found.canonical_hosted_zone_id());
    Seen { id: arn.into(), owner, spec, outputs, ready: readiness(found) }
}

fn readiness(found: &Found) -> Ready {
    let state = found.state();
    let why = state.and_then(|state| state.reason());
    match state.and_then(|state| state.code()) {
        // Impaired: it works, and cannot grow as it should.
        Some(LoadBalancerStateEnum::Active | LoadBalancerStateEnum::ActiveImpaired) => Ready::Yes,
        Some(LoadBalancerStateEnum::Failed) => Ready::Never(why.unwrap_or("failed").into()),
        code => Ready::Wait(code.map_or("provisioning", |code| code.as_str()).into()),
    }
}

/// The attributes that are ours to say, as AWS writes them.
fn pairs(attributes: &LoadBalancerAttributes) -> [(&'static str, String); 3] {
    [
        (PROTECTED, attributes.deletion_protection.to_string()),
        (DROP_HEADERS, attributes.drop_invalid_headers.to_string()),
        (IDLE, attributes.idle_timeout.to_string()),
    ]
}

/// The same as seen; what is not told has AWS's default.
fn attributes(found: &[LoadBalancerAttribute]) -> LoadBalancerAttributes {
    let value = |key| found.iter().find(|one| one.key() == Some(key)).and_then(|one| one.value());
    LoadBalancerAttributes {
        deletion_protection: value(PROTECTED) == Some("true"),
        drop_invalid_headers: value(DROP_HEADERS) == Some("true"),
        idle_timeout: value(IDLE).and_then(|text| text.parse().ok()).unwrap_or(60),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_elasticloadbalancingv2::types::LoadBalancerState;

    use super::*;

    #[test]
    fn a_state_says_whether_to_wait() {
        let state = |code| {
            let state = LoadBalancerState::builder().code(code).reason("no capacity").build();
            readiness(&Found::builder().state(state).build())
        };
        assert_eq!(state(LoadBalancerStateEnum::ActiveImpaired), Ready::Yes);
        assert_eq!(state(LoadBalancerStateEnum::Provisioning), Ready::Wait("provisioning".into()));
        assert_eq!(state(LoadBalancerStateEnum::Failed), Ready::Never("no capacity".into()));
    }

    #[test]
    fn attributes_survive_the_wire() {
        let ours = LoadBalancerAttributes {
            deletion_protection: true,
            drop_invalid_headers: false,
            idle_timeout: 75,
        };
        let wire = pairs(&ours)
            .map(|(key, value)| LoadBalancerAttribute::builder().key(key).value(value).build());
        assert_eq!(attributes(&wire), ours);
    }
}
