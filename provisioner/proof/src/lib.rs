//! The proof that nothing is lost and nothing left: the real tool, in front of the strict cloud, killed, cut off and
//! confused at every call. It knows the tool by its command line and AWS by its lists, and nothing of either's inside.

pub mod cases;
pub mod chance;
pub mod emulator;
pub mod finding;
pub mod leg;
pub mod listing;
pub mod makespan;
pub mod project;
pub mod stage;
pub mod suite;
pub mod table;
pub mod tool;
pub mod trial;
pub mod wire;
pub mod writers;

use thiserror::Error;

/// Why a proof cannot be made. What a proof finds is no error.
#[derive(Debug, Error)]
pub enum Error {
    #[error("the emulator: {0}")]
    Emulator(String),
    #[error("the strict cloud does not start")]
    Strict(#[from] strict::StartError),
    #[error("{0}")]
    Fault(#[from] strict::SpecError),
    #[error("{0}")]
    Tool(String),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

pub type Result<T> = std::result::Result<T, Error>;
