//! Which resources an action is allowed on, and under which condition: as narrow as AWS's Service
//! Authorization Reference lets it be said before the resources exist.

use engine::Owner;
use serde_json::{Value, json};

use super::{Place, ec2};
use crate::preflight::SERVICES;

/// A set of resources. Ids of EC2 are not known beforehand: there, the owner's tags decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ResourceScope {
    /// AWS knows no resource for the action, or answers with what must be searched.
    Everything,
    /// Of these types, and carrying our tags.
    Ours(&'static [&'static str]),
    /// Of these types, and made with our tags.
    Made(&'static [&'static str]),
    /// Of these types; they carry no tags.
    Untagged(&'static [&'static str]),
    /// What a create call is just making.
    TagsOfMade,
    /// Anything of EC2 that carries our tags.
    TagsOfOurs,
    Cluster,
    AnyCluster,
    Service,
    Task,
    AnyTask,
    TaskDefinition,
    /// The same, registered with our tags: `<base>-*` is also what another environment's names may
    /// begin with.
    MadeTaskDefinition,
    /// Actions without a resource whose cluster is a condition.
    InCluster,
    EcsTags,
    LoadBalancer,
    Listener,
    Rule,
    /// Those that carry our tags: their names are short, and may begin as another environment's.
    TargetGroup,
    /// Made with our tags.
    MadeTargetGroup,
    /// What CreateTargetGroup is just making.
    TagsOfMadeTargetGroup,
    /// Of what has an exact name.
    ElbTags,
    Repository,
    AnyRepository,
    LogGroup,
    AnyLogGroup,
    Secret,
    /// The secrets that exist already and that the environment's file names.
    ExistingSecret,
    Role,
    /// Those that have the file's boundary, when it says one: who makes a role or writes its policy
    /// gives nobody more than that.
    BoundedRole,
    /// The file's boundary, put on a role; nothing when there is none.
    Boundary,
    /// The managed policies that the file names, attached to a role; nothing when there are none.
    Attached,
    /// The same roles and those that the file names, handed to tasks only.
    TaskRole,
    ServiceLinkedRole,
    Bucket,
    /// The bucket's listing, from our prefix on.
    Listing,
    Objects,
    LockTable,
    LockRow,
    /// The key of bucket and table, through S3 and DynamoDB; nothing when the file names none.
    StateKey,
    ScalableTarget,
    Alarm,
    AnyAlarm,
}

impl ResourceScope {
    /// Whether whoever has an action on this has it on `other` as well.
    pub(super) fn covers(self, other: Self) -> bool {
        match self {
            Self::Everything => other != self,
            Self::AnyCluster => other == Self::Cluster,
            Self::AnyTask => other == Self::Task,
            Self::AnyRepository => other == Self::Repository,
            Self::AnyLogGroup => other == Self::LogGroup,
            Self::EcsTags => matches!(other, Self::Task | Self::TaskDefinition),
            Self::TaskDefinition => other == Self::MadeTaskDefinition,
            _ => false,
        }
    }

    /// Whether only some environments have such a thing.
    pub(super) fn is_optional(self) -> bool {
        matches!(self, Self::Attached | Self::Boundary | Self::StateKey)
    }

