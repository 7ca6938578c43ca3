//! Why a deployment fails. A [`Picture`] of a service goes in; cause, proof and fix come out. The rules
//! are data, one table for each stage of a deployment; texts that no rule knows are handed on as they
//! came, and no cause is made up for them.
//!
//! ```
//! let mut picture = explain::Picture { service: "api".into(), environment: "prod".into(), ..Default::default() };
//! picture.tasks.push(explain::Task {
//!     id: "3f2a1b4c".into(),
//!     last_status: "STOPPED".into(),
//!     stop_code: "EssentialContainerExited".into(),
//!     containers: vec![explain::Container { name: "api".into(), exit_code: Some(139), ..Default::default() }],
//!     ..Default::default()
//! });
//! let explanation = explain::explain(&picture);
//! assert_eq!(explanation.rows[0].rule, "segmentation-fault");
//! assert!(explanation.text().starts_with("cause: "));
//! ```

pub mod answers;
mod diagnosis;
mod evidence;
mod explanation;
mod facts;
mod listening;
mod outcome;
mod picture;
mod proof;
pub mod rule;
pub mod rules;
mod text;

pub use answers::Answers;
pub use diagnosis::{explain, explain_without};
pub use explanation::{Explanation, Finding, VERSION};
pub use outcome::Outcome;
pub use picture::{
    Before, Container, Counts, Deployment, Event, HealthCheck, LogLine, Picture, Probe, Refusal,
    Revision, Target, Task, WayOut,
};
