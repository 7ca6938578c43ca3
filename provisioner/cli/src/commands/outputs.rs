//! `outputs`: addresses and names of what was made.

use std::process::ExitCode;

use crate::args::{Global, Remembered};
use crate::failure::{Code, Failure};
use crate::report;
use crate::run::outputs;
use crate::session::Session;

pub(crate) async fn run(global: &Global, args: &Remembered) -> Result<ExitCode, Failure> {
    let session = Session::remembered(global, args).await?;
    let (state, version) = session.state().await?;
    if version.is_none() {
        let name = &session.environment().name;
        return Err(Failure::new(Code::Failed, format!("{name} has not been made yet"))
            .hint(format!("provisioner up --env {name}")));
    }
    let outputs = outputs::of(&session, &state);
    if global.json {
        report::json(&outputs)?;
    } else {
        report::out(&report::outputs(&outputs));
    }
    Ok(ExitCode::SUCCESS)
}
