//! What was last applied: the environment's state, if there is one and it can be read.

use engine::state::State;

use super::ACCOUNT;
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
        Ok(Self::State(Box::new(moved(&state)?)))
    }
}

/// The state as it would be in the emulator's account, whose number is in ARNs.
fn moved(state: &State) -> Result<State, Failure> {
    let Some(account) = state.fact::<String>(crate::session::ACCOUNT) else {
        return Ok(state.clone());
    };
    let read = serde_json::to_string(state)
        .and_then(|text| serde_json::from_str(&text.replace(&account, ACCOUNT)));
    read.map_err(|error| Failure::new(Code::Failed, error.to_string()))
}
