//! Listeners.

use aws_sdk_elasticloadbalancingv2::types::{Listener as Found, ProtocolEnum};
use engine::{Adapter, Class, Error, Id, Op, Ready, Result, Seen, Which};
use futures::future::try_join_all;
use kinds::Listener;
use kinds::traffic::ListenerOutputs;

use super::action;
use super::arns::known;
use crate::Aws;
use crate::error::{error, gone, unnamed};
use crate::observe::tags;

impl Adapter<Listener> for Aws {
    async fn observe(&self, which: Which<'_, Listener>) -> Result<Vec<Seen<Listener>>> {
        let found = async {
            match &which {
                Which::Ids(ids) => {
                    let arns: Vec<&str> = ids.iter().map(Id::as_str).collect();
                    known(&arns, |arns| self.listeners(Some(arns), None)).await
                }
                Which::Ours(_) => self.all_listeners().await,
                Which::Named(named) => self.listeners_on(named).await,
                Which::Lost(desired, _) => self.listeners_on(std::slice::from_ref(*desired)).await,
            }
        };
        let (found, labels) = self.labelled(&which, found, Found::listener_arn).await?;
        let seen = found.iter().filter_map(|one| {
            let arn = one.listener_arn()?;
            let (owner, tags) = labels.of(arn);
            if !tags::asked(&which, arn, owner.as_ref()) {
                return None;
            }
            let spec = Listener {
                load_balancer: one.load_balancer_arn().unwrap_or_default().into(),
                port: port(one),
                protocol: one.protocol().map(|p| p.as_str().into()).unwrap_or_default(),
                default: action::seen(one.default_actions()),
                tags,
            };
            let outputs = ListenerOutputs { arn: arn.into() };
            Some(Seen { id: arn.into(), owner, spec, outputs, ready: Ready::Yes })
        });
        Ok(seen.collect())
    }

    async fn create(&self, desired: &Listener, op: &Op) -> Result<Id> {
        let made = self
            .write()?
            .elb
            .create_listener()
            .load_balancer_arn(desired.load_balancer.get()?)
            .port(i32::from(desired.port))
            .protocol(ProtocolEnum::from(desired.protocol.as_str()))
            .set_default_actions(action::sent(&desired.default)?.map(|action| vec![action]))
            .set_tags(Some(tags::elb(desired.tags.for_create(&op.id))))
            .send()
            .await
            .map_err(|e| error("elasticloadbalancing:CreateListener", e))?;
        let arn = made.listeners().first().and_then(|one| one.listener_arn());
        arn.map(Id::from).ok_or_else(|| unnamed("elasticloadbalancing:CreateListener"))
    }

    async fn update(&self, desired: &Listener, seen: &Seen<Listener>) -> Result<Id> {
        let arn = seen.id.as_str();
        let had = &seen.spec;
        let default =
            if desired.default == had.default { None } else { action::sent(&desired.default)? };
        let port = (desired.port != had.port).then_some(i32::from(desired.port));
        let protocol = (desired.protocol != had.protocol)
            .then(|| ProtocolEnum::from(desired.protocol.as_str()));
        if default.is_some() || port.is_some() || protocol.is_some() {
            let call = self.write()?.elb.modify_listener().listener_arn(arn);
            call.set_port(port)
                .set_protocol(protocol)
                .set_default_actions(default.map(|action| vec![action]))
                .send()
                .await
                .map_err(|e| error("elasticloadbalancing:ModifyListener", e))?;
        }
        self.retag_elb(arn, &desired.tags, &seen.spec.tags).await?;
        Ok(seen.id.clone())
    }

    async fn delete(&self, seen: &Seen<Listener>) -> Result<()> {
        self.delete_listener(seen.id.as_str()).await
    }
}

impl Aws {
    async fn listeners(
        &self,
        arns: Option<Vec<String>>,
        load_balancer: Option<String>,
    ) -> Result<Vec<Found>> {
        let call = self.read().elb.describe_listeners().set_listener_arns(arns);
        let pages = call.set_load_balancer_arn(load_balancer).into_paginator().items().send();
        pages
            .collect::<Result<Vec<_>, _>>()
            .await
            .map_err(|e| error("elasticloadbalancing:DescribeListeners", e))
    }

    /// The listeners on the same ports of the same load balancers.
    async fn listeners_on(&self, named: &[Listener]) -> Result<Vec<Found>> {
        let found = named.iter().map(|listener| async move {
            let of = Some(listener.load_balancer.get()?.to_owned());
            let mut found = match self.listeners(None, of).await {
                Err(e) if e.is(Class::Absent) => vec![],
                answer => answer?,
            };
            found.retain(|one| port(one) == listener.port);
            Ok::<_, Error>(found)
        });
        Ok(try_join_all(found).await?.into_iter().flatten().collect())
    }

    /// Every listener of every load balancer in the region.
    pub(super) async fn all_listeners(&self) -> Result<Vec<Found>> {
        let all = self.balancers(None, None).await?;
        let found = all.into_iter().filter_map(|one| one.load_balancer_arn).map(|arn| async move {
            match self.listeners(None, Some(arn)).await {
                Err(e) if e.is(Class::Absent) => Ok(vec![]),
                answer => answer,
            }
        });
        Ok(try_join_all(found).await?.into_iter().flatten().collect())
    }
}

/// A listener on one of our load balancers that somebody else made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherListener {
    pub arn: String,
    pub port: u16,
    /// `HTTP` or `HTTPS`.
    pub protocol: String,
}

impl Aws {
    /// The listeners of a load balancer but for these. None when there is no such load balancer.
    pub async fn other_listeners(
        &self,
        load_balancer: &str,
        ours: &[&str],
    ) -> Result<Vec<OtherListener>> {
        let found = match self.listeners(None, Some(load_balancer.to_owned())).await {
            Err(e) if e.is(Class::Absent) => vec![],
            answer => answer?,
        };
        let others = found.iter().filter_map(|one| {
            let arn = one.listener_arn().filter(|arn| !ours.contains(arn))?;
            let protocol = one.protocol().map(|protocol| protocol.as_str().to_owned());
            let protocol = protocol.unwrap_or_default();
            Some(OtherListener { arn: arn.into(), port: port(one), protocol })
        });
        Ok(others.collect())
    }

    /// Deletes a listener. Gone already is success.
    pub async fn delete_listener(&self, arn: &str) -> Result<()> {
        let call = self.write()?.elb.delete_listener().listener_arn(arn);
        let answer = call.send().await.map(drop);
        gone(answer.map_err(|e| error("elasticloadbalancing:DeleteListener", e)))
    }
}

fn port(found: &Found) -> u16 {
    found.port().and_then(|port| port.try_into().ok()).unwrap_or_default()
}
