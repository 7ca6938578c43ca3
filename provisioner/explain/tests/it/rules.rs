//! The tables themselves: every expression compiles and is needed, and every sentence can be said.

use std::collections::BTreeSet;

use explain::explain;
use explain::rule::{Line, Rank, Rule, Sign};
use explain::rules::TABLES;
use regex::{Regex, RegexBuilder};

use crate::fixture::{fixtures, picture};
use crate::words::VARIANTS;

fn rules() -> impl Iterator<Item = &'static Rule> {
    TABLES.iter().flat_map(|(_, rules)| *rules)
}

fn compiled(sign: &Sign) -> Regex {
    RegexBuilder::new(sign.text).case_insensitive(true).build().unwrap()
}

/// What one text cannot say: an exit code and a log line of the same task.
#[test]
fn a_shell_says_in_the_log_what_it_cannot_start() {
    for (code, line, rule) in [
        (127, "/bin/sh: 1: uvicorn: not found", "command-not-found"),
        (126, "/bin/sh: 1: /app/start.sh: Permission denied", "command-not-executable"),
        (255, "exec /app/api: exec format error", "architecture"),
    ] {
        let mut picture = picture("16-exit-on-start");
        for task in &mut picture.tasks {
            task.containers[0].exit_code = Some(code);
        }
        picture.logs.retain(|line| line.line.contains("no database"));
        picture.logs[0].line = line.into();
        assert_eq!(explain(&picture).rows[0].rule, rule, "{line}");
        picture.logs.clear();
        assert_eq!(explain(&picture).rows[0].rule, "exit-on-start", "{line}");
    }
}

#[test]
fn every_exit_code_has_one_meaning() {
    for code in 0..=255 {
        let mut picture = picture("16-exit-on-start");
        picture.logs.clear();
        for task in &mut picture.tasks {
            task.containers[0].exit_code = Some(code);
        }
        let explanation = explain(&picture);
        let causes: Vec<&str> = explanation
            .rows
            .iter()
            .filter(|row| row.rank == Rank::Cause)
            .map(|row| row.rule.as_str())
            .collect();
        let expected = match code {
            0 => "exit-zero",
            132 | 135 | 139 => "segmentation-fault",
            134 => "abort",
            137 => "killed",
            143 => "terminated",
            _ => "exit-on-start",
        };
        assert_eq!(causes, [expected], "exit code {code}");
    }
}

#[test]
fn every_alternative_of_every_rule_is_needed() {
    let mut texts: Vec<String> = VARIANTS.iter().map(|(_, text, _)| (*text).to_owned()).collect();
    texts.extend(
        ["127", "126", "version v8 answered, not v9", "no answer: x", "status 503: x"]
            .map(Into::into),
    );
    texts.extend(
        ["status 200 without \"x\": y", "a is PRIMARY, not b", "COMPLETED with 0 of 2"]
            .map(Into::into),
    );
    for fixture in fixtures() {
        let picture = fixture.picture;
        texts
            .extend(picture.events.into_iter().map(|event| event.message.replace('\u{2019}', "'")));
        texts.extend(
            picture.targets.into_iter().map(|it| format!("{}: {}", it.reason, it.description)),
        );
        texts.extend(picture.refusal.map(|refusal| refusal.message));
        for task in picture.tasks {
            texts.push(task.stopped_reason);
            for container in task.containers {
                texts.push(container.reason);
                texts.extend(container.exit_code.map(|code| code.to_string()));
            }
        }
    }
    for rule in rules() {
        for signs in rule.when {
            let sign = compiled(&signs[0]);
            let said = texts.iter().any(|text| sign.is_match(text));
            assert!(said, "{}: nothing says {}", rule.id, signs[0].text);
        }
    }
}

#[test]
fn ids_are_words_and_stand_for_one_rule() {
    let ids: Vec<&str> = rules().map(|rule| rule.id).collect();
    let once: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(once.len(), ids.len());
    let word = Regex::new("^[a-z]+(-[a-z]+)*$").unwrap();
    assert!(ids.iter().all(|id| word.is_match(id)));
}

/// Names that are known in every picture, however little it holds.
const ALWAYS: &[&str] =
    &["service", "environment", "desired", "running", "architecture", "other_architecture"];

#[test]
fn the_last_line_of_cause_and_fix_can_always_be_said() {
    let gap = Regex::new(r"\{(\w+)\}").unwrap();
    for rule in rules() {
        for lines in [rule.cause, rule.fix] {
            let Line { given, text } = lines.last().unwrap();
            assert!(given.is_empty(), "{}: {text}", rule.id);
            for name in gap.captures_iter(text) {
                let name = name.get(1).unwrap().as_str();
                let captured = rule.when.iter().all(|signs| {
                    signs.iter().any(|sign| {
                        sign.text.contains(&format!("(?P<{name}>"))
                            && !sign.text.contains(&format!("(?P<{name}>)?"))
                    })
                });
                let guarded =
                    rule.only.iter().any(|it| format!("{it:?}").contains(&format!("\"{name}\"")));
                let derived = name == "role_name";
                assert!(
                    ALWAYS.contains(&name) || captured || guarded || derived,
                    "{}: {{{name}}} may be unknown in: {text}",
                    rule.id
                );
            }
        }
    }
}

#[test]
fn every_rule_of_aws_has_its_page() {
    for rule in rules().filter(|rule| rule.row <= 40) {
        let page = rule.doc.unwrap();
        assert!(page.starts_with("https://docs.aws.amazon.com/"), "{page}");
    }
}
