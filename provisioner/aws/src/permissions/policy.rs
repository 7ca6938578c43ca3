//! A role's policy, from the tables.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Need, Place, Role, calls, promotion};

/// How many characters a managed policy may have, white space not counted; a role may have ten of them
/// (IAM: "IAM and AWS STS quotas").
pub const LIMIT: usize = 6144;

/// The permissions policies of a role in one environment: one statement for each set of resources, in as
/// few documents as IAM's limit allows.
#[must_use]
pub fn policies(role: Role, at: &Place) -> Vec<Value> {
    let mut documents: Vec<Vec<Value>> = vec![Vec::new()];
    for statement in statements(role, at) {
        let fits = documents.last().is_some_and(|last| {
            let mut longer = last.clone();
            longer.push(statement.clone());
            document(&longer).to_string().len() <= LIMIT
        });
        if !fits {
            documents.push(Vec::new());
        }
        if let Some(last) = documents.last_mut() {
            last.push(statement);
        }
    }
    documents.iter().map(|statements| document(statements)).collect()
}

fn document(statements: &[Value]) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements})
}

fn statements(role: Role, at: &Place) -> Vec<Value> {
    let has = |need: &&Need| need.from.is_some_and(|from| from <= role);
    let needs: Vec<&Need> = calls().flat_map(|call| call.needs).filter(has).collect();
    let covered = |need: &Need| {
        needs.iter().any(|other| other.action == need.action && other.on.covers(need.on))
    };
    let mut statements: BTreeMap<(Vec<String>, String), BTreeSet<&str>> = BTreeMap::new();
    for need in needs.iter().filter(|need| !covered(need)) {
        let (resources, condition) = need.on.said(at);
        if resources.is_empty() {
            continue;
        }
        let condition = condition.unwrap_or_default().to_string();
        statements.entry((resources, condition)).or_default().insert(need.action);
    }
    let said = statements.into_iter().map(|((resources, condition), actions)| {
        let mut statement = json!({"Effect": "Allow", "Action": actions, "Resource": resources});
        if let Ok(condition @ Value::Object(_)) = serde_json::from_str(&condition) {
            statement["Condition"] = condition;
        }
        statement
    });
    said.chain(promotion::statements(role, at)).collect()
}

