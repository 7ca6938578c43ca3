//! What was last applied: the environment's state, if there is one and it can be read.

use engine::state::State;

use crate::args::Global;
use crate::failure::{Code, Failure};
use crate::session::{Session, Start};

/// Where a rehearsal begins.
#[derive(Clone)]
pub(crate) enum Last {
    /// With what this state remembers.
    State(Box<State>),
    /// With nothing, for this reason.
    Nothing(String),
}

impl Last {
    /// Reads it, and changes nothing. Without an account to ask, there is nothing.
    pub(crate) async fn of(global: &Global) -> Result<Self, Failure> {
        let session = match Session::open(global, Start::Never).await {
            Ok(session) => session,
            Err(failure) if failure.code == Code::Failed => {
                let why = failure.message.lines().next().unwrap_or_default().to_owned();
                return Ok(Self::Nothing(format!("no account can be asked ({why})")));
            }
            Err(failure) => return Err(failure),
        };
        let (state, _) = session.state().await?;
        if state.resources.is_empty() {
            let name = &session.environment().name;
            return Ok(Self::Nothing(format!("{name} has no state: nothing was made yet")));
        }
        Ok(Self::State(Box::new(state)))
    }
}
