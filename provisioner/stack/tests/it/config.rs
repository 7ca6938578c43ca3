//! The environment in full.

use std::collections::BTreeMap;

use stack::environment::load;

use crate::files::{folder, prod, service};

#[test]
fn every_value_has_its_place_beside_it() {
    let base = service(
        "environment: { GREETING: 'hello, world', EMPTY: '' }\npermissions:\n  - actions: [s3:GetObject]\n    resources: ['arn:aws:s3:::a/*']",
    );
    let over = "extends: base.yaml\naccount: \"012345678901\"\nservices:\n  web:\n    cpu: 512\n    memory: 1024\n    override: { container: { user: '1000', ulimits: [{ name: nofile, softLimit: 1, hardLimit: 2 }] } }\n";
    insta::assert_snapshot!(prod(&[("base", &base), ("prod", over)]).unwrap().config());
}

/// The output is itself an environment file, and means the same.
#[test]
fn it_loads_to_the_same_environment() {
    let lines = "command: [serve, '8080', 'a: b', '#c', 'yes', '', \"it's\"]\nenvironment: { A: \"two\\nlines\", B: '1.10', C: '{}' }\nroute: { path: [/a, /b], priority: 3 }";
    let text = service(lines).replace("    route: \"/*\"\n", "");
    let once = prod(&[("prod", &text)]).unwrap();
    let twice = prod(&[("prod", &once.config())]).unwrap();
    assert_eq!(once.environment, twice.environment);
}

#[test]
fn json_gives_the_place_of_each_value() {
    let folder = folder(&[("prod", &service("environment: { A/B: x }").replace("A/B", "AB"))]);
    let json = load(folder.path(), "prod").unwrap().config_json();
    let from: BTreeMap<String, String> = serde_json::from_value(json["from"].clone()).unwrap();
    assert!(from["/services/web/port"].ends_with("prod.yaml:6:11"));
    assert_eq!(from["/services/web/cpu"], "default");
    assert!(from["/services/web/environment/AB"].ends_with("prod.yaml:8:24"));
    for pointer in from.keys() {
        assert!(json["environment"].pointer(pointer).is_some(), "{pointer}");
    }
}