/// The actions that a role is allowed on anything, in every environment.
#[must_use]
pub fn allowed(role: Role) -> BTreeSet<&'static str> {
    let needs = calls().flat_map(|call| call.needs);
    needs
        .filter(|need| need.from.is_some_and(|from| from <= role) && !need.on.is_optional())
        .map(|need| need.action)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::bootstrap::Backend;

    fn place() -> Place {
        Place {
            account: "123456789012".into(),
            region: "eu-west-1".into(),
            partition: "aws".into(),
            project: "payments".into(),
            environment: "prod".into(),
            cluster: "payments-prod".into(),
            load_balancer: "payments-prod".into(),
            target_groups: "payments-prod-".into(),
            roles: "payments-prod-eu-west-1-".into(),
            sources: Vec::new(),
            role_path: "/".into(),
            boundary: None,
            managed: BTreeSet::new(),
            passed: BTreeSet::new(),
            secrets: Vec::new(),
            images: Vec::new(),
            backend: Backend::of("123456789012", "eu-west-1"),
        }
    }

    #[test]
    fn each_role_may_what_the_one_before_may() {
        assert!(allowed(Role::Plan).is_subset(&allowed(Role::Deploy)));
        assert!(allowed(Role::Deploy).is_subset(&allowed(Role::Up)));
    }

    /// `plan` writes nothing, reads no secret's value and no log line.
    #[test]
    fn the_plan_role_reads() {
        for action in allowed(Role::Plan) {
            let name = action.split_once(':').unwrap().1;
            assert!(
                ["Describe", "Get", "List"].iter().any(|verb| name.starts_with(verb)),
                "{action}"
            );
            assert!(!["GetSecretValue", "GetLogEvents"].contains(&name), "{action}");
        }
    }

    /// What is allowed on everything changes nothing, but for two calls that AWS knows no resource for.
    #[test]
    fn nothing_is_changed_that_is_not_named_or_tagged() {
        let everywhere = statements(Role::Up, &place())
            .into_iter()
            .filter(|one| one["Resource"] == json!(["*"]));
        for statement in everywhere {
            for action in statement["Action"].as_array().unwrap() {
                let action = action.as_str().unwrap();
                let name = action.split_once(':').unwrap().1;
                let reads = ["Describe", "Get", "List"].iter().any(|verb| name.starts_with(verb));
                assert!(reads || action == "ecs:DeregisterTaskDefinition", "{action}");
            }
        }
        let tagged = |one: &Value| one["Condition"].to_string().contains("Tag/provisioner:project");
        for statement in statements(Role::Up, &place()) {
            let resources = statement["Resource"].to_string();
            if resources.contains(":ec2:") && !tagged(&statement) {
                let known =
                    ["ec2:CreateTags", "ec2:DescribeVpcAttribute", "ec2:ModifySecurityGroupRules"];
                let actions = statement["Action"].as_array().unwrap();
                let known = actions.iter().all(|a| known.contains(&a.as_str().unwrap()));
                assert!(known, "{statement}");
            }
        }
    }

    #[test]
    fn every_policy_fits_and_none_is_lost() {
        let long = "a".repeat(24);
        let place = Place { project: long.clone(), environment: long, ..place() };
        for role in Role::ALL {
            let documents = policies(role, &place);
            assert!(documents.len() <= 3, "{role:?}: {}", documents.len());
            assert!(documents.iter().all(|one| one.to_string().len() <= LIMIT));
            let of = |one: &Value| one["Statement"].as_array().unwrap().len();
            assert_eq!(documents.iter().map(of).sum::<usize>(), statements(role, &place).len());
        }
    }

    #[test]
    fn what_a_wider_right_covers_is_not_said_twice() {
        let text = json!(statements(Role::Up, &place())).to_string();
        assert_eq!(text.matches("\"ecs:ListTasks\"").count(), 1);
        assert_eq!(text.matches("\"ecr:ListTagsForResource\"").count(), 1);
    }

    /// IAM refuses a whole policy for one ARN of another partition.
    #[test]
    fn every_arn_is_of_the_partition() {
        let partition = "aws-us-gov".to_owned();
        let place = Place { region: "us-gov-west-1".into(), partition, ..place() };
        for role in Role::ALL {
            let text = json!(statements(role, &place)).to_string();
            assert_eq!(text.matches("arn:").count(), text.matches("arn:aws-us-gov:").count());
        }
    }

    /// Whether IAM's `*` in a pattern stretches to a text.
    fn like(pattern: &str, text: &str) -> bool {
        let mut parts = pattern.split('*');
        let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
            return false;
        };
        let mut last = None;
        for part in parts {
            let Some(at) = rest.find(part) else { return false };
            rest = &rest[at + part.len()..];
            last = Some(part);
        }
        last.map_or(rest.is_empty(), |last| last.is_empty() || text.ends_with(last))
    }

    fn named(environment: &str) -> Place {
        Place {
            environment: environment.into(),
            cluster: format!("payments-{environment}"),
            load_balancer: format!("payments-{environment}"),
            // As much as names of 32 characters leave.
            target_groups: format!("payments-{environment}-").chars().take(18).collect(),
            roles: format!("payments-{environment}-eu-west-1-"),
            ..place()
        }
    }

    /// What an environment consists of, as far as it has names.
    fn things(at: &Place) -> Vec<String> {
        let (base, path) = (&at.cluster, at.path());
        vec![
            at.arn("ecs", &format!("cluster/{base}")),
            at.arn("ecs", &format!("service/{base}/{base}-api")),
            at.arn("ecs", &format!("task/{base}/f00")),
            at.arn("ecs", &format!("task-definition/{base}-api:1")),
            at.arn("elasticloadbalancing", &format!("loadbalancer/app/{base}/1")),
            at.arn("elasticloadbalancing", &format!("listener/app/{base}/1/2")),
            at.arn("elasticloadbalancing", &format!("listener-rule/app/{base}/1/2/3")),
            at.arn("elasticloadbalancing", &format!("targetgroup/{base}-api-f00baa/1")),
            at.arn("ecr", &format!("repository/{path}/api")),
            at.arn("logs", &format!("log-group:/{path}/api")),
            at.arn("secretsmanager", &format!("secret:{path}/key-AbCdEf")),
            at.arn("cloudwatch", &format!("alarm:TargetTracking-service/{base}/api-x")),
            at.global("iam", &format!("role/{}api-task", at.roles)),
            at.bucket(&format!("/{path}/state.json")),
        ]
    }

    /// A role of one environment changes nothing of another whose name begins alike, unless tags decide.
    #[test]
    fn names_that_begin_alike_stay_apart() {
        let names = ["pr-1", "pr-12", "pr-1-eu", "prod", "prod-eu", "prod-eu-west", "p"];
        let pairs = names.iter().flat_map(|own| names.map(|other| (*own, other)));
        for (own, other) in pairs.filter(|(own, other)| own != other) {
            let others = things(&named(other));
            for statement in statements(Role::Up, &named(own)) {
                let tags = statement["Condition"].to_string();
                if tags.contains("aws:ResourceTag/") || tags.contains("aws:RequestTag/") {
                    continue;
                }
                let actions = statement["Action"].as_array().unwrap().iter();
                let changes: Vec<&str> = actions
                    .filter_map(Value::as_str)
                    .filter(|action| {
                        let name = action.split_once(':').unwrap().1;
                        !["Describe", "Get", "List"].iter().any(|verb| name.starts_with(verb))
                    })
                    .collect();
                let patterns = statement["Resource"].as_array().unwrap().iter();
                for pattern in patterns.filter_map(Value::as_str).filter(|one| *one != "*") {
                    let touched = others.iter().find(|arn| like(pattern, arn));
                    // ECS deregisters revisions of everybody's and does not say whether the tags of
                    // one that is inactive count: families are told by their names alone.
                    let touched = touched.filter(|arn| !arn.contains(":task-definition/"));
                    let nothing = changes.is_empty() || touched.is_none();
                    assert!(nothing, "{own} may {changes:?} on {touched:?} by {pattern}");
                }
            }
        }
    }
}
