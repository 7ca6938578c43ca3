//! Clusters, task definitions and targets on an emulator.

mod running;
mod service;

use aws::targets::Target;
use aws_sdk_ecs::types::{ClusterSetting, ClusterSettingName, Tag};
use engine::{Adapter, Class, Seen, Which};
use kinds::{Cluster, TaskDefinition};
use serde_json::{Map, Value, json};

use crate::contract::{Project, differences};
use crate::emulator::Emulator;

fn fields(value: Value) -> Map<String, Value> {
    let Value::Object(fields) = value else { panic!("{value} is no object") };
    fields
}

impl Project {
    async fn cluster(&self) -> Seen<Cluster> {
        let cluster = Cluster {
            name: self.named("test"),
            container_insights: "enabled".into(),
            capacity_providers: ["FARGATE".into(), "FARGATE_SPOT".into()].into(),
            tags: self.tags("cluster.main"),
        };
        self.make(&cluster).await
    }

    fn definition(&self) -> TaskDefinition {
        let container = json!({
            "image": "x/none:1", "essential": true, "cpu": 0,
            "portMappings": [{"containerPort": 8080, "name": "http", "appProtocol": "http"}],
            "environment": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
            "secrets": [{"name": "KEY", "valueFrom": "arn:aws:secretsmanager:us-east-1:1:secret:k"}],
            "mountPoints": [{"sourceVolume": "tmp", "containerPath": "/tmp"}],
            "linuxParameters": {"initProcessEnabled": true, "capabilities": {"drop": ["ALL"]}},
            "ulimits": [{"name": "nofile", "softLimit": 65536, "hardLimit": 65536}],
            "healthCheck": {"command": ["CMD", "/api", "health"], "interval": 10},
            "readonlyRootFilesystem": true, "stopTimeout": 30, "user": "65532",
            "restartPolicy": {"enabled": true}, "volumesFrom": [],
            "logConfiguration": {"logDriver": "awslogs", "options": {
                "awslogs-group": "/x", "awslogs-region": "us-east-1",
                "awslogs-stream-prefix": "api", "mode": "non-blocking"}}});
        let settings = json!({
            "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"],
            "cpu": "256", "memory": "512", "volumes": [{"name": "tmp"}],
            "executionRoleArn": "arn:aws:iam::1:role/x", "taskRoleArn": "arn:aws:iam::1:role/y",
            "ephemeralStorage": {"sizeInGiB": 30},
            "runtimePlatform": {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"}});
        let definition = json!({
            "family": self.named("test-api"), "settings": settings,
            "containers": {
                "api": container,
                "proxy": {"name": "proxy", "image": "y:1", "essential": false}},
            "tags": self.tags("task-definition.api")});
        serde_json::from_value(definition).unwrap()
    }

    /// Two subnets, two security groups and a target group, which moto looks up.
    async fn surroundings(&self) -> Surroundings {
        let ec2 = &self.aws.read().ec2;
        let vpc = ec2.create_vpc().cidr_block("10.9.0.0/16").send().await.unwrap();
        let vpc = vpc.vpc.unwrap().vpc_id.unwrap();
        let (mut subnets, mut groups) = (Vec::new(), Vec::new());
        for n in ["1", "2"] {
            let subnet = ec2.create_subnet().vpc_id(&vpc).cidr_block(format!("10.9.{n}.0/24"));
            let subnet = subnet.send().await.unwrap();
            subnets.push(subnet.subnet.unwrap().subnet_id.unwrap());
            let group = ec2.create_security_group().vpc_id(&vpc).group_name(n).description(n);
            groups.push(group.send().await.unwrap().group_id.unwrap());
        }
        let call = self.aws.read().elb.create_target_group().name(self.named("tg"));
        let call = call.protocol("HTTP".into()).port(8080).target_type("ip".into());
        let made = call.vpc_id(vpc).send().await.unwrap();
        let target_group = made.target_groups()[0].target_group_arn().unwrap().to_owned();
        Surroundings { subnets, groups, target_group }
    }
}

struct Surroundings {
    subnets: Vec<String>,
    groups: Vec<String>,
    target_group: String,
}

#[tokio::test]
async fn a_cluster_keeps_its_settings_and_providers() {
    let emulator = Emulator::get().await;
    let project = Project::new(emulator.connect());
    let ecs = &project.aws.read().ecs;
    let seen = project.cluster().await;
    let (id, desired) = (&seen.id, seen.spec.clone());
    let name = id.as_str();
    // moto answers 500 to it.
    if !emulator.is_moto() {
        let setting = ClusterSetting::builder().name(ClusterSettingName::ContainerInsights);
        let setting = setting.value("disabled").build();
        ecs.update_cluster_settings().cluster(name).settings(setting).send().await.unwrap();
        project.heals(&desired, id, "container_insights").await;
    }
    ecs.put_cluster_capacity_providers()
        .cluster(name)
        .capacity_providers("FARGATE")
        .set_default_capacity_provider_strategy(Some(vec![]))
        .send()
        .await
        .unwrap();
    project.heals(&desired, id, "capacity_providers").await;
    let arn = seen.outputs.arn.get().unwrap();
    let tag = Tag::builder().key("by").value("hand").build();
    ecs.tag_resource().resource_arn(arn).tags(tag).send().await.unwrap();
    project.heals(&desired, id, "tags[by]").await;
    ecs.untag_resource().resource_arn(arn).tag_keys("provisioner:resource").send().await.unwrap();
    project.heals(&desired, id, "tags").await;

    // Not while something runs in it: AWS refuses that, the emulators do not.
    let definition = project.make(&project.definition()).await;
    let call = ecs.create_service().cluster(name).service_name("api").desired_count(1);
    call.task_definition(definition.id.as_str()).send().await.unwrap();
    let blocked = project.aws.delete(&seen).await.unwrap_err();
    assert!(blocked.is(Class::Blocked) && blocked.message.contains("services api"), "{blocked}");
    ecs.delete_service().cluster(name).service("api").force(true).send().await.unwrap();
    project.remove(&seen).await;
}

#[tokio::test]
async fn a_task_definition_is_seen_as_registered_and_any_change_is_another_revision() {
    let project = Project::new(Emulator::get().await.connect());
    let ecs = &project.aws.read().ecs;
    let desired = project.definition();
    let first = project.make(&desired).await;
    assert!(first.id.as_str().ends_with(":1"), "{}", first.id);
    let arn = first.id.as_str();
    let tag = Tag::builder().key("by").value("hand").build();
    ecs.tag_resource().resource_arn(arn).tags(tag).send().await.unwrap();
    project.heals(&desired, &first.id, "tags[by]").await;

    let paths = [
        ("containers.api.environment[A].value", "/containers/api/environment/0/value", json!("9")),
        ("containers.api.image", "/containers/api/image", json!("x/none:2")),
        ("containers.api.environment", "/containers/api/environment", json!([])),
        ("containers.api.secrets[KEY]", "/containers/api/secrets/0/valueFrom", json!("arn:other")),
        ("containers.proxy.essential", "/containers/proxy/essential", json!(true)),
        ("containers.api.ulimits[nofile]", "/containers/api/ulimits/0/softLimit", json!(1)),
        ("settings.cpu", "/settings/cpu", json!("512")),
        ("settings.ephemeralStorage.sizeInGiB", "/settings/ephemeralStorage/sizeInGiB", json!(40)),
    ];
    for (path, pointer, value) in paths {
        let mut other = serde_json::to_value(&desired).unwrap();
        *other.pointer_mut(pointer).unwrap() = value;
        let other: TaskDefinition = serde_json::from_value(other).unwrap();
        let found = differences(&other, &first);
        assert!(found.iter().all(|found| found.starts_with(path)), "{path}: {found:?}");
        assert!(!found.is_empty(), "{path} is not seen");
    }

    let mut next = desired.clone();
    next.containers.get_mut("api").unwrap().insert("image".into(), json!("x/none:2"));
    let second = project.make(&next).await;
    assert!(second.id.as_str().ends_with(":2"), "{}", second.id);
    project.remove(&first).await;
    let newest = Which::Named(std::slice::from_ref(&next));
    let newest = project.aws.observe(newest).await.unwrap();
    assert_eq!(newest.iter().map(|seen| &seen.id).collect::<Vec<_>>(), [&second.id]);
    project.remove(&second).await;
}

#[tokio::test]
async fn targets_are_put_in_and_taken_out_by_hand() {
    let project = Project::new(Emulator::get().await.connect());
    let group = project.surroundings().await.target_group;
    let (aws, group) = (&project.aws, group.as_str());
    let target = |host: u8| std::net::SocketAddr::from(([127, 0, 0, host], 8080));
    aws.register_targets(group, &[target(2), target(3)]).await.unwrap();
    let mut found = aws.target_health(group).await.unwrap();
    found.sort_by(|one, other| one.id.cmp(&other.id));
    let expected = |id: &str| Target {
        id: id.into(),
        port: 8080,
        state: "healthy".into(),
        reason: String::new(),
    };
    assert_eq!(found, [expected("127.0.0.2"), expected("127.0.0.3")]);
    aws.deregister_targets(group, &[target(2)]).await.unwrap();
    assert_eq!(aws.target_health(group).await.unwrap(), [expected("127.0.0.3")]);
    let (known, last) = group.split_at(group.len() - 1);
    let gone = format!("{known}{}", if last == "0" { "1" } else { "0" });
    assert!(aws.target_health(&gone).await.unwrap_err().is(Class::Absent));
}
