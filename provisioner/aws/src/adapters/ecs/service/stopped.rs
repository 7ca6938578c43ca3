//! Why a service's tasks stopped, in one line.

use engine::Result;
use serde_json::Value;

use crate::Aws;
use crate::adapters::ecs::text;
use crate::operations::tasks::{Standing, Task, TaskFilter};

impl Aws {
    /// What ended the task that stopped last, in ECS's own words.
    pub(super) async fn newest_stopped(&self, service: &Value) -> Result<Option<String>> {
        let cluster = text(service, "clusterArn");
        let found = self.tasks(cluster, text(service, "serviceName"), Standing::Stopped).await?;
        Ok(found.iter().max_by_key(|task| task.stopped_at).map(story))
    }

    /// Whether a service has or recently had any task.
    pub(super) async fn has_tasks(&self, service: &Value) -> Result<bool> {
        let cluster = text(service, "clusterArn");
        let filter = TaskFilter::Service(text(service, "serviceName"));
        Ok(!self.task_arns(cluster, filter, Standing::Running).await?.is_empty()
            || !self.task_arns(cluster, filter, Standing::Stopped).await?.is_empty())
    }
}

fn story(task: &Task) -> String {
    let reason = task.stopped_reason.as_deref().unwrap_or("no reason given");
    let mut story = format!("Task {} stopped: {reason}", task.id());
    for container in &task.containers {
        let name = &container.name;
        match (container.exit_code, &container.reason) {
            (Some(0) | None, None) => {}
            (None, Some(reason)) => story = format!("{story}; container {name}: {reason}"),
            (Some(code), None) => story = format!("{story}; container {name} exited with {code}"),
            (Some(code), Some(reason)) => {
                story = format!("{story}; container {name} exited with {code}: {reason}");
            }
        }
    }
    story
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_the_container_that_failed() {
        let task = Task::read(&json!({
            "taskArn": "arn:aws:ecs:eu-west-1:1:task/shop/f00",
            "stoppedReason": "Essential container in task exited",
            "containers": [
                {"name": "proxy", "exitCode": 0},
                {"name": "api", "exitCode": 137,
                 "reason": "OutOfMemoryError: Container killed due to memory usage"}]}));
        assert_eq!(
            story(&task.unwrap()),
            "Task f00 stopped: Essential container in task exited; container api exited with 137: \
             OutOfMemoryError: Container killed due to memory usage"
        );
    }
}
