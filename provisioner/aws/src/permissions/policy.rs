//! A role's policy, from the tables.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Place, Role, calls};

/// The permissions policy of a role in one environment: one statement for each set of resources.
#[must_use]
pub fn policy(role: Role, at: &Place) -> Value {
    let mut statements: BTreeMap<(Vec<String>, String), BTreeSet<&str>> = BTreeMap::new();
    for need in calls().flat_map(|call| call.needs).filter(|need| need.from <= Some(role)) {
        if need.from.is_some() {
            let (resources, condition) = need.on.said(at);
            let condition = condition.unwrap_or_default().to_string();
            statements.entry((resources, condition)).or_default().insert(need.action);
        }
    }
    let said = statements.into_iter().map(|((resources, condition), actions)| {
        let mut statement = json!({"Effect": "Allow", "Action": actions, "Resource": resources});
        if let Ok(condition @ Value::Object(_)) = serde_json::from_str(&condition) {
            statement["Condition"] = condition;
        }
        statement
    });
    json!({"Version": "2012-10-17", "Statement": said.collect::<Vec<_>>()})
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
            backend: Backend::of("123456789012", "eu-west-1"),
        }
    }

    fn statements(role: Role) -> Vec<Value> {
        policy(role, &place())["Statement"].as_array().unwrap().clone()
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
        let everywhere =
            statements(Role::Up).into_iter().filter(|one| one["Resource"] == json!(["*"]));
        for statement in everywhere {
            for action in statement["Action"].as_array().unwrap() {
                let action = action.as_str().unwrap();
                let name = action.split_once(':').unwrap().1;
                let reads = ["Describe", "Get", "List"].iter().any(|verb| name.starts_with(verb));
                assert!(reads || action == "ecs:DeregisterTaskDefinition", "{action}");
            }
        }
        let tagged = |one: &Value| one["Condition"].to_string().contains("Tag/provisioner:project");
        for statement in statements(Role::Up) {
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

    /// An inline policy of a role may have 10,240 characters, white space not counted (IAM: quotas).
    #[test]
    fn every_policy_fits_into_a_role() {
        for role in Role::ALL {
            let length = policy(role, &place()).to_string().len();
            assert!(length <= 10_000, "{role:?}: {length}");
        }
    }

    #[test]
    fn a_region_has_its_partition() {
        let china = Place { region: "cn-north-1".into(), ..place() };
        assert!(policy(Role::Plan, &china).to_string().contains("arn:aws-cn:ecs:cn-north-1:"));
    }
}
