//! The files in `environments/`: they load, they agree with the schema, and the schema next to them is current.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use stack::environment::{Artifact, Data, load, names, schema};

fn environments() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../environments")
}

#[test]
fn all_load_without_a_complaint() {
    let names = names(&environments()).unwrap();
    assert_eq!(names, ["dev", "local", "prod", "staging"]);
    for name in names {
        let loaded =
            load(&environments(), &name).unwrap_or_else(|complaints| panic!("{complaints}"));
        assert_eq!(loaded.warnings.0, [], "{name}");
        assert_eq!(loaded.environment.project, "payments");
    }
}

#[test]
fn only_the_local_one_keeps_its_data_on_a_disk() {
    for (name, data) in
        [("local", Data::Ephemeral), ("dev", Data::External), ("prod", Data::External)]
    {
        let api = load(&environments(), name).unwrap().environment.services["api"].clone();
        assert_eq!(api.data, data);
        assert_eq!(api.secrets.contains_key("DATABASE_URL"), data == Data::External);
        assert!(matches!(api.artifact(), Some(Artifact::Binary(_))) == (name == "local"));
    }
}

/// Run with `UPDATE_SCHEMA=1` to write it.
#[test]
fn the_schema_in_the_folder_is_current() {
    let path = environments().join("schema.json");
    let current = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        fs::write(&path, &current).unwrap();
    }
    assert!(
        fs::read_to_string(&path).unwrap() == current,
        "write it anew: UPDATE_SCHEMA=1 cargo test -p stack"
    );
}

#[test]
fn all_agree_with_the_schema_and_name_it() {
    let schema = schema();
    jsonschema::meta::validate(&schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for name in ["base", "local", "dev", "staging", "prod"] {
        let text = fs::read_to_string(environments().join(format!("{name}.yaml"))).unwrap();
        assert!(text.starts_with("# yaml-language-server: $schema=schema.json\n"), "{name}");
        let value: Value = serde_yaml::from_str(&text).unwrap();
        let errors: Vec<_> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{name}: {errors:?}");
    }
}

/// A user reads prod at a glance.
#[test]
fn prod_fits_on_a_screen() {
    assert!(fs::read_to_string(environments().join("prod.yaml")).unwrap().lines().count() <= 30);
}
