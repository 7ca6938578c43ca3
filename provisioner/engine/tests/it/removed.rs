//! What was taken out of the file leaves the cloud; what others have added stays there; and what
//! something still runs on goes last.

use engine::diff::{Comparison, Sharing};
use engine::kind::Traits;
use engine::memory::{Faults, Memory};
use engine::plan::{Action, plan};
use engine::refresh::refresh;
use engine::state::Entry;
use engine::{Clock, Graph, Id};
use serde_json::{Value, json};

use super::world::{End, PROD, check, converge, environment, graph, id_of, plan_now, prod, run};

/// Production with everything that can be taken out again.
fn full() -> Value {
    let mut file: Value = serde_json::from_str(PROD).unwrap();
    file["services"]["api"]["command"] = json!(["serve"]);
    file["services"]["api"]["health"] = json!({"command": ["check"]});
    file["services"]["api"]["permissions"] =
        json!([{"actions": ["s3:GetObject"], "resources": ["*"]}]);
    file["services"]["api"]["override"] = json!({
        "container": {"dockerLabels": {"team": "a", "unit": "b"}, "user": "1000"},
        "task_definition": {"enableFaultInjection": true},
        "service": {
            "enableExecuteCommand": true,
            "deploymentConfiguration": {
                "alarms": {"alarmNames": ["errors"], "enable": true, "rollback": true}},
            "serviceRegistries": [{"registryArn": "arn:aws:servicediscovery:1"}],
        },
    });
    file["tags"] = json!({"team": "payments"});
    file
}

fn graph_of(file: &Value) -> Graph {
    graph(&environment(&file.to_string()))
}

/// The switch for ECS Exec.
const EXEC: &str = "/services/api/override/service/enableExecuteCommand";

/// The file without what is at `pointer`.
fn without(file: &Value, pointer: &str) -> Value {
    let mut file = file.clone();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let fields = file.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    fields.remove(key).unwrap();
    file
}

