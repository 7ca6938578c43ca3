//! The local cloud of a run: entering it, and what is kept there in place of a registry.

mod processes;

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

use local::{Docker, LocalCloud, Start as How, Status};
use stack::environment::Environment;

use crate::args::INSIDE;
use crate::failure::{Code, Failure};
use crate::session::Start;
use crate::session::project::Project;

/// The environment that lives in the embedded cloud.
pub(crate) const LOCAL: &str = "local";

/// The local cloud that this run talks to.
pub(crate) struct LocalHome {
    pub(crate) cloud: LocalCloud,
    pub(crate) running: local::Running,
}

/// For the environment `local`, and while no other endpoint is set: makes this process talk to the
/// local cloud, by starting itself again with the SDK's own variables. They are the only switch.
pub(crate) async fn enter(
    project: &Project,
    environment: &Environment,
    start: Start,
) -> Result<Option<LocalHome>, Failure> {
    if environment.name != LOCAL {
        return Ok(None);
    }
    let cloud = LocalCloud::of(&project.root)?;
    let status = cloud.status().await?;
    if let Ok(endpoint) = std::env::var("AWS_ENDPOINT_URL") {
        return Ok(match status {
            Status::Running(running) if running.endpoint() == endpoint => {
                Some(LocalHome { cloud, running })
            }
            _ => None,
        });
    }
    let running = match status {
        Status::Running(running) => running,
        _ if start == Start::IfNeeded => {
            let docker = docker().await;
            let how = How { region: environment.region.clone(), docker };
            cloud.start(&how, |progress| crate::report::note(&progress.to_string())).await?.running
        }
        _ => {
            return Err(Failure::new(Code::Failed, "the local cloud does not run").hint(
                "start it with `provisioner local start`, or with `provisioner up --env local`",
            ));
        }
    };
    let again = std::env::current_exe().map(|program| {
        std::process::Command::new(program)
            .args(std::env::args_os().skip(1))
            .envs(running.variables())
            .env(INSIDE, "local")
            .exec()
    });
    let error = again.unwrap_or_else(|error| error);
    Err(Failure::new(Code::Failed, format!("cannot start again: {error}")))
}

/// An engine that answers, unless `PROVISIONER_DOCKER=off` says not to use one.
pub(crate) async fn docker() -> Docker {
    if std::env::var("PROVISIONER_DOCKER").is_ok_and(|value| value == "off") {
        return Docker::Off;
    }
    local::engine().await.map_or(Docker::Off, Docker::On)
}

impl LocalHome {
    /// Whether tasks are containers.
    pub(crate) fn has_docker(&self) -> bool {
        self.running.docker.is_some()
    }

    /// Keeps a binary for the processes to come: the stand-in for a push.
    pub(crate) fn keep(&self, service: &str, binary: &Path, tag: &str) -> Result<(), Failure> {
        let kept = self.kept(service, tag)?;
        // Under another name first, so that a crash leaves no half of a binary.
        let partial = kept.with_extension("partial");
        std::fs::copy(binary, &partial)
            .and_then(|_| std::fs::rename(&partial, &kept))
            .map_err(|error| crate::failure::file(&kept, &error))
    }

    /// Gives an image to the engine, where tasks find it without a registry.
    pub(crate) async fn load(
        &self,
        image: &image::Layout,
        repository: &str,
        tag: &str,
    ) -> Result<(), Failure> {
        let host = self.running.docker.as_deref().unwrap_or_default();
        let engine = local::engine_at(host).await.ok_or_else(|| {
            Failure::new(Code::Failed, format!("the Docker engine at {host} does not answer"))
        })?;
        let reference = format!("{repository}:{tag}");
        Ok(self.cloud.load_image(&engine, image.archive(&reference)?, &reference).await?)
    }

    /// Where the binary of an image is kept: the local stand-in for a repository.
    fn kept(&self, service: &str, tag: &str) -> Result<PathBuf, Failure> {
        let folder = self.cloud.folder().root().join("images").join(service);
        std::fs::create_dir_all(&folder).map_err(|error| crate::failure::file(&folder, &error))?;
        Ok(folder.join(tag))
    }

    /// Whether processes can run this tag of a service.
    pub(crate) fn has_kept(&self, service: &str, tag: &str) -> bool {
        !self.has_docker() && self.kept(service, tag).is_ok_and(|kept| kept.is_file())
    }

    /// Where a load balancer is reached from this machine.
    pub(crate) fn url(&self, load_balancer: &str) -> String {
        self.running.load_balancer(load_balancer)
    }
}
