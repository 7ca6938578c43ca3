//! `secret list`: what the file names and what the account has.

use aws::secrets::SecretInfo;
use engine::{Adapter, Owner, Seen, Which};
use serde::Serialize;
use stack::environment;

use crate::args::Global;
use crate::failure::Failure;
use crate::report;
use crate::report::table::table;
use crate::session::Session;

/// One line of the list.
#[derive(Serialize)]
struct Listed {
    name: String,
    /// `given`, `generated`, `existing`, or `unnamed`: in the account and not in the file.
    kind: &'static str,
    has_value: bool,
    /// Why there is no value, when there is a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<&'static str>,
    version: Option<String>,
    changed: Option<jiff::Timestamp>,
}

pub(super) async fn list(global: &Global, session: &Session) -> Result<(), Failure> {
    let environment = session.environment();
    let owner = Owner::of(&environment.project, &environment.name);
    let mut found = session.aws.list_secrets(&owner).await?;
    let mut secrets = Vec::new();
    for (name, source) in &environment.secrets {
        let Some(value) = source.value() else {
            secrets.push(Listed::existing(name));
            continue;
        };
        let desired = stack::secret(environment, name, value);
        let at = found.iter().position(|info| info.name == desired.name);
        let kind = match source {
            environment::Secret::Given => "given",
            environment::Secret::Generate(_) => "generated",
            environment::Secret::Existing(_) => "existing",
        };
        secrets.push(match at {
            Some(at) => Listed::of(name, kind, found.remove(at)),
            None => unlisted(session, name, kind, &desired, &owner).await?,
        });
    }
    let prefix = super::prefix(environment);
    secrets.extend(found.into_iter().map(|info| {
        let name = info.name.strip_prefix(&prefix).unwrap_or(&info.name).to_owned();
        Listed::of(&name, "unnamed", info)
    }));
    if global.json {
        return report::json(&secrets);
    }
    if secrets.is_empty() {
        report::note(&format!("the environment `{}` has no secrets", environment.name));
        return Ok(());
    }
    let header = ["NAME", "KIND", "VALUE", "VERSION", "CHANGED"];
    report::out(&table(Some(header), secrets.iter().map(Listed::row)));
    for missing in secrets.iter().filter(|secret| secret.kind == "given" && !secret.has_value) {
        let Listed { name, .. } = missing;
        report::note(&format!("missing: provisioner secret set {name} --env {}", environment.name));
    }
    Ok(())
}

/// A secret that the listing lacks. It lags by minutes, so the secret itself is asked for.
async fn unlisted(
    session: &Session,
    name: &str,
    kind: &'static str,
    desired: &kinds::Secret,
    owner: &Owner,
) -> Result<Listed, Failure> {
    let none = Listed {
        name: name.into(),
        kind,
        has_value: false,
        because: None,
        version: None,
        changed: None,
    };
    let seen: Vec<Seen<kinds::Secret>> =
        session.aws.observe(Which::Named(std::slice::from_ref(desired))).await?;
    let Some(seen) = seen.into_iter().next() else { return Ok(none) };
    if !seen.owner.as_ref().is_some_and(|other| other.same_environment(owner)) {
        return Ok(Listed { because: Some("somebody else's"), ..none });
    }
    if seen.spec.scheduled_for_deletion {
        return Ok(Listed { because: Some("being deleted"), ..none });
    }
    let version = seen.outputs.version.known().filter(|version| !version.is_empty());
    Ok(Listed { has_value: version.is_some(), version: version.map(Into::into), ..none })
}

impl Listed {
    fn of(name: &str, kind: &'static str, info: SecretInfo) -> Self {
        Self {
            name: name.into(),
            kind,
            has_value: info.has_value,
            because: None,
            version: Some(info.version).filter(|version| !version.is_empty()),
            changed: info.changed,
        }
    }

    /// One that somebody else owns: `plan` looks whether it is there.
    fn existing(name: &str) -> Self {
        Self {
            name: name.into(),
            kind: "existing",
            has_value: false,
            because: Some("somebody else's"),
            version: None,
            changed: None,
        }
    }

    fn row(&self) -> [String; 5] {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".into());
        let value = match (self.has_value, self.because) {
            (true, _) => "yes",
            (false, Some(because)) => because,
            (false, None) if self.kind == "generated" => "made by `up`",
            (false, None) => "missing",
        };
        let kind = if self.kind == "unnamed" { "not in the file" } else { self.kind };
        [
            self.name.clone(),
            kind.into(),
            value.into(),
            or_dash(self.version.as_deref().map(super::short).map(Into::into)),
            or_dash(self.changed.map(|at| format!("{at:.0}"))),
        ]
    }
}
