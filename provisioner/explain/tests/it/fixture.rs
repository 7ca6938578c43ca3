//! The failures in `tests/fixtures`, and what each must be called.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use explain::rules::TABLES;
use explain::{Answers, Picture, explain, explain_without};
use serde_json::Value;

/// One failure, as AWS answers about it.
pub(crate) struct Fixture {
    /// The file's name without its ending: `06-image-not-found`.
    pub(crate) name: String,
    /// The rule that must explain it.
    pub(crate) rule: String,
    pub(crate) picture: Picture,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn read(path: &Path) -> Fixture {
    let mut value: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let rule = value.as_object_mut().unwrap().remove("rule").unwrap();
    let answers: Answers = serde_json::from_value(value).unwrap();
    Fixture {
        name: path.file_stem().unwrap().to_str().unwrap().into(),
        rule: rule.as_str().unwrap().into(),
        picture: answers.picture(),
    }
}

/// All of them, in the order of their names.
pub(crate) fn fixtures() -> Vec<Fixture> {
    let entries = std::fs::read_dir(folder()).unwrap();
    let mut fixtures: Vec<Fixture> = entries.map(|entry| read(&entry.unwrap().path())).collect();
    fixtures.sort_by(|one, other| one.name.cmp(&other.name));
    fixtures
}

/// The picture of one of them.
pub(crate) fn picture(name: &str) -> Picture {
    read(&folder().join(name).with_extension("json")).picture
}

#[test]
fn every_failure_is_called_by_its_name() {
    for fixture in fixtures() {
        let explanation = explain(&fixture.picture);
        let rules: Vec<&str> = explanation.rows.iter().map(|row| row.rule.as_str()).collect();
        assert_eq!(rules.first(), Some(&fixture.rule.as_str()), "{}: {rules:?}", fixture.name);
    }
}

#[test]
fn a_failure_has_one_cause_and_no_unknown_texts() {
    for fixture in fixtures() {
        let explanation = explain(&fixture.picture);
        let causes =
            explanation.rows.iter().filter(|row| row.rank != explain::rule::Rank::Consequence);
        assert!(causes.count() <= 1, "{}: {:#?}", fixture.name, explanation.rows);
        assert!(explanation.raw.is_empty(), "{}: {:#?}", fixture.name, explanation.raw);
    }
}

#[test]
fn without_its_rule_a_failure_is_called_otherwise() {
    for fixture in fixtures() {
        let explanation = explain_without(&[&fixture.rule], &fixture.picture);
        let first = explanation.first().map(|row| row.rule.clone());
        assert_ne!(first.as_deref(), Some(fixture.rule.as_str()), "{}", fixture.name);
        let whole = explain(&fixture.picture);
        assert_ne!(explanation.text(), whole.text(), "{}", fixture.name);
    }
}

#[test]
fn every_rule_has_a_failure_of_its_own() {
    let fixtures = fixtures();
    let named: Vec<&str> = fixtures.iter().map(|fixture| fixture.rule.as_str()).collect();
    for rule in TABLES.iter().flat_map(|(_, rules)| *rules) {
        assert!(named.contains(&rule.id), "no fixture for {}", rule.id);
        let name = format!("{:02}-{}", rule.row, rule.id);
        assert!(fixtures.iter().any(|fixture| fixture.name.starts_with(&name)), "{name}");
    }
}

/// All of them in the form for people: what a change of words or of order does is seen at once.
#[test]
fn the_explanations_read_well() {
    let mut all = String::new();
    for fixture in fixtures() {
        let explanation = explain(&fixture.picture);
        let (headline, text) = (&explanation.headline, explanation.text());
        writeln!(all, "== {}\n{headline}\n{text}", fixture.name).unwrap();
    }
    insta::assert_snapshot!("explanations", all);
}

#[test]
fn the_text_is_about_six_lines() {
    for fixture in fixtures() {
        let text = explain(&fixture.picture).text();
        assert!((3..=8).contains(&text.lines().count()), "{}:\n{text}", fixture.name);
    }
}
