//! The rules of a security group, those of others among them.

mod listed;

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{
    Filter, IpPermission, IpRange, Ipv6Range, PrefixListId, SecurityGroupRule,
    SecurityGroupRuleRequest, SecurityGroupRuleUpdate, UserIdGroupPair,
};
use engine::{Adapter, Class, Error, Id, Op, Ready, Result, Seen, Which};
use kinds::network::IdOutputs;
use kinds::{Direction, Rule, SecurityGroupRules};

use crate::Aws;
use crate::error::{error, gone};
use crate::observe::tags;
use crate::observe::tags::FILTER_VALUES;

/// A rule without its description: what EC2 tells rules apart by.
type Permission = Rule;

/// The rules of one group by their ids.
type ById = BTreeMap<String, Rule>;

impl Adapter<SecurityGroupRules> for Aws {
    async fn observe(
        &self,
        which: Which<'_, SecurityGroupRules>,
    ) -> Result<Vec<Seen<SecurityGroupRules>>> {
        let groups = match &which {
            Which::Ids(ids) => {
                let found = self.groups_with_rules(ids).await?;
                return Ok(found.iter().filter_map(listed::of_group).map(seen).collect());
            }
            Which::Named(named) => {
                named.iter().map(|set| set.group.get().map(Into::into)).collect::<Result<_>>()?
            }
            Which::Lost(desired, _) => vec![desired.group.get()?.to_owned()],
            Which::Ours(_) => self.our_groups(tags::filters(&which, "group-id")).await?,
        };
        let found = self.rules(&groups).await?.into_iter();
        Ok(found.map(|(group, rules)| seen((group, rules.into_values().collect()))).collect())
    }

    async fn create(&self, desired: &SecurityGroupRules, _: &Op) -> Result<Id> {
        let group = desired.group.get()?;
        let Some(first) = desired.rules.first() else {
            return Err(Error::new(Class::Invalid, format!("{group}: a set of rules has a rule")));
        };
        let direction = first.direction;
        let rules = desired.rules.iter().filter(|rule| rule.direction == direction);
        self.authorize(group, direction, rules.collect()).await?;
        Ok(group.into())
    }

    async fn update(
        &self,
        desired: &SecurityGroupRules,
        seen: &Seen<SecurityGroupRules>,
    ) -> Result<Id> {
        let group = seen.id.as_str();
        let had = self.rules(&[group.to_owned()]).await?.remove(group).unwrap_or_default();
        let had_permissions: BTreeSet<Permission> = had.values().map(permission).collect();
        let wanted: BTreeMap<Permission, &Rule> =
            desired.rules.iter().map(|rule| (permission(rule), rule)).collect();
        // What is to be allowed first, what is to be refused last: no moment without either.
        for direction in [Direction::Ingress, Direction::Egress] {
            let new = wanted.iter().filter(|(permission, _)| {
                permission.direction == direction && !had_permissions.contains(permission)
            });
            self.authorize(group, direction, new.map(|(_, rule)| *rule).collect()).await?;
        }
        let kept =
            had.iter().filter_map(|(id, rule)| Some((id, rule, *wanted.get(&permission(rule))?)));
        let reworded = kept.filter(|(_, rule, wanted)| rule != wanted);
        self.reword(group, reworded.map(|(id, _, wanted)| (id, wanted)).collect()).await?;
        // Nothing that the plan did not know of: somebody may have added it since.
        let known: BTreeSet<Permission> = seen.spec.rules.iter().map(permission).collect();
        let unwanted = had.into_iter().filter(|(_, rule)| {
            let permission = permission(rule);
            known.contains(&permission) && !wanted.contains_key(&permission)
        });
        self.revoke(group, unwanted.collect()).await?;
        Ok(seen.id.clone())
    }

