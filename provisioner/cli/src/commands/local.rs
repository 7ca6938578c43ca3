//! `local`: the embedded cloud's life, and what it emulates.

use std::process::ExitCode;

use local::{Capability, Level, LocalCloud, Progress, Running, Start, Status, Stopped};
use serde_json::json;
use stack::environment;

use crate::args::{Global, Local};
use crate::failure::Failure;
use crate::report;
use crate::report::table::table;
use crate::session::local_cloud::{self, LOCAL};
use crate::session::project::Project;

/// Where the local cloud is when no file says so.
const REGION: &str = "us-east-1";

pub(crate) async fn run(global: &Global, verb: &Local) -> Result<ExitCode, Failure> {
    let project = Project::find(global)?;
    let cloud = LocalCloud::of(&project.root)?;
    match verb {
        Local::Start => start(global, &project, &cloud).await?,
        Local::Stop { purge } => stop(global, &cloud, *purge).await?,
        Local::Status => status(global, &cloud).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn start(global: &Global, project: &Project, cloud: &LocalCloud) -> Result<(), Failure> {
    let loaded = environment::load(&project.folder(), LOCAL);
    let region = loaded.map_or_else(|_| REGION.into(), |loaded| loaded.environment.region);
    let start = Start { region, docker: local_cloud::docker().await };
    let started = cloud.start(&start, say).await?;
    if global.json {
        return report::json(&facts("running", Some(&started.running), cloud));
    }
    report::out(&lines(&started.running, cloud));
    let there = project.folder().join(format!("{LOCAL}.yaml")).exists();
    let next = if there { "up --env local" } else { "init --name local" };
    report::note(&format!("next: provisioner {next}"));
    Ok(())
}

async fn stop(global: &Global, cloud: &LocalCloud, purge: bool) -> Result<(), Failure> {
    let (word, sentence) = match cloud.stop(purge, say).await? {
        Stopped::WasNotRunning => ("was-not-running", "the local cloud did not run"),
        Stopped::Saved => ("saved", "the local cloud has stopped"),
        Stopped::Lost => ("lost", "the local cloud had to be killed: what it held is lost"),
    };
    if global.json {
        return report::json(&json!({ "stopped": word, "purged": purge }));
    }
    report::note(match (word, purge) {
        ("saved", false) => "the local cloud has stopped; `local start` brings back what it held",
        _ => sentence,
    });
    Ok(())
}

async fn status(global: &Global, cloud: &LocalCloud) -> Result<(), Failure> {
    let status = cloud.status().await?;
    let (word, sentence, running) = match &status {
        Status::Running(running) => ("running", "runs", Some(running)),
        Status::Silent(running) => {
            ("silent", "runs and does not answer; `local start` restarts it", Some(running))
        }
        Status::Stopped => ("stopped", "is stopped; `local start` brings back what it held", None),
        Status::Lost(_) => {
            ("lost", "died without saving; `local start` begins with an empty one", None)
        }
        Status::Absent => ("absent", "was never started, or was purged", None),
    };
    let containers = match running {
        Some(running) => running.docker.is_some(),
        None => matches!(local_cloud::docker().await, local::Docker::On(_)),
    };
    let capabilities = local::capabilities(containers);
    if global.json {
        let mut facts = facts(word, running, cloud);
        facts["capabilities"] = json!(capabilities);
        return report::json(&facts);
    }
    report::out(&format!("The local cloud {sentence}."));
    if let Some(running) = running {
        report::out(&lines(running, cloud));
    }
    report::out(&emulated(&capabilities, containers));
    Ok(())
}

#[expect(clippy::needless_pass_by_value, reason = "the observer is handed what happened")]
fn say(progress: Progress) {
    report::note(&progress.to_string());
}

fn facts(status: &str, running: Option<&Running>, cloud: &LocalCloud) -> serde_json::Value {
    json!({
        "status": status,
        "endpoint": running.map(Running::endpoint),
        "region": running.map(|running| &running.region),
        "docker": running.and_then(|running| running.docker.as_ref()),
        "variables": running.map(Running::variables),
        "log": cloud.log(),
    })
}

fn lines(running: &Running, cloud: &LocalCloud) -> String {
    let docker = match &running.docker {
        Some(host) => format!("on, at {host}: tasks are containers"),
        None => "off: services with a `binary:` run as local processes".into(),
    };
    [
        format!("endpoint  {}", running.endpoint()),
        format!("region    {}", running.region),
        format!("docker    {docker}"),
        format!("log       {}", cloud.log().display()),
    ]
    .join("\n")
}

/// The table, by how much of it there is.
fn emulated(capabilities: &[Capability], containers: bool) -> String {
    let tasks = if containers { "containers" } else { "local processes" };
    let measured = Capability::measured_against();
    let titles = [
        (Level::Emulated, "Emulated: works as on AWS, but for what is said here"),
        (Level::StoredOnly, "Stored only: accepted and shown again, without the effect"),
        (Level::Absent, "Absent: refused, or dropped without a word"),
    ];
    let mut text = format!("\nWhat {measured} does of the stack, with {tasks} as tasks:\n");
    for (level, title) in titles {
        let rows = capabilities.iter().filter(|row| row.level == level);
        let rows = rows.map(|row| {
            [format!("  {}", row.service), row.operation.to_owned(), row.note.to_owned()]
        });
        text.extend(["\n", title, "\n", &table(None, rows), "\n"]);
    }
    text
}
