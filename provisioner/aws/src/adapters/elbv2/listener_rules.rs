//! The rules of a listener, those of others among them.

mod changes;

use std::collections::BTreeSet;

use aws_sdk_elasticloadbalancingv2::types::{
    HostHeaderConditionConfig, PathPatternConditionConfig, Rule as Found, RuleCondition,
    RulePriorityPair,
};
use engine::{Adapter, Class, Error, Id, Op, Ready, Result, Seen, Which};
use futures::future::try_join_all;
use kinds::traffic::ListenerOutputs;
use kinds::{ListenerRule, ListenerRules, Tags};

use self::changes::Changes;
use super::action;
use crate::Aws;
use crate::error::{error, gone};
use crate::observe::tags;

/// A rule as seen, with its ARN.
type Known = (String, ListenerRule);

impl Adapter<ListenerRules> for Aws {
    async fn observe(&self, which: Which<'_, ListenerRules>) -> Result<Vec<Seen<ListenerRules>>> {
        let listeners: Vec<String> = match &which {
            Which::Ids(ids) => ids.iter().map(|id| id.0.clone()).collect(),
            Which::Named(named) => {
                named.iter().map(|set| set.listener.get().map(Into::into)).collect::<Result<_>>()?
            }
            Which::Lost(desired, _) => vec![desired.listener.get()?.to_owned()],
            Which::Ours(_) => self.our_listeners(&which).await?,
        };
        let sets = try_join_all(listeners.iter().map(|arn| self.listener_rules(arn))).await?;
        let sets = listeners.iter().zip(sets).filter(|(_, rules)| !rules.is_empty());
        let seen = sets.map(|(arn, rules)| Seen {
            id: arn.as_str().into(),
            owner: None,
            outputs: ListenerOutputs { arn: arn.as_str().into() },
            spec: ListenerRules {
                listener: arn.as_str().into(),
                rules: rules.into_iter().map(|(_, rule)| rule).collect(),
                tags: Tags::default(),
            },
            ready: Ready::Yes,
        });
        Ok(seen.collect())
    }

    async fn create(&self, desired: &ListenerRules, op: &Op) -> Result<Id> {
        let listener = desired.listener.get()?;
        let Some(first) = desired.rules.first() else {
            return Err(Error::new(
                Class::Invalid,
                format!("{listener}: a set of rules has a rule"),
            ));
        };
        match self.create_rule(listener, first, desired.tags.for_create(&op.id)).await {
            // Whatever is there already is seen by the next look and brought to what it should be.
            Err(e) if e.is(Class::Exists) => Ok(listener.into()),
            answer => answer.map(|()| listener.into()),
        }
    }

    async fn update(&self, desired: &ListenerRules, seen: &Seen<ListenerRules>) -> Result<Id> {
        let listener = seen.id.as_str();
        let mut had = self.listener_rules(listener).await?;
        let taken: BTreeSet<u32> = had.iter().map(|(_, rule)| rule.priority).collect();
        // Nothing that the plan did not know of: somebody may have added it since.
        had.retain(|(_, rule)| seen.spec.rules.contains(rule) || desired.rules.contains(rule));
        let changes = Changes::between(&desired.rules, had);
        // A path that moves from one rule to another is in both for a moment rather than in neither.
        let (early, late): (Vec<_>, Vec<_>) =
            changes.new.iter().partition(|rule| !taken.contains(&rule.priority));
        for rule in early {
            self.create_rule(listener, rule, desired.tags.iter()).await?;
        }
        for arn in &changes.in_the_way {
            self.delete_rule(arn).await?;
        }
        for (arn, rule) in &changes.altered {
            let call = self.write()?.elb.modify_rule().rule_arn(arn);
            call.set_conditions(Some(conditions(rule)))
                .actions(action::forward(rule.target_group.get()?))
                .send()
                .await
                .map_err(|e| error("elasticloadbalancing:ModifyRule", e))?;
        }
        if !changes.moved.is_empty() {
            let pairs = changes.moved.iter().map(|(arn, priority)| {
                Ok(RulePriorityPair::builder().rule_arn(arn).priority(number(*priority)?).build())
            });
            // All in one call: AWS looks at the outcome, so two rules may change places.
            let call = self.write()?.elb.set_rule_priorities();
            call.set_rule_priorities(Some(pairs.collect::<Result<_>>()?))
                .send()
                .await
                .map_err(|e| error("elasticloadbalancing:SetRulePriorities", e))?;
        }
        for rule in late {
            self.create_rule(listener, rule, desired.tags.iter()).await?;
        }
        for arn in &changes.unwanted {
            self.delete_rule(arn).await?;
        }
        Ok(seen.id.clone())
    }

    async fn delete(&self, seen: &Seen<ListenerRules>) -> Result<()> {
        for (arn, _) in self.listener_rules(seen.id.as_str()).await? {
            self.delete_rule(&arn).await?;
        }
        Ok(())
    }
}

