//! `init` from flags; the questions are in `terminal`.

use crate::support::{PROD, Project};

#[test]
fn a_first_file_loads_and_names_the_next_commands() {
    let project = Project::empty();
    project.write("Dockerfile", "FROM scratch");
    let run = project.run(&["init", "--project-name", "shop", "--region", "eu-west-1"]);
    insta::assert_snapshot!(run.shown(&[]), @"
    exit code 0
    --- stdout
    wrote environments/prod.yaml and environments/schema.json
    --- stderr
    next:
      provisioner config --env prod
      provisioner plan --env prod
      provisioner up --env prod
    ");
    insta::assert_snapshot!(project.read("environments/prod.yaml"), @r#"
    # yaml-language-server: $schema=schema.json
    # What is not said here has a default: `provisioner config --env prod` shows everything.
    project: shop
    region: eu-west-1

    network:
      cidr: 10.10.0.0/16  # cannot be changed later
      nat: per-zone  # one NAT gateway in each of 2 zones, about 33 USD a month each; or: shared, none

    services:
      api:
        build: { dockerfile: Dockerfile }
        port: 8000
        route: "/*"  # the requests that reach it; a worker has no route
        health: { path: / }  # must answer with status 200
        replicas: { min: 2, max: 4, cpu: 60 }  # as many as keep the CPU use at 60 %
        # environment: { LOG_LEVEL: info }
        # secrets: { DATABASE_URL: database-url }

    # secrets: { database-url: given }  # and then: provisioner secret set database-url --env prod

    # The load balancer, and what holds data, refuse to be deleted.
    protect: true
    "#);
    let config = project.run(&["config"]);
    assert_eq!((config.code, config.err.as_str()), (0, ""), "{config:?}");
    let printed = project.run(&["schema"]).done();
    assert!(printed == project.read("environments/schema.json"));
}

#[test]
fn nothing_is_overwritten() {
    let project = Project::with(&[("prod", PROD)]);
    project.write("environments/schema.json", "{}");
    insta::assert_snapshot!(
        project.run(&["init"]).shown(&[(&project.path().display().to_string(), "[project]")]), @"
        exit code 6
        --- stderr
        error: [project]/environments/prod.yaml is there already, and init overwrites nothing
          edit it, or choose another name with `--name`
        "
    );
    assert_eq!(project.read("environments/prod.yaml"), PROD);
    let run = project.run(&["init", "--name", "dev", "--yes", "--image", "ghcr.io/acme/api:1.0"]);
    assert!(run.err.contains("renew it with"), "{run:?}");
    run.done();
    assert_eq!(project.read("environments/schema.json"), "{}");
}

/// A second environment shares project and region, and gets a range of its own.
#[test]
fn a_second_environment_fits_the_first() {
    let project = Project::empty();
    let arguments = ["init", "--project-name", "shop", "--region", "eu-west-1", "--port", "80"];
    project.run(&arguments).done();
    project.run(&["init", "--env", "dev", "--nat", "none"]).done();
    let local = project.run(&["init", "--name", "local"]);
    assert!(!local.err.contains("provisioner plan"), "there is no local cloud yet: {local:?}");
    for (name, range, nat) in [
        ("prod", "10.10.0.0/16", "per-zone"),
        ("dev", "10.20.0.0/16", "none"),
        ("local", "10.30.0.0/16", "none"),
    ] {
        let json = project.run(&["config", "--json", "--env", name]).json();
        let environment = &json["environment"];
        assert_eq!(environment["project"], "shop");
        assert_eq!(environment["region"], "eu-west-1");
        assert_eq!(environment["network"]["cidr"], range);
        assert_eq!(environment["network"]["nat"], nat);
    }
}

#[test]
fn wrong_values_are_told_and_nothing_is_written() {
    for (arguments, part) in [
        (&["--name", "Prod"][..], "`Prod` cannot be the environment's name"),
        (&["--name", "../prod"], "cannot be the environment's name"),
        (&["--name", "base"], "`base` cannot be an environment"),
        (&["--port", "0"], "port"),
        (&["--region", "us-esat-1"], "did you mean `us-east-1`?"),
        (&["--service", "My Api"], "`My Api` cannot be the service's name"),
        (&["--image", "https://ghcr.io/acme/api"], "it has a scheme"),
        (&["--dockerfile", "/etc/Dockerfile"], "`dockerfile` cannot be"),
    ] {
        let project = Project::empty();
        let run = project.run(&[&["init"], arguments].concat());
        assert_eq!(run.code, 4, "{run:?}");
        assert!(run.err.contains(part), "{part}: {run:?}");
        assert!(!project.path().join("environments").exists());
    }
}

#[test]
fn json_lists_what_was_written() {
    let json = Project::empty().run(&["init", "--json"]).json();
    assert_eq!(
        json["written"],
        serde_json::json!(["environments/prod.yaml", "environments/schema.json"])
    );
    assert_eq!(json["next"][1], "provisioner plan --env prod");
}
