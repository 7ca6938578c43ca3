//! What others add to the environment's resources: it is named, it blocks nothing, and it stays until it is removed on
//! request or declared exclusive.

use std::collections::BTreeSet;

use aws::Aws;
use aws_sdk_ec2::types::Tag;
use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, FixedResponseActionConfig, ProtocolEnum, RuleCondition,
};
use serde_json::Value;

use crate::account::Account;
use crate::support::{PROD, Project, Run, wait};

/// An environment that is up, and somebody else with rights in its account.
struct Shared {
    project: Project,
    aws: Aws,
    _account: Account,
}

#[test]
fn additions_stay_until_they_are_reverted() {
    let it = Shared::up();
    wait(it.add_everything());
    let all = [
        "listener HTTP 8080",
        "listener-rules.http rules[777]",
        "route-table.private-a routes[10.99.0.0/16]",
        "security-group-rules.api rules[ingress tcp 9100 9100 10.99.0.0/16]",
        "service.api tags[scanner]",
        "vpc.main tags[scanner]",
    ];
    let all: BTreeSet<String> = all.map(Into::into).into();

    // Named, and no difference. `plan` does not look for listeners.
    let plan = it.project.run(&["plan"]);
    assert_eq!(plan.code, 0, "{plan:?}");
    assert!(plan.out.contains("5 additions by others, left alone"), "{plan:?}");
    let plan = it.project.run(&["plan", "--json"]).json();
    let steps = plan["steps"].as_array().unwrap().iter();
    let paths = steps.flat_map(|step| step["additions"].as_array().unwrap());
    assert_eq!(paths.count(), 5, "{plan}");
    let drift = it.project.run(&["drift"]);
    assert_eq!(drift.code, 0, "{drift:?}");
    for line in [
        "    vpc.main tags[scanner]: ",
        "    a listener for HTTP on port 8080: arn:aws:",
        "prod: as it was applied",
    ] {
        assert!(drift.out.contains(line), "{line}: {drift:?}");
    }
    assert_eq!(it.named(), all);

    // They block nothing, and survive a change of what they were added to.
    let image = "ghcr.io/acme/api:2.0";
    let deploy = it.project.run(&["deploy", "--image", image, "--no-wait"]);
    assert!(!deploy.err.contains("leaves other differences"), "{deploy:?}");
    deploy.done();
    let changed = PROD.replace(
        "    port: 8000\n",
        "    port: 8000\n    ingress: [{ port: 9200, from: 10.98.0.0/16 }]\n",
    ) + "tags: { team: shop }\nnetwork: { routes: [{ destination: 10.98.0.0/16, target: pcx-0a1b2c3d }] }\n";
    it.write(&changed.replace("api:1.0", "api:2.0"));
    up(&it.project).done();
    assert_eq!(it.named(), all);
    it.has_nothing_to_do();

    // On request they go, and nothing else does.
    let asked = it.project.run(&["drift", "--revert"]);
    assert!(asked.code == 6 && asked.err.contains("--yes"), "{asked:?}");
    assert_eq!(it.named(), all);
    let removed = it.project.run(&["drift", "--revert", "--yes", "--json"]).json();
    assert_eq!(removed["removed"].as_array().unwrap().len(), 5, "{removed}");
    assert_eq!(removed["listeners"].as_array().unwrap().len(), 1, "{removed}");
    assert_eq!(removed["failed"], serde_json::json!([]), "{removed}");
    assert_eq!(it.named(), BTreeSet::new());
    it.has_nothing_to_do();
    it.project.run(&["drift", "--revert", "--yes"]).done();
}

#[test]
fn what_is_exclusive_is_a_difference() {
    let it = Shared::up();
    wait(it.add_everything());
    it.write(&format!("{PROD}exclusive: [routes, tags]\nignore_tags: ['sca*']\n"));
    let plan = it.project.run(&["plan"]);
    assert_eq!(plan.code, 3, "{plan:?}");
    assert!(plan.out.contains("routes[10.99.0.0/16]: - "), "{plan:?}");
    assert!(!plan.out.contains("scanner"), "{plan:?}");
    assert!(plan.out.contains("2 additions by others"), "{plan:?}");
    it.write(&format!("{PROD}exclusive: [rules, routes, tags]\n"));
    let drift = it.project.run(&["drift", "--json"]).json_of(3);
    assert_eq!(drift["additions"], serde_json::json!([]), "{drift}");
    up(&it.project).done();
    assert_eq!(it.named(), ["listener HTTP 8080".to_owned()].into());
}

