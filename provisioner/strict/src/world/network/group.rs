//! Security groups and their rules: what they hold, what is refused about them, what calls change.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::refuse::dependency;
use super::{Eni, Network};
use crate::wire::error::Fault;
use crate::world::value::{list, number, text, texts};

#[derive(Debug, Default)]
pub(crate) struct Group {
    pub(crate) vpc: String,
    pub(crate) name: String,
    pub(crate) default: bool,
    /// Rules in normal form, ingress and egress apart.
    pub(crate) rules: BTreeSet<Rule>,
    /// Rule ids that Authorize answered.
    pub(crate) ids: BTreeMap<String, Rule>,
}

/// One rule: direction, protocol, ports and one source or destination.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rule {
    pub(crate) ingress: bool,
    pub(crate) protocol: String,
    pub(crate) ports: (i64, i64),
    /// A CIDR block, a prefix list or a group.
    pub(crate) peer: String,
}

impl Network {
    pub(super) fn learn_group(&mut self, operation: &str, p: &Value, answer: &Value) {
        let id = text(p, "GroupId").to_owned();
        let ingress = operation.ends_with("Ingress");
        match operation {
            "CreateSecurityGroup" => {
                let group = Group {
                    vpc: text(p, "VpcId").to_owned(),
                    name: text(p, "GroupName").to_owned(),
                    rules: std::iter::once(Rule::all_egress()).collect(),
                    ..Group::default()
                };
                self.groups.insert(text(answer, "groupId").to_owned(), group);
            }
            "DeleteSecurityGroup" => {
                self.groups.remove(&id);
            }
            "ModifySecurityGroupRules" => {
                let group = self.groups.entry(id).or_default();
                for update in list(p, "SecurityGroupRule") {
                    let id = text(update, "SecurityGroupRuleId").to_owned();
                    let old = group.ids.get(&id).cloned().unwrap_or_else(Rule::all_egress);
                    let new = Rule::flat(&update["SecurityGroupRule"], old.ingress);
                    group.rules.remove(&old);
                    group.rules.insert(new.clone());
                    group.ids.insert(id, new);
                }
            }
            "DescribeSecurityGroups" => {
                for group in list(answer, "securityGroupInfo")
                    .iter()
                    .filter(|g| text(g, "groupName") == "default")
                {
                    let vpc = text(group, "vpcId").to_owned();
                    let default =
                        || Group { vpc, name: "default".into(), default: true, ..Group::default() };
                    self.groups.entry(text(group, "groupId").to_owned()).or_insert_with(default);
                }
            }
            "AuthorizeSecurityGroupIngress" | "AuthorizeSecurityGroupEgress" => {
                let group = self.groups.entry(id).or_default();
                let rules = Rule::of(p, ingress);
                for named in list(answer, "securityGroupRuleSet") {
                    if let Some(rule) = rules.iter().find(|r| r.is(named)) {
                        group
                            .ids
                            .insert(text(named, "securityGroupRuleId").to_owned(), rule.clone());
                    }
                }
                group.rules.extend(rules);
            }
            "RevokeSecurityGroupIngress" | "RevokeSecurityGroupEgress" => {
                let group = self.groups.entry(id).or_default();
                let mut revoked = Rule::of(p, ingress);
                for id in texts(p, "SecurityGroupRuleId") {
                    // Only the rule that came with the group has an id that no Authorize answered.
                    revoked.push(group.ids.remove(&id).unwrap_or_else(Rule::all_egress));
                }
                group.rules.retain(|r| !revoked.contains(r));
            }
            _ => {}
        }
    }

    pub(super) fn refuse_group(&self, operation: &str, p: &Value, enis: &[Eni]) -> Option<Fault> {
        let id = text(p, "GroupId");
        match operation {
            "CreateSecurityGroup" => self.refuse_group_name(p),
            "DeleteSecurityGroup" => {
                let group = self.groups.get(id)?;
                if group.default {
                    let message = format!(
                        "the specified group: \"{id}\" name: \"default\" cannot be deleted by a user"
                    );
                    return Some(Fault::refusal("CannotDelete", message));
                }
                let named = self
                    .groups
                    .iter()
                    .any(|(other, g)| other != id && g.rules.iter().any(|r| r.peer == id));
                (named || enis.iter().any(|e| e.groups.contains(id)))
                    .then(|| dependency(&format!("resource {id} has a dependent object")))
            }
            _ => {
                if let Some(fault) = refuse_description(p) {
                    return Some(fault);
                }
                let group = self.groups.get(id)?;
                let rule = Rule::of(p, operation.ends_with("Ingress"))
                    .into_iter()
                    .find(|r| group.rules.contains(r))?;
                Some(Fault::refusal(
                    "InvalidPermission.Duplicate",
                    format!(
                        "the specified rule \"peer: {}, {}, from port: {}, to port: {}, ALLOW\" already exists",
                        rule.peer, rule.protocol, rule.ports.0, rule.ports.1
                    ),
                ))
            }
        }
    }

