//! One environment from several files, and where each of its values came from.

use stack::environment::{Nat, Secret, Zones, load, names};

use crate::files::{folder, prod, service, top};

const BASE: &str = "\
project: shop
region: us-east-1
services:
  web:
    image: ghcr.io/acme/web:1.4.2
    port: 8080
    route: [/a, /b]
    environment: { MODE: base, LEVEL: info }
    secrets: { TOKEN: token }
    replicas: 3
secrets: { token: given }
";

#[test]
fn maps_merge_and_everything_else_is_replaced() {
    let over = "\
extends: base.yaml
services:
  web:
    route: [/c]
    environment: { MODE: prod }
    replicas: { max: 9 }
  worker: { image: 'ghcr.io/acme/worker:2', cpu: 512, memory: 1024 }
";
    let environment = prod(&[("base", BASE), ("prod", over)]).unwrap().environment;
    let web = &environment.services["web"];
    assert_eq!(environment.name, "prod");
    assert_eq!(web.route.as_ref().unwrap().path, ["/c"]);
    assert_eq!(web.environment["MODE"], "prod");
    assert_eq!(web.environment["LEVEL"], "info");
    assert_eq!((web.replicas.min, web.replicas.max), (3, 9));
    assert!(environment.services["worker"].route.is_none());
}

#[test]
fn a_plain_number_of_replicas_replaces_both_ends() {
    let over = "extends: base.yaml\nservices: { web: { replicas: 1 } }\n";
    let base = BASE.replace("replicas: 3", "replicas: { min: 2, max: 6, cpu: 70 }");
    let replicas =
        &prod(&[("base", &base), ("prod", over)]).unwrap().environment.services["web"].replicas;
    assert_eq!((replicas.min, replicas.max, replicas.cpu), (1, 1, 70));
    assert!(!replicas.scales());
}

#[test]
fn null_takes_away_what_the_base_says() {
    let over = "\
extends: base.yaml
services: { web: { route: null, replicas: null, secrets: null, environment: { LEVEL: ~, MISSING: null } } }
secrets: { token: null }
";
    let environment = prod(&[("base", BASE), ("prod", over)]).unwrap().environment;
    let web = &environment.services["web"];
    assert!(web.route.is_none() && web.secrets.is_empty() && environment.secrets.is_empty());
    assert_eq!(web.environment.keys().collect::<Vec<_>>(), ["MODE"]);
    assert_eq!(web.replicas.min, 2, "back to the default");
}

#[test]
fn a_base_may_extend_a_base() {
    let middle = "extends: base.yaml\nnetwork: { nat: none }\nlogs: { retention: 7 }\n";
    let over = "extends: middle.yaml\nlogs: { retention: 90 }\n";
    let loaded = prod(&[("base", BASE), ("middle", middle), ("prod", over)]).unwrap();
    assert_eq!(loaded.environment.network.nat, Nat::None);
    assert_eq!(loaded.environment.logs.retention, 90);
    assert_eq!(loaded.files.len(), 3);
}

#[test]
fn every_value_knows_where_it_was_written() {
    let over = "extends: base.yaml\nservices:\n  web:\n    environment: { MODE: prod }\n";
    let folder = folder(&[("base", BASE), ("prod", over)]);
    let loaded = load(folder.path(), "prod").unwrap();
    let place =
        |path| loaded.origin(path).map(|place| place.rsplit('/').next().unwrap().to_owned());
    assert_eq!(place("services.web.environment.MODE").unwrap(), "prod.yaml:4:26");
    assert_eq!(place("services.web.environment.LEVEL").unwrap(), "base.yaml:8:39");
    assert_eq!(place("services.web.replicas.max").unwrap(), "base.yaml:10:15");
    assert_eq!(place("services.web.cpu"), None);
    assert_eq!(place("project").unwrap(), "base.yaml:1:10");
}

