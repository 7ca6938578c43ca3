//! What has drifted, for people and as JSON.

use aws::preflight::Inhabitant;
use engine::drift::{Drift, Finding};
use serde_json::{Value, json};

use super::plan::change;
use super::{BOLD, DIM, RED, YELLOW, styled};

/// What `drift` found.
pub(crate) struct Drifted<'a> {
    pub(crate) environment: &'a str,
    /// How many were looked at.
    pub(crate) resources: usize,
    pub(crate) drift: &'a [Drift],
    /// Who else is in the VPC.
    pub(crate) strangers: &'a [Inhabitant],
    pub(crate) calls: u64,
    pub(crate) seconds: f64,
}

impl Drifted<'_> {
    pub(crate) fn text(&self) -> String {
        let Self { environment, resources, drift, strangers, .. } = self;
        let mut text = String::new();
        for Drift { address, id, findings } in *drift {
            let gone = matches!(findings[..], [Finding::Deleted | Finding::Leaving { .. }]);
            let sign = if gone { styled(RED, "-") } else { styled(YELLOW, "~") };
            text += &format!("{sign} {address}  {}\n", styled(DIM, id.as_str()));
            for finding in findings {
                text += &format!("    {}\n", said(finding));
            }
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
    /// "id", "findings": [{"finding": "deleted" | "leaving" | "owner" | "changed", ...}]}], "strangers":
    /// [{"kind", "id", "owner"}]}`.
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
            "strangers": strangers,
        })
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
