//! Which environment, which file, and what is wrong with it.

use crate::support::{PROD, Project, repository};

#[test]
fn wrong_usage_is_2_and_changes_nothing() {
    let project = Project::with(&[("prod", PROD)]);
    for arguments in [
        &["deplyo"][..],
        &[],
        &["plan", "--oot", "x"],
        &["state", "unlock"],
        &["up", "--wait", "soon"],
        &["init", "--image", "a:1", "--dockerfile", "Dockerfile"],
        &["completions", "tcsh"],
    ] {
        let run = project.run(arguments);
        assert_eq!(run.code, 2, "{arguments:?}: {run:?}");
        assert!(run.out.is_empty() && !run.err.is_empty(), "{run:?}");
    }
}

#[test]
fn a_wrong_file_is_4_with_every_place_and_fix() {
    let file = "project: shop\nregion: us-esat-1\nservices:\n  api: { image: \"a/b:1\", prot: 8000, cpu: 300 }\n";
    let project = Project::with(&[("prod", file)]);
    insta::assert_snapshot!(project.run(&["config"]).shown(&[]), @r#"
    exit code 4
    --- stderr
    error: `us-esat-1` is not a region
     --> environments/prod.yaml:2:9
      |
    2 | region: us-esat-1
      |         ^^^^^^^^^
      |
      = help: did you mean `us-east-1`?

    error: unknown field `prot` in `api`
     --> environments/prod.yaml:4:26
      |
    4 |   api: { image: "a/b:1", prot: 8000, cpu: 300 }
      |                          ^^^^
      |
      = help: did you mean `port`?

    error: `cpu` cannot be 300
     --> environments/prod.yaml:4:43
      |
    4 |   api: { image: "a/b:1", prot: 8000, cpu: 300 }
      |                                           ^^^
      |
      = help: use one of `256`, `512`, `1024`, `2048`, `4096`, `8192` or `16384`
    "#);
    for verb in ["plan", "up", "status", "outputs", "destroy"] {
        let run = project.run(&[verb]);
        assert_eq!(run.code, 4, "{verb}: {run:?}");
        assert!(run.err.contains("environments/prod.yaml:2:9"), "{run:?}");
    }
    let run = project.run(&["config", "--json"]);
    let error: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!((run.code, &error["error"]["code"]), (4, &"config".into()));
}

#[test]
fn no_folder_is_4_and_leads_to_init() {
    let project = Project::empty();
    insta::assert_snapshot!(project.run(&["config"]).shown(&[]), @"
    exit code 4
    --- stderr
    error: there is no folder `environments` here or above
      run `provisioner init` to write a first environment file
    ");
    insta::assert_snapshot!(project.run(&["config", "--project", "elsewhere"]).shown(&[]), @"
    exit code 4
    --- stderr
    error: there is no folder `environments` in elsewhere
      run `provisioner init` to write a first environment file
    ");
    project.write("environments/base.yaml", PROD);
    insta::assert_snapshot!(project.run(&["config"]).shown(&[]), @"
    exit code 4
    --- stderr
    error: there is no environment file
      run `provisioner init` to write one
    ");
}

#[test]
fn among_several_environments_one_must_be_said() {
    let other = PROD.replace("us-east-1", "eu-west-1");
    let mut project = Project::with(&[("prod", PROD), ("dev", &other)]);
    insta::assert_snapshot!(project.run(&["config"]).shown(&[]), @"
    exit code 4
    --- stderr
    error: which environment? there are dev, prod
      say it with `--env NAME` or PROVISIONER_ENV
    ");
    insta::assert_snapshot!(project.run(&["config", "--env", "prdo"]).shown(&[]), @"
    exit code 4
    --- stderr
    error: there is no environments/prdo.yaml
     --> environments/prdo.yaml:1:1
      |
    1 |
      | ^
      |
      = help: did you mean `prod`?
    ");
    assert!(project.run(&["config", "--env", "dev"]).done().contains("eu-west-1"));
    project.set("PROVISIONER_ENV", "dev");
    assert!(project.run(&["config"]).done().contains("eu-west-1"));
    assert!(project.run(&["-e", "prod", "config"]).done().contains("us-east-1"));
}

#[test]
fn the_folder_is_found_from_below_and_by_name() {
    let project = Project::with(&[("prod", PROD)]);
    project.write("services/api/README.md", "");
    let below = project.path().join("services/api");
    let mut command = project.command(env!("CARGO_BIN_EXE_provisioner"));
    let below = command.current_dir(below).arg("config").output().unwrap();
    assert!(below.status.success(), "{below:?}");
    let outside = Project::empty();
    let named = project.path().display().to_string();
    let named = outside.run(&["config", "--project", &named]).done();
    assert_eq!(named, String::from_utf8(below.stdout).unwrap());
}

#[test]
fn the_whole_configuration_says_where_each_value_is_from() {
    let base = PROD.replace("project: shop\n", "project: shop\nlogs: { retention: 7 }\n");
    let prod = "extends: base.yaml\nservices: { api: { cpu: 512, memory: 1024 } }\n";
    let project = Project::with(&[("base", &base), ("prod", prod)]);
    insta::assert_snapshot!(project.run(&["config"]).done(), @r#"
    project: shop                      # base.yaml:1
    logs:
      retention: 7                     # base.yaml:2
      buffer: 25m                      # default
      mode: non-blocking               # default
      multiline: null                  # default
    region: us-east-1                  # base.yaml:3
    services:
      api:
        image: "ghcr.io/acme/api:1.0"  # base.yaml:6
        port: 8000                     # base.yaml:7
        route:
          path: [/*]                   # base.yaml:8
          host: []                     # default
          priority: null               # default
        secrets:
          DATABASE_URL: database-url   # base.yaml:9
          TOKEN: token                 # base.yaml:9
        cpu: 512                       # prod.yaml:2
        memory: 1024                   # prod.yaml:2
        architecture: x86_64           # default
        build: null                    # default
        command: null                  # default
        data: external                 # default
        deregistration: 15s            # default
        environment: {}                # default
        health:
          codes: "200"                 # default
          command: null                # default
          grace: 1m                    # default
          healthy: 2                   # default
          interval: 10s                # default
          path: /                      # default
          timeout: 5s                  # default
          unhealthy: 2                 # default
        ingress: []                    # default
        migration: null                # default
        override:
          container: {}                # default
          service: {}                  # default
          task_definition: {}          # default
        permissions: []                # default
        probe: null                    # default
        replicas:
          cpu: 60                      # default
          max: 2                       # default
          min: 2                       # default
        role: null                     # default
        stop: 30s                      # default
    secrets:
      database-url: given              # base.yaml:10
      token:
        generate: 32                   # base.yaml:10
    account: null                      # default
    domain: null                       # default
    exclusive: []                      # default
    iam:
      boundary: null                   # default
      path: /                          # default
    ignore_tags: []                    # default
    load_balancer:
      drop_invalid_headers: true       # default
      idle: 1m                         # default
      ingress: []                      # default
    network:
      cidr: 10.0.0.0/16                # default
      nat: per-zone                    # default
      routes: []                       # default
      zones: 2                         # default
    protect: false                     # default
    state:
      bucket: null                     # default
      kms: null                        # default
      table: null                      # default
      tags: {}                         # default
    tags: {}                           # default
    "#);
    let json = project.run(&["config", "--json"]).json();
    assert_eq!(json["environment"]["services"]["api"]["cpu"], 512);
    assert_eq!(json["from"]["/services/api/cpu"], "environments/prod.yaml:2:25");
    assert_eq!(json["from"]["/services/api/replicas/min"], "default");
}

/// The repository's own prod, in full, loads again to the same.
#[test]
fn the_configuration_of_our_prod_is_itself_a_file() {
    let root = repository().display().to_string();
    let ours = ["config", "--env", "prod", "--project", &root];
    let text = Project::empty().run(&ours).done();
    assert!(text.lines().count() > 40, "{text}");
    let again = Project::with(&[("prod", &text)]).run(&["config", "--json"]).json();
    let json = Project::empty().run(&[&ours[..], &["--json"]].concat()).json();
    assert_eq!(json["environment"], again["environment"]);
    let from = json["from"]["/services/api/cpu"].as_str().unwrap();
    assert!(from.contains("environments/prod.yaml:"), "{from}");
}