    /// The `Resource` and the `Condition` of a statement.
    pub(super) fn said(self, at: &Place) -> (Vec<String>, Option<Value>) {
        let path = at.path();
        let all = |service, types: &[&str]| {
            types.iter().map(|kind| at.arn(service, &format!("{kind}/*"))).collect::<Vec<_>>()
        };
        let (resources, condition) = match self {
            Self::Everything => (vec!["*".into()], None),
            Self::Ours(types) => (all("ec2", types), Some(tagged(at, "aws:ResourceTag"))),
            Self::Made(types) => (all("ec2", types), Some(tagged(at, "aws:RequestTag"))),
            Self::Untagged(types) => (all("ec2", types), None),
            Self::TagsOfMade => (
                vec![at.arn("ec2", "*/*")],
                Some(json!({"StringEquals": {"ec2:CreateAction": ec2::MAKES}})),
            ),
            Self::TagsOfOurs => (vec![at.arn("ec2", "*/*")], Some(tagged(at, "aws:ResourceTag"))),
            Self::InCluster => {
                (vec!["*".into()], Some(json!({"ArnEquals": {"ecs:cluster": cluster(at)}})))
            }
            Self::MadeTaskDefinition => {
                (Self::TaskDefinition.by_name(at), Some(tagged(at, "aws:RequestTag")))
            }
            Self::TargetGroup => (target_groups(at), Some(tagged(at, "aws:ResourceTag"))),
            Self::MadeTargetGroup => (target_groups(at), Some(tagged(at, "aws:RequestTag"))),
            Self::TagsOfMadeTargetGroup => {
                let mut condition = tagged(at, "aws:RequestTag");
                condition["StringEquals"]["elasticloadbalancing:CreateAction"] =
                    json!("CreateTargetGroup");
                (target_groups(at), Some(condition))
            }
            Self::BoundedRole => (role(at), at.boundary.as_ref().map(bounded)),
            Self::Boundary => match &at.boundary {
                Some(boundary) => (role(at), Some(bounded(boundary))),
                None => (Vec::new(), None),
            },
            Self::Attached if at.managed.is_empty() => (Vec::new(), None),
            Self::Attached => {
                let mut condition = at.boundary.as_ref().map_or_else(|| json!({}), bounded);
                condition["ArnEquals"] = json!({"iam:PolicyARN": at.managed});
                (role(at), Some(condition))
            }
            Self::StateKey => match &at.backend.kms {
                Some(key) => (
                    vec![key.clone()],
                    Some(json!({"StringLike": {"kms:ViaService": ["dynamodb.*", "s3.*"]}})),
                ),
                None => (Vec::new(), None),
            },
            Self::TaskRole => (
                role(at).into_iter().chain(at.passed.iter().cloned()).collect(),
                Some(json!({"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}})),
            ),
            Self::ServiceLinkedRole => {
                let role = |service: &&str| {
                    at.global("iam", &format!("role/aws-service-role/{service}/*"))
                };
                let condition = json!({"StringEquals": {"iam:AWSServiceName": SERVICES}});
                (SERVICES.iter().map(role).collect(), Some(condition))
            }
            // Also without a prefix: S3 asks for this right, with none, before it says of an object
            // that it is not there instead of that it is forbidden.
            Self::Listing => (
                vec![at.bucket("")],
                Some(json!({"StringLikeIfExists": {"s3:prefix": format!("{path}/*")}})),
            ),
            Self::LockRow => (
                table(at),
                Some(json!({"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": path}})),
            ),
            Self::ScalableTarget => (
                vec![at.arn("application-autoscaling", "scalable-target/*")],
                Some(json!({"StringEquals": {
                    "application-autoscaling:service-namespace": "ecs",
                    "application-autoscaling:scalable-dimension": "ecs:service:DesiredCount",
                }})),
            ),
            named => (named.by_name(at), None),
        };
        (resources, condition)
    }

    /// What is told from others by its name alone.
    fn by_name(self, at: &Place) -> Vec<String> {
        let Place { cluster: base, load_balancer, .. } = at;
        let path = at.path();
        let ecs = |rest: String| at.arn("ecs", &rest);
        let elb = |rest: String| at.arn("elasticloadbalancing", &rest);
        match self {
            Self::Cluster => vec![cluster(at)],
            Self::AnyCluster => vec![ecs("cluster/*".into())],
            Self::Service => vec![ecs(format!("service/{base}/*"))],
            Self::Task => vec![ecs(format!("task/{base}/*"))],
            Self::AnyTask => vec![ecs("task/*".into())],
            Self::TaskDefinition => vec![ecs(format!("task-definition/{base}-*"))],
            Self::EcsTags => {
                let parts = [Self::Cluster, Self::Service, Self::Task, Self::TaskDefinition];
                parts.into_iter().flat_map(|part| part.by_name(at)).collect()
            }
            Self::LoadBalancer => vec![elb(format!("loadbalancer/app/{load_balancer}/*"))],
            Self::Listener => vec![elb(format!("listener/app/{load_balancer}/*"))],
            Self::Rule => vec![elb(format!("listener-rule/app/{load_balancer}/*"))],
            Self::ElbTags => {
                let parts = [Self::LoadBalancer, Self::Listener, Self::Rule];
                parts.into_iter().flat_map(|part| part.by_name(at)).collect()
            }
            Self::Repository => vec![at.arn("ecr", &format!("repository/{path}/*"))],
            Self::AnyRepository => vec![at.arn("ecr", "repository/*")],
            Self::LogGroup => vec![at.arn("logs", &format!("log-group:/{path}/*"))],
            Self::AnyLogGroup => vec![at.arn("logs", "log-group:*")],
            Self::Secret => vec![at.arn("secretsmanager", &format!("secret:{path}/*"))],
            Self::ExistingSecret => at.secrets.clone(),
            Self::Role => role(at),
            Self::Bucket => vec![at.bucket("")],
            Self::Objects => vec![at.bucket(&format!("/{path}/*"))],
            Self::LockTable => table(at),
            // As Application Auto Scaling names the alarms that it makes.
            Self::Alarm => {
                vec![at.arn("cloudwatch", &format!("alarm:TargetTracking-service/{base}/*"))]
            }
            Self::AnyAlarm => vec![at.arn("cloudwatch", "alarm:*")],
            _ => vec!["*".into()],
        }
    }
}

fn cluster(at: &Place) -> String {
    at.arn("ecs", &format!("cluster/{}", at.cluster))
}

fn target_groups(at: &Place) -> Vec<String> {
    vec![at.arn("elasticloadbalancing", &format!("targetgroup/{}*", at.target_groups))]
}

/// The boundary that a role has, or is made with (Service Authorization Reference, IAM's condition keys).
fn bounded(boundary: &String) -> Value {
    json!({"StringEquals": {"iam:PermissionsBoundary": boundary}})
}

fn role(at: &Place) -> Vec<String> {
    vec![at.global("iam", &format!("role{}{}*", at.role_path, at.roles))]
}

fn table(at: &Place) -> Vec<String> {
    vec![at.arn("dynamodb", &format!("table/{}", at.backend.table))]
}

fn tagged(at: &Place, key: &str) -> Value {
    let [project, environment, ..] = Owner::TAGS;
    json!({"StringEquals": {
        format!("{key}/{project}"): at.project,
        format!("{key}/{environment}"): at.environment,
    }})
}
