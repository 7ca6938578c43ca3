//! What the user adds to the stack's own routes and rules.

use serde_json::{Value, json};
use stack::environment::Exclusive;
use stack::{Facts, Image};

use crate::files::{prod, service, top};

/// What the stack declares under an address.
fn declared(text: &str, address: &str) -> Value {
    let environment = prod(&[("prod", text)]).unwrap().environment;
    let facts = Facts {
        zones: vec!["us-east-1a".into(), "us-east-1b".into()],
        images: [("web".to_owned(), Image::Reference("web:1".into()))].into(),
        ..Facts::default()
    };
    let graph = stack::stack(&environment, &facts).unwrap();
    graph.get(&address.into()).unwrap_or_else(|| panic!("{address}")).spec.clone()
}

fn destinations(text: &str, table: &str) -> Vec<String> {
    let table = declared(text, table);
    let routes = table["routes"].as_array().unwrap().iter();
    routes.map(|route| route["destination"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_route_is_the_tasks_unless_it_says_otherwise() {
    let text = top(
        "network: { routes: [{ destination: 10.99.0.0/16, target: pcx-0a1b2c3d }, { destination: 10.98.0.0/16, target: tgw-0a1b2c3d, subnets: public }] }",
    );
    for table in ["route-table.private-a", "route-table.private-b"] {
        assert_eq!(destinations(&text, table), ["0.0.0.0/0", "10.99.0.0/16"]);
    }
    assert_eq!(destinations(&text, "route-table.public"), ["0.0.0.0/0", "10.98.0.0/16"]);
    let without_nat = text.replace("network: {", "network: { nat: none,");
    assert_eq!(
        destinations(&without_nat, "route-table.public"),
        ["0.0.0.0/0", "10.98.0.0/16", "10.99.0.0/16"]
    );
}

#[test]
fn who_is_let_in_is_let_into_the_group_that_says_so() {
    let text = service("ingress: [{ port: 9100, from: 10.99.0.0/16, description: Prometheus }]")
        + "load_balancer: { ingress: [{ port: 443, protocol: udp, from: pl-0a1b2c3d }] }\n";
    let has = |group: &str, rule: &Value| {
        let rules = declared(&text, group);
        rules["rules"].as_array().unwrap().contains(rule)
    };
    let metrics = json!({
        "direction": "ingress", "protocol": "tcp", "from": 9100, "to": 9100,
        "peer": "10.99.0.0/16", "description": "Prometheus"
    });
    let quic = json!({
        "direction": "ingress", "protocol": "udp", "from": 443, "to": 443,
        "peer": "pl-0a1b2c3d", "description": ""
    });
    assert!(has("security-group-rules.web", &metrics));
    assert!(has("security-group-rules.load-balancer", &quic));
    assert!(!has("security-group-rules.load-balancer", &metrics));
    assert!(!has("security-group-rules.web", &quic));
}

#[test]
fn what_is_exclusive_and_ignored_is_read() {
    let text = top("exclusive: [tags, routes]\nignore_tags: [cost-center, 'scanner:*']");
    let environment = prod(&[("prod", &text)]).unwrap().environment;
    assert_eq!(environment.exclusive, [Exclusive::Tags, Exclusive::Routes]);
    assert_eq!(environment.ignore_tags, ["cost-center", "scanner:*"]);
}
