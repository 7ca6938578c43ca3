//! Secrets: from standard input into the account, and nowhere else.

use engine::{Adapter, Owner, Which};
use kinds::SecretValue;
use stack::environment::load;

use crate::account::Account;
use crate::support::{PROD, Project, Run, wait};

const VALUE: &str = "postgres://app:hunter2-kept-secret@db/app";

/// Runs commands and remembers all that they said.
struct Watched {
    project: Project,
    said: String,
}

impl Watched {
    fn run(&mut self, arguments: &[&str], input: &[u8]) -> Run {
        let run = self.project.run_with(arguments, input);
        self.said.push_str(&run.shown(&[]));
        run
    }

    /// `secret list` without what differs from run to run.
    fn list(&mut self) -> String {
        let json = self.run(&["secret", "list", "--json"], b"").json();
        let rows = json.as_array().unwrap().iter().map(|row| {
            let because = row["because"].as_str().unwrap_or_default();
            let has = [row["version"].is_string(), row["changed"].is_string()];
            format!("{} {} {} {has:?}{because}\n", row["name"], row["kind"], row["has_value"])
        });
        rows.collect()
    }
}

#[test]
fn values_go_in_and_never_come_out() {
    let account = Account::new();
    let mut project = Project::with(&[("prod", PROD)]);
    account.hold(&mut project);
    let mut it = Watched { project, said: String::new() };
    let aws = account.connect();

    insta::assert_snapshot!(it.run(&["secret", "list"], b"").shown(&[]), @"
    exit code 0
    --- stdout
    NAME          KIND       VALUE         VERSION  CHANGED
    database-url  given      missing       -        -
    token         generated  made by `up`  -        -
    --- stderr
    missing: provisioner secret set database-url --env prod
    ");

    // Refused before anything is made.
    insta::assert_snapshot!(it.run(&["secret", "set", "databse-url"], VALUE.as_bytes()).shown(&[]), @"
    exit code 1
    --- stderr
    error: `databse-url` is no secret of the environment `prod`
      did you mean `database-url`?
    ");
    insta::assert_snapshot!(it.run(&["secret", "set", "database-url"], b"\n").shown(&[]), @r#"
    exit code 1
    --- stderr
    error: the value of database-url is empty: nothing is set
      pipe it in: printf %s "$VALUE" | provisioner secret set database-url
    "#);
    let broken = [b"\xff", VALUE.as_bytes()].concat();
    insta::assert_snapshot!(it.run(&["secret", "set", "database-url"], &broken).shown(&[]), @"
    exit code 1
    --- stderr
    error: the value of database-url is not a text in UTF-8
      encode it, with `base64` for example
    ");
    let long = VALUE.repeat(2000);
    insta::assert_snapshot!(it.run(&["secret", "set", "database-url"], long.as_bytes()).shown(&[]), @"
    exit code 1
    --- stderr
    error: the value of database-url has 82000 bytes
      Secrets Manager takes 65536 at most
    ");
    assert_eq!(
        it.list(),
        "\"database-url\" \"given\" false [false, false]\n\"token\" \"generated\" false [false, false]\n"
    );

    // Before the first `up`, with exactly one line end taken away.
    let piped = format!("{VALUE}\n\n");
    let set = it.run(&["secret", "set", "database-url", "--json"], piped.as_bytes()).json();
    assert_eq!(set["outcome"], "created");
    let version = set["version"].as_str().unwrap();
    assert!(!version.is_empty());
    let kept = wait(aws.value_from("shop/prod/database-url")).unwrap();
    assert_eq!(kept, format!("{VALUE}\n"));
    assert_eq!(
        it.list(),
        "\"database-url\" \"given\" true [true, true]\n\"token\" \"generated\" false [false, false]\n"
    );

    // Again, by the name that messages of AWS show.
    let run = it.run(&["secret", "set", "shop/prod/database-url"], VALUE.as_bytes());
    assert_eq!((run.code, version == short(&run.out)), (0, false));
    insta::assert_snapshot!(run.shown(&[(short(&run.out), "[version]")]), @"
    exit code 0
    --- stdout
    updated shop/prod/database-url (version [version])
    --- stderr
    new tasks get it from now on; those that run keep the old value until `provisioner up --env prod`
    ");
    let run = it.run(&["secret", "set", "token"], VALUE.as_bytes());
    insta::assert_snapshot!(run.shown(&[(short(&run.out), "[version]")]), @"
    exit code 0
    --- stdout
    created shop/prod/token (version [version])
    --- stderr
    token is generated: without a value of yours, `up` would make one. Yours is used from now on
    ");

    // As the stack wants it: the next `up` finds nothing to change.
    let loaded = load(&it.project.path().join("environments"), "prod").unwrap();
    let desired = stack::secret(&loaded.environment, "database-url", SecretValue::Given);
    let seen = wait(aws.observe(Which::Named(std::slice::from_ref(&desired)))).unwrap();
    assert_eq!(seen[0].spec.tags.get("Name"), Some("shop/prod/database-url"));
    assert_eq!(seen[0].spec.description, desired.description);

    // Out of its recovery window.
    wait(aws.delete(&seen[0])).unwrap();
    assert_eq!(
        it.list(),
        "\"database-url\" \"given\" false [false, false]being deleted\n\"token\" \"generated\" true [true, true]\n"
    );
    let run = it.run(&["secret", "set", "database-url"], VALUE.as_bytes());
    assert!(run.out.starts_with("restored shop/prod/database-url"), "{run:?}");

    // No longer in the file.
    it.project.write(
        "environments/prod.yaml",
        &PROD.replace("token: { generate: 32 }", "").replace(", TOKEN: token", ""),
    );
    assert_eq!(
        it.list(),
        "\"database-url\" \"given\" true [true, true]\n\"token\" \"unnamed\" true [true, true]\n"
    );
    let table = it.run(&["secret", "list"], b"").done();
    assert!(table.contains("not in the file"), "{table}");

    assert!(!it.said.contains("hunter2"), "{}", it.said);
}

/// The version in a sentence of `secret set`.
fn short(sentence: &str) -> &str {
    sentence.split("(version ").nth(1).and_then(|rest| rest.split(')').next()).unwrap_or("?")
}

#[test]
fn somebody_elses_secret_is_left_alone() {
    let account = Account::new();
    let mut project = Project::with(&[("prod", PROD)]);
    account.hold(&mut project);
    let aws = account.connect();
    let loaded = load(&project.path().join("environments"), "prod").unwrap();
    let mut theirs = stack::secret(&loaded.environment, "database-url", SecretValue::Given);
    let [(tag, _), ..] = Owner::of("", "").tags();
    theirs.tags = theirs.tags.with(tag, "bakery");
    wait(aws.set_secret(&theirs, "theirs")).unwrap();

    let run = project.run_with(&["secret", "set", "database-url"], VALUE.as_bytes());
    insta::assert_snapshot!(run.shown(&[]), @"
    exit code 6
    --- stderr
    error: secret shop/prod/database-url exists and belongs to somebody else
      rename this secret in the environment file, or remove the other one
    ");
    let kept = wait(aws.value_from(&theirs.name)).unwrap();
    assert_eq!(kept, "theirs");
    let listed = project.run(&["secret", "list", "--json"]).json();
    assert_eq!(listed[0]["because"], "somebody else's");
}

#[test]
fn without_a_cloud_there_is_one_error_and_no_value_in_it() {
    let mut project = Project::with(&[("prod", PROD)]);
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    project
        .set("AWS_ENDPOINT_URL", &format!("http://127.0.0.1:{port}"))
        .set("AWS_ACCESS_KEY_ID", "test")
        .set("AWS_SECRET_ACCESS_KEY", "test");
    let run = project.run_with(&["secret", "set", "database-url"], VALUE.as_bytes());
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.err.contains("AWS_ENDPOINT_URL") && !run.err.contains("hunter2"), "{run:?}");
}
