//! Everything that an account holds, by listing and not by tag, so that nothing of ours can hide.

use std::collections::BTreeSet;

use aws::Aws;

use crate::account::skip;
use crate::support::wait;

/// What a listing gives: `kind id`.
pub(crate) type Names = BTreeSet<String>;

/// The account's resources of all kinds that the tool makes, as `kind id`.
pub(crate) fn inventory(aws: &Aws) -> Names {
    wait(async {
        let mut all = network(aws).await;
        all.extend(traffic(aws).await);
        all.extend(compute(aws).await);
        all.extend(data(aws).await);
        all
    })
}

/// Marks each id with its kind.
fn named<'a>(kind: &str, ids: impl IntoIterator<Item = Option<&'a str>>) -> Names {
    ids.into_iter().flatten().map(|id| format!("{kind} {id}")).collect()
}

async fn network(aws: &Aws) -> Names {
    let ec2 = &aws.read().ec2;
    let mut all = Names::new();
    let found = ec2.describe_vpcs().send().await.unwrap();
    all.extend(named("vpc", found.vpcs().iter().map(|one| one.vpc_id())));
    let found = ec2.describe_subnets().send().await.unwrap();
    all.extend(named("subnet", found.subnets().iter().map(|one| one.subnet_id())));
    let found = ec2.describe_internet_gateways().send().await.unwrap();
    let gateways = found.internet_gateways().iter().map(|one| one.internet_gateway_id());
    all.extend(named("internet-gateway", gateways));
    let found = ec2.describe_nat_gateways().send().await.unwrap();
    let nat = found.nat_gateways().iter().filter(|one| {
        one.state().is_none_or(|state| !matches!(state.as_str(), "deleted" | "deleting"))
    });
    all.extend(named("nat-gateway", nat.map(|one| one.nat_gateway_id())));
    let found = ec2.describe_addresses().send().await.unwrap();
    all.extend(named("address", found.addresses().iter().map(|one| one.allocation_id())));
    let found = ec2.describe_route_tables().send().await.unwrap();
    all.extend(named("route-table", found.route_tables().iter().map(|one| one.route_table_id())));
    let found = ec2.describe_security_groups().send().await.unwrap();
    all.extend(named("security-group", found.security_groups().iter().map(|one| one.group_id())));
    let found = ec2.describe_vpc_endpoints().send().await.unwrap();
    let endpoints = found.vpc_endpoints().iter().filter(|one| {
        one.state().is_none_or(|state| !state.as_str().to_lowercase().starts_with("delet"))
    });
    all.extend(named("vpc-endpoint", endpoints.map(|one| one.vpc_endpoint_id())));
    all
}

async fn traffic(aws: &Aws) -> Names {
    let elb = &aws.read().elb;
    let mut all = Names::new();
    let found = elb.describe_load_balancers().send().await.unwrap();
    let arns: Vec<&str> =
        found.load_balancers().iter().filter_map(|one| one.load_balancer_arn()).collect();
    for arn in &arns {
        let found = elb.describe_listeners().load_balancer_arn(*arn).send().await.unwrap();
        all.extend(named("listener", found.listeners().iter().map(|one| one.listener_arn())));
    }
    all.extend(named("load-balancer", arns.iter().map(|arn| Some(*arn))));
    let found = elb.describe_target_groups().send().await.unwrap();
    let groups = found.target_groups().iter().map(|one| one.target_group_arn());
    all.extend(named("target-group", groups));
    all
}

async fn compute(aws: &Aws) -> Names {
    let ecs = &aws.read().ecs;
    let mut all = Names::new();
    for cluster in ecs.list_clusters().send().await.unwrap().cluster_arns() {
        let found = ecs.describe_clusters().clusters(cluster).send().await.unwrap();
        if found.clusters().iter().any(|one| one.status() == Some("INACTIVE")) {
            continue;
        }
        all.insert(format!("cluster {cluster}"));
        let found = ecs.list_services().cluster(cluster).send().await.unwrap();
        all.extend(named("service", found.service_arns().iter().map(|arn| Some(arn.as_str()))));
        let found = ecs.list_tasks().cluster(cluster).send().await.unwrap();
        all.extend(named("task", found.task_arns().iter().map(|arn| Some(arn.as_str()))));
    }
    let found = ecs.list_task_definitions().send().await.unwrap();
    let arns = found.task_definition_arns().iter().map(|arn| Some(arn.as_str()));
    all.extend(named("task-definition", arns));
    all.extend(scaling(aws).await);
    all
}

async fn scaling(aws: &Aws) -> Names {
    let call = aws.read().scaling.describe_scalable_targets().service_namespace("ecs".into());
    match call.send().await {
        Ok(found) => {
            let targets = found.scalable_targets().iter();
            named("scalable-target", targets.map(|one| Some(one.resource_id())))
        }
        Err(error) if format!("{error:?}").contains("Unsupported service") => {
            skip("MiniStack has no Application Auto Scaling (scalable targets)");
            Names::new()
        }
        Err(error) => panic!("{error:?}"),
    }
}

async fn data(aws: &Aws) -> Names {
    let clients = aws.read();
    let mut all = Names::new();
    let found = clients.logs.describe_log_groups().send().await.unwrap();
    all.extend(named("log-group", found.log_groups().iter().map(|one| one.log_group_name())));
    let found = clients.ecr.describe_repositories().send().await.unwrap();
    all.extend(named("repository", found.repositories().iter().map(|one| one.repository_name())));
    let found = clients.iam.list_roles().send().await.unwrap();
    let roles = found.roles().iter().filter(|role| !role.path().starts_with("/aws-service-role/"));
    all.extend(named("role", roles.map(|one| Some(one.role_name()))));
    let found = clients.secrets.list_secrets().send().await.unwrap();
    all.extend(named("secret", found.secret_list().iter().map(|one| one.name())));
    let found = clients.s3.list_buckets().send().await.unwrap();
    all.extend(named("bucket", found.buckets().iter().map(|one| one.name())));
    let found = clients.dynamodb.list_tables().send().await.unwrap();
    all.extend(named("table", found.table_names().iter().map(|name| Some(name.as_str()))));
    all
}

/// How many of a kind there are.
pub(crate) fn number(names: &Names, kind: &str) -> usize {
    names.iter().filter(|name| name.split(' ').next() == Some(kind)).count()
}
