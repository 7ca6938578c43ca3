//! `releases`: what a service was made to run.

use std::process::ExitCode;

use stack::Image;

use crate::args::{self, Global};
use crate::failure::Failure;
use crate::release::{How, Release, Releases, What};
use crate::report;
use crate::report::table::table;
use crate::session::Session;

pub(crate) async fn run(global: &Global, args: &args::Releases) -> Result<ExitCode, Failure> {
    let session = Session::remembered(global, &args.remembered).await?;
    let service = session.service(args.of.service.as_deref())?;
    let mut all = Releases::of(session.objects(&session.aws), &service).all().await?;
    all.reverse();
    if global.json {
        report::json(&all)?;
    } else if all.is_empty() {
        report::note(&format!("{service} has no releases yet"));
    } else {
        let header = ["RELEASE", "BY", "HOW", "REVISION", "IMAGE", "WHEN", "WHO"];
        report::out(&table(Some(header), all.iter().map(row)));
    }
    Ok(ExitCode::SUCCESS)
}

fn row(release: &Release) -> [String; 7] {
    let Release { started, ended } = release;
    let by = match started.what {
        What::Up => "up".to_owned(),
        What::Deploy => "deploy".to_owned(),
        What::Rollback(to) => format!("rollback to {to}"),
    };
    let how = match ended.as_ref().map(|ended| ended.how) {
        None => "on its way",
        Some(How::Succeeded) => "serves",
        Some(How::RolledBack) => "rolled back",
        Some(How::Failed) => "failed",
        Some(How::NotWaitedFor) => "not waited for",
        Some(How::Abandoned) => "abandoned",
    };
    let short = |digest: &str| -> String {
        digest.trim_start_matches("sha256:").chars().take(12).collect()
    };
    let image = match &started.image {
        Image::Built(digest) => short(digest),
        Image::Resolved { reference, digest } => format!("{reference}@{}", short(digest)),
        image => image.to_string(),
    };
    [
        started.number.to_string(),
        by,
        how.into(),
        crate::release::short(&started.revision).into(),
        image,
        format!("{:.0}", started.at),
        started.author.who.clone(),
    ]
}
