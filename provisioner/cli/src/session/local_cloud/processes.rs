//! Services as processes of this machine, where there is no Docker engine: targets of their target groups
//! as ECS would register them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws::Aws;
use engine::state::State;
use local::{HealthCheck, Processes, Replica, ServiceSpec, Supervisor};
use stack::Image;
use stack::environment::{Environment, Service};

use super::LocalHome;
use crate::failure::{Code, Failure};
use crate::session::decided::decided;

/// How long a process that is no target any more goes on serving: on this machine a moment is enough.
const DRAIN: Duration = Duration::from_secs(1);

impl LocalHome {
    /// Without an engine: runs every service as processes and makes them its target group's targets.
    /// Returns what was said about each service.
    pub(crate) async fn run_services(
        &self,
        aws: &Aws,
        environment: &Environment,
        state: &State,
    ) -> Result<Vec<String>, Failure> {
        let mut said = Vec::new();
        if self.has_docker() {
            return Ok(said);
        }
        let processes = self.processes()?;
        for (name, service) in &environment.services {
            let Some(program) = self.program(state, name)? else {
                said.push(format!("{name} does not run: only a Docker engine can run an image"));
                continue;
            };
            let spec = self.spec(aws, name, service, &program, state).await?;
            let ensured = processes.ensure(&spec).await?;
            self.aim(aws, state, name, &ensured.running).await?;
            drain(service, &ensured.surplus).await;
            processes.retire(&ensured.surplus).await?;
            said.push(format!("{name} runs as {} local process(es)", ensured.running.len()));
        }
        for gone in processes.services()? {
            if !environment.services.contains_key(&gone) {
                processes.remove(&gone).await?;
            }
        }
        Ok(said)
    }

    /// New processes of the same version beside the old ones, which then go.
    pub(crate) async fn restart(
        &self,
        aws: &Aws,
        environment: &Environment,
        state: &State,
        service: &str,
    ) -> Result<(), Failure> {
        let Some(program) = self.program(state, service)? else { return Ok(()) };
        let spec = self.spec(aws, service, &environment.services[service], &program, state).await?;
        let processes = self.processes()?;
        let old: Vec<Replica> =
            processes.versions(service)?.iter().flat_map(local::Version::running).collect();
        let new = processes.start_version(&spec).await?.replicas;
        if let Err(error) = processes.wait_healthy(&new, spec.health.as_ref()).await {
            processes.retire(&new).await?;
            return Err(error.into());
        }
        self.aim(aws, state, service, &new).await?;
        drain(&environment.services[service], &old).await;
        Ok(processes.retire(&old).await?)
    }

    /// Makes these processes the targets of a service's target group, if it has one.
    async fn aim(
        &self,
        aws: &Aws,
        state: &State,
        service: &str,
        running: &[Replica],
    ) -> Result<(), Failure> {
        let group = state.resources.get(&engine::Address::new("target-group", service));
        let Some(group) = group.and_then(|entry| entry.id.as_ref()) else { return Ok(()) };
        let wanted: Vec<SocketAddr> = running.iter().map(address).collect();
        self.set_targets(aws, group.as_str(), &wanted).await
    }

    /// Registers what is missing first and takes out the rest then, so that somebody always answers.
    async fn set_targets(
        &self,
        aws: &Aws,
        group: &str,
        wanted: &[SocketAddr],
    ) -> Result<(), Failure> {
        let registered: Vec<SocketAddr> = aws
            .target_health(group)
            .await?
            .into_iter()
            .filter_map(|target| Some(SocketAddr::new(target.id.parse().ok()?, target.port)))
            .collect();
        let missing: Vec<SocketAddr> =
            wanted.iter().copied().filter(|target| !registered.contains(target)).collect();
        let surplus: Vec<SocketAddr> =
            registered.into_iter().filter(|target| !wanted.contains(target)).collect();
        if !missing.is_empty() {
            aws.register_targets(group, &missing).await?;
        }
        if !surplus.is_empty() {
            aws.deregister_targets(group, &surplus).await?;
        }
        Ok(())
    }

