//! What breaks a deploy, what becomes of it, and what that is called.

use serde_json::Value;

use super::home::{Home, Tasks};
use crate::http::under_load;

/// A way to deploy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Thing {
    Good,
    Crashing,
    Silent,
    Unpullable,
    Foreign,
    Unmigrated,
    Secretless,
}

impl Thing {
    pub(crate) const ALL: [Self; 7] = [
        Self::Good,
        Self::Crashing,
        Self::Silent,
        Self::Unpullable,
        Self::Foreign,
        Self::Unmigrated,
        Self::Secretless,
    ];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Good => "nothing: v1 -> v2",
            Self::Crashing => "the image crashes at its start",
            Self::Silent => "the image never answers",
            Self::Unpullable => "the image cannot be pulled",
            Self::Foreign => "the image is for another processor",
            Self::Unmigrated => "the migration fails",
            Self::Secretless => "a secret has no value",
        }
    }

    /// The documented exit code, and words of the cause.
    fn expected(self, tasks: Tasks) -> (i32, &'static str) {
        use Tasks::{Containers, Processes};
        match (self, tasks) {
            (Self::Good, _) => (0, ""),
            (Self::Crashing, _) => (9, "exit code 3"),
            (Self::Silent, Processes) => (9, "does not listen"),
            (Self::Silent, Containers) => (9, "our request is answered with 502"),
            (Self::Unpullable, Processes) => (1, "only a Docker engine can run an image"),
            (Self::Unpullable, Containers) => (9, "127.0.0.1:9"),
            (Self::Foreign, Processes) => (9, "another processor"),
            (Self::Foreign, Containers) => (1, "is built for"),
            (Self::Unmigrated, _) => (9, "the migration of api ended with exit code 3"),
            (Self::Secretless, _) => (1, "has no value yet: extra"),
        }
    }
}

/// What became of one deploy.
pub(crate) struct Row {
    pub(crate) thing: Thing,
    pub(crate) code: i32,
    pub(crate) after: String,
    pub(crate) cause: String,
    pub(crate) failed: u32,
    pub(crate) requests: u32,
    pub(crate) calls: Option<u64>,
}

/// Deploys one thing under load and looks at what is there afterwards.
pub(crate) fn row(home: &mut Home, thing: Thing) -> Row {
    let before = home.version().unwrap();
    let arguments = match thing {
        Thing::Good => home.deploy("v2"),
        Thing::Crashing => home.deploy("crashing"),
        Thing::Silent => {
            [home.deploy("silent"), ["--timeout", "4m"].map(Into::into).into()].concat()
        }
        Thing::Unpullable => {
            let image = ["deploy", "--json", "--image", "127.0.0.1:9/shop/api:1.0"];
            image.map(Into::into).into()
        }
        Thing::Foreign => home.deploy("foreign"),
        Thing::Unmigrated => {
            home.edit(&home.migration(), "");
            home.deploy("unmigrated")
        }
        Thing::Secretless => {
            let both = "    secrets: { TOKEN: token, EXTRA: extra }\n";
            home.replace("    secrets: { TOKEN: token }\n", both);
            home.replace("secrets: { token: given }", "secrets: { token: given, extra: given }");
            home.deploy("v3")
        }
    };
    // A probe that is never answered is given up after a minute.
    home.project.set("PROVISIONER_CLOCK_SCALE", if thing == Thing::Silent { "4" } else { "1" });
    let (run, answers) = under_load(&home.url, || home.run(&arguments));
    home.project.set("PROVISIONER_CLOCK_SCALE", "1");
    let (code, words) = thing.expected(home.tasks);
    assert_eq!(run.code, code, "{thing:?}: {}", run.err);
    let said: Value = serde_json::from_str(&run.out).unwrap_or_else(|_| panic!("{run:?}"));
    let folder = format!("{}/", home.project.path().display());
    let cause = cause(&said, &run.err).replace(&folder, "");
    assert!(cause.contains(words), "{thing:?}: {cause}\n{}", run.err);
    home.edit("", "");
    home.project.run(&["plan"]).done();
    let after = crate::http::answered(&home.url);
    assert_eq!(after, if thing == Thing::Good { "v2" } else { &before }, "{thing:?}");
    assert!(home.releases().iter().all(|one| !one["ended"].is_null()), "{thing:?}");
    let requests = answers.values().sum();
    let failed = requests - answers.get(&200).copied().unwrap_or_default();
    let calls = said["calls"]["total"].as_u64();
    Row { thing, code, after, cause, failed, requests, calls }
}

/// What was named as the cause: by the explanation, or by the refusal.
fn cause(said: &Value, err: &str) -> String {
    let explained = &said["explanation"]["rows"][0]["cause"];
    let refused = &said["error"]["message"];
    let cause = explained.as_str().or(refused.as_str()).map(str::to_owned);
    cause.unwrap_or_else(|| {
        let last = err.lines().rev().find_map(|line| line.strip_prefix("failed: "));
        last.unwrap_or_default().to_owned()
    })
}

/// The rows as a table of Markdown.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "| What is broken | Exit code | Runs afterwards | Failed requests | API calls | Cause named |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    for row in rows {
        let calls = row.calls.map_or("-".into(), |calls| calls.to_string());
        let cause = if row.cause.is_empty() { "-" } else { &row.cause };
        text += &format!(
            "| {} | {} | {} | {} of {} | {calls} | {} |\n",
            row.thing.title(),
            row.code,
            row.after,
            row.failed,
            row.requests,
            cause.replace('|', "\\|").replace('\n', " "),
        );
    }
    text
}
