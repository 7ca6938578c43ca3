//! `init`: a first environment file, from a few questions or from flags.

mod answers;
mod questions;

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;
use stack::environment::{self, Environment, Nat};

use crate::args::{self, Global, Init};
use crate::failure::{Code, Failure, file};
use crate::report;
use crate::session::local_cloud::LOCAL;
use crate::session::project::{FOLDER, Project};
use answers::{Answers, Source};

pub(crate) fn run(global: &Global, args: &Init) -> Result<ExitCode, Failure> {
    let root = root(global)?;
    let folder = root.join(FOLDER);
    let known = environments(&folder);
    let asking = !args.yes && std::io::stdin().is_terminal();
    let mut answers = answers(global, args, &root, &known);
    if asking {
        questions::ask(&mut answers, args, |name| vacant(&folder, name))?;
    }
    vacant(&folder, &answers.name)?;
    if let Some((message, help)) = answers.complaint()? {
        return Err(
            Failure::new(Code::Config, format!("{message}; nothing was written")).hint(help)
        );
    }

    fs::create_dir_all(&folder).map_err(|error| file(&folder, &error))?;
    let path = folder.join(format!("{}.yaml", answers.name));
    write_new(&path, &answers.text())?;
    let mut written = vec![path];
    written.extend(schema(&folder)?);
    let written: Vec<String> = written
        .iter()
        .map(|path| path.strip_prefix(&root).unwrap_or(path).display().to_string())
        .collect();

    let next = next(&answers.name);
    if global.json {
        report::json(&json!({ "written": written, "next": next }))?;
    } else {
        report::out(&format!("wrote {}", written.join(" and ")));
    }
    remarks(&root, &folder, &answers);
    report::note("next:");
    for command in next {
        report::note(&format!("  {command}"));
    }
    Ok(ExitCode::SUCCESS)
}

/// The folder that has, or will have, `environments/`.
fn root(global: &Global) -> Result<PathBuf, Failure> {
    if let Ok(project) = Project::find(global) {
        return Ok(project.root);
    }
    let here = std::env::current_dir().map_err(|error| file(Path::new("."), &error))?;
    let root = global.project.as_ref().map_or(here.clone(), |named| here.join(named));
    root.canonicalize().map_err(|error| file(&root, &error))
}

/// The environments that are there already, as far as they can be read.
fn environments(folder: &Path) -> Vec<Environment> {
    let names = environment::names(folder).unwrap_or_default();
    let loaded = names.iter().filter_map(|name| environment::load(folder, name).ok());
    loaded.map(|loaded| loaded.environment).collect()
}

/// What was said, and defaults for the rest.
fn answers(global: &Global, args: &Init, root: &Path, known: &[Environment]) -> Answers {
    let sibling = known.first();
    let name = args.name.clone().or_else(|| global.env.clone()).unwrap_or_else(|| "prod".into());
    let region = ["AWS_REGION", "AWS_DEFAULT_REGION"].into_iter();
    let mut region = region.filter_map(|name| std::env::var(name).ok().filter(|it| !it.is_empty()));
    let project = || {
        let folder = root.file_name().unwrap_or_default().to_string_lossy();
        sibling.map_or_else(|| plain(&folder), |sibling| sibling.project.clone())
    };
    let source = match (&args.image, &args.dockerfile) {
        (Some(image), _) => Source::Image(image.clone()),
        (None, Some(path)) => Source::Dockerfile(path.display().to_string()),
        (None, None) => Source::Dockerfile("Dockerfile".into()),
    };
    Answers {
        project: args.project_name.clone().unwrap_or_else(project),
        region: args
            .region
            .clone()
            .or_else(|| sibling.map(|sibling| sibling.region.clone()))
            .or_else(|| region.next())
            .or_else(|| Some(crate::failure::credentials::profile_region()?.0))
            .unwrap_or_else(|| "us-east-1".into()),
        service: args.service.clone().unwrap_or_else(|| "api".into()),
        port: args.port.unwrap_or(8000),
        source,
        nat: args.nat.map_or_else(|| usual_nat(&name), Into::into),
        cidr: free_range(known),
        name,
    }
}