#[test]
fn anchors_and_merge_keys_are_understood() {
    let text = "\
project: shop
region: us-east-1
services:
  web: &web
    image: ghcr.io/acme/web:1.4.2
    port: 8080
    route: /*
    health: &health { path: /up, codes: 200-299 }
  admin:
    <<: *web
    route: /admin/*
    health: *health
";
    let environment =
        prod(&[("prod", &text.replace("route: /*\n", "route: \"/*\"\n"))]).unwrap().environment;
    let admin = &environment.services["admin"];
    assert_eq!(admin.route.as_ref().unwrap().path, ["/admin/*"]);
    assert_eq!((admin.port, admin.health.path.as_str()), (Some(8080), "/up"));
    assert_eq!(admin.health.codes, "200-299");
}

/// What an older reader of YAML would turn into a number or a boolean stays what was written.
#[test]
fn variables_keep_their_text() {
    let lines =
        "environment: { A: 1.10, B: yes, C: 0x10, D: true, E: 1e3, F: '007', G: 8080, H: 012 }";
    let variables =
        prod(&[("prod", &service(lines))]).unwrap().environment.services["web"].environment.clone();
    let texts: Vec<_> = variables.values().map(String::as_str).collect();
    assert_eq!(texts, ["1.10", "yes", "0x10", "true", "1e3", "007", "8080", "012"]);
}

#[test]
fn zones_and_secrets_have_two_forms_each() {
    let text = top(
        "network: { zones: [us-east-1a, us-east-1c] }\nsecrets: { one: given, two: { generate: 24 } }",
    );
    let environment = prod(&[("prod", &text)]).unwrap().environment;
    assert_eq!(
        environment.network.zones,
        Zones::Named(vec!["us-east-1a".into(), "us-east-1c".into()])
    );
    assert_eq!(environment.secrets["one"], Secret::Given);
    assert_eq!(environment.secrets["two"], Secret::Generate(24));
}

#[test]
fn environments_are_the_files_that_no_other_extends() {
    let folder = folder(&[
        ("base", BASE),
        ("shared", "extends: base.yaml\n"),
        ("dev", "extends: shared.yaml\n"),
        ("prod", "extends: base.yaml\n"),
        ("broken", "services: [\n"),
    ]);
    assert_eq!(names(folder.path()).unwrap(), ["broken", "dev", "prod"]);
}

/// Warnings are given and forbid nothing.
#[test]
fn a_secret_that_nobody_uses_is_a_warning() {
    let loaded = prod(&[("prod", &top("secrets: { spare: given }"))]).unwrap();
    assert!(!loaded.warnings.fatal());
    assert_eq!(loaded.warnings.0.len(), 1);
    assert_eq!((loaded.warnings.0[0].line, loaded.warnings.0[0].column), (8, 12));
}

/// A service whose body was forgotten is not silently left out.
#[test]
fn an_empty_value_with_nothing_to_remove_is_a_warning() {
    let text = service("health: { path: ~ }").replace("services:\n", "services:\n  worker:\n");
    let loaded = prod(&[("prod", &text)]).unwrap();
    let places: Vec<_> =
        loaded.warnings.0.iter().map(|warning| (warning.line, warning.column)).collect();
    assert_eq!(places, [(4, 3), (9, 15)]);
}

#[test]
fn a_route_takes_one_host_or_several() {
    let route = |route: &str| {
        let text = crate::files::service("").replace("\"/*\"", route);
        let environment = prod(&[("prod", &text)]).unwrap().environment;
        environment.services["web"].route.clone().unwrap()
    };
    assert_eq!(route("{ host: example.com }").host, ["example.com"]);
    let both = route("{ host: [example.com, www.example.com], path: [/a, /b, /c, /d, /e, /f] }");
    assert_eq!(both.host, ["example.com", "www.example.com"]);
    assert_eq!(both.path.len(), 6);
}

#[test]
fn requests_reach_a_service_by_its_own_host_or_the_domain() {
    let with = |route: &str, domain: &str| {
        let text = crate::files::service("").replace("\"/*\"", route) + domain;
        prod(&[("prod", &text)]).unwrap().environment.host_for("web", "/status")
    };
    assert_eq!(with("\"/*\"", ""), None);
    assert_eq!(with("\"/*\"", "domain: api.example.com\n").unwrap(), "api.example.com");
    assert_eq!(
        with("{ host: \"*.example.org\" }", "domain: api.example.com\n").unwrap(),
        "any.example.org"
    );
}
