//! AWS's own answers, as its API and its command line give them, made into a picture. Fields that are
//! missing or of another kind are left out: half a picture explains more than an error does.

mod ecs;
mod other;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::picture::{Before, Picture, Probe, Refusal, Revision, WayOut};

/// The answers, and what AWS cannot know.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Answers {
    /// The service's name in the environment file.
    pub service: String,
    pub environment: String,
    pub asked: Option<String>,
    pub since: Option<Timestamp>,
    /// The revision that should run; without it, the one of `describeTaskDefinition`.
    pub revision: Option<String>,
    pub way_out: Option<WayOut>,
    pub probe: Option<Probe>,
    pub refusal: Option<Refusal>,
    /// ECS, with one service.
    pub describe_services: Value,
    /// ECS, running and stopped tasks; a list of answers too.
    pub describe_tasks: Value,
    pub describe_task_definition: Value,
    /// Elastic Load Balancing, in the spelling of its command line (the API speaks XML).
    pub describe_target_health: Value,
    /// The same, with one target group.
    pub describe_target_groups: Value,
    /// CloudWatch Logs. Streams are named `prefix/container/task`, as the `awslogs` driver does it.
    pub filter_log_events: Value,
}

impl Answers {
    /// The picture.
    #[must_use]
    pub fn picture(&self) -> Picture {
        let definition = self.describe_task_definition["taskDefinition"].clone();
        let arn = self.revision.clone().unwrap_or_else(|| text(&definition, "taskDefinitionArn"));
        let mut picture = Picture {
            service: self.service.clone(),
            environment: self.environment.clone(),
            asked: self.asked.clone(),
            since: self.since,
            revision: Revision { arn, definition },
            tasks: ecs::tasks(&self.describe_tasks),
            targets: other::targets(&self.describe_target_health),
            health_check: other::health_check(&self.describe_target_groups),
            logs: other::logs(&self.filter_log_events),
            probe: self.probe.clone(),
            way_out: self.way_out,
            refusal: self.refusal.clone(),
            ..Picture::default()
        };
        ecs::service(&self.describe_services["services"][0], &mut picture);
        let others = picture.deployments.iter().filter(|it| !picture.is_ours(&it.task_definition));
        picture.before = others.max_by_key(|it| it.counts.running).map(|deployment| Before {
            revision: deployment.task_definition.clone(),
            running: deployment.counts.running,
        });
        picture
    }
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_default().into()
}

fn number<T: TryFrom<i64> + Default>(value: &Value, field: &str) -> T {
    value[field].as_i64().and_then(|number| number.try_into().ok()).unwrap_or_default()
}

fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value[field].as_array().map_or(&[], Vec::as_slice)
}

/// A time as seconds since 1970, which the API sends, or as text, which the command line prints.
fn time(value: &Value, field: &str) -> Option<Timestamp> {
    match &value[field] {
        Value::String(text) => text.parse().ok(),
        Value::Number(seconds) => {
            let since = SignedDuration::try_from_secs_f64(seconds.as_f64()?).ok()?;
            Timestamp::from_duration(since).ok()
        }
        _ => None,
    }
}
