//! Revisions of task definitions outside of the graph: read, register again with a change, retire.

use engine::{Class, Error, Owner, Result};
use serde_json::{Value, json};

use crate::Aws;
use crate::adapters::ecs::task_definition::TOLD;
use crate::adapters::ecs::{self, list, text};
use crate::error::error;

impl Aws {
    /// A revision in ECS's own JSON with its tags in it: by ARN, by `family:revision`, or a family's
    /// newest active one. What it returns can be changed and registered again.
    ///
    /// # Errors
    /// Whatever describing it answers; `None` when there is none.
    pub async fn describe_task_definition(&self, name: &str) -> Result<Option<Value>> {
        let Some(mut answer) = self.task_definition_answer(name).await? else { return Ok(None) };
        let (mut definition, tags) = (answer["taskDefinition"].take(), answer["tags"].take());
        definition["tags"] = if tags.is_null() { json!([]) } else { tags };
        Ok(Some(definition))
    }

    /// Registers a revision and returns its ARN. `definition` is ECS's own JSON with its tags; what
    /// only ECS says of a revision is left out, and the operation's tag becomes `op`, by which the
    /// revision is found after a lost answer.
    ///
    /// # Errors
    /// [`Class::Lost`] when no answer came and no such revision is there yet: one that comes late
    /// harms nobody, so the call may be repeated.
    pub async fn register_task_definition(&self, definition: &Value, op: &str) -> Result<String> {
        let body = registration(definition, op)?;
        let clients = self.write()?;
        let answer = ecs::call("ecs:RegisterTaskDefinition", &body, |json| {
            clients.ecs.register_task_definition().customize().interceptor(json).send()
        });
        match answer.await {
            Ok(made) => Ok(text(&made["taskDefinition"], "taskDefinitionArn").into()),
            Err(e) if e.is(Class::Lost) => {
                let family = text(&body, "family");
                self.registered(family, op).await?.ok_or(e)
            }
            Err(e) => Err(e),
        }
    }

    /// Retires a revision: tasks that run with it go on, new ones cannot be started with it. Gone or
    /// retired already is success.
    ///
    /// # Errors
    /// Whatever deregistering it answers.
    pub async fn deregister_task_definition(&self, arn: &str) -> Result<()> {
        let call = self.write()?.ecs.deregister_task_definition().task_definition(arn);
        let answer = call.send().await.map_err(|e| error("ecs:DeregisterTaskDefinition", e));
        let Err(refused) = answer else { return Ok(()) };
        if !matches!(refused.class, Class::Absent | Class::Invalid) {
            return Err(refused);
        }
        // Refused to one that is retired or gone, in words that AWS does not document.
        match self.describe_task_definition(arn).await? {
            Some(now) if text(&now, "status") == "ACTIVE" => Err(refused),
            _ => Ok(()),
        }
    }

    /// The revision that an unanswered call may have registered.
    async fn registered(&self, family: &str, op: &str) -> Result<Option<String>> {
        let [.., key] = Owner::TAGS;
        for arn in self.recent_revisions(family).await? {
            let Some(found) = self.describe_task_definition(&arn).await? else { continue };
            let tags = list(&found, "tags");
            if tags.iter().any(|tag| text(tag, "key") == key && text(tag, "value") == op) {
                return Ok(Some(arn));
            }
        }
        Ok(None)
    }
}

/// The body of RegisterTaskDefinition from a definition as described.
fn registration(definition: &Value, op: &str) -> Result<Value> {
    let Value::Object(mut body) = ecs::without_nulls(definition) else {
        return Err(Error::new(Class::Invalid, "a task definition is a JSON object"));
    };
    body.retain(|field, _| !TOLD.contains(&field.as_str()));
    let [.., key] = Owner::TAGS;
    let mut tags = list(definition, "tags").to_vec();
    tags.retain(|tag| text(tag, "key") != key && !text(tag, "key").starts_with("aws:"));
    tags.push(json!({"key": key, "value": op}));
    body.insert("tags".into(), tags.into());
    Ok(Value::Object(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_ecs_says_is_not_sent_back() {
        let told = json!({
            "family": "shop-api", "revision": 7, "status": "ACTIVE", "registeredAt": 1.5,
            "taskDefinitionArn": "arn:x", "compatibilities": ["FARGATE"], "taskRoleArn": null,
            "requiresAttributes": [], "containerDefinitions": [{"name": "api", "image": "x:2"}],
            "tags": [{"key": "provisioner:op", "value": "old"}, {"key": "team", "value": "a"}]});
        let sent = json!({
            "family": "shop-api", "containerDefinitions": [{"name": "api", "image": "x:2"}],
            "tags": [{"key": "team", "value": "a"}, {"key": "provisioner:op", "value": "new"}]});
        assert_eq!(registration(&told, "new").unwrap(), sent);
        assert!(registration(&json!("x"), "new").unwrap_err().is(Class::Invalid));
    }
}
