//! `status`: what runs, and whether it is healthy. Reads only.

use std::process::ExitCode;

use engine::Graph;
use engine::lock::show;
use engine::refresh::{Picture, refresh};
use engine::state::State;
use engine::{Class, Ready};
use serde::Serialize;
use serde_json::Value;

use crate::args::{Global, Remembered};
use crate::failure::Failure;
use crate::report;
use crate::report::table::table;
use crate::run::outputs;
use crate::session::Session;

/// The whole answer.
#[derive(Serialize)]
struct Status {
    format: u32,
    environment: String,
    account: String,
    region: String,
    exists: bool,
    url: Option<String>,
    locked_by: Option<String>,
    services: Vec<Service>,
    /// What is not as it should be, beside services.
    troubles: Vec<String>,
}

#[derive(Serialize)]
struct Service {
    name: String,
    /// `ready`, `deploying`, `failed` or `absent`.
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    task_definition: Option<String>,
    /// As it was asked for, with the digest that a tag named.
    image: Option<String>,
    healthy: Option<usize>,
    targets: Option<usize>,
}

pub(crate) async fn run(global: &Global, args: &Remembered) -> Result<ExitCode, Failure> {
    let session = Session::remembered(global, args).await?;
    let (state, version) = session.state().await?;
    let picture =
        refresh(&session.aws, &session.kinds, &Graph::new(), &state, &session.clock).await?;
    let environment = session.environment();
    let status = Status {
        format: report::FORMAT,
        environment: environment.name.clone(),
        account: session.account.clone(),
        region: environment.region.clone(),
        exists: version.is_some(),
        url: outputs::url(&session, &state),
        locked_by: locked_by(&session).await?,
        services: services(&session, &state, &picture).await?,
        troubles: troubles(&state, &picture),
    };
    if global.json {
        report::json(&status)?;
    } else {
        report::out(&text(&status));
    }
    Ok(ExitCode::SUCCESS)
}

async fn locked_by(session: &Session) -> Result<Option<String>, Failure> {
    match show(&session.locks(), &session.key()).await {
        Ok(row) => Ok(row.and_then(|row| row.claim).map(|claim| {
            let holder = claim.holder;
            format!("{}@{} running `{}`", holder.who, holder.host, holder.operation)
        })),
        Err(error) if error.is(Class::Absent) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn services(
    session: &Session,
    state: &State,
    picture: &Picture,
) -> Result<Vec<Service>, Failure> {
    let mut all = Vec::new();
    for name in session.environment().services.keys() {
        let address = crate::run::at::<kinds::Service>(name);
        let seen = picture.seen.get(&address);
        let (word, why) = match seen.map(|seen| &seen.ready) {
            None => ("absent", None),
            Some(Ready::Yes) => ("ready", None),
            Some(Ready::Wait(why) | Ready::Leaving(why)) => ("deploying", Some(why.clone())),
            Some(Ready::Never(why)) => ("failed", Some(why.clone())),
        };
        let definition = seen.and_then(|seen| seen.spec.pointer("/settings/taskDefinition"));
        let definition = definition.and_then(Value::as_str).and_then(|arn| arn.rsplit('/').next());
        let group = crate::run::at::<kinds::TargetGroup>(name);
        let group = state.resources.get(&group).and_then(|entry| entry.id.as_ref());
        let targets = match group {
            Some(group) => match session.aws.target_health(group.as_str()).await {
                Ok(targets) => Some(targets),
                Err(error) if error.is(Class::Absent) => None,
                Err(error) => return Err(error.into()),
            },
            None => None,
        };
        all.push(Service {
            name: name.clone(),
            state: word,
            why,
            task_definition: definition.map(str::to_owned),
            image: crate::session::decided::decided(state, name).map(|image| image.to_string()),
            healthy: targets
                .as_ref()
                .map(|all| all.iter().filter(|one| one.state == "healthy").count()),
            targets: targets.as_ref().map(Vec::len),
        });
    }
    Ok(all)
}

/// Resources that are gone, or not usable.
fn troubles(state: &State, picture: &Picture) -> Vec<String> {
    let service = <kinds::Service as engine::Resource>::KIND;
    let known = state.resources.iter().filter(|(address, _)| address.kind() != service);
    known
        .filter_map(|(address, entry)| match (picture.seen.get(address), &entry.id) {
            _ if picture.not_emulated.contains_key(address) => None,
            (None, Some(id)) => Some(format!("{address} is gone ({id})")),
            (None, None) => Some(format!("{address} was begun and is not there")),
            (Some(seen), _) => match &seen.ready {
                Ready::Yes => None,
                Ready::Wait(why) => Some(format!("{address} is not ready: {why}")),
                Ready::Leaving(why) => Some(format!("{address} is being deleted: {why}")),
                Ready::Never(why) => Some(format!("{address} failed: {why}")),
            },
        })
        .collect()
}

fn text(status: &Status) -> String {
    let Status { environment, account, region, .. } = status;
    let mut lines = vec![format!("{environment} in account {account}, {region}")];
    if !status.exists {
        lines.push(format!("not made yet: provisioner up --env {environment}"));
    }
    lines.extend(status.url.as_ref().map(|url| format!("url: {url}")));
    lines.extend(status.locked_by.as_ref().map(|holder| format!("locked by {holder}")));
    let rows = status.services.iter().map(|service| {
        let targets = match (service.healthy, service.targets) {
            (Some(healthy), Some(all)) => format!("{healthy} of {all} healthy"),
            _ => "-".into(),
        };
        let definition = service.task_definition.clone().unwrap_or_else(|| "-".into());
        let why = service.why.clone().unwrap_or_default();
        let image = service.image.clone().unwrap_or_else(|| "-".into());
        [service.name.clone(), service.state.into(), definition, targets, image, why]
    });
    let header = ["SERVICE", "STATE", "TASK DEFINITION", "TARGETS", "IMAGE", ""];
    lines.push(table(Some(header), rows));
    lines.extend(status.troubles.iter().cloned());
    lines.join("\n")
}