impl Aws {
    async fn our_listeners(&self, which: &Which<'_, ListenerRules>) -> Result<Vec<String>> {
        let all = self.all_listeners().await?;
        let arns: Vec<&str> = all.iter().filter_map(|one| one.listener_arn()).collect();
        let labels = self.elb_labels(&arns).await?;
        let ours = arns.into_iter().filter(|arn| {
            let (owner, _) = labels.of(arn);
            tags::asked(which, arn, owner.as_ref())
        });
        Ok(ours.map(Into::into).collect())
    }

    /// All rules of a listener but its default; none when there is no such listener.
    async fn listener_rules(&self, listener: &str) -> Result<Vec<Known>> {
        let pages = self.read().elb.describe_rules().listener_arn(listener).into_paginator();
        let found = pages.items().send().collect::<Result<Vec<_>, _>>().await;
        match found.map_err(|e| error("elasticloadbalancing:DescribeRules", e)) {
            Err(e) if e.is(Class::Absent) => Ok(vec![]),
            found => Ok(found?.iter().filter_map(rule).collect()),
        }
    }

    async fn create_rule<'a>(
        &self,
        listener: &str,
        rule: &ListenerRule,
        tags: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Result<()> {
        self.write()?
            .elb
            .create_rule()
            .listener_arn(listener)
            .priority(number(rule.priority)?)
            .set_conditions(Some(conditions(rule)))
            .actions(action::forward(rule.target_group.get()?))
            .set_tags(Some(tags::elb(tags)))
            .send()
            .await
            .map(drop)
            .map_err(|e| error("elasticloadbalancing:CreateRule", e))
    }

    async fn delete_rule(&self, arn: &str) -> Result<()> {
        let call = self.write()?.elb.delete_rule().rule_arn(arn);
        gone(call.send().await.map(drop).map_err(|e| error("elasticloadbalancing:DeleteRule", e)))
    }
}

/// A rule as AWS reports it; `None` for the default one.
fn rule(found: &Found) -> Option<Known> {
    if found.is_default() == Some(true) {
        return None;
    }
    let mut rule = ListenerRule {
        priority: found.priority()?.parse().ok()?,
        paths: BTreeSet::new(),
        hosts: BTreeSet::new(),
        target_group: action::forwards_to(found.actions()).unwrap_or_default().into(),
    };
    for condition in found.conditions() {
        let (set, values) = match condition.field() {
            Some("path-pattern") => {
                let config = condition.path_pattern_config();
                (
                    &mut rule.paths,
                    config.map(PathPatternConditionConfig::values).unwrap_or_default(),
                )
            }
            Some("host-header") => {
                let config = condition.host_header_config();
                (&mut rule.hosts, config.map(HostHeaderConditionConfig::values).unwrap_or_default())
            }
            // A condition that we never set: the rule no longer does what it should.
            _ => {
                rule.target_group = "".into();
                continue;
            }
        };
        let values = if values.is_empty() { condition.values() } else { values };
        set.extend(values.iter().cloned());
    }
    Some((found.rule_arn()?.to_owned(), rule))
}

fn conditions(rule: &ListenerRule) -> Vec<RuleCondition> {
    let list = |set: &BTreeSet<String>| Some(set.iter().cloned().collect());
    let mut conditions = Vec::new();
    if !rule.paths.is_empty() {
        let paths = PathPatternConditionConfig::builder().set_values(list(&rule.paths)).build();
        let condition = RuleCondition::builder().field("path-pattern").path_pattern_config(paths);
        conditions.push(condition.build());
    }
    if !rule.hosts.is_empty() {
        let hosts = HostHeaderConditionConfig::builder().set_values(list(&rule.hosts)).build();
        let condition = RuleCondition::builder().field("host-header").host_header_config(hosts);
        conditions.push(condition.build());
    }
    conditions
}

fn number(priority: u32) -> Result<i32> {
    let wrong = |_| Error::new(Class::Invalid, format!("{priority} is no priority"));
    priority.try_into().map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(priority: u32, path: &str, target: &str) -> ListenerRule {
        ListenerRule {
            priority,
            paths: [path.to_owned()].into(),
            hosts: BTreeSet::new(),
            target_group: target.into(),
        }
    }

    #[test]
    fn a_condition_that_we_never_set_is_a_difference() {
        let found = Found::builder()
            .rule_arn("r")
            .priority("5")
            .conditions(RuleCondition::builder().field("path-pattern").values("/a").build())
            .actions(action::forward("x"));
        assert_eq!(rule(&found.clone().build()), Some(("r".into(), to(5, "/a", "x"))));
        let narrowed = found.conditions(RuleCondition::builder().field("source-ip").build());
        assert_eq!(rule(&narrowed.build()), Some(("r".into(), to(5, "/a", ""))));
    }
}
