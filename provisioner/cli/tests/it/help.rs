//! What a first-time user reads: help, examples, completions.

use crate::support::Project;

pub(crate) const VERBS: &[&str] = &[
    "init",
    "config",
    "plan",
    "drift",
    "up",
    "rehearse",
    "status",
    "outputs",
    "deploy",
    "rollback",
    "releases",
    "explain",
    "logs",
    "run",
    "scale",
    "restart",
    "destroy",
    "secret set",
    "secret list",
    "state list",
    "state show",
    "state unlock",
    "state history",
    "state rebuild",
    "state restore",
    "iam",
    "schema",
    "completions",
    "local start",
    "local stop",
    "local status",
];

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

#[test]
fn every_verb_has_an_example_that_the_command_line_accepts() {
    let project = Project::empty();
    for verb in VERBS {
        let help = project.run(&[&words(verb)[..], &["--help"]].concat()).done();
        let example = help.lines().find_map(|line| line.trim().strip_prefix("Example: "));
        let example = example.unwrap_or_else(|| panic!("{verb} has no example:\n{help}"));
        assert!(example.contains(&format!("provisioner {verb}")), "{verb}: {example}");
        judge(&project, example);
    }
}

/// Fails unless the command line accepts every call of the binary in `line`.
#[track_caller]
pub(crate) fn judge(project: &Project, line: &str) {
    for part in line.split(['|', '&', '>']) {
        let Some(arguments) = part.trim().strip_prefix("provisioner ") else { continue };
        // With `--help` at its end nothing is done, but what comes before is judged.
        let (flags, command) = arguments.split_once(" -- ").unwrap_or((arguments, ""));
        let end: &[&str] =
            if command.is_empty() { &["--help"] } else { &["--help", "--", command] };
        let judged = project.run(&[&words(flags)[..], end].concat());
        assert_eq!(judged.code, 0, "{line}: {judged:?}");
    }
}

/// A verb that the list above lacks has no test.
#[test]
fn the_list_of_verbs_is_whole() {
    let project = Project::empty();
    let mut found = Vec::new();
    for verb in listed(&project.run(&["--help"]).done()) {
        let below = listed(&project.run(&[&verb, "--help"]).done());
        if below.is_empty() {
            found.push(verb);
        } else {
            found.extend(below.into_iter().map(|below| format!("{verb} {below}")));
        }
    }
    found.sort();
    let mut known = VERBS.to_vec();
    known.sort_unstable();
    assert_eq!(found, known);
}

/// The commands that a help text lists.
fn listed(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let lines = lines.take_while(|line| !line.is_empty()).filter(|line| {
        // The rest of a long description is indented further.
        line.starts_with("  ") && !line.starts_with("   ")
    });
    let names = lines.filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(Into::into).collect()
}

#[test]
fn the_help_documents_the_exit_codes() {
    let help = Project::empty().run(&["--help"]).done();
    for code in ["0  ", "1  ", "2  ", "3  ", "4  ", "5  ", "6  ", "7  ", "8  ", "130  "] {
        assert!(help.contains(code), "{code}:\n{help}");
    }
}

#[test]
fn the_schema_is_the_one_that_the_files_name() {
    let schema = crate::support::repository().join("environments/schema.json");
    let printed = Project::empty().run(&["schema"]).done();
    assert!(printed == std::fs::read_to_string(schema).unwrap());
}

#[test]
fn completions_know_the_verbs_and_not_the_hidden_one() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = Project::empty().run(&["completions", shell]).done();
        for word in ["provisioner", "destroy", "unlock", "dockerfile"] {
            assert!(script.contains(word), "{shell} lacks {word}");
        }
        assert!(!script.contains("supervise"), "{shell}");
    }
}

/// Where the shell is there, it must take the script.
#[test]
fn bash_completes() {
    let project = Project::empty();
    project.write("script", &project.run(&["completions", "bash"]).done());
    let ask = "source ./script; COMP_WORDS=(provisioner sta); COMP_CWORD=1; \
               _provisioner provisioner sta provisioner; echo ${COMPREPLY[@]}";
    let Ok(answer) = project.command("bash").args(["-c", ask]).output() else { return };
    assert_eq!(String::from_utf8_lossy(&answer.stdout).trim(), "status state");
}
