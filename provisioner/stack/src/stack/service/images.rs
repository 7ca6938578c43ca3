//! Where a service's images are, and which one it runs.

use engine::{Error, Input, Node, Result};
use kinds::{Policy, Repository};
use serde_json::{Value, json};

use crate::environment::Service;
use crate::stack::{Image, Stack};

impl Stack<'_> {
    pub(super) fn repository(
        &mut self,
        name: &str,
        service: &Service,
    ) -> Result<Option<Node<Repository>>> {
        if service.build.is_none() {
            return Ok(None);
        }
        let full = self.names.repository(name);
        // Untagged images are what failed pushes leave; tagged ones may be wanted for a rollback.
        let expiry = |priority: u32, status: &str, kind: &str, count: u32, extra: Value| {
            let mut selection =
                json!({"tagStatus": status, "countType": kind, "countNumber": count});
            if let (Some(selection), Value::Object(extra)) = (selection.as_object_mut(), extra) {
                selection.extend(extra);
            }
            json!({"rulePriority": priority, "selection": selection, "action": {"type": "expire"}})
        };
        let repository = Repository {
            name: full.clone(),
            immutable_tags: true,
            scan_on_push: true,
            lifecycle: Policy::new(json!({"rules": [
                expiry(1, "untagged", "sinceImagePushed", 14, json!({"countUnit": "days"})),
                expiry(2, "any", "imageCountMoreThan", 100, json!({})),
            ]})),
            tags: self.tags::<Repository>(name, &full),
        };
        self.graph.add(name, &repository).map(Some)
    }

    pub(super) fn image(&self, name: &str, repository: Option<&Node<Repository>>) -> Result<Input> {
        let image = self.facts.images.get(name);
        if let Some(reference) = image.and_then(Image::reference) {
            return Ok(reference.into());
        }
        match (image, repository) {
            (Some(Image::Built(digest)), Some(repository)) => {
                Ok(Input::join([repository.uri.clone(), format!("@{digest}").into()]))
            }
            (Some(Image::Tagged(tag)), Some(repository)) => {
                Ok(Input::join([repository.uri.clone(), format!(":{tag}").into()]))
            }
            _ => Err(Error::other(format!("the image of {name} is not known"))),
        }
    }
}