    async fn delete(&self, seen: &Seen<SecurityGroupRules>) -> Result<()> {
        let group = seen.id.as_str();
        match self.rules(&[group.to_owned()]).await {
            Ok(mut had) => self.revoke(group, had.remove(group).unwrap_or_default()).await,
            Err(e) if e.is(Class::Absent) => Ok(()),
            Err(e) => Err(e),
        }
    }
}

fn seen((group, rules): (String, BTreeSet<Rule>)) -> Seen<SecurityGroupRules> {
    Seen {
        id: group.clone().into(),
        owner: None,
        outputs: IdOutputs { id: group.clone().into() },
        spec: SecurityGroupRules { group: group.into(), rules },
        ready: Ready::Yes,
    }
}

impl Aws {
    async fn our_groups(&self, filters: Vec<Vec<Filter>>) -> Result<Vec<String>> {
        let found = self.security_groups(filters).await?;
        Ok(found.into_iter().filter_map(|group| group.group_id).collect())
    }

    /// The rules of these groups; one without rules is left out.
    async fn rules(&self, groups: &[String]) -> Result<BTreeMap<String, ById>> {
        let ids = groups.chunks(FILTER_VALUES).map(|ids| vec![tags::filter("group-id", ids)]);
        let found = tags::listed(ids.collect(), |filters| {
            let call = self.read().ec2.describe_security_group_rules().set_filters(Some(filters));
            call.into_paginator().items().send().collect::<Result<Vec<_>, _>>()
        });
        let found = found.await.map_err(|e| error("ec2:DescribeSecurityGroupRules", e))?;
        let mut sets = BTreeMap::<String, ById>::new();
        for one in &found {
            if let (Some(group), Some(id)) = (one.group_id(), one.security_group_rule_id())
                && groups.iter().any(|known| known == group)
            {
                sets.entry(group.into()).or_default().insert(id.into(), rule(one));
            }
        }
        Ok(sets)
    }

    /// One call for all rules of a direction. One that is there already counts as done: whichever of
    /// the others is missing then is seen by the next look.
    async fn authorize(&self, group: &str, direction: Direction, rules: Vec<&Rule>) -> Result<()> {
        if rules.is_empty() {
            return Ok(());
        }
        let permissions = Some(rules.into_iter().map(sent).collect::<Result<_>>()?);
        let ec2 = &self.write()?.ec2;
        let result = match direction {
            Direction::Ingress => {
                let call = ec2.authorize_security_group_ingress().group_id(group);
                let sent = call.set_ip_permissions(permissions).send().await;
                sent.map(drop).map_err(|e| error("ec2:AuthorizeSecurityGroupIngress", e))
            }
            Direction::Egress => {
                let call = ec2.authorize_security_group_egress().group_id(group);
                let sent = call.set_ip_permissions(permissions).send().await;
                sent.map(drop).map_err(|e| error("ec2:AuthorizeSecurityGroupEgress", e))
            }
        };
        result.or_else(|e| if e.is(Class::Exists) { Ok(()) } else { Err(e) })
    }

    /// Gives rules other descriptions.
    async fn reword(&self, group: &str, rules: Vec<(&String, &Rule)>) -> Result<()> {
        if rules.is_empty() {
            return Ok(());
        }
        let updates = rules.into_iter().map(|(id, rule)| {
            let update = SecurityGroupRuleUpdate::builder().security_group_rule_id(id);
            Ok(update.security_group_rule(request(rule)?).build())
        });
        let call = self.write()?.ec2.modify_security_group_rules().group_id(group);
        call.set_security_group_rules(Some(updates.collect::<Result<_>>()?))
            .send()
            .await
            .map(drop)
            .map_err(|e| error("ec2:ModifySecurityGroupRules", e))
    }

