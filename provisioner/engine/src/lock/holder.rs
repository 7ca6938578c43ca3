//! Who holds a lock, for the eyes of those who wait for it.

use jiff::Timestamp;

/// A person or a pipeline, on a machine, in a process, doing something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The user's name, or the actor of a pipeline.
    pub who: String,
    pub host: String,
    pub pid: u32,
    /// `up`, `destroy` and so on.
    pub operation: String,
    pub started: Timestamp,
    /// The pipeline run's page, if a pipeline runs this.
    pub run: Option<String>,
}

impl Holder {
    /// This process. `variable` looks up environment variables; a GitHub Actions run is named by its
    /// own (GitHub: "Default environment variables").
    #[must_use]
    pub fn this_process(
        operation: &str,
        host: &str,
        started: Timestamp,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let run = || {
            let server = variable("GITHUB_SERVER_URL")?;
            let repository = variable("GITHUB_REPOSITORY")?;
            Some(format!("{server}/{repository}/actions/runs/{}", variable("GITHUB_RUN_ID")?))
        };
        let who = ["GITHUB_ACTOR", "USER", "LOGNAME", "USERNAME"];
        Self {
            who: who.into_iter().find_map(variable).unwrap_or_else(|| "unknown".into()),
            host: host.into(),
            pid: std::process::id(),
            operation: operation.into(),
            started,
            run: run(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_pipeline_run() {
        let variables = |name: &str| {
            let value = match name {
                "GITHUB_SERVER_URL" => "https://github.com",
                "GITHUB_REPOSITORY" => "acme/shop",
                "GITHUB_RUN_ID" => "77",
                "GITHUB_ACTOR" => "anna",
                "USER" => "runner",
                _ => return None,
            };
            Some(value.to_owned())
        };
        let holder = Holder::this_process("up", "ci-1", Timestamp::UNIX_EPOCH, variables);
        assert_eq!(holder.run.as_deref(), Some("https://github.com/acme/shop/actions/runs/77"));
        assert_eq!(holder.who, "anna");
    }

    #[test]
    fn a_terminal_has_no_run() {
        let holder = Holder::this_process("up", "laptop", Timestamp::UNIX_EPOCH, |name| {
            (name == "USER").then(|| "anna".into())
        });
        assert_eq!((holder.who.as_str(), holder.run), ("anna", None));
    }
}
