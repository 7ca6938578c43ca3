//! Building with Docker, where a Dockerfile says how.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use crate::{Architecture, Error, Layout, Result};

/// The Docker command line.
#[derive(Clone, Debug)]
pub struct Docker {
    program: PathBuf,
    /// Where BuildKit keeps layers between builds: `type=gha`.
    cache: Option<String>,
}

impl Default for Docker {
    fn default() -> Self {
        Self { program: "docker".into(), cache: None }
    }
}

impl Docker {
    /// Another program than the `docker` of the search path: `podman` for example.
    #[must_use]
    pub fn at(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), cache: None }
    }

    /// With layers kept in a cache of `BuildKit`, as `docker buildx build --cache-to` names it.
    #[must_use]
    pub fn cached(self, cache: Option<String>) -> Self {
        Self { cache, ..self }
    }

    /// Builds a Dockerfile for one architecture and takes the image out of Docker, so that it can be
    /// pushed without a `docker login`. Docker's progress goes to this process's standard error.
    ///
    /// # Errors
    /// When Docker is not there or fails, or when the image is for another architecture after all (a
    /// Dockerfile may say so).
    pub async fn build(
        &self,
        dockerfile: &Path,
        context: &Path,
        architecture: Architecture,
    ) -> Result<Layout> {
        let folder = tempfile::TempDir::new().map_err(Error::file(context))?;
        let (id_file, archive) = (folder.path().join("id"), folder.path().join("image.tar"));
        let platform = format!("linux/{}", architecture.oci());
        let what: [OsString; 5] = [
            "build".into(),
            "--platform".into(),
            platform.into(),
            "--file".into(),
            dockerfile.into(),
        ];
        if let Some(cache) = &self.cache {
            // A builder with a cache is not the engine: its images are not in the engine's store.
            let mut output = OsString::from("type=oci,dest=");
            output.push(&archive);
            let from = ["--cache-from".into(), cache.into()];
            let to = ["--cache-to".into(), format!("{cache},mode=max").into()];
            let rest = ["--output".into(), output, context.into()];
            let parts: [&[OsString]; 5] = [&["buildx".into()], &what, &from, &to, &rest];
            self.run(&parts.concat()).await?;
        } else {
            let rest = ["--iidfile".into(), id_file.clone().into(), context.into()];
            self.run(&[&what[..], &rest].concat()).await?;
            let id = std::fs::read_to_string(&id_file).map_err(Error::file(&id_file))?;
            let save = ["save".into(), "--output".into(), archive.clone().into(), id.trim().into()];
            self.run(&save).await?;
        }
        let image = tokio::task::spawn_blocking(move || Layout::of_archive(&archive))
            .await
            .map_err(|error| Error::file(folder.path())(error.into()))??;
        image.architecture.require(architecture, dockerfile.display())?;
        Ok(image)
    }

    async fn run(&self, arguments: &[OsString]) -> Result<()> {
        let said = || {
            let words = arguments.iter().map(|word| word.to_string_lossy().into_owned());
            let words: Vec<_> =
                std::iter::once(self.program.display().to_string()).chain(words).collect();
            words.join(" ")
        };
        let status = Command::new(&self.program)
            .args(arguments)
            // An attestation has no place in a single image's archive.
            .env("BUILDX_NO_DEFAULT_ATTESTATIONS", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .status()
            .await;
        let why = match status {
            Ok(status) if status.success() => return Ok(()),
            Ok(status) => format!("{status}; see its output above"),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                "Docker is not installed; install it, or build a static binary and name it instead \
                 of the Dockerfile"
                    .into()
            }
            Err(error) => error.to_string(),
        };
        Err(Error::Docker { command: said(), why })
    }
}
