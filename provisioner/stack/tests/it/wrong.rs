//! Wrong environment files and the complaints that they get.
//!
//! The table's snapshot is the list of complaints as a user reads them; the assertions hold for every one.

mod cases;
mod others;

use std::fmt::Write as _;

use stack::environment::{Complaint, Complaints, Level, load};

use crate::files::{folder, service};
use cases::{cases, names, shape};

/// What loading says, with the folder's name as in a repository.
fn complaints(files: &[(&str, String)], name: &str) -> Complaints {
    let files: Vec<(&str, &str)> =
        files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let folder = folder(&files);
    let path = folder.path().display().to_string();
    let plain = |text: &str| text.replace(&path, "environments");
    let complaints = match load(folder.path(), name) {
        Ok(loaded) => loaded.warnings,
        Err(complaints) => complaints,
    };
    let renamed = complaints.0.into_iter().map(|complaint| Complaint {
        file: plain(&complaint.file),
        message: plain(&complaint.message),
        help: plain(&complaint.help),
        related: complaint.related.map(|mut related| {
            related.file = plain(&related.file);
            related
        }),
        ..complaint
    });
    Complaints(renamed.collect())
}

#[test]
fn each_wrong_file_gets_its_complaint() {
    let mut text = String::new();
    for (title, files) in cases() {
        let complaints = complaints(&files, "prod");
        assert!(complaints.fatal(), "{title} is accepted");
        for complaint in &complaints.0 {
            let source = files
                .iter()
                .find(|(name, _)| complaint.file == format!("environments/{name}.yaml"));
            assert!(complaint.line > 0 && complaint.column > 0, "{title}");
            assert!(
                !complaint.message.is_empty() && !complaint.help.is_empty(),
                "{title}: {complaint:?}"
            );
            if let Some((_, source)) = source.filter(|_| !complaint.snippet.ends_with('…')) {
                let line = source.lines().nth(complaint.line - 1).unwrap_or_default();
                assert_eq!(complaint.snippet, line, "{title}");
            }
        }
        writeln!(text, "## {title}\n\n{}", complaints.render(false)).unwrap();
    }
    insta::assert_snapshot!(text);
}

#[test]
fn there_are_many_kinds_of_wrong() {
    let mut messages: Vec<String> = Vec::new();
    for (_, files) in cases() {
        messages
            .extend(complaints(&files, "prod").0.into_iter().map(|complaint| complaint.message));
    }
    messages.sort();
    messages.dedup();
    assert!(
        cases().len() > 90 && messages.len() > 90,
        "{} files, {} messages",
        cases().len(),
        messages.len()
    );
}

/// One file with an error of every layer: all of them at once, in the order of the file.
#[test]
fn all_complaints_come_at_once() {
    let lines = "prot: 1\ncpu: 300\nreplicas: { min: 3, max: 1 }\nhealth: { interval: 1s, codes: 99 }\nstop: 30\nsecrets: { A: nowhere }";
    let text = service(lines).replace("project: shop", "project: Shop")
        + "network: { cidr: 10.0.0.1/16 }\nprotect: 3\nprotect: 4\n";
    let complaints = complaints(&[("prod", text)], "prod");
    let places: Vec<_> =
        complaints.0.iter().map(|complaint| (complaint.line, complaint.column)).collect();
    assert_eq!(
        places,
        [
            (1, 10),
            (8, 5),
            (9, 10),
            (10, 30),
            (11, 25),
            (11, 36),
            (12, 11),
            (13, 19),
            (14, 18),
            (15, 10),
            (16, 1)
        ],
        "{complaints}"
    );
}

#[test]
fn base_and_misspelt_names_are_no_environments() {
    let files = [("base", service("")), ("prod", service(""))];
    let base = complaints(&files, "base");
    assert!(base.0.iter().any(|complaint| complaint.message == "`base` cannot be an environment"));
    let prd = complaints(&files, "prd");
    assert_eq!(prd.0[0].message, "there is no environments/prd.yaml");
    assert_eq!(prd.0[0].help, "did you mean `prod`?");
    let upper = complaints(&[("Prod_1", service(""))], "Prod_1");
    assert_eq!(upper.0[0].message, "`Prod_1` cannot be the environment's name");
}

/// What may be a secret is not repeated where complaints are printed and kept.
#[test]
fn a_value_that_looks_like_a_secret_is_masked() {
    let lines = "environment: { DB_PASSWORD: hunter2 }\nhealth: { interval: 1s }";
    let complaints = complaints(&[("prod", service(lines))], "prod");
    assert!(complaints.0.iter().any(|complaint| complaint.level == Level::Warning));
    assert!(!complaints.render(false).contains("hunter2"));
    assert!(!serde_json::to_string(&complaints).unwrap().contains("hunter2"));
}

#[test]
fn json_has_the_same_as_the_text() {
    let complaints = complaints(&[("prod", service("cpu: 300"))], "prod");
    insta::assert_json_snapshot!(complaints, @r#"
    [
      {
        "level": "error",
        "file": "environments/prod.yaml",
        "line": 8,
        "column": 10,
        "length": 3,
        "message": "`cpu` cannot be 300",
        "help": "use one of `256`, `512`, `1024`, `2048`, `4096`, `8192` or `16384`",
        "snippet": "    cpu: 300"
      }
    ]
    "#);
}

/// What an editor sees by the schema alone: everything that is wrong with the shape.
#[test]
fn the_schema_refuses_what_has_the_wrong_shape() {
    let validator = jsonschema::validator_for(&stack::environment::schema()).unwrap();
    let options = serde_yaml::options! { strict_booleans: true };
    let value = |text: &str| {
        serde_yaml::from_str_with_options::<serde_json::Value>(text, options.clone()).unwrap()
    };
    assert!(
        validator
            .is_valid(&value(&service("stop: 30s\nroute: /a").replace("    route: \"/*\"\n", "")))
    );
    let refused =
        shape().into_iter().take_while(|(title, _)| *title != "a required field is missing");
    // What takes more than a pattern to see, or what JSON cannot say.
    let beyond = [
        "a number with a leading zero",
        "yes for true",
        "a region that is not one",
        "a domain with a scheme",
        "a tag of AWS's",
    ];
    let mut count = 0;
    for (title, files) in refused.chain(names()).filter(|(title, _)| !beyond.contains(title)) {
        assert!(!validator.is_valid(&value(&files[0].1)), "{title}");
        count += 1;
    }
    assert!(count > 20);
}

#[test]
fn an_image_without_a_version_is_a_warning() {
    for image in ["nginx", "nginx:latest", "localhost:5000/nginx"] {
        let text = service("").replace("ghcr.io/acme/web:1.4.2", image);
        let complaints = complaints(&[("prod", text)], "prod");
        assert!(!complaints.fatal() && complaints.0.len() == 1, "{complaints}");
    }
    for image in [
        "nginx:1.27",
        "localhost:5000/a/b:v1",
        "123456789012.dkr.ecr.us-east-1.amazonaws.com/shop/web:1",
    ] {
        let text = service("").replace("ghcr.io/acme/web:1.4.2", image);
        assert_eq!(complaints(&[("prod", text)], "prod").0, []);
    }
}
