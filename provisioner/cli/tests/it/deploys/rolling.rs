//! Changes of the environment file under load, and a domain beside a probe.

use super::home::Home;
use crate::http::{request, under_load};

#[test]
fn changes_that_can_roll_fail_no_request() {
    let home = Home::of_processes();
    for (from, to) in [
        ("port: 8000", "port: 8001"),
        ("health: { grace: 10s }", "health: { grace: 10s, path: /up }"),
        ("    stop: 2s", "    cpu: 512\n    memory: 1024\n    deregistration: 1s\n    stop: 3s"),
        ("secrets: { TOKEN: token }", "secrets: { TOKEN: token, OTHER: token }"),
        ("route: \"/*\"", "route: [\"/*\", /more]"),
        ("secrets: { token: given }", "load_balancer: { idle: 90s }\nsecrets: { token: given }"),
    ] {
        home.replace(from, to);
        let (up, answers) = under_load(&home.url, || home.project.run(&["up", "--yes"]));
        up.done();
        assert_eq!(answers.keys().collect::<Vec<_>>(), [&200], "{to}: {answers:?}");
        home.project.run(&["plan"]).done();
    }
}

/// Every rule asks for the domain, and so does the probe.
#[test]
fn a_release_is_probed_under_its_domain() {
    let home = Home::of_processes();
    home.replace("secrets: { token: given }", "domain: pay.example.com\nsecrets: { token: given }");
    home.project.run(&["up", "--yes"]).done();
    assert_eq!(request("GET", &home.url, &[], "").unwrap().0, 404);
    let deployed = home.run(&home.deploy("v2")).json();
    assert_eq!(deployed["end"], "serves", "{deployed}");
    home.project.run(&["plan"]).done();
}