#[test]
fn what_is_declared_is_ours_and_goes_with_its_line() {
    let it = Shared::up();
    let route = "network: { routes: [{ destination: 10.99.0.0/16, target: ";
    let gateway = it.id("internet-gateway.main");
    wait(it.add_route());
    wait(it.add_ingress());
    let rule = "    port: 8000\n    ingress: [{ port: 9100, from: 10.99.0.0/16 }]\n";
    let with_rule = PROD.replace("    port: 8000\n", rule);

    // Equal to what somebody has added: taken over as it is.
    it.write(&with_rule);
    it.has_nothing_to_do();
    up(&it.project).done();
    assert_eq!(it.named(), ["route-table.private-a routes[10.99.0.0/16]".to_owned()].into());
    it.write(PROD);
    let plan = it.project.run(&["plan"]);
    assert_eq!(plan.code, 3, "{plan:?}");
    up(&it.project).done();
    assert!(!it.rules_of_api().contains(&9100));

    // Another target for the same place: ours from then on.
    it.write(&format!("{PROD}{route}pcx-0a1b2c3d }}] }}\n"));
    let plan = it.project.run(&["plan"]);
    assert!(plan.code == 3 && plan.out.contains(&format!("{gateway} -> pcx-0a1b2c3d")), "{plan:?}");
    up(&it.project).done();
    it.has_nothing_to_do();
    assert_eq!(it.named(), BTreeSet::new());
    it.write(PROD);
    up(&it.project).done();
    it.has_nothing_to_do();
    assert_eq!(it.named(), BTreeSet::new());
}

#[test]
fn priorities_of_others_are_gone_around() {
    let it = Shared::up();
    wait(it.add_rule(200));
    let admin =
        "  admin: { image: 'ghcr.io/acme/admin:1.0', port: 80, route: \"/admin/*\" }\nsecrets:";
    let two =
        PROD.replace("secrets: { database-url: given", &format!("{admin} {{ database-url: given"));
    it.write(&two);
    up(&it.project).done();
    assert_eq!(wait(it.priorities()), ["100", "200", "300"]);
    assert_eq!(it.named(), ["listener-rules.http rules[200]".to_owned()].into());
    it.has_nothing_to_do();

    // What the file says is not given up: the user decides.
    it.write(&two.replace("route: \"/*\"", "route: { path: \"/*\", priority: 200 }"));
    for verb in [&["plan"][..], &["up", "--yes"]] {
        let refused = it.project.run(verb);
        assert_eq!(refused.code, 6, "{refused:?}");
        assert!(
            refused.err.contains("the priority 200 of the route of api is taken"),
            "{refused:?}"
        );
    }
    assert_eq!(wait(it.priorities()), ["100", "200", "300"]);

    // Its going moves nothing of ours.
    it.write(&two);
    it.project.run(&["drift", "--revert", "--yes"]).done();
    assert_eq!(wait(it.priorities()), ["100", "300"]);
    it.has_nothing_to_do();
}

impl Shared {
    fn up() -> Self {
        let account = Account::new();
        let mut project = Project::with(&[("prod", PROD)]);
        account.hold(&mut project);
        project.run_with(&["secret", "set", "database-url"], b"postgres://app:pw@db/app").done();
        up(&project).done();
        let aws = account.connect();
        Self { project, aws, _account: account }
    }

    fn write(&self, file: &str) {
        self.project.write("environments/prod.yaml", file);
    }

    fn id(&self, address: &str) -> String {
        let shown = self.project.run(&["state", "show", address]).json();
        shown["id"].as_str().unwrap().to_owned()
    }