#[tokio::test(start_paused = true)]
async fn whatever_leaves_the_file_is_planned_and_goes() {
    let whole = full();
    let memory = Memory::default();
    converge(&memory, &graph_of(&whole)).await;
    let over = "/services/api/override";
    for (pointer, address, path) in [
        ("/services/api/command", "task-definition.api", "containers.api.command"),
        ("/services/api/health", "task-definition.api", "containers.api.healthCheck"),
        ("/services/api/permissions", "task-definition.api", "settings.taskRoleArn"),
        ("/services/api/route", "service.api", "settings.loadBalancers"),
        ("/services/api/secrets", "task-definition.api", "containers.api.secrets[KEY]"),
        (&format!("{over}/container"), "task-definition.api", "containers.api.dockerLabels.team"),
        (&format!("{over}/container/user"), "task-definition.api", "containers.api.user"),
        (
            &format!("{over}/container/dockerLabels/unit"),
            "task-definition.api",
            "containers.api.dockerLabels.unit",
        ),
        (
            &format!("{over}/task_definition"),
            "task-definition.api",
            "settings.enableFaultInjection",
        ),
        (
            &format!("{over}/service/enableExecuteCommand"),
            "service.api",
            "settings.enableExecuteCommand",
        ),
        (
            &format!("{over}/service/deploymentConfiguration"),
            "service.api",
            "settings.deploymentConfiguration.alarms",
        ),
        (&format!("{over}/service/serviceRegistries"), "service.api", "settings.serviceRegistries"),
        ("/tags/team", "vpc.main", "tags[team]"),
    ] {
        let memory = memory.fork();
        // ECS Exec needs a task role, whatever else the tasks may do.
        let whole = match pointer {
            "/services/api/permissions" => without(&whole, EXEC),
            _ => whole.clone(),
        };
        converge(&memory, &graph_of(&whole)).await;
        let edited = graph_of(&without(&whole, pointer));
        let plan = plan_now(&memory, &edited).await;
        let differences = &plan.steps[&address.into()].differences;
        let named = differences.iter().find(|one| one.path == path);
        let named = named.unwrap_or_else(|| panic!("{pointer}: {differences:?}"));
        assert!(named.from.is_some() && named.to.is_none(), "{pointer}: {named:?}");
        converge(&memory, &edited).await;
        check(&memory, &edited).await;
        // And back.
        converge(&memory, &graph_of(&whole)).await;
        check(&memory, &graph_of(&whole)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_word_for_nothing_is_sent_and_then_forgotten() {
    let whole = full();
    let memory = Memory::default();
    converge(&memory, &graph_of(&whole)).await;
    let edited =
        graph_of(&without(&without(&whole, "/services/api/override"), "/services/api/route"));
    converge(&memory, &edited).await;
    let settings = &memory.objects()[&id_of(&memory, "service.api")].spec["settings"];
    assert_eq!(settings["loadBalancers"], json!([]));
    assert_eq!(settings["enableExecuteCommand"], false);
    let none = json!({"alarmNames": [], "enable": false, "rollback": false});
    assert_eq!(settings["deploymentConfiguration"]["alarms"], none);
    let state = memory.stored().unwrap().unwrap();
    let applied = &state.resources[&"service.api".into()].desired["settings"];
    assert!(applied.get("loadBalancers").is_none(), "{applied}");
}

#[tokio::test(start_paused = true)]
async fn a_setting_that_cannot_be_unset_is_refused_in_the_plan() {
    let (memory, graph) = (Memory::default(), prod());
    converge(&memory, &graph).await;
    memory.alter(&id_of(&memory, "service.api"), |spec| {
        spec["settings"]["schedulingStrategy"] = json!("REPLICA");
    });
    let mut state = memory.stored().unwrap().unwrap();
    let entry = state.resources.get_mut(&"service.api".into()).unwrap();
    entry.desired["settings"]["schedulingStrategy"] = json!("REPLICA");
    let kinds = kinds::all::<Memory>();
    let picture = refresh(&memory, &kinds, &graph, &state, &Clock::real()).await.unwrap();
    let refused = plan(&kinds, &graph, &state, &picture, &Sharing::default()).unwrap_err();
    assert!(refused.is(engine::Class::Invalid), "{refused}");
    assert!(refused.message.contains("service.api: settings.schedulingStrategy"), "{refused}");
}

/// Elements for each shared set, as somebody else would add them.
fn additions() -> [(&'static str, &'static str, Value); 4] {
    [
        ("route-table.public", "routes", json!({"destination": "10.9.0.0/16", "target": "pcx-1"})),
        (
            "security-group-rules.api",
            "rules",
            json!({"direction": "ingress", "protocol": "tcp", "from": 443, "to": 443,
                "peer": "0.0.0.0/0", "description": "by hand"}),
        ),
        (
            "listener-rules.http",
            "rules",
            json!({"priority": 777, "paths": ["/x"], "hosts": [], "target_group": ""}),
        ),
        ("vpc.main", "tags", json!({"key": "map-migrated", "value": "x"})),
    ]
}

#[tokio::test(start_paused = true)]
async fn what_others_have_added_is_told_and_survives_an_update() {
    let (memory, graph) = (Memory::default(), prod());
    converge(&memory, &graph).await;
    for (address, field, value) in additions() {
        memory.alter(&id_of(&memory, address), |spec| {
            spec[field].as_array_mut().unwrap().push(value.clone());
        });
    }
    let plan = plan_now(&memory, &graph).await;
    assert!(plan.is_empty(), "{:?}", plan.changes().collect::<Vec<_>>());
    for (address, field, value) in additions() {
        let told = &plan.steps[&address.into()].additions;
        assert!(told.iter().any(|one| one.field() == field && one.value == value), "{told:?}");
    }
    // An edit that touches all of these sets.
    let mut file: Value = serde_json::from_str(PROD).unwrap();
    file["tags"] = json!({"team": "payments"});
    file["services"]["api"]["route"]["path"] = json!(["/api/*"]);
    file["services"]["api"]["port"] = json!(8001);
    let edited = graph_of(&file);
    converge(&memory, &edited).await;
    check(&memory, &edited).await;
    for (address, field, value) in additions() {
        let spec = &memory.objects()[&id_of(&memory, address)].spec;
        assert!(spec[field].as_array().unwrap().contains(&value), "{address}: {spec}");
    }
    // In a run that owns everything they are differences, but for the tags that it ignores.
    let kinds = kinds::all::<Memory>();
    let state = memory.stored().unwrap().unwrap();
    let picture = refresh(&memory, &kinds, &edited, &state, &Clock::real()).await.unwrap();
    let mut sharing = Sharing {
        exclusive: ["routes", "rules", "tags"].map(String::from).into(),
        ignored_tags: vec!["map-*".into()],
    };
    let changed = |sharing: &Sharing| {
        let plan = engine::plan::plan(&kinds, &edited, &state, &picture, sharing).unwrap();
        plan.changes().map(|step| step.address.to_string()).collect::<Vec<_>>()
    };
    let three = ["listener-rules.http", "route-table.public", "security-group-rules.api"];
    assert_eq!(changed(&sharing), three);
    sharing.ignored_tags.clear();
    assert_eq!(changed(&sharing)[3..], ["vpc.main"]);
}

#[test]
fn defaults_of_a_new_group_are_ours_to_remove_until_it_was_as_desired() {
    let traits = Traits::of::<kinds::SecurityGroupRules>();
    let rule = |port: u16, peer: &str| {
        json!({"direction": "egress", "protocol": "tcp", "from": port, "to": port, "peer": peer,
            "description": ""})
    };
    let desired = json!({"group": "sg-1", "rules": [rule(443, "sg-2")]});
    let seen = json!({"group": "sg-1", "rules": [rule(443, "sg-2"), rule(1, "0.0.0.0/0")]});
    let id = Some(Id::from("sg-1"));
    let outputs = json!({"id": "sg-1"}).as_object().unwrap().clone();
    let known = Entry { id, desired: desired.clone(), outputs, ..Entry::default() };
    let found = |entry: &Entry| {
        let sharing = Sharing::default();
        let found = Comparison::new(&desired, Some(entry), &seen, &traits, &sharing);
        (found.differences.len(), found.additions.len())
    };
    assert_eq!(found(&known), (0, 1));
    assert_eq!(found(&Entry { fresh: true, ..known.clone() }), (1, 0));
    // As an earlier version has left it, half made.
    assert_eq!(found(&Entry { outputs: serde_json::Map::new(), ..known.clone() }), (1, 0));
    // An update that was begun may have brought it.
    let sent = json!({"group": "sg-1", "rules": [rule(1, "0.0.0.0/0")]});
    assert_eq!(found(&Entry { sent: Some(sent), ..known }), (1, 0));
}

/// A role that only an earlier revision names goes once the service runs another one, in whichever run
/// that is.
#[tokio::test(start_paused = true)]
async fn a_role_outlives_the_service_that_still_runs_with_it() {
    let whole = without(&full(), EXEC);
    let memory = Memory::default();
    converge(&memory, &graph_of(&whole)).await;
    let edited = graph_of(&without(&whole, "/services/api/permissions"));
    let role = id_of(&memory, "role.api-task");

    let calm = memory.fork();
    converge(&calm, &edited).await;
    let at = |call: &str| calm.log().iter().position(|one| one == call).unwrap();
    assert!(at("update service") < at("delete role"), "{:?}", calm.log());

    memory.roll_back(&id_of(&memory, "service.api"), "circuit breaker");
    for _ in 0..2 {
        let End::Done(outcome) = run(&memory, &edited, Faults::default()).await else {
            panic!("crashed without a fault")
        };
        let outcome = outcome.unwrap();
        assert!(!outcome.is_complete());
        assert!(memory.objects().contains_key(&role), "{:?}", memory.log());
        let plan = plan_now(&memory, &edited).await;
        assert_eq!(plan.steps[&"role.api-task".into()].action, Action::Delete);
    }
}

/// Something that stays names it for good: here a rule of somebody else's, that leads to the target group.
#[tokio::test(start_paused = true)]
async fn what_something_goes_on_to_name_is_not_deleted() {
    let mut file = full();
    file["services"]["web"] = json!({"image": "example.com/api:1", "port": 80,
        "route": {"path": ["/web"]}});
    let graph = |file: &Value| {
        let environment = environment(&file.to_string());
        let images = environment
            .services
            .keys()
            .map(|name| (name.clone(), stack::Image::Reference("example.com/api:1".into())));
        let zones = vec!["us-east-1a".into(), "us-east-1b".into()];
        let facts = stack::Facts { zones, images: images.collect(), ..stack::Facts::default() };
        stack::stack(&environment, &facts).unwrap()
    };
    let memory = Memory::default();
    converge(&memory, &graph(&file)).await;
    let group = id_of(&memory, "target-group.web");
    let arn =
        memory.stored().unwrap().unwrap().resources[&"target-group.web".into()].outputs["arn"]
            .clone();
    let rules = id_of(&memory, "listener-rules.http");
    memory.alter(&rules, |spec| {
        let rule = json!({"priority": 777, "paths": ["/x"], "hosts": [], "target_group": arn});
        spec["rules"].as_array_mut().unwrap().push(rule);
    });
    let edited = graph(&without(&file, "/services/web"));
    let End::Done(refused) = run(&memory, &edited, Faults::default()).await else {
        panic!("crashed without a fault")
    };
    let refused = refused.unwrap_err().to_string();
    let expected = "target-group.web is to be deleted, and listener-rules.http still names it";
    assert!(refused.contains(expected), "{refused}");
    assert!(memory.objects().contains_key(&group));
    memory.alter(&rules, |spec| {
        spec["rules"].as_array_mut().unwrap().retain(|rule| rule["priority"] != 777);
    });
    converge(&memory, &edited).await;
    check(&memory, &edited).await;
}
