//! The private Python environment with MiniStack in it. A marker written last says that it is whole: without the
//! marker, or with one for other packages, the folder is rebuilt from nothing. The caller holds the folder's lock.

use crate::python::{Maker, Python};
use crate::{Error, Progress, Result, folder, record};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::process::Command;

/// The pinned release of MiniStack: the one whose behaviour [`crate::capabilities`] describes.
pub const MINISTACK: &str = "1.5.33";

/// What MiniStack's own `full` extra asks for; the rest of that extra serves services that the stack does not use.
const DOCKER: &str = "docker>=7.0.0";

#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
struct Whole {
    ministack: String,
    docker: bool,
    python: String,
}

/// The environment's interpreter, after making whatever is missing.
pub(crate) async fn ensure(
    path: &Path,
    docker: bool,
    observe: impl Fn(Progress),
) -> Result<PathBuf> {
    let interpreter = path.join("bin").join("python");
    let marker = path.join("provisioner.json");
    let whole = record::read::<Whole>(&marker)?
        .filter(|it| it.ministack == MINISTACK && runs(&interpreter));
    if let Some(whole) = whole {
        if docker && !whole.docker {
            install(&interpreter, &[DOCKER.to_owned()], &observe).await?;
            record::write(&marker, &Whole { docker: true, ..whole })?;
        }
        return Ok(interpreter);
    }

    let python = Python::find(&std::env::var_os("PATH").unwrap_or_default()).await?;
    observe(Progress::MakingEnvironment { path: path.to_owned(), python: python.version.clone() });
    folder::remove(path)?;
    let module = match python.maker {
        Maker::Venv => "venv",
        Maker::Virtualenv => "virtualenv",
    };
    let mut make = Command::new(&python.program);
    make.args(["-m", module]).arg(path);
    run("making the Python environment", make).await?;
    let mut packages = vec![format!("ministack=={MINISTACK}")];
    packages.extend(docker.then(|| DOCKER.to_owned()));
    install(&interpreter, &packages, &observe).await?;
    record::write(
        &marker,
        &Whole { ministack: MINISTACK.to_owned(), docker, python: python.version },
    )?;
    Ok(interpreter)
}

/// An environment made with an interpreter that was since removed leaves a dangling link.
fn runs(interpreter: &Path) -> bool {
    interpreter.canonicalize().is_ok_and(|it| it.is_file())
}

async fn install(
    interpreter: &Path,
    packages: &[String],
    observe: &impl Fn(Progress),
) -> Result<()> {
    observe(Progress::Installing { packages: packages.to_vec() });
    let mut pip = Command::new(interpreter);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"])
        .args(packages);
    run("installing with pip", pip).await
}

async fn run(step: &str, mut command: Command) -> Result<()> {
    let output = command
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(Error::system(format!("{step}: cannot run it")))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let lines: Vec<String> = String::from_utf8_lossy(&said).lines().map(str::to_owned).collect();
    Err(Error::Install {
        step: step.to_owned(),
        code: output.status.code().unwrap_or(-1),
        output: lines[lines.len().saturating_sub(12)..].to_vec(),
    })
}