    fn refuse_group_name(&self, p: &Value) -> Option<Fault> {
        let (name, vpc, description) =
            (text(p, "GroupName"), text(p, "VpcId"), text(p, "GroupDescription"));
        if name.starts_with("sg-") || name.len() > 255 || !name.chars().all(allowed) {
            let message = format!("Value ({name}) for parameter GroupName is invalid.");
            return Some(Fault::refusal("InvalidParameterValue", message));
        }
        if description.len() > 255 || !description.chars().all(allowed) {
            let message = format!(
                "Value ({description}) for parameter GroupDescription is invalid. Character sets beyond ASCII are not supported."
            );
            return Some(Fault::refusal("InvalidParameterValue", message));
        }
        self.groups.values().any(|g| g.vpc == vpc && g.name.eq_ignore_ascii_case(name)).then(|| {
            let message = format!("The security group '{name}' already exists for VPC '{vpc}'");
            Fault::refusal("InvalidGroup.Duplicate", message)
        })
    }
}

/// What names and descriptions of groups and rules may hold (EC2 API reference, CreateSecurityGroup and IpRange).
fn allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(c)
}

fn refuse_description(p: &Value) -> Option<Fault> {
    let peers = ["IpRanges", "Ipv6Ranges", "PrefixListIds", "Groups"];
    let described = list(p, "IpPermissions").iter().flat_map(|permission| {
        peers.iter().flat_map(|set| list(permission, set)).map(|one| text(one, "Description"))
    });
    let mut wrong = described.filter(|text| text.len() > 255 || !text.chars().all(allowed));
    wrong.next().map(|_| {
        let message = "Invalid rule description. Valid descriptions are strings less than 256 characters from the following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*";
        Fault::refusal("InvalidParameterValue", message)
    })
}

impl Rule {
    pub(crate) fn all_egress() -> Self {
        Self { ingress: false, protocol: "-1".into(), ports: (-1, -1), peer: "0.0.0.0/0".into() }
    }

    /// The rules that an Authorize or Revoke request spells out.
    pub(crate) fn of(p: &Value, ingress: bool) -> Vec<Self> {
        let mut rules = Vec::new();
        if !text(p, "CidrIp").is_empty() {
            rules.push(Self::flat(p, ingress));
        }
        for permission in list(p, "IpPermissions") {
            let protocol = text(permission, "IpProtocol").to_owned();
            let all = protocol == "-1";
            let port = |k| if all { -1 } else { number(permission, k).unwrap_or(-1) };
            let ports = (port("FromPort"), port("ToPort"));
            let kinds = [
                ("IpRanges", "CidrIp"),
                ("Ipv6Ranges", "CidrIpv6"),
                ("PrefixListIds", "PrefixListId"),
                ("Groups", "GroupId"),
            ];
            for peer in kinds
                .iter()
                .flat_map(|(set, key)| list(permission, set).iter().map(|v| text(v, key)))
            {
                rules.push(Self {
                    ingress,
                    protocol: protocol.clone(),
                    ports,
                    peer: peer.to_owned(),
                });
            }
        }
        rules
    }

    /// A rule written without lists.
    fn flat(p: &Value, ingress: bool) -> Self {
        let keys = ["CidrIp", "CidrIpv4", "CidrIpv6", "PrefixListId", "ReferencedGroupId"];
        let peer = keys.iter().map(|k| text(p, k)).find(|t| !t.is_empty()).unwrap_or_default();
        let protocol = text(p, "IpProtocol").to_owned();
        let port = |k| if protocol == "-1" { -1 } else { number(p, k).unwrap_or(-1) };
        Self { ingress, ports: (port("FromPort"), port("ToPort")), peer: peer.to_owned(), protocol }
    }

    /// Whether a described rule is this one.
    fn is(&self, described: &Value) -> bool {
        let group = described.get("referencedGroupInfo").map_or("", |g| text(g, "groupId"));
        let flat = ["cidrIpv4", "cidrIpv6", "prefixListId", "referencedGroupId"]
            .map(|k| text(described, k));
        let peer = flat.into_iter().chain([group]).find(|t| !t.is_empty()).unwrap_or_default();
        self.protocol == text(described, "ipProtocol")
            && self.peer == peer
            && (self.protocol == "-1" || Some(self.ports.0) == number(described, "fromPort"))
    }
}
