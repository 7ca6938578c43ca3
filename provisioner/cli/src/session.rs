//! One environment in one account: files, connection, state, lock.

pub(crate) mod decided;
pub(crate) mod local_cloud;
pub(crate) mod project;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use aws::Aws;
use aws::bootstrap::{self, Backend};
use aws::lock::Locks;
use aws::store::{Objects, S3Store};
use engine::lock::{Holder, Lease, Options, acquire};
use engine::state::State;
use engine::store::{Store, Version};
use engine::{Class, Clock, Kinds, Resource};
use kinds::{LoadBalancer, Secret};
use serde_json::{Value, json};
use stack::environment::StateStore;
use stack::{Environment, Facts, Loaded};
use tokio::sync::OnceCell;

use crate::args::{Global, Remembered};
use crate::failure::{Code, Failure, file};
use crate::report;

use local_cloud::LocalHome;
use project::Project;

/// The state's name for the account that an environment was first made in.
pub(crate) const ACCOUNT: &str = "account";

pub(crate) struct Session {
    pub(crate) project: Project,
    pub(crate) loaded: Loaded,
    pub(crate) aws: Aws,
    pub(crate) account: String,
    pub(crate) backend: Backend,
    pub(crate) clock: Clock,
    pub(crate) kinds: Kinds<Aws>,
    /// Where services run as processes, if they do.
    pub(crate) home: Option<LocalHome>,
    bootstrapped: OnceCell<()>,
}

/// Whether a command may start what it needs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// `up`: starts the local cloud when the environment is the local one.
    IfNeeded,
    Never,
}

impl Session {
    /// Reads the files, connects, and makes sure that this is the right account. Changes nothing.
    pub(crate) async fn open(global: &Global, start: Start) -> Result<Self, Failure> {
        let project = Project::find(global)?;
        let loaded = project.load(global)?;
        Self::of(project, loaded, start).await
    }

    /// For commands that need what the state knows and no more: with a project's name and a Region, no file is read.
    /// A branch may be deleted, or its file be wrong, while its environment lives.
    pub(crate) async fn remembered(global: &Global, args: &Remembered) -> Result<Self, Failure> {
        let (Some(project), Some(region)) = (&args.project_name, &args.region) else {
            let opened = Self::open(global, Start::Never).await;
            return opened.map_err(|failure| match failure.code {
                Code::Config => failure.hint(
                    "without the file its state is enough: --env NAME --project-name NAME --region REGION",
                ),
                _ => failure,
            });
        };
        let name = global.env.clone().ok_or_else(|| {
            Failure::new(Code::Config, "which environment?")
                .hint("say it with `--env NAME` or PROVISIONER_ENV")
        })?;
        let here = std::env::current_dir().map_err(|error| file(Path::new("."), &error))?;
        let root = global.project.as_ref().map_or(here.clone(), |named| here.join(named));
        let loaded = Loaded::without_files(remembered(project, &name, region, None)?);
        let mut session = Self::of(Project { root }, loaded, Start::Never).await?;
        let (state, version) = session.state().await?;
        if version.is_none() {
            report::warning(&format!("{project}/{name} has no state in {region}"));
        }
        let found = remembered(project, &name, region, Some(&state))?;
        session.loaded = Loaded::without_files(found);
        Ok(session)
    }

    async fn of(project: Project, loaded: Loaded, start: Start) -> Result<Self, Failure> {
        let environment = &loaded.environment;
        let home = local_cloud::enter(&project, environment, start).await?;
        let aws = Aws::connect(Some(&environment.region)).await?;
        let account = crate::failure::credentials::identity(&aws).await?.account;
        if let Some(expected) = environment.account.as_ref().filter(|wanted| **wanted != account) {
            return Err(wrong_account(environment, expected, &account, "its file says"));
        }
        let clock = clock();
        let backend = backend(environment, &account);
        let (kinds, bootstrapped) = (kinds::all(), OnceCell::new());
        Ok(Self { project, loaded, aws, account, backend, clock, kinds, home, bootstrapped })
    }

    /// What the connection tells of the account, and nothing else.
    pub(crate) fn facts(&self) -> Facts {
        Facts {
            account: Some(self.account.clone()),
            partition: Some(self.aws.partition().into()),
            ..Facts::default()
        }
    }

    pub(crate) fn environment(&self) -> &Environment {
        &self.loaded.environment
    }

    /// The environment's part of the state bucket, through these clients.
    pub(crate) fn objects(&self, aws: &Aws) -> Objects {
        let environment = self.environment();
        let (project, name) = (&environment.project, &environment.name);
        Objects::new(aws, &self.backend, project, name, self.clock.clone())
    }

    /// Where the state is, through these clients.
    pub(crate) fn store_of(&self, aws: &Aws) -> S3Store {
        S3Store::new(self.objects(aws))
    }

    /// Where the state is, for those who only read.
    pub(crate) fn store(&self) -> S3Store {
        self.store_of(&self.aws)
    }

    /// The state as it is stored, or an empty one.
    pub(crate) async fn state(&self) -> Result<(State, Option<Version>), Failure> {
        let environment = self.environment();
        let Some((state, version)) = self.store().load().await? else {
            return Ok((State::new(&environment.project, &environment.name), None));
        };
        match state.fact::<String>(ACCOUNT).filter(|known| *known != self.account) {
            Some(known) => Err(wrong_account(environment, &known, &self.account, "it was made")),
            None => Ok((state, Some(version))),
        }
    }

    /// The lock's key, which is also how messages name the environment.
    pub(crate) fn key(&self) -> String {
        format!("{}/{}", self.environment().project, self.environment().name)
    }