    /// What `drift` names as added by others, and nothing else may be there.
    #[track_caller]
    fn named(&self) -> BTreeSet<String> {
        let run: Run = self.project.run(&["drift", "--json"]);
        let drift = run.json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let added = drift["additions"].as_array().unwrap().iter();
        let added = added.map(|one| format!("{} {}", text(&one["address"]), text(&one["path"])));
        let listeners = drift["listeners"].as_array().unwrap().iter();
        let listener = |one: &Value| format!("listener {} {}", text(&one["protocol"]), one["port"]);
        added.chain(listeners.map(listener)).collect()
    }

    #[track_caller]
    fn has_nothing_to_do(&self) {
        let plan = self.project.run(&["plan"]);
        assert_eq!(plan.code, 0, "{plan:?}");
    }

    async fn add_everything(&self) {
        self.add_route().await;
        self.add_ingress().await;
        self.add_rule(777).await;
        let clients = self.aws.write().unwrap();
        let tag = Tag::builder().key("scanner").value("blue").build();
        let call = clients.ec2.create_tags().resources(self.id("vpc.main")).tags(tag);
        call.send().await.unwrap();
        let found = clients.ecs.describe_services().cluster("shop-prod").services("api");
        let found = found.send().await.unwrap();
        let tag = aws_sdk_ecs::types::Tag::builder().key("scanner").value("blue").build();
        let call = clients.ecs.tag_resource().tags(tag);
        let arn = found.services()[0].service_arn().unwrap();
        call.resource_arn(arn).send().await.unwrap();
        let call = clients.elb.create_listener().port(8080).protocol(ProtocolEnum::Http);
        let call = call.load_balancer_arn(self.id("load-balancer.main"));
        call.default_actions(teapot()).send().await.unwrap();
    }

    async fn add_route(&self) {
        let clients = self.aws.write().unwrap();
        let call = clients.ec2.create_route().route_table_id(self.id("route-table.private-a"));
        let call = call.gateway_id(self.id("internet-gateway.main"));
        call.destination_cidr_block("10.99.0.0/16").send().await.unwrap();
    }

    async fn add_ingress(&self) {
        let clients = self.aws.write().unwrap();
        let call = clients.ec2.authorize_security_group_ingress();
        let call = call.group_id(self.id("security-group.api")).ip_protocol("tcp");
        let call = call.from_port(9100).to_port(9100).cidr_ip("10.99.0.0/16");
        call.send().await.unwrap();
    }

    async fn add_rule(&self, priority: i32) {
        let call =
            self.aws.write().unwrap().elb.create_rule().listener_arn(self.id("listener.http"));
        let condition = RuleCondition::builder().field("path-pattern").values("/tea").build();
        let call = call.priority(priority).conditions(condition).actions(teapot());
        call.send().await.unwrap();
    }

    /// The priorities of the listener's rules.
    async fn priorities(&self) -> Vec<String> {
        let call = self.aws.read().elb.describe_rules().listener_arn(self.id("listener.http"));
        let found = call.send().await.unwrap();
        let all = found.rules().iter().filter_map(|rule| rule.priority());
        let mut all: Vec<String> = all.filter(|one| *one != "default").map(Into::into).collect();
        all.sort();
        all
    }

    /// The first ports of the rules of the service's group.
    fn rules_of_api(&self) -> BTreeSet<i32> {
        let call = self.aws.read().ec2.describe_security_groups();
        let found = wait(call.group_ids(self.id("security-group.api")).send()).unwrap();
        let rules = found.security_groups()[0].ip_permissions().iter();
        rules.filter_map(|rule| rule.from_port()).collect()
    }
}

/// Brings the environment up, and again when the machine stood still for so long that the lock was lost.
fn up(project: &Project) -> Run {
    let runs = std::iter::repeat_with(|| project.run(&["up", "--yes"])).take(3);
    let mut runs = runs.skip_while(|run| run.code == 8 && run.err.contains("its heartbeat"));
    runs.next().unwrap_or_else(|| project.run(&["up", "--yes"]))
}

fn teapot() -> Action {
    let answer = FixedResponseActionConfig::builder().status_code("418").build();
    Action::builder().r#type(ActionTypeEnum::FixedResponse).fixed_response_config(answer).build()
}
