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
    let copies = if role >= Role::Deploy { promotion::statements(at) } else { Vec::new() };
    said.chain(copies).collect()
}

/// The actions that a role is allowed on anything.
#[must_use]
pub fn allowed(role: Role) -> BTreeSet<&'static str> {
    let needs = calls().flat_map(|call| call.needs);
    needs
        .filter(|need| need.from.is_some_and(|from| from <= role))
        .map(|need| need.action)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bootstrap::Backend;

    fn place() -> Place {
        Place {
            account: "123456789012".into(),
            region: "eu-west-1".into(),
            project: "payments".into(),
            environment: "prod".into(),
            cluster: "payments-prod".into(),
            load_balancer: "payments-prod".into(),
            target_groups: "payments-prod-".into(),
            roles: "payments-prod-eu-west-1-".into(),
            sources: Vec::new(),
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

    #[test]
    fn a_region_has_its_partition() {
        let china = Place { region: "cn-north-1".into(), ..place() };
        assert!(
            json!(statements(Role::Plan, &china))
                .to_string()
                .contains("arn:aws-cn:ecs:cn-north-1:")
        );
    }
}
