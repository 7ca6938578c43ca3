//! The project's files in a folder of their own, with a placeholder for every image that is built.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use stack::environment::{Build, Environment};

use crate::failure::{Failure, file};
use crate::release::images::architecture;
use crate::session::project::{FOLDER, Project};

/// The emulator's own account: its registry knows no other.
pub(crate) const ACCOUNT: &str = "000000000000";

/// Copies the environment files to `to`, and puts one in front of the environment's own.
pub(super) fn copy(project: &Project, environment: &Environment, to: &Path) -> Result<(), Failure> {
    let folder = to.join(FOLDER);
    std::fs::create_dir_all(&folder).map_err(|error| file(&folder, &error))?;
    let from = project.folder();
    for entry in std::fs::read_dir(&from).map_err(|error| file(&from, &error))? {
        let path = entry.map_err(|error| file(&from, &error))?.path();
        let Some(name) = path.file_name().filter(|_| path.is_file()) else { continue };
        std::fs::copy(&path, folder.join(name)).map_err(|error| file(&path, &error))?;
    }
    let own = folder.join(format!("{}.yaml", environment.name));
    let written = unused(&folder);
    std::fs::rename(&own, folder.join(&written)).map_err(|error| file(&own, &error))?;
    // JSON is YAML too.
    let mut text = json!({ "extends": written, "services": placeholders(environment, to)? });
    if environment.account.is_some() {
        text["account"] = ACCOUNT.into();
    }
    std::fs::write(&own, text.to_string()).map_err(|error| file(&own, &error))
}

/// For each service whose image is built: a program that nobody runs, of its architecture.
fn placeholders(environment: &Environment, folder: &Path) -> Result<Map<String, Value>, Failure> {
    let mut programs: BTreeMap<&str, PathBuf> = BTreeMap::new();
    let mut services = Map::new();
    for (name, service) in &environment.services {
        let Some(build) = &service.build else { continue };
        let architecture = architecture(service);
        let program = format!("placeholder-{}", architecture.oci());
        if !programs.contains_key(architecture.oci()) {
            let path = folder.join(&program);
            std::fs::write(&path, architecture.placeholder())
                .map_err(|error| file(&path, &error))?;
            programs.insert(architecture.oci(), path);
        }
        let mut fields = json!({ "binary": program });
        if let Build::Dockerfile { .. } = build {
            fields["dockerfile"] = Value::Null;
            fields["context"] = Value::Null;
        }
        services.insert(name.clone(), json!({ "build": fields }));
    }
    Ok(services)
}

/// A file's name that no environment has.
fn unused(folder: &Path) -> String {
    let names = std::iter::once("as-written.yaml".to_owned())
        .chain((2..).map(|n| format!("as-written-{n}.yaml")));
    names.into_iter().find(|name| !folder.join(name).exists()).unwrap_or_default()
}
