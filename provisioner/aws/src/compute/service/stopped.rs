//! Why a service's tasks stopped. ECS keeps stopped tasks for about an hour.

use aws_sdk_ecs::types::{DesiredStatus, Task};
use engine::{Class, Result};
use serde_json::Value;

use crate::Aws;
use crate::ecs::{name_of, text};
use crate::error::error;

impl Aws {
    /// What ended the task that stopped last, in ECS's own words.
    pub(super) async fn newest_stopped(&self, service: &Value) -> Result<Option<String>> {
        let arns = self.tasks_of_service(service, DesiredStatus::Stopped).await?;
        if arns.is_empty() {
            return Ok(None);
        }
        let found = self
            .read()
            .ecs
            .describe_tasks()
            .cluster(text(service, "clusterArn"))
            .set_tasks(Some(arns))
            .send()
            .await
            .map_err(|e| error("ecs:DescribeTasks", e))?;
        Ok(found.tasks().iter().max_by_key(|task| task.stopped_at).map(story))
    }

    /// Whether a service has or recently had any task.
    pub(super) async fn has_tasks(&self, service: &Value) -> Result<bool> {
        Ok(!self.tasks_of_service(service, DesiredStatus::Running).await?.is_empty()
            || !self.tasks_of_service(service, DesiredStatus::Stopped).await?.is_empty())
    }

    /// Up to a hundred of a service's tasks.
    async fn tasks_of_service(
        &self,
        service: &Value,
        status: DesiredStatus,
    ) -> Result<Vec<String>> {
        let call = self.read().ecs.list_tasks().desired_status(status);
        let call = call.cluster(text(service, "clusterArn"));
        let page = call.service_name(text(service, "serviceName")).send().await;
        match page.map_err(|e| error("ecs:ListTasks", e)) {
            Ok(page) => Ok(page.task_arns.unwrap_or_default()),
            Err(e) if e.is(Class::Absent) => Ok(vec![]),
            Err(e) => Err(e),
        }
    }
}

fn story(task: &Task) -> String {
    let id = name_of(task.task_arn().unwrap_or_default());
    let mut story =
        format!("Task {id} stopped: {}", task.stopped_reason().unwrap_or("no reason given"));
    for container in task.containers() {
        let name = container.name().unwrap_or_default();
        match (container.exit_code(), container.reason()) {
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
    use aws_sdk_ecs::types::Container;

    #[test]
    fn names_the_container_that_failed() {
        let container = |name: &str| Container::builder().name(name);
        let task = Task::builder()
            .task_arn("arn:aws:ecs:eu-west-1:1:task/shop/f00")
            .stopped_reason("Essential container in task exited")
            .containers(container("proxy").exit_code(0).build())
            .containers(
                container("api")
                    .exit_code(137)
                    .reason("OutOfMemoryError: Container killed due to memory usage")
                    .build(),
            )
            .build();
        assert_eq!(
            story(&task),
            "Task f00 stopped: Essential container in task exited; container api exited with 137: \
             OutOfMemoryError: Container killed due to memory usage"
        );
    }
}
