//! Ctrl-C and SIGTERM: the first stops a run in order, the second ends the process.

use std::process;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::failure::Code;
use crate::report;

/// A token that is cancelled by the user's interrupt, or by the end of a cancelled CI job.
pub(crate) fn token() -> CancellationToken {
    let token = CancellationToken::new();
    let cancelled = token.clone();
    tokio::spawn(async move {
        let (Ok(mut interrupt), Ok(mut terminate)) =
            (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        else {
            return;
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        cancelled.cancel();
        report::note(
            "interrupted: nothing new is begun, calls under way have 5 s, then the state is saved",
        );
        // A second SIGINT is the user's impatience; a SIGTERM after it is how CI goes on by itself, and
        // what is under way ends within its time anyway.
        interrupt.recv().await;
        report::note(
            "interrupted again: the state may miss the last answers; the next run looks them up",
        );
        process::exit(i32::from(Code::Interrupted as u8));
    });
    token
}
