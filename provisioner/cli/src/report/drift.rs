//! What has drifted, for people and as JSON.

use aws::OtherListener;
use aws::preflight::VpcDependent;
use engine::additions::Added;
use engine::drift::{Drift, Finding};
use serde_json::{Value, json};

use super::plan::{change, short};
use super::{BOLD, DIM, RED, YELLOW, styled};

/// What `drift` found.
pub(crate) struct Drifted<'a> {
    pub(crate) environment: &'a str,
    /// How many were looked at.
    pub(crate) resources: usize,
    pub(crate) drift: &'a [Drift],
    /// What others have added, and may.
    pub(crate) added: &'a [Added],
    /// The listeners that others have put on our load balancers.
    pub(crate) listeners: &'a [OtherListener],
    /// Who else is in the VPC.
    pub(crate) strangers: &'a [VpcDependent],
    pub(crate) calls: u64,
    pub(crate) seconds: f64,
}

impl Drifted<'_> {
    pub(crate) fn text(&self) -> String {
        let Self { environment, resources, drift, added, listeners, strangers, .. } = self;
        let mut text = String::new();
        for Drift { address, id, findings } in *drift {
            let gone = matches!(findings[..], [Finding::Deleted | Finding::Leaving { .. }]);
            let sign = if gone { styled(RED, "-") } else { styled(YELLOW, "~") };
            text += &format!("{sign} {address}  {}\n", styled(DIM, id.as_str()));
            for finding in findings {
                text += &format!("    {}\n", said(finding));
            }
        }
        let additions = lines(added, listeners);
        if !additions.is_empty() {
            let title = "added by others, left alone; to remove it: \
                         provisioner drift --revert --env";
            text += &format!("{}\n", styled(BOLD, &format!("{title} {environment}")));
            text.extend(additions.iter().map(|line| format!("    {line}\n")));
        }
        if !strangers.is_empty() {
            text += &format!("{}\n", styled(BOLD, "others in the VPC, which keep it from going"));
            strangers.iter().for_each(|one| text += &format!("    {one}\n"));
        }
        if drift.is_empty() {
            text += &format!("{environment}: as it was applied ({resources} resources)\n");
        } else {
            text += &format!(
                "{environment}: {} of {resources} resources are not as they were applied; \
                 to repair them: provisioner up --env {environment}\n",
                drift.len()
            );
        }
        text
    }

    /// The documented form: `{"format", "environment", "empty", "calls", "seconds", "drift": [{"address",
    /// "id", "findings": [{"finding": "deleted" | "leaving" | "owner" | "changed", ...}]}], "additions":
    /// [{"address", "id", "path", "value"}], "listeners": [{"arn", "port", "protocol"}], "strangers":
    /// [{"kind", "id", "owner"}]}`. Additions, listeners and strangers are no drift: `empty` does not
    /// count them.
    pub(crate) fn json(&self) -> Value {
        let strangers = self.strangers.iter();
        let strangers = strangers
            .map(|one| json!({ "kind": one.kind, "id": one.id, "owner": one.owner }))
            .collect::<Vec<_>>();
        json!({
            "format": super::FORMAT,
            "environment": self.environment,
            "empty": self.drift.is_empty(),
            "resources": self.resources,
            "calls": self.calls,
            "seconds": self.seconds,
            "drift": self.drift,
            "additions": additions(self.added),
            "listeners": listeners(self.listeners),
            "strangers": strangers,
        })
    }
}

/// Additions and listeners, each on a line.
fn lines(added: &[Added], listeners: &[OtherListener]) -> Vec<String> {
    let additions = added.iter().flat_map(|Added { address, additions, .. }| {
        additions.iter().map(move |one| format!("{address} {}: {}", one.path, short(&one.value)))
    });
    additions.chain(listeners.iter().map(listener)).collect()
}

fn listener(OtherListener { arn, port, protocol }: &OtherListener) -> String {
    format!("a listener for {protocol} on port {port}: {arn}")
}

