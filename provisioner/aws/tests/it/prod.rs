//! The environment `prod` as a whole: made on an emulator by the engine, then looked at.

mod altered;
mod calls;
mod scaled;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use ::stack::environment::{Environment, load};
use ::stack::{Facts, Image, secret, stack};
use aws::Aws;
use aws::bootstrap::{self, Backend};
use aws::store::{Objects, S3Store};
use engine::apply::{Outcome, Run, apply};
use engine::event::Events;
use engine::plan::{Plan, plan};
use engine::refresh::{Picture, refresh};
use engine::state::State;
use engine::store::{Journal, Store};
use engine::{Clock, Graph, Kinds, Sharing};
use tokio_util::sync::CancellationToken;

use crate::emulator::{Emulator, REGION};
use crate::scaling;
use crate::unreliable::Unreliable;

/// The environment in an account of its own.
pub(crate) struct Prod {
    network: Unreliable,
    scaling: scaling::Account,
    environment: Environment,
    graph: Graph,
    backend: Backend,
    kinds: Kinds<Aws>,
}

impl Prod {
    /// Brings an environment with so many services up.
    pub(crate) async fn up(services: usize) -> Self {
        let network = Unreliable::start(Emulator::get().await).await;
        let environment = environment(services);
        let zones = ["a", "b"].map(|letter| format!("{REGION}{letter}")).to_vec();
        let image =
            |name: &String| (name.clone(), Image::Built(format!("sha256:{}", "a".repeat(64))));
        let images: BTreeMap<_, _> = environment.services.keys().map(image).collect();
        let graph = stack(&environment, &Facts { zones, images, ..Facts::default() }).unwrap();
        let backend = Backend::of(network.account(), REGION);
        let scaling = scaling::Account::default();
        let made = Self { network, scaling, environment, graph, backend, kinds: kinds::all() };
        let aws = made.connect();
        bootstrap::ensure(&aws, &made.backend, &Clock::real()).await.unwrap();
        for (name, source) in &made.environment.secrets {
            let secret = secret(&made.environment, name, source.value().unwrap());
            aws.set_secret(&secret, "postgres://db").await.unwrap();
        }
        let outcome = made.apply(&aws).await;
        assert!(outcome.is_complete(), "{:#?}", outcome.failed);
        made
    }

    pub(crate) fn connect(&self) -> Aws {
        let client = scaled::client(&self.scaling);
        let config = self.network.config(REGION).into_builder().http_client(client);
        Aws::new(&config.build())
    }

    pub(crate) fn store(&self, aws: &Aws) -> S3Store {
        let (project, name) = (&self.environment.project, &self.environment.name);
        S3Store::new(Objects::new(aws, &self.backend, project, name, Clock::real()))
    }

    /// What `plan` does: whose account it is, the state, a look at everything, the comparison.
    pub(crate) async fn plan(&self, aws: &Aws) -> Plan {
        aws.identity().await.unwrap();
        let (state, _) = self.store(aws).load().await.unwrap().unwrap();
        self.compare(aws, &state).await
    }

    pub(crate) async fn compare(&self, aws: &Aws, state: &State) -> Plan {
        let picture = self.look(aws, &self.graph, state).await;
        plan(&self.kinds, &self.graph, state, &picture, &Sharing::default()).unwrap()
    }

    async fn look(&self, aws: &Aws, graph: &Graph, state: &State) -> Picture {
        refresh(aws, &self.kinds, graph, state, &Clock::real()).await.unwrap()
    }

    /// What `up` does.
    pub(crate) async fn apply(&self, aws: &Aws) -> Outcome {
        let (state, version) = match self.store(aws).load().await.unwrap() {
            Some((state, version)) => (state, Some(version)),
            None => (State::new(&self.environment.project, &self.environment.name), None),
        };
        let plan = self.compare(aws, &state).await;
        let journal = Journal::new(self.store(aws), state, version);
        let run = Run {
            cloud: aws,
            kinds: &self.kinds,
            journal: &journal,
            clock: Clock::real(),
            events: Events::nowhere(),
            guard: Arc::new(|| Ok(())),
            stop: CancellationToken::new(),
            allow: BTreeSet::new(),
        };
        apply(&run, &self.graph, &plan).await.unwrap()
    }
}

/// The product's own `prod`, with more services of the same kind beside the first.
fn environment(services: usize) -> Environment {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../environments");
    let folder = tempfile::tempdir().unwrap();
    for name in ["base.yaml", "prod.yaml"] {
        std::fs::copy(from.join(name), folder.path().join(name)).unwrap();
    }
    let mut more = String::from("extends: prod.yaml\nservices:\n");
    for number in 2..=services {
        let text = format!(
            "  api{number}:\n    port: 8000\n    route: /{number}/*\n    secrets: {{ DATABASE_URL: database-url }}\n    build: {{ dockerfile: Dockerfile }}\n    replicas: {{ min: 2, max: 6, cpu: 60 }}\n"
        );
        more.push_str(&text);
    }
    if services == 1 {
        return load(folder.path(), "prod").unwrap().environment;
    }
    std::fs::write(folder.path().join("wide.yaml"), more).unwrap();
    load(folder.path(), "wide").unwrap().environment
}