    /// Runs a command once with what a service has, and hands over its output line by line.
    pub(crate) async fn run_once(
        &self,
        aws: &Aws,
        environment: &Environment,
        state: &State,
        service: &str,
        command: &[String],
        line: impl FnMut(&str),
    ) -> Result<local::Exit, Failure> {
        let Some(kept) = self.program(state, service)? else {
            let message =
                format!("{service} does not run here: only a Docker engine can run an image");
            return Err(Failure::new(Code::Failed, message));
        };
        let described = &environment.services[service];
        let mut spec = self.spec(aws, service, described, &kept, state).await?;
        // In a container the program is there under a name of its own.
        let (program, arguments) = match command {
            [program, arguments @ ..] if program.starts_with('/') => {
                (PathBuf::from(program), arguments)
            }
            all => (kept.clone(), all),
        };
        spec.program = if program.exists() { program } else { kept };
        spec.args = arguments.to_vec();
        Ok(local::run_once(&spec, line).await?)
    }

    /// A service's versions, the newest last, with their last lines.
    pub(crate) fn versions(&self, service: &str) -> Result<Vec<local::Version>, Failure> {
        Ok(self.processes()?.versions(service)?)
    }

    /// The last lines of a version's first process, whether or not it ever ran.
    pub(crate) fn output(&self, service: &str, version: u32, lines: usize) -> Vec<String> {
        let folder = self.cloud.folder().services().join(service).join(version.to_string());
        local::last_lines(&folder.join("1").join("output.log"), lines)
    }

    /// The last lines of a process.
    pub(crate) fn tail(&self, replica: &Replica, lines: usize) -> Result<Vec<String>, Failure> {
        Ok(self.processes()?.tail(replica, lines))
    }

    /// Ends all processes of services.
    pub(crate) async fn stop_services(&self) -> Result<(), Failure> {
        Processes::stop_all(&self.cloud.folder().services()).await?;
        Ok(())
    }

    /// The binary that a service's processes run; none, if it runs an image.
    fn program(&self, state: &State, service: &str) -> Result<Option<PathBuf>, Failure> {
        match decided(state, service) {
            Some(Image::Tagged(tag)) => self.kept(service, &tag).map(Some),
            _ => Ok(None),
        }
    }

    fn processes(&self) -> Result<Processes, Failure> {
        let supervisor = Supervisor::this_program("supervise")?;
        Ok(Processes::new(self.cloud.folder().services(), supervisor))
    }

    /// What ECS would make of the task definition: variables, secrets, a port.
    async fn spec(
        &self,
        aws: &Aws,
        name: &str,
        service: &Service,
        program: &Path,
        state: &State,
    ) -> Result<ServiceSpec, Failure> {
        let mut env = service.environment.clone();
        env.insert("HOST".into(), "{address}".into());
        env.insert("PORT".into(), "{port}".into());
        let mut secrets = BTreeMap::new();
        let revision = state.resources.get(&engine::Address::new("task-definition", name));
        let container = revision.map(|entry| &entry.desired["containers"][name]);
        let entries = container.and_then(|container| container["secrets"].as_array());
        for entry in entries.into_iter().flatten() {
            if let (Some(variable), Some(from)) =
                (entry["name"].as_str(), entry["valueFrom"].as_str())
            {
                secrets.insert(variable.to_owned(), aws.value_from(from).await?);
            }
        }
        let folder = self.data(name)?;
        Ok(ServiceSpec {
            name: name.into(),
            program: program.into(),
            args: service.command.clone().unwrap_or_default(),
            env,
            secrets,
            directory: folder,
            replicas: u32::from(service.replicas.min),
            revision: revision
                .and_then(|entry| entry.id.as_ref())
                .map(ToString::to_string)
                .unwrap_or_default(),
            // The kept binary never changes.
            snapshot: false,
            health: service.port.map(|_| HealthCheck {
                path: service.health.path.clone(),
                success: 200..=399,
                within: Duration::from_secs(u64::from(service.health.grace.0.max(10))),
            }),
            grace: Duration::from_secs(u64::from(service.stop.0)),
        })
    }

    /// The working directory that all processes of a service share, and keep.
    fn data(&self, service: &str) -> Result<PathBuf, Failure> {
        let folder = self.cloud.folder().root().join("data").join(service);
        std::fs::create_dir_all(&folder).map_err(|error| crate::failure::file(&folder, &error))?;
        Ok(folder)
    }
}

/// The balancer may have chosen one of them for a request just before it forgot them.
async fn drain(service: &Service, leaving: &[Replica]) {
    if !leaving.is_empty() && service.route.is_some() {
        let longest = Duration::from_secs(u64::from(service.deregistration.0));
        tokio::time::sleep(DRAIN.min(longest)).await;
    }
}

fn address(replica: &Replica) -> SocketAddr {
    SocketAddr::from((replica.address, replica.port))
}
