//! The documentation says what the binary says: reference pages are generated (`UPDATE=1` writes
//! them), examples of environment files are loaded, and examples of commands are parsed.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::Value;

use crate::help::{VERBS, judge};
use crate::support::{Project, repository};

/// Compares a generated text with the file that holds it; `UPDATE=1` writes the file.
#[track_caller]
fn compare(path: &str, generated: &str) {
    let file = repository().join(path);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, generated).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(written == generated, "{path} is out of date: UPDATE=1 cargo test writes it");
}

#[test]
fn the_commands_page_is_the_help() {
    let project = Project::empty();
    let mut page = String::from(
        "# Commands\n\nGenerated from `--help`. Data goes to stdout, progress to stderr. Every \
         command takes `--env NAME` (or `PROVISIONER_ENV`) and, where it has data, `--json`.\n",
    );
    let top = project.run(&["--help"]).done();
    let codes = top.split_once("Exit codes:").unwrap().1;
    write!(page, "\n## Exit codes\n\n```\n{}\n```\n", codes.trim_matches('\n')).unwrap();
    for verb in VERBS {
        let words: Vec<&str> = verb.split(' ').chain(["--help"]).collect();
        let help = project.run(&words).done();
        let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
        write!(page, "\n## {verb}\n\n```\n{}\n```\n", lines.join("\n").trim_end()).unwrap();
    }
    compare("docs/commands.md", &page);
}

const BEGIN: &str = "<!-- fields -->\n";
const END: &str = "<!-- end of fields -->\n";

#[test]
fn the_fields_of_the_environment_file_are_the_schemas() {
    let schema: Value = serde_json::from_str(&Project::empty().run(&["schema"]).done()).unwrap();
    let mut table = String::from("| Field | Default | Meaning |\n| --- | --- | --- |\n");
    fields(&schema, "", &mut table);
    let path = "docs/environment-file.md";
    let text = std::fs::read_to_string(repository().join(path)).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    compare(path, &format!("{before}{BEGIN}{table}{END}{after}"));
}

/// Writes a row for each field below `schema`, and for the fields below it.
fn fields(schema: &Value, path: &str, table: &mut String) {
    let Some(properties) = schema["properties"].as_object() else {
        if let Some(below) = schema.get("additionalProperties").filter(|below| below.is_object()) {
            fields(below, &format!("{path}.NAME"), table);
        }
        return;
    };
    for (name, field) in properties {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let default = match field.get("default") {
            None | Some(Value::Null) => String::new(),
            Some(Value::Object(map)) if !map.is_empty() => String::new(),
            Some(value) => format!("`{value}`"),
        };
        let meaning = field["description"].as_str().unwrap_or_default();
        let meaning = meaning.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|");
        writeln!(table, "| `{path}` | {default} | {meaning} |").unwrap();
        // ECS's own fields are documented by AWS.
        if !path.ends_with(".override") {
            fields(field, &path, table);
        }
    }
}

/// The pages that hold examples.
fn pages() -> Vec<PathBuf> {
    let folder = repository();
    let mut pages = vec![folder.join("README.md"), folder.join(".github/workflows/README.md")];
    for entry in std::fs::read_dir(folder.join("docs")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
    pages
}

/// The fenced blocks of a page: language, text.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in page.lines() {
        match (line.trim().strip_prefix("```"), &mut open) {
            (Some(language), None) => open = Some((language.to_owned(), String::new())),
            (Some(_), Some(_)) => found.extend(open.take()),
            (None, Some((_, text))) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    found
}

#[test]
fn every_environment_file_in_the_docs_is_accepted() {
    let mut tried = 0;
    for page in pages() {
        for (language, text) in blocks(&std::fs::read_to_string(&page).unwrap()) {
            if language != "yaml" || text.contains("{ ... }") {
                continue;
            }
            let project = Project::empty();
            project.write("Dockerfile", "FROM scratch\n");
            // An example that extends the base file says only what it is about.
            let base = std::fs::read_to_string(repository().join("environments/base.yaml"));
            let base = base
                .unwrap()
                .replace("  api:\n", "  api:\n    build: { dockerfile: Dockerfile }\n");
            project.write("environments/base.yaml", &base);
            project.write("environments/example.yaml", &text);
            let run = project.run(&["config", "--env", "example"]);
            assert_eq!(run.code, 0, "{}:\n{text}\n{}", page.display(), run.err);
            tried += 1;
        }
    }
    assert!(tried >= 3, "{tried} examples");
}

#[test]
fn every_command_in_the_docs_is_accepted() {
    let project = Project::empty();
    let mut tried = 0;
    for page in pages() {
        for (_, text) in blocks(&std::fs::read_to_string(&page).unwrap()) {
            for line in text.lines() {
                let line = line.trim().trim_start_matches("$ ");
                let line = line.split("  #").next().unwrap_or_default();
                if line.starts_with("provisioner ") {
                    judge(&project, line);
                    tried += 1;
                }
            }
        }
    }
    assert!(tried >= 20, "{tried} commands");
}
