//! `state`: what is stored about an environment, its history, and its lock.

mod facts;
mod rebuild;

use std::process::ExitCode;

use engine::lock::{Claim, force, show};
use engine::state::State as Stored;
use engine::{Address, Class};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use stack::environment::did_you_mean;

use crate::args::{Global, State};
use crate::failure::{Code, Failure};
use crate::report;
use crate::report::table::table;
use crate::session::{Session, Start};

pub(crate) async fn run(global: &Global, verb: &State) -> Result<ExitCode, Failure> {
    let session = Session::open(global, Start::Never).await?;
    match verb {
        State::List => list(global, &session).await?,
        State::Show { resource } => print(&session, resource.as_deref()).await?,
        State::Unlock { fence } => unlock(global, &session, *fence).await?,
        State::History => history(global, &session).await?,
        State::Rebuild { yes } => Box::pin(rebuild::run(global, &session, *yes)).await?,
        State::Restore { version } => restore(global, &session, version).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(global: &Global, session: &Session) -> Result<(), Failure> {
    let (state, _) = session.state().await?;
    let rows = state.resources.iter().map(|(address, entry)| {
        let id = entry.id.as_ref().map(ToString::to_string);
        (address, id, entry.intent.is_some())
    });
    if global.json {
        let rows = rows.map(|(address, id, _)| {
            json!({ "address": address.to_string(), "kind": address.kind(), "id": id })
        });
        return report::json(&rows.collect::<Vec<_>>());
    }
    if state.resources.is_empty() {
        report::note(&empty(session));
        return Ok(());
    }
    let rows = rows.map(|(address, id, begun)| {
        let id = match (id, begun) {
            (Some(id), _) => id,
            (None, true) => "(creation begun, no answer yet)".into(),
            (None, false) => "-".into(),
        };
        [address.to_string(), address.kind().to_owned(), id]
    });
    report::out(&table(Some(["ADDRESS", "KIND", "ID"]), rows));
    Ok(())
}

async fn print(session: &Session, resource: Option<&str>) -> Result<(), Failure> {
    let (state, version) = session.state().await?;
    if version.is_none() {
        return Err(Failure::new(Code::Failed, empty(session)));
    }
    let Some(wanted) = resource else { return report::json(&state) };
    match state.resources.get(&Address::from(wanted)) {
        Some(entry) => report::json(entry),
        None => Err(unknown(&state, wanted)),
    }
}

fn unknown(state: &Stored, wanted: &str) -> Failure {
    let known: Vec<String> = state.resources.keys().map(ToString::to_string).collect();
    Failure::new(Code::Failed, format!("the state has no resource `{wanted}`")).hint(
        did_you_mean(wanted, &known)
            .unwrap_or_else(|| "`provisioner state list` lists them".into()),
    )
}

fn empty(session: &Session) -> String {
    let name = &session.environment().name;
    format!("{name} has no resources in its state: nothing was made yet, or all was destroyed")
}

async fn unlock(global: &Global, session: &Session, fence: u64) -> Result<(), Failure> {
    let (locks, key) = (session.locks(), session.key());
    let row = match show(&locks, &key).await {
        Err(error) if error.is(Class::Absent) => None,
        row => row?,
    };
    let Some(row) = row else {
        return Err(Failure::new(Code::Failed, format!("{key} was never locked")));
    };
    let Some(claim) = row.claim else {
        report::note(&format!("{key} is not locked"));
        return if global.json { report::json(&json!({ "unlocked": false })) } else { Ok(()) };
    };
    let held = held(&claim, Timestamp::now());
    if row.fence != fence {
        let message = format!("the lock of {key} has fence {} by now, not {fence}", row.fence);
        return Err(Failure::new(Code::Locked, message).hint(format!("it is held by {held}")));
    }
    force(&locks, &key, fence).await?;
    if global.json {
        return report::json(&json!({ "unlocked": true, "held": who(&claim) }));
    }
    report::out(&format!("unlocked {key}"));
    report::note(&format!("it was held by {held}"));
    report::note(&format!(
        "what it left unfinished is found by the next `provisioner up --env {}`",
        session.environment().name
    ));
    Ok(())
}

/// Who had the lock, and for how long, by the clocks of both machines.
fn held(claim: &Claim, now: Timestamp) -> String {
    let Claim { holder, beat, .. } = claim;
    let run = holder.run.as_ref().map(|run| format!(", {run}")).unwrap_or_default();
    format!(
        "{}@{} (pid {}{run}), running `{}` for {}; last sign of life {} ago",
        holder.who,
        holder.host,
        holder.pid,
        holder.operation,
        age(holder.started, now),
        age(*beat, now),
    )
}

fn age(then: Timestamp, now: Timestamp) -> String {
    let age = now.duration_since(then).max(SignedDuration::ZERO);
    format!("{:#}", SignedDuration::from_secs(age.as_secs()))
}

fn who(claim: &Claim) -> Value {
    let Claim { holder, beat, .. } = claim;
    json!({
        "who": holder.who,
        "host": holder.host,
        "pid": holder.pid,
        "operation": holder.operation,
        "started": holder.started,
        "run": holder.run,
        "last_sign_of_life": beat,
    })
}

async fn history(global: &Global, session: &Session) -> Result<(), Failure> {
    let past = session.store().history().await?;
    if global.json {
        let versions = past.iter().map(|past| {
            json!({
                "version": past.version,
                "written": past.written,
                "bytes": past.size,
                "current": past.current,
            })
        });
        return report::json(&versions.collect::<Vec<_>>());
    }
    if past.is_empty() {
        report::note(&format!("{} never had a state", session.environment().name));
        return Ok(());
    }
    let rows = past.iter().map(|past| {
        let size = past.size.map_or_else(|| "deleted".into(), |size| format!("{size} bytes"));
        let current = if past.current { "current" } else { "" };
        [past.version.clone(), format!("{:.0}", past.written), size, current.into()]
    });
    report::out(&table(Some(["VERSION", "WRITTEN", "SIZE", ""]), rows));
    Ok(())
}

async fn restore(global: &Global, session: &Session, version: &str) -> Result<(), Failure> {
    let lease = Box::pin(session.lock("state restore", None)).await?;
    let restored = session.store().restore(version).await;
    // Released also after a failure: nobody should have to wait for this.
    let released = lease.release().await;
    let state = restored.map_err(|error| match error.class {
        Class::Absent => {
            Failure::from(error).hint("`provisioner state history` lists the versions")
        }
        _ => error.into(),
    })?;
    released?;
    let resources = state.resources.len();
    if global.json {
        let serial = state.serial;
        return report::json(
            &json!({ "version": version, "serial": serial, "resources": resources }),
        );
    }
    report::out(&format!("restored version {version}, with {resources} resources"));
    let name = &session.environment().name;
    report::note(&format!("what the cloud has since: provisioner plan --env {name}"));
    Ok(())
}
