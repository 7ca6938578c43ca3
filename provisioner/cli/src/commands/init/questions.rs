//! The questions, each with its default; what a flag has answered is not asked.

use dialoguer::{Input, Select};
use stack::environment::Nat;

use super::answers::{Answers, Source};
use super::usual_nat;
use crate::args::Init;
use crate::failure::{Code, Failure};
use crate::session::local_cloud::LOCAL;

/// Fills in the answers. `vacant` refuses a name that is taken.
pub(super) fn ask(
    answers: &mut Answers,
    args: &Init,
    vacant: impl Fn(&str) -> Result<(), Failure>,
) -> Result<(), Failure> {
    if args.name.is_none() {
        let name = text("environment", answers, answers.name.clone(), |answers, name| {
            answers.name = name;
        })?;
        answers.nat = args.nat.map_or_else(|| usual_nat(&name), Into::into);
    }
    vacant(&answers.name)?;
    if args.project_name.is_none() {
        text("project (part of every name)", answers, answers.project.clone(), |answers, name| {
            answers.project = name;
        })?;
    }
    if args.region.is_none() {
        text("AWS region", answers, answers.region.clone(), |answers, name| answers.region = name)?;
    }
    if args.service.is_none() {
        text("service", answers, answers.service.clone(), |answers, name| answers.service = name)?;
    }
    if args.port.is_none() {
        let port = Input::new().with_prompt("port that it listens on").default(answers.port);
        let port = port.validate_with(
            |port: &u16| {
                if *port == 0 { Err("use 1 to 65535") } else { Ok(()) }
            },
        );
        answers.port = port.interact_text().map_err(|error| unanswered(&error))?;
    }
    if args.image.is_none() && args.dockerfile.is_none() {
        source(answers)?;
    }
    if args.nat.is_none() && answers.name != LOCAL {
        nat(answers)?;
    }
    Ok(())
}

/// Asks until the answer breaks no rule of environment files.
fn text(
    prompt: &str,
    answers: &mut Answers,
    default: String,
    set: impl Fn(&mut Answers, String),
) -> Result<String, Failure> {
    let trial = |given: &String| {
        let mut trial = answers.clone();
        set(&mut trial, given.clone());
        match trial.complaint() {
            Ok(None) => Ok(()),
            Ok(Some((message, help))) => Err(format!("{message}: {help}")),
            Err(failure) => Err(failure.message),
        }
    };
    let question = Input::new().with_prompt(prompt).default(default).validate_with(trial);
    let given = question.interact_text().map_err(|error| unanswered(&error))?;
    set(answers, given.clone());
    Ok(given)
}

fn source(answers: &mut Answers) -> Result<(), Failure> {
    let forms = ["a Dockerfile of this repository, built by `up`", "an image in a registry"];
    let select = Select::new().with_prompt("it runs").items(forms).default(0);
    match select.interact().map_err(|error| unanswered(&error))? {
        0 => text("Dockerfile", answers, "Dockerfile".into(), |answers, path| {
            answers.source = Source::Dockerfile(path);
        })?,
        _ => text("image", answers, "ghcr.io/acme/api:1.0".into(), |answers, image| {
            answers.source = Source::Image(image);
        })?,
    };
    Ok(())
}

/// The one choice here that costs money. Prices are those of us-east-1 (Amazon VPC pricing): 0.045 USD
/// an hour for a NAT gateway, 0.005 USD an hour for a public address, 730 hours a month.
fn nat(answers: &mut Answers) -> Result<(), Failure> {
    let choices = [
        (
            Nat::PerZone,
            "a NAT gateway in each of 2 zones: about 66 USD a month, survives the loss of a zone",
        ),
        (Nat::Shared, "one NAT gateway: about 33 USD a month, lost with its zone"),
        (
            Nat::None,
            "none: about 4 USD a month and task, for public addresses that nobody can connect to",
        ),
    ];
    let usual = choices.iter().position(|(nat, _)| *nat == answers.nat).unwrap_or(0);
    let select = Select::new()
        .with_prompt("tasks reach the internet through (traffic costs extra)")
        .items(choices.map(|(_, text)| text))
        .default(usual);
    answers.nat = choices[select.interact().map_err(|error| unanswered(&error))?].0;
    Ok(())
}

fn unanswered(error: &dialoguer::Error) -> Failure {
    Failure::new(Code::Interrupted, format!("no answer: {error}; nothing was written"))
        .hint("answer with flags instead: `provisioner init --help`")
}