fn additions(added: &[Added]) -> Vec<Value> {
    let all = added.iter().flat_map(|Added { address, id, additions }| {
        additions.iter().map(
            move |one| json!({"address": address, "id": id, "path": one.path, "value": one.value}),
        )
    });
    all.collect()
}

fn listeners(all: &[OtherListener]) -> Vec<Value> {
    let one = |OtherListener { arn, port, protocol }: &OtherListener| json!({"arn": arn, "port": port, "protocol": protocol});
    all.iter().map(one).collect()
}

/// What `drift --revert` removes and has removed.
pub(crate) struct Reverted<'a> {
    environment: &'a str,
    added: &'a [Added],
    listeners: &'a [OtherListener],
    /// By address or ARN: gone, or the reason why not.
    done: Vec<(String, engine::Result<()>)>,
}

impl<'a> Reverted<'a> {
    pub(crate) fn new(
        environment: &'a str,
        added: &'a [Added],
        listeners: &'a [OtherListener],
    ) -> Self {
        Self { environment, added, listeners, done: Vec::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.added.is_empty() && self.listeners.is_empty()
    }

    /// What is to be removed.
    pub(crate) fn question(&self) -> String {
        let lines = lines(self.added, self.listeners);
        let shown: String =
            lines.iter().map(|line| format!("  {} {line}\n", styled(RED, "-"))).collect();
        format!("{}\n{}", styled(BOLD, "added by others"), shown.trim_end())
    }

    /// Notes how it went; `None` when it was not begun.
    pub(crate) fn note(&mut self, what: &str, done: Option<engine::Result<()>>) {
        self.done.extend(done.map(|done| (what.to_owned(), done)));
    }

    pub(crate) fn failed(&self) -> bool {
        self.done.iter().any(|(_, done)| done.is_err())
    }

    pub(crate) fn text(&self) -> String {
        let Self { environment, .. } = self;
        if self.is_empty() {
            return format!("{environment}: nobody has added anything\n");
        }
        let mut text = String::new();
        for (what, done) in &self.done {
            if let Err(error) = done {
                text += &format!("{} {what}: {error}\n", styled(RED, "failed"));
            }
        }
        let removed = lines(&self.removed(), &self.removed_listeners()).len();
        text + &format!("{environment}: {removed} addition(s) by others removed\n")
    }

    /// The documented form: `{"format", "environment", "removed": [{"address", "id", "path", "value"}],
    /// "listeners": [{"arn", "port", "protocol"}], "failed": [{"what", "error"}]}`.
    pub(crate) fn json(&self) -> Value {
        let failed = self.done.iter().filter_map(|(what, done)| {
            let error = done.as_ref().err()?;
            Some(json!({"what": what, "error": error.to_string()}))
        });
        json!({
            "format": super::FORMAT,
            "environment": self.environment,
            "removed": additions(&self.removed()),
            "listeners": listeners(&self.removed_listeners()),
            "failed": failed.collect::<Vec<_>>(),
        })
    }

    fn is_gone(&self, what: &str) -> bool {
        self.done.iter().any(|(of, done)| of == what && done.is_ok())
    }

    fn removed(&self) -> Vec<Added> {
        let gone = self.added.iter().filter(|one| self.is_gone(one.address.as_str()));
        gone.cloned().collect()
    }

    fn removed_listeners(&self) -> Vec<OtherListener> {
        self.listeners.iter().filter(|one| self.is_gone(&one.arn)).cloned().collect()
    }
}

fn said(finding: &Finding) -> String {
    match finding {
        Finding::Deleted => "deleted".into(),
        Finding::Leaving { why } => format!("on its way out: {why}"),
        Finding::Owner { now: None } => "its tags do not say any more that it is ours".into(),
        Finding::Owner { now: Some(owner) } => format!(
            "its tags say that it is {} of {}/{}",
            if owner.resource.is_empty() { "something" } else { &owner.resource },
            owner.project,
            owner.environment
        ),
        Finding::Changed { path, from, to } => change(path, from.as_ref(), to.as_ref()),
    }
}
