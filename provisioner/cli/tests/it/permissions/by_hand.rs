//! What somebody changes by hand, so that `up` has all of it to put right.

use aws::Aws;
use aws::bootstrap::Backend;
use aws::store::{Objects, S3Store};
use engine::refresh::refresh;
use engine::store::Store;
use engine::{Clock, Graph};
use serde_json::{Value, json};

use crate::account::REGION;

/// One attribute of one resource: address, JSON pointer, what it is made.
fn changes(ids: impl Fn(&str) -> Value) -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("vpc.main", "/dns_hostnames", json!(false)),
        ("vpc.main", "/tags", tagged("vpc.main")),
        ("route-table.public", "/routes/0/target", ids("nat-gateway.a")),
        ("route-table.private-a", "/routes/0/destination", json!("198.51.100.0/24")),
        ("route-table.private-b", "/subnets", json!([])),
        ("gateway-endpoint.s3", "/route_tables", json!([ids("route-table.public")])),
        ("security-group-rules.api", "/rules/0/to", json!(8001)),
        ("security-group-rules.worker", "/rules/0/direction", json!("ingress")),
        ("load-balancer.main", "/attributes/idle_timeout", json!(61)),
        ("load-balancer.main", "/security_groups", json!([ids("security-group.api")])),
        (
            "load-balancer.main",
            "/subnets",
            json!([ids("subnet.private-a"), ids("subnet.private-b")]),
        ),
        ("load-balancer.main", "/tags", tagged("load-balancer.main")),
        ("listener.http", "/default/status", json!(503)),
        ("listener-rules.http", "/rules/0/paths", json!(["/other"])),
        ("target-group.api", "/health/path", json!("/other")),
        ("target-group.api", "/deregistration_delay", json!(31)),
        ("cluster.main", "/container_insights", json!("enabled")),
        ("cluster.main", "/capacity_providers", json!(["FARGATE"])),
        ("cluster.main", "/tags", tagged("cluster.main")),
        ("role.api-execution", "/description", json!("by hand")),
        ("role.api-execution", "/tags", tagged("role.api-execution")),
        (
            "role.api-execution",
            "/managed",
            json!(["arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"]),
        ),
        ("role.worker-task", "/inline/0/name", json!("other")),
        ("role.worker-task", "/trust/Statement/0/Principal/Service", json!(["ec2.amazonaws.com"])),
        ("log-group.api", "/retention", json!(120)),
        ("log-group.api", "/tags", tagged("log-group.api")),
        ("repository.api", "/immutable_tags", json!(false)),
        ("repository.api", "/scan_on_push", json!(false)),
        ("repository.api", "/lifecycle/rules/0/selection/countNumber", json!(1)),
        ("repository.api", "/tags", tagged("repository.api")),
        ("secret.token", "/description", json!("by hand")),
        ("secret.token", "/tags", tagged("secret.token")),
    ]
}

/// Our tags, but that one is new and the name is another.
fn tagged(address: &str) -> Value {
    json!([
        {"key": "Name", "value": "by hand"},
        {"key": "by", "value": "hand"},
        {"key": "provisioner:environment", "value": "prod"},
        {"key": "provisioner:project", "value": "shop"},
        {"key": "provisioner:resource", "value": address},
    ])
}

/// Changes all of it, as one who may.
pub(crate) async fn spoil(root: &Aws) {
    let clock = Clock::scaled(1.0);
    let account = root.identity().await.unwrap().account;
    let backend = Backend::of(&account, REGION);
    let store = S3Store::new(Objects::new(root, &backend, "shop", "prod", clock.clone()));
    let (state, _) = store.load().await.unwrap().unwrap();
    let kinds = kinds::all::<Aws>();
    let picture = refresh(root, &kinds, &Graph::new(), &state, &clock).await.unwrap();
    let find = |address: &str| {
        let mut found = picture.seen.iter();
        found.find(|(at, _)| at.to_string() == address).unwrap_or_else(|| panic!("no {address}"))
    };
    let ids = |address: &str| json!(find(address).1.id.as_str());
    for (address, at, value) in changes(ids) {
        let (known, seen) = find(address);
        let mut spoilt = seen.spec.clone();
        *spoilt.pointer_mut(at).unwrap_or_else(|| panic!("{address} {at}: {}", seen.spec)) = value;
        let kind = kinds.of(known).unwrap();
        kind.update(root, &spoilt, seen).await.unwrap_or_else(|e| panic!("{address} {at}: {e}"));
    }
    let gateway = find("internet-gateway.main").1;
    let call = root.read().ec2.detach_internet_gateway().internet_gateway_id(gateway.id.as_str());
    call.vpc_id(gateway.spec["vpc"].as_str().unwrap()).send().await.unwrap();
    let secret = find("secret.token").1.id.as_str();
    let call = root.read().secrets.delete_secret().secret_id(secret);
    call.recovery_window_in_days(7).send().await.unwrap();
}