    async fn revoke(&self, group: &str, rules: ById) -> Result<()> {
        let (ingress, egress): (ById, ById) =
            rules.into_iter().partition(|(_, rule)| rule.direction == Direction::Ingress);
        if !ingress.is_empty() {
            let call = self.write()?.ec2.revoke_security_group_ingress().group_id(group);
            let sent = call.set_security_group_rule_ids(Some(ingress.into_keys().collect())).send();
            gone(sent.await.map(drop).map_err(|e| error("ec2:RevokeSecurityGroupIngress", e)))?;
        }
        if !egress.is_empty() {
            let call = self.write()?.ec2.revoke_security_group_egress().group_id(group);
            let sent = call.set_security_group_rule_ids(Some(egress.into_keys().collect())).send();
            gone(sent.await.map(drop).map_err(|e| error("ec2:RevokeSecurityGroupEgress", e)))?;
        }
        Ok(())
    }
}

fn permission(rule: &Rule) -> Permission {
    Rule { description: String::new(), ..rule.clone() }
}

/// A rule as EC2 reports it.
fn rule(found: &SecurityGroupRule) -> Rule {
    let group = found.referenced_group_info().and_then(|group| group.group_id());
    let peer = found.cidr_ipv4().or(found.cidr_ipv6()).or(found.prefix_list_id()).or(group);
    let protocol = found.ip_protocol().unwrap_or("-1").to_owned();
    // For all protocols, ports mean nothing and come back in several ways.
    let port = |port: Option<i32>| if protocol == "-1" { -1 } else { port.unwrap_or(-1) };
    Rule {
        direction: match found.is_egress() {
            Some(true) => Direction::Egress,
            _ => Direction::Ingress,
        },
        from: port(found.from_port()),
        to: port(found.to_port()),
        peer: peer.unwrap_or_default().into(),
        description: found.description().unwrap_or_default().into(),
        protocol,
    }
}

/// What a rule's peer is, by how it is written.
enum Peer<'a> {
    V4(&'a str),
    V6(&'a str),
    Group(&'a str),
    PrefixList(&'a str),
}

impl<'a> Peer<'a> {
    fn of(rule: &'a Rule) -> Result<Self> {
        let text = rule.peer.get()?;
        Ok(match text {
            _ if text.starts_with("sg-") => Self::Group(text),
            _ if text.starts_with("pl-") => Self::PrefixList(text),
            _ if text.contains(':') => Self::V6(text),
            _ => Self::V4(text),
        })
    }
}

/// A rule as it is authorised.
fn sent(rule: &Rule) -> Result<IpPermission> {
    let why = Some(rule.description.clone()).filter(|text| !text.is_empty());
    let permission = IpPermission::builder().ip_protocol(&rule.protocol);
    let permission = if rule.protocol == "-1" {
        permission
    } else {
        permission.from_port(rule.from).to_port(rule.to)
    };
    Ok(match Peer::of(rule)? {
        Peer::V4(cidr) => {
            permission.ip_ranges(IpRange::builder().cidr_ip(cidr).set_description(why).build())
        }
        Peer::V6(cidr) => permission
            .ipv6_ranges(Ipv6Range::builder().cidr_ipv6(cidr).set_description(why).build()),
        Peer::Group(id) => permission.user_id_group_pairs(
            UserIdGroupPair::builder().group_id(id).set_description(why).build(),
        ),
        Peer::PrefixList(id) => permission.prefix_list_ids(
            PrefixListId::builder().prefix_list_id(id).set_description(why).build(),
        ),
    }
    .build())
}

/// A rule as it is changed in place.
fn request(rule: &Rule) -> Result<SecurityGroupRuleRequest> {
    let request = SecurityGroupRuleRequest::builder()
        .ip_protocol(&rule.protocol)
        .from_port(rule.from)
        .to_port(rule.to)
        .description(&rule.description);
    Ok(match Peer::of(rule)? {
        Peer::V4(cidr) => request.cidr_ipv4(cidr),
        Peer::V6(cidr) => request.cidr_ipv6(cidr),
        Peer::Group(id) => request.referenced_group_id(id),
        Peer::PrefixList(id) => request.prefix_list_id(id),
    }
    .build())
}
