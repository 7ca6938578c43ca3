//! `secret set` and `secret list`. A value comes in on standard input or at a prompt, goes to Secrets
//! Manager, and is neither printed nor kept.

mod list;

use std::io::{IsTerminal, Read};
use std::process::ExitCode;

use aws::secrets::Outcome;
use engine::Class;
use kinds::SecretValue;
use serde_json::json;
use stack::environment::{Environment, did_you_mean, listed};

use crate::args::{Global, Secret};
use crate::failure::{Code, Failure};
use crate::release::{self, End, Order, What};
use crate::report;
use crate::run::LockedRun;
use crate::session::{Session, Start};

/// The longest value, in bytes (AWS Secrets Manager API reference, PutSecretValue).
const LONGEST: usize = 65_536;

pub(crate) async fn run(global: &Global, verb: &Secret) -> Result<ExitCode, Failure> {
    let session = Session::open(global, Start::Never).await?;
    match verb {
        Secret::Set { name, roll } => set(global, &session, name, *roll).await?,
        Secret::List => list::list(global, &session).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn set(global: &Global, session: &Session, name: &str, roll: bool) -> Result<(), Failure> {
    let environment = session.environment();
    let (name, source) = named(environment, name)?;
    if let SecretValue::Generated { .. } = source {
        report::note(&format!(
            "{name} is generated: without a value of yours, `up` would make one. Yours is used from now on"
        ));
    }
    let value = value(name)?;
    let desired = stack::secret(environment, name, source);
    let set =
        session.aws.set_secret(&desired, &value).await.map_err(|error| match error.class {
            Class::Foreign => Failure::from(error)
                .hint("rename this secret in the environment file, or remove the other one"),
            _ => error.into(),
        })?;
    let outcome = match set.outcome {
        Outcome::Created => "created",
        Outcome::Updated => "updated",
        Outcome::Restored => "restored",
    };
    if global.json {
        let version = &set.version;
        return report::json(&json!({
            "name": name, "secret": desired.name, "outcome": outcome, "version": version,
        }));
    }
    report::out(&format!("{outcome} {} (version {})", desired.name, short(&set.version)));
    if roll {
        return roll_users(session, name).await;
    }
    if set.outcome != Outcome::Created {
        let up = format!("provisioner up --env {}", environment.name);
        report::note(&format!(
            "new tasks get it from now on; those that run keep the old value until `{up}`"
        ));
    }
    Ok(())
}

/// Ships what runs once more to every service that uses the secret: its version stands in a label of the
/// task definition, so that this makes a new revision.
async fn roll_users(session: &Session, secret: &str) -> Result<(), Failure> {
    let environment = session.environment();
    let users = environment.services.iter();
    let users = users.filter(|(_, service)| service.secrets.values().any(|one| one == secret));
    let users: Vec<&String> = users.map(|(name, _)| name).collect();
    let stop = crate::run::interrupt::token();
    let lease = session.lock("secret set --roll", None).await?;
    let mut ended = Ok(());
    for service in users {
        ended = match LockedRun::begin(session, &lease, &stop).await {
            Ok(run) => roll(&run, service).await,
            Err(failure) => Err(failure),
        };
        if ended.is_err() {
            break;
        }
    }
    session.unlock(lease).await;
    ended
}

async fn roll(run: &LockedRun<'_>, service: &str) -> Result<(), Failure> {
    release::settle(run).await?;
    let Some(image) = crate::session::decided::decided(&run.state(), service) else {
        return Ok(());
    };
    let order = Order {
        service: service.into(),
        what: What::Deploy,
        image,
        is_uncertain: false,
        built: None,
        back_to: None,
        limit: None,
        wait: true,
    };
    match Box::pin(release::run(run, &order)).await? {
        End::RolledBack { .. } => Err(Failure::new(
            Code::RolledBack,
            format!("{service} does not serve with the new value"),
        )
        .hint("tasks that still run have the old value, and every new one gets the new: set the right one now")),
        End::NotBack { to, why, .. } => Err(Failure::new(
            Code::NotBack,
            format!("{service} does not serve with the new value, nor does {to} again yet: {why}"),
        )),
        _ => Ok(()),
    }
}

/// The secret of that name: its own, or the full one that messages of AWS show.
fn named<'a>(environment: &'a Environment, name: &str) -> Result<(&'a str, SecretValue), Failure> {
    let short = name.strip_prefix(&prefix(environment)).unwrap_or(name);
    if let Some((name, source)) = environment.secrets.get_key_value(short) {
        return source.value().map(|value| (name.as_str(), value)).ok_or_else(|| {
            let message = format!("`{name}` exists already and belongs to somebody else");
            Failure::new(Code::Refused, message).hint(
                "set it where it is kept; new tasks get its value by themselves, running ones with `up`",
            )
        });
    }
    let message = format!("`{short}` is no secret of the environment `{}`", environment.name);
    let failure = Failure::new(Code::Failed, message);
    let known: Vec<String> = environment.secrets.keys().cloned().collect();
    if known.is_empty() {
        return Err(
            failure.hint(format!("name it in its file first: `secrets: {{ {short}: given }}`"))
        );
    }
    Err(failure.hint(
        did_you_mean(short, &known)
            .unwrap_or_else(|| format!("its file names {}", listed(&known, "and"))),
    ))
}

/// What the full names of an environment's secrets begin with.
fn prefix(environment: &Environment) -> String {
    stack::Names::new(environment).secret("")
}

/// The value as it was piped in or typed.
fn value(name: &str) -> Result<String, Failure> {
    let unreadable = |error: &dyn std::fmt::Display| {
        Failure::new(Code::Failed, format!("cannot read the value of {name}: {error}"))
    };
    let value = if std::io::stdin().is_terminal() {
        let prompt = dialoguer::Password::new().with_prompt(format!("value of {name} (hidden)"));
        prompt.allow_empty_password(true).interact().map_err(|error| unreadable(&error))?
    } else {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
        // The error would carry the bytes.
        let text = String::from_utf8(bytes).map_err(|_| {
            Failure::new(Code::Failed, format!("the value of {name} is not a text in UTF-8"))
                .hint("encode it, with `base64` for example")
        })?;
        without_newline(&text).to_owned()
    };
    if value.is_empty() {
        return Err(Failure::new(
            Code::Failed,
            format!("the value of {name} is empty: nothing is set"),
        )
        .hint(format!("pipe it in: printf %s \"$VALUE\" | provisioner secret set {name}")));
    }
    if value.len() > LONGEST {
        let message = format!("the value of {name} has {} bytes", value.len());
        return Err(Failure::new(Code::Failed, message)
            .hint(format!("Secrets Manager takes {LONGEST} at most")));
    }
    Ok(value)
}

/// Without the one line end that `echo` and files put there.
fn without_newline(text: &str) -> &str {
    let line = text.strip_suffix('\n');
    line.map_or(text, |line| line.strip_suffix('\r').unwrap_or(line))
}

/// As much of a version's id as tells it from others.
fn short(version: &str) -> &str {
    version.get(..8).unwrap_or(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_line_end_goes() {
        for (piped, kept) in
            [("a", "a"), ("a\n", "a"), ("a\n\n", "a\n"), ("a\r\n", "a"), ("\n", ""), (" a ", " a ")]
        {
            assert_eq!(without_newline(piped), kept, "{piped:?}");
        }
    }
}
