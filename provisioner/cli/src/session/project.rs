//! Which folder, which environment.

use std::path::{Path, PathBuf};

use stack::environment::{self, Loaded};

use crate::args::Global;
use crate::failure::{Code, Failure, file};

/// The folder with the environment files.
pub(crate) const FOLDER: &str = "environments";

/// A project on this machine.
#[derive(Clone, Debug)]
pub(crate) struct Project {
    /// The folder that holds `environments/`.
    pub(crate) root: PathBuf,
}

impl Project {
    /// The one that was named, or the nearest from here upwards.
    pub(crate) fn find(global: &Global) -> Result<Self, Failure> {
        let here = std::env::current_dir().map_err(|error| file(Path::new("."), &error))?;
        let root = match &global.project {
            Some(named) => Some(here.join(named)).filter(|root| root.join(FOLDER).is_dir()),
            None => here.ancestors().find(|up| up.join(FOLDER).is_dir()).map(Path::to_path_buf),
        };
        root.map(|root| Self { root }).ok_or_else(|| {
            let place = match &global.project {
                Some(named) => format!("in {}", named.display()),
                None => "here or above".into(),
            };
            Failure::new(Code::Config, format!("there is no folder `{FOLDER}` {place}"))
                .hint("run `provisioner init` to write a first environment file")
        })
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.root.join(FOLDER)
    }

    /// The environment's name: the one that was said, or the only one there is.
    pub(crate) fn environment(&self, global: &Global) -> Result<String, Failure> {
        let names =
            environment::names(&self.folder()).map_err(|error| file(&self.folder(), &error))?;
        match (&global.env, names.as_slice()) {
            (Some(name), _) => Ok(name.clone()),
            (None, [only]) => Ok(only.clone()),
            (None, []) => Err(Failure::new(Code::Config, "there is no environment file")
                .hint("run `provisioner init` to write one")),
            (None, several) => Err(Failure::new(
                Code::Config,
                format!("which environment? there are {}", several.join(", ")),
            )
            .hint("say it with `--env NAME` or PROVISIONER_ENV")),
        }
    }

    /// Reads an environment's files and prints what is probably not meant.
    pub(crate) fn load(&self, global: &Global) -> Result<Loaded, Failure> {
        let name = self.environment(global)?;
        let here = std::env::current_dir().unwrap_or_default();
        let folder = self.folder();
        let shown = folder.strip_prefix(&here).unwrap_or(&folder);
        let loaded = environment::load(shown, &name)?;
        if std::env::var_os(crate::args::INSIDE).is_none() {
            crate::report::warnings(&loaded.warnings);
        }
        Ok(loaded)
    }
}
