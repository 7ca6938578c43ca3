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
}

impl Default for Docker {
    fn default() -> Self {
        Self { program: "docker".into() }
    }
}

impl Docker {
    /// Another program than the `docker` of the search path: `podman` for example.
    #[must_use]
    pub fn at(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into() }
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
        let build: [OsString; 8] = [
            "build".into(),
            "--platform".into(),
            platform.into(),
            "--file".into(),
            dockerfile.into(),
            "--iidfile".into(),
            id_file.clone().into(),
            context.into(),
        ];
        self.run(&build).await?;
        let id = std::fs::read_to_string(&id_file).map_err(Error::file(&id_file))?;
        let save = ["save".into(), "--output".into(), archive.clone().into(), id.trim().into()];
        self.run(&save).await?;
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