/// What an environment of this name usually wants.
fn usual_nat(name: &str) -> Nat {
    match name {
        LOCAL => Nat::None,
        _ if answers::is_production(name) => Nat::PerZone,
        _ => Nat::Shared,
    }
}

impl From<args::Nat> for Nat {
    fn from(said: args::Nat) -> Self {
        match said {
            args::Nat::PerZone => Self::PerZone,
            args::Nat::Shared => Self::Shared,
            args::Nat::None => Self::None,
        }
    }
}

/// A name that every rule allows, from any text.
fn plain(text: &str) -> String {
    let letters = text.to_lowercase();
    let words = letters.split(|character: char| !character.is_ascii_alphanumeric());
    let joined = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-");
    let name = joined.trim_start_matches(|first: char| !first.is_ascii_lowercase());
    let name = name.chars().take(24).collect::<String>();
    let name = name.trim_end_matches('-');
    if name.len() < 2 { "app".into() } else { name.into() }
}

/// A range that no other environment has, so that their networks can be joined one day.
fn free_range(known: &[Environment]) -> String {
    let taken: BTreeSet<u8> = known
        .iter()
        .map(|environment| environment.network.cidr.network().octets())
        .filter(|octets| octets[0] == 10)
        .map(|octets| octets[1])
        .collect();
    let free = (10..=250).step_by(10).find(|second| !taken.contains(second));
    format!("10.{}.0.0/16", free.unwrap_or(10))
}

/// Refuses a name whose file is there.
fn vacant(folder: &Path, name: &str) -> Result<(), Failure> {
    let path = folder.join(format!("{name}.yaml"));
    if path.exists() { Err(taken(&path)) } else { Ok(()) }
}

fn taken(path: &Path) -> Failure {
    let message = format!("{} is there already, and init overwrites nothing", path.display());
    Failure::new(Code::Refused, message).hint("edit it, or choose another name with `--name`")
}

fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    let made = OpenOptions::new().write(true).create_new(true).open(path);
    made.and_then(|mut made| made.write_all(text.as_bytes())).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => taken(path),
        _ => file(path, &error),
    })
}

/// Writes the schema unless one is there.
fn schema(folder: &Path) -> Result<Option<PathBuf>, Failure> {
    let path = folder.join("schema.json");
    let text = format!("{:#}\n", environment::schema());
    match fs::read_to_string(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            write_new(&path, &text)?;
            Ok(Some(path))
        }
        Ok(present) if present != text => {
            let shown = format!("{FOLDER}/schema.json");
            report::note(&format!(
                "{shown} is from another version; renew it with: provisioner schema > {shown}"
            ));
            Ok(None)
        }
        _ => Ok(None),
    }
}

/// What the user should know about what was written.
fn remarks(root: &Path, folder: &Path, answers: &Answers) {
    if let Ok(loaded) = environment::load(folder, &answers.name) {
        report::warnings(&loaded.warnings);
    }
    if let Source::Dockerfile(path) = &answers.source
        && !root.join(path).exists()
    {
        report::note(&format!("there is no {path} yet; `up` needs it to build the image"));
    }
    if folder.join("base.yaml").exists() {
        report::note(&format!(
            "{FOLDER}/base.yaml is there: with `extends: base.yaml` the new file needs only what differs"
        ));
    }
}

fn next(name: &str) -> Vec<String> {
    // The local cloud is started by the first `up`: until then there is nothing to plan against.
    let verbs = if name == LOCAL { &["config", "up"][..] } else { &["config", "plan", "up"] };
    verbs.iter().map(|verb| format!("provisioner {verb} --env {name}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_folder_gives_a_good_project_name() {
        for (folder, name) in [
            ("Payments API", "payments-api"),
            ("2026_shop--x", "shop-x"),
            ("日本", "app"),
            ("", "app"),
            ("a-very-long-name-of-a-folder", "a-very-long-name-of-a-fo"),
            ("exactly-twenty-three-ch-d", "exactly-twenty-three-ch"),
        ] {
            assert_eq!(plain(folder), name);
        }
    }
}
