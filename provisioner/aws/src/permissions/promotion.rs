//! What copying another environment's images needs: its releases say which, its repositories have them.
//! Where it is in another account, the policies of its bucket and repositories must allow it too (IAM
//! user guide, "Cross account resource access in IAM").

use serde_json::{Value, json};

use super::Place;
use super::place::Source;

/// The statements for all environments whose images are copied.
pub(super) fn statements(at: &Place) -> Vec<Value> {
    at.sources.iter().flat_map(|source| one(&at.partition, source)).collect()
}

fn one(partition: &str, source: &Source) -> [Value; 3] {
    let Source { account, region, project, environment, bucket } = source;
    let bucket = format!("arn:{partition}:s3:::{bucket}");
    let releases = format!("{project}/{environment}/releases/*");
    let repositories =
        format!("arn:{partition}:ecr:{region}:{account}:repository/{project}/{environment}/*");
    let allow = |actions: &[&str], resource: String| json!({"Effect": "Allow", "Action": actions, "Resource": [resource]});
    let mut listing = allow(&["s3:ListBucket"], bucket.clone());
    listing["Condition"] = json!({"StringLike": {"s3:prefix": releases}});
    [
        listing,
        allow(&["s3:GetObject"], format!("{bucket}/{releases}")),
        allow(
            &["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            repositories,
        ),
    ]
}
