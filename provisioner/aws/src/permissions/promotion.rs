//! What images of other repositories need. Another environment's are copied: its releases say which, its
//! repositories have them. Those that the file's `image:` names are looked up by their tags. Where they are in
//! another account, the policies of its bucket and repositories must allow it too (IAM user guide, "Cross
//! account resource access in IAM").

use serde_json::{Value, json};

use super::place::Source;
use super::{Place, Role};

const PULL: [&str; 3] =
    ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"];

/// The statements for all of them that a role may use.
pub(super) fn statements(role: Role, at: &Place) -> Vec<Value> {
    let mut found = Vec::new();
    if !at.images.is_empty() {
        // Of what names no resource, the tables give it to who ships.
        if role < Role::Deploy {
            found.push(allow(&["ecr:GetAuthorizationToken"], &["*".to_owned()]));
        }
        found.push(allow(&PULL, &at.images));
    }
    if role >= Role::Deploy {
        found.extend(at.sources.iter().flat_map(|source| one(&at.partition, source)));
    }
    found
}

fn allow(actions: &[&str], resources: &[String]) -> Value {
    json!({"Effect": "Allow", "Action": actions, "Resource": resources})
}

fn one(partition: &str, source: &Source) -> [Value; 3] {
    let Source { account, region, project, environment, bucket } = source;
    let bucket = format!("arn:{partition}:s3:::{bucket}");
    let releases = format!("{project}/{environment}/releases/*");
    let repositories =
        format!("arn:{partition}:ecr:{region}:{account}:repository/{project}/{environment}/*");
    let mut listing = allow(&["s3:ListBucket"], &[bucket.clone()]);
    listing["Condition"] = json!({"StringLike": {"s3:prefix": releases}});
    let objects = allow(&["s3:GetObject"], &[format!("{bucket}/{releases}")]);
    [listing, objects, allow(&PULL, &[repositories])]
}
