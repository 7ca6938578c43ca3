//! On a terminal: questions, hidden prompts, colours. Everywhere else: none of them.

use serde_json::json;

use crate::account::Account;
use crate::support::{PROD, Project, Run, wait};

/// Runs a command on a terminal of its own; waits for each text and then types the answer to it.
const TYPIST: &str = r#"
import json, os, pty, select, sys, time
steps, command = json.loads(sys.argv[1]), sys.argv[2:]
pid, terminal = pty.fork()
if pid == 0:
    os.execv(command[0], command)
said, seen, deadline = b"", 0, time.time() + 60
while time.time() < deadline:
    if steps and steps[0][0].encode() in said[seen:]:
        seen = len(said)
        # The prompt is there; the terminal is made ready for its answer right after.
        time.sleep(0.3)
        os.write(terminal, steps.pop(0)[1].encode())
    ready, _, _ = select.select([terminal], [], [], 0.1)
    if ready:
        try:
            more = os.read(terminal, 65536)
        except OSError:
            break
        if not more:
            break
        said += more
sys.stdout.buffer.write(said)
sys.stdout.flush()
_, status = os.waitpid(pid, 0)
sys.exit(os.waitstatus_to_exitcode(status))
"#;

impl Project {
    /// Runs on a terminal; both outputs are one there.
    fn typed(&self, steps: &[(&str, &str)], arguments: &[&str]) -> Run {
        let mut command = self.command("python3");
        command.args(["-c", TYPIST, &json!(steps).to_string()]);
        command
            .arg(env!("CARGO_BIN_EXE_provisioner"))
            .args(arguments)
            .env("TERM", "xterm-256color");
        let output = command.output().unwrap();
        Run {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).replace('\r', ""),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

#[test]
fn init_asks_and_asks_again_after_a_wrong_answer() {
    let project = Project::empty();
    let steps = [
        ("environment", "Prod\r"),
        // The wrong answer stands there to be mended.
        ("cannot be the environment's name", "\x15\x7f\x7f\x7f\x7fstaging\r"),
        ("project", "shop\r"),
        ("AWS region", "eu-west-1\r"),
        ("service", "\r"),
        ("port", "\r"),
        ("it runs", "\x1b[B\r"),
        ("image", "\r"),
        ("tasks reach the internet", "\r"),
    ];
    let run = project.typed(&steps, &["init"]);
    assert_eq!(run.code, 0, "{run:?}");
    let json = project.run(&["config", "--json"]).json();
    let environment = &json["environment"];
    assert_eq!(environment["name"], "staging", "{run:?}");
    assert_eq!(environment["region"], "eu-west-1");
    assert_eq!(environment["network"]["nat"], "shared");
    assert_eq!(environment["services"]["api"]["image"], "ghcr.io/acme/api:1.0");
}

#[test]
fn init_with_yes_asks_nothing() {
    let project = Project::empty();
    let run = project.typed(&[], &["init", "--yes"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(project.path().join("environments/prod.yaml").exists());
}

#[test]
fn an_interrupted_question_writes_nothing() {
    let project = Project::empty();
    let run = project.typed(&[("environment", "\x03")], &["init"]);
    assert_ne!(run.code, 0, "{run:?}");
    assert!(!project.path().join("environments").exists());
}

#[test]
fn a_typed_secret_is_not_shown() {
    let account = Account::new();
    let mut project = Project::with(&[("prod", PROD)]);
    account.hold(&mut project);
    let steps = [("value of database-url (hidden)", "hunter2\r")];
    let run = project.typed(&steps, &["secret", "set", "database-url"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.out.contains("created shop/prod/database-url"), "{run:?}");
    assert!(!run.out.contains("hunter2"), "{run:?}");
    let listed = project.run(&["secret", "list", "--json"]).json();
    assert!(listed[0]["version"].is_string());
    let value = wait(account.connect().value_from("shop/prod/database-url")).unwrap();
    assert_eq!(value, "hunter2");
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let mut project = Project::with(&[("prod", PROD), ("dev", PROD)]);
    let commands: [&[&str]; 6] = [
        &["config"],
        &["config", "--env", "prod"],
        &["--help"],
        &["nonsense"],
        &["init", "--yes"],
        &["schema"],
    ];
    for arguments in commands {
        let run = project.run(arguments);
        assert!(!run.out.contains('\x1b') && !run.err.contains('\x1b'), "{arguments:?}: {run:?}");
    }
    // What goes wrong is red there.
    for arguments in [&["nonsense"][..], &["init", "--yes"]] {
        let run = project.typed(&[], arguments);
        assert!(run.out.contains('\x1b'), "{arguments:?}: {run:?}");
    }
    project.set("NO_COLOR", "1");
    for arguments in commands {
        let run = project.typed(&[], arguments);
        assert!(!run.out.contains('\x1b'), "{arguments:?}: {run:?}");
    }
}
