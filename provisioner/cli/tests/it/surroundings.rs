//! What a command finds around it: no credentials, a proxy, a full disk, empty variables, no environment file.

use std::fs::OpenOptions;
use std::net::TcpListener;
use std::process::Stdio;

use crate::account::Account;
use crate::deploys::run;
use crate::support::{PROD, Project, wait};

/// An address of this machine where nobody answers.
fn nobody() -> String {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    format!("http://127.0.0.1:{port}")
}

/// A machine without credentials. The metadata service of EC2 is looked for here, not on the network.
fn cold() -> Project {
    let mut project = Project::with(&[("prod", PROD)]);
    project.set("AWS_EC2_METADATA_SERVICE_ENDPOINT", &nobody());
    project
}

#[test]
fn without_credentials_one_line_says_what_to_do() {
    let run = cold().run(&["plan"]);
    insta::assert_snapshot!(run.shown(&[]), @"
    exit code 1
    --- stderr
    error: there are no AWS credentials: looked at AWS_ACCESS_KEY_ID, AWS_PROFILE, ~/.aws/config and ~/.aws/credentials and for a role of this machine
      sign in with `aws configure sso`, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY
    ");
}

#[test]
fn a_mistyped_profile_is_named() {
    let mut project = cold();
    project.write(".aws/config", "[profile staging]\nregion = eu-west-1\n");
    project.set("AWS_PROFILE", "stagign");
    insta::assert_snapshot!(project.run(&["plan"]).shown(&[]), @"
    exit code 1
    --- stderr
    error: the profile `stagign` (AWS_PROFILE) is not in ~/.aws/config and ~/.aws/credentials
      did you mean `staging`?
    ");
}

#[test]
fn init_takes_the_region_of_the_profile() {
    let mut project = Project::empty();
    project
        .write(".aws/config", "[default]\nregion = eu-west-1\n[profile sao]\nregion = sa-east-1\n");
    project.set("AWS_PROFILE", "sao").set("AWS_REGION", "");
    project.run(&["init", "--yes", "--name", "dev", "--image", "ghcr.io/acme/api:1"]).done();
    let file = project.read("environments/dev.yaml");
    assert!(file.contains("\nregion: sa-east-1\n"), "{file}");
}

#[test]
fn loopback_is_never_asked_through_a_proxy() {
    let account = Account::new();
    let mut project = Project::with(&[("prod", PROD)]);
    account.hold(&mut project);
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"] {
        project.set(name, &nobody());
    }
    assert_eq!(project.run(&["plan"]).code, 3);
    // Through the proxy that does not answer, and the host is named.
    let mut away = Project::with(&[("prod", PROD)]);
    away.set("AWS_ACCESS_KEY_ID", "a").set("AWS_SECRET_ACCESS_KEY", "b");
    away.set("AWS_ENDPOINT_URL", "http://sts.test.invalid:8080").set("HTTP_PROXY", &nobody());
    away.set("AWS_MAX_ATTEMPTS", "1");
    let run = away.run(&["plan"]);
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.err.contains("sts.test.invalid:8080: "), "{run:?}");
}

#[test]
fn empty_variables_mean_nothing() {
    let account = Account::new();
    let mut project = Project::with(&[("prod", PROD)]);
    account.hold(&mut project);
    for name in ["AWS_PROFILE", "PROVISIONER_ENV", "AWS_SESSION_TOKEN", "HTTPS_PROXY"] {
        project.set(name, "");
    }
    assert_eq!(project.run(&["plan"]).code, 3);
}

/// A file that macOS leaves beside each other one on foreign disks is no environment.
#[test]
fn hidden_files_are_no_environments() {
    let project = Project::with(&[("prod", PROD), ("._prod", "\0\u{5}\u{16}\u{7}")]);
    project.run(&["config"]).done();
}

#[test]
fn a_full_disk_is_one_error_and_leaves_no_lock() {
    let account = Account::new();
    let mut project = Project::with(&[("prod", PROD)]);
    account.hold(&mut project);
    project.run_with(&["secret", "set", "database-url"], b"postgres://app:pw@db/app").done();
    let full = || OpenOptions::new().write(true).open("/dev/full").unwrap();
    for arguments in [&["config"][..], &["up", "--yes"], &["outputs", "--json"]] {
        let again = || {
            let mut command = project.command(env!("CARGO_BIN_EXE_provisioner"));
            command.args(arguments).stdout(Stdio::from(full())).output().unwrap()
        };
        // A machine that stands still for long loses its lock.
        let mut runs = std::iter::repeat_with(again).take(3);
        let ended = runs.find(|run| run.status.code() != Some(8)).unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(1), "{said}");
        assert_eq!(
            said.matches("cannot write to standard output: No space left").count(),
            1,
            "{said}"
        );
        assert!(!said.contains("panicked"), "{said}");
    }
    let status = project.run(&["status", "--json"]).json();
    assert_eq!((&status["exists"], &status["locked_by"]), (&true.into(), &serde_json::Value::Null));
    project.run(&["plan"]).done();
}

/// Its branch was deleted, and its environment lives on.
#[test]
fn the_state_is_enough() {
    let account = Account::new();
    let mut project =
        Project::with(&[("prod", &PROD.replace("\nsecrets: {", "\nprotect: true\nsecrets: {"))]);
    account.hold(&mut project);
    project.run_with(&["secret", "set", "database-url"], b"postgres://app:pw@db/app").done();
    run(&project, &["up", "--yes"].map(Into::into)).done();
    let before = project.run(&["outputs", "--json"]).json();
    std::fs::remove_file(project.path().join("environments/prod.yaml")).unwrap();

    let status = project.run(&["status", "--env", "prod"]);
    assert_eq!(status.code, 4, "{status:?}");
    assert!(
        status.err.contains("its state is enough: --env NAME --project-name NAME --region"),
        "{status:?}"
    );
    let place = ["--env", "prod", "--project-name", "shop", "--region", "us-east-1"];
    let at = |arguments: &[&str]| project.run(&[arguments, &place].concat());
    assert_eq!(at(&["outputs", "--json"]).json(), before);
    let status = at(&["status", "--json"]).json();
    assert_eq!(status["services"][0]["name"], "api", "{status}");
    assert_eq!(at(&["releases", "--json"]).json()[0]["number"], 1);
    at(&["drift"]).done();
    let refused = at(&["destroy", "--yes"]);
    assert_eq!(refused.code, 6, "{refused:?}");
    at(&["destroy", "--yes", "--unprotect"]).done();
    let status = at(&["status", "--json"]).json();
    assert_eq!((&status["exists"], &status["services"]), (&false.into(), &serde_json::json!([])));
    let aws = account.connect();
    let number = wait(aws.identity()).unwrap().account;
    let bucket = aws::bootstrap::Backend::of(&number, "us-east-1").bucket;
    let left = wait(aws.read().s3.list_objects_v2().bucket(bucket).send()).unwrap();
    assert_eq!(left.contents().len(), 0, "{left:?}");
}

#[test]
fn what_names_a_state_is_asked_for_whole() {
    let project = Project::empty();
    for (arguments, code) in [
        (&["status", "--project-name", "shop"][..], 2),
        (&["status", "--region", "us-east-1", "--env", "prod"], 2),
        (&["status", "--region", "us-east-1", "--project-name", "shop"], 4),
    ] {
        let run = project.run(arguments);
        assert_eq!(run.code, code, "{run:?}");
    }
}
