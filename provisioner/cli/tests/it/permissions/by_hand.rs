//! What somebody changes by hand, so that `up` has all of it to put right.

use aws::Aws;
use aws::bootstrap::Backend;
use aws::store::{Objects, S3Store};
use engine::kind::Observed;
use engine::refresh::{Picture, refresh};
use engine::store::Store;
use engine::{Address, Clock, Graph, Kinds};
use serde_json::{Value, json};

use crate::account::REGION;

/// One attribute of one resource: address, JSON pointer, what it is made.
fn changes(ids: impl Fn(&str) -> Value) -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("vpc.main", "/dns_hostnames", json!(false)),
        ("vpc.main", "/tags", tagged("vpc.main")),
        ("route-table.public", "/routes/0/target", ids("nat-gateway.a")),
        ("route-table.private-a", "/routes/0/destination", json!("198.51.100.0/24")),
        (
            "route-table.private-a",
            "/subnets",
            json!([ids("subnet.private-a"), ids("subnet.private-b")]),
        ),
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

/// Takes the account's backend half apart: the lock table goes, the bucket loses its settings.
pub(crate) async fn spoil_backend(root: &Aws) {
    let account = root.identity().await.unwrap().account;
    let Backend { bucket, table, .. } = Backend::of(&account, REGION);
    let (dynamodb, s3) = (&root.read().dynamodb, &root.read().s3);
    let call = dynamodb.update_table().table_name(&table).deletion_protection_enabled(false);
    call.send().await.unwrap();
    dynamodb.delete_table().table_name(&table).send().await.unwrap();
    s3.delete_public_access_block().bucket(&bucket).send().await.unwrap();
    s3.delete_bucket_ownership_controls().bucket(&bucket).send().await.unwrap();
    s3.delete_bucket_encryption().bucket(&bucket).send().await.unwrap();
}

/// Everything that is there, as one who may do everything sees it.
struct There<'a> {
    root: &'a Aws,
    kinds: Kinds<Aws>,
    picture: Picture,
}

impl<'a> There<'a> {
    async fn of(root: &'a Aws) -> Self {
        let clock = Clock::scaled(1.0);
        let account = root.identity().await.unwrap().account;
        let backend = Backend::of(&account, REGION);
        let store = S3Store::new(Objects::new(root, &backend, "shop", "prod", clock.clone()));
        let (state, _) = store.load().await.unwrap().unwrap();
        let kinds = kinds::all::<Aws>();
        let picture = refresh(root, &kinds, &Graph::new(), &state, &clock).await.unwrap();
        Self { root, kinds, picture }
    }

    fn find(&self, address: &str) -> (&Address, &Observed) {
        let mut found = self.picture.seen.iter();
        found.find(|(at, _)| at.to_string() == address).unwrap_or_else(|| panic!("no {address}"))
    }

    async fn change(&self, address: &str, at: &str, value: Value) {
        let (known, seen) = self.find(address);
        let mut spoilt = seen.spec.clone();
        *spoilt.pointer_mut(at).unwrap_or_else(|| panic!("{address} {at}: {}", seen.spec)) = value;
        let kind = self.kinds.of(known).unwrap();
        let changed = kind.update(self.root, &spoilt, seen).await;
        changed.unwrap_or_else(|e| panic!("{address} {at}: {e}"));
    }
}

/// Changes all of it, as one who may.
pub(crate) async fn spoil(root: &Aws) {
    let there = There::of(root).await;
    let ids = |address: &str| json!(there.find(address).1.id.as_str());
    for (address, at, value) in changes(ids) {
        there.change(address, at, value).await;
    }
    let gateway = there.find("internet-gateway.main").1;
    let call = root.read().ec2.detach_internet_gateway().internet_gateway_id(gateway.id.as_str());
    call.vpc_id(gateway.spec["vpc"].as_str().unwrap()).send().await.unwrap();
    let secret = there.find("secret.token").1.id.as_str();
    let call = root.read().secrets.delete_secret().secret_id(secret);
    call.recovery_window_in_days(7).send().await.unwrap();
}

/// Gives a rule another description, which MiniStack does not take back.
pub(crate) async fn reword(root: &Aws) {
    let there = There::of(root).await;
    let at = "/rules/0/description";
    there.change("security-group-rules.worker", at, json!("by hand")).await;
}