    /// The service that was said, or the only one there is.
    pub(crate) fn service(&self, said: Option<&str>) -> Result<String, Failure> {
        let names: Vec<&String> = self.environment().services.keys().collect();
        let listed = names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
        match (said, names.as_slice()) {
            (Some(said), names) if names.iter().any(|name| *name == said) => Ok(said.to_owned()),
            (Some(said), _) => {
                let name = &self.environment().name;
                Err(Failure::new(Code::Failed, format!("{name} has no service `{said}`"))
                    .hint(format!("its file names {listed}")))
            }
            (None, [only]) => Ok((*only).clone()),
            (None, _) => {
                Err(Failure::new(Code::Failed, format!("which service? there are {listed}"))
                    .hint("say it with `--service NAME`"))
            }
        }
    }

    pub(crate) fn locks(&self) -> Locks {
        Locks::new(&self.aws, &self.backend.table)
    }

    /// Takes the lock. In an account without a lock table, makes table and state bucket first.
    pub(crate) async fn lock(
        &self,
        operation: &str,
        wait: Option<Duration>,
    ) -> Result<Lease<Locks, Clock>, Failure> {
        let options = Options {
            wait,
            waiting: std::sync::Arc::new(|held| crate::report::note(&format!("{held}"))),
            ..Options::default()
        };
        let holder = holder(operation);
        let locks = self.locks();
        let key = self.key();
        let again = |options| Box::pin(acquire(&locks, &key, holder.clone(), options, &self.clock));
        let lease = match again(&options).await {
            Err(engine::lock::Refusal::Failed(error)) if error.is(Class::Absent) => {
                self.bootstrap(&self.aws).await?;
                again(&options).await?
            }
            other => other?,
        };
        if lease.fence() > 1 {
            return Ok(lease);
        }
        // The first lock ever, or its row was removed by hand: the state knows how high fences were.
        let saved = self.highest_fence().await;
        match saved {
            Ok(0) => Ok(lease),
            Ok(above) => {
                lease.release().await?;
                Ok(again(&Options { above, ..options.clone() }).await?)
            }
            Err(failure) => {
                self.unlock(lease).await;
                Err(failure)
            }
        }
    }

    /// Makes what is missing of the account's bucket and table, once a command, with these clients.
    pub(crate) async fn bootstrap(&self, aws: &Aws) -> Result<(), Failure> {
        let ensure = async || bootstrap::ensure(aws, &self.backend, &self.clock).await;
        self.bootstrapped.get_or_try_init(ensure).await?;
        Ok(())
    }

    /// The highest fence under which a state was saved, as far as one can be read.
    async fn highest_fence(&self) -> Result<u64, Failure> {
        let store = self.store();
        if let Some((_, Ok(state))) = store.current().await? {
            return Ok(state.fence);
        }
        Ok(store.before(None).await?.map_or(0, |(_, state)| state.fence))
    }
}

impl Session {
    /// Frees the lock. A failure costs the next one a wait, and nothing else.
    pub(crate) async fn unlock(&self, lease: Lease<Locks, Clock>) {
        if let Err(error) = lease.release().await {
            crate::report::warning(&format!("{error}; the lock frees itself after 30 s"));
        }
    }
}

/// Where states and locks are, as the file says or by their usual names.
pub(crate) fn backend(environment: &Environment, account: &str) -> Backend {
    let usual = Backend::of(account, &environment.region);
    let StateStore { bucket, table, kms, tags } = environment.state.clone();
    Backend {
        bucket: bucket.unwrap_or(usual.bucket),
        table: table.unwrap_or(usual.table),
        kms,
        tags,
        ..usual
    }
}

pub(crate) fn wrong_account(
    environment: &Environment,
    expected: &str,
    actual: &str,
    because: &str,
) -> Failure {
    Failure::new(
        Code::Refused,
        format!(
            "{} belongs to account {expected} ({because}), and the credentials are for {actual}",
            environment.name
        ),
    )
    .hint("choose other credentials, with AWS_PROFILE for example")
}

/// An environment as its state knows it: the names of its services, and defaults for all that only a file says.
fn remembered(
    project: &str,
    name: &str,
    region: &str,
    state: Option<&State>,
) -> Result<Environment, Failure> {
    let known = state.iter().flat_map(|state| state.resources.keys());
    let services = known.filter(|address| address.kind() == kinds::Service::KIND);
    let services: BTreeMap<&str, Value> =
        services.map(|address| (address.name(), json!({}))).collect();
    let environment = serde_json::from_value(json!({
        "project": project,
        "region": region,
        "services": services,
        "protect": state.is_some_and(is_protected),
    }));
    let environment: Environment =
        environment.map_err(|error| Failure::new(Code::Failed, error.to_string()))?;
    Ok(Environment { name: name.to_owned(), ..environment })
}

/// Whether `protect: true` was applied: the load balancer says so, or where there is none, the secrets.
fn is_protected(state: &State) -> bool {
    state.resources.iter().any(|(address, entry)| match address.kind() {
        LoadBalancer::KIND => entry.desired["attributes"]["deletion_protection"] == true,
        Secret::KIND => entry.desired["recovery_window"] == 30,
        _ => false,
    })
}

/// Real time, or as fast as a rehearsal wants it.
fn clock() -> Clock {
    let scale = std::env::var("PROVISIONER_CLOCK_SCALE").ok().and_then(|text| text.parse().ok());
    Clock::scaled(scale.unwrap_or(1.0))
}

/// This process, as a release names it.
pub(crate) fn author() -> Holder {
    holder("deploy")
}

fn holder(operation: &str) -> Holder {
    let variable = |name: &str| std::env::var(name).ok();
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    Holder::this_process(operation, &host, jiff::Timestamp::now(), variable)
}
