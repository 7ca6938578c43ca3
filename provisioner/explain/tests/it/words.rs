//! The other words in which AWS and the emulators say what a failure in `tests/fixtures` says.

use explain::rule::Place;
use explain::{Container, Event, LogLine, Picture, Target, Task, explain};

use crate::fixture::picture;

/// Other words for the same: where they are said, the words, the rule.
pub(crate) const VARIANTS: &[(Place, &str, &str)] = &[
    (
        Place::Stopped,
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve ecr registry auth: service call has been retried 3 time(s): RequestError: send request failed caused by: Post \"https://api.ecr.us-west-2.amazonaws.com/\": dial tcp 52.94.184.143:443: i/o timeout",
        "no-route-to-ecr",
    ),
    (
        Place::Stopped,
        "ResourceInitializationError: unable to pull secrets or registry auth: operation error ECR: GetAuthorizationToken, exceeded maximum number of attempts, 3",
        "no-route-to-ecr",
    ),
    (
        Place::Event,
        "(service api) was unable to place a task. Reason: CannotPullContainerError: The task cannot pull 123456789012.dkr.ecr.us-east-1.amazonaws.com/api:v1 from the Amazon ECR repository 123456789012.dkr.ecr.us-east-1.amazonaws.com/api. There is a connection issue between the task and Amazon ECR. Check your task network configuration.",
        "no-route-to-registry",
    ),
    (
        Place::Stopped,
        "CannotPullContainerError: API error (500): Get https://111122223333.dkr.ecr.us-east-1.amazonaws.com/v2/: net/http: request canceled while waiting for connection",
        "no-route-to-registry",
    ),
    (
        Place::Stopped,
        "CannotPullContainerError: API error (404): repository 111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api not found",
        "image-not-found",
    ),
    (
        Place::Stopped,
        "CannotPullContainerError: manifest for acme/api:v9 not found: manifest unknown",
        "image-not-found",
    ),
    (
        Place::Stopped,
        "CannotPullContainerError: The task can't pull the image. Check that the role has the permissions to pull images from the registry.",
        "pull-denied",
    ),
    (
        Place::Stopped,
        "CannotPullContainerError: AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/x/y is not authorized to perform: ecr:BatchGetImage on resource: z",
        "pull-denied",
    ),
    (
        Place::Stopped,
        "ResourceInitializationError: unable to pull secrets or registry auth: unable to retrieve secrets from ssm: The task cannot pull secrets from AWS Systems Manager. There is a connection issue between the task and AWS Systems Manager Parameter Store. Check your task network configuration.",
        "no-route-to-secrets",
    ),
    (
        Place::Stopped,
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret arn:aws:secretsmanager:us-east-1:000000000000:secret:payments/prod/database-url-Kf3xQz for environment variable DATABASE_URL",
        "secret-gone",
    ),
    (
        Place::Stopped,
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve json key 'url' from secret arn:aws:secretsmanager:us-east-1:000000000000:secret:payments/prod/database-url-Kf3xQz for environment variable DATABASE_URL",
        "secret-without-key",
    ),
    (Place::Stopped, "OutOfMemoryError: container killed due to memory usage", "out-of-memory"),
    (
        Place::Container,
        "CannotStartContainerError: Error response from daemon: exec /app/payments-api: exec format error",
        "architecture",
    ),
    (
        Place::Stopped,
        "ResourceInitializationError: unable to pull image or start container: 400 Client Error for http+docker://localhost/v1.41/containers/9f1d/start: Bad Request (\"failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: \"/nope\": stat /nope: no such file or directory: unknown\")",
        "command-not-found",
    ),
    (
        Place::Event,
        "(service api) (task 3f2a1b4c5d6e47f88a9b0c1d2e3f4a5b) failed container health checks.",
        "container-health-check",
    ),
    (
        Place::Event,
        "(service api) (task 3f2a1b4c5d6e47f88a9b0c1d2e3f4a5b) (port 8000) is unhealthy in (target-group arn:aws:elasticloadbalancing:eu-central-1:000000000000:targetgroup/a/4d22) due to (reason Health checks failed with these codes: [503]).",
        "health-check-code",
    ),
    (
        Place::Event,
        "(service api) (port 8000) is unhealthy in target-group api due to (reason Request timed out)",
        "health-check-timeout",
    ),
    (
        Place::Stopped,
        "Unexpected EC2 error while attempting to Create Network Interface with public IP assignment enabled in subnet 'subnet-0a1d89b3aa0e01a04'",
        "subnet-full",
    ),
    (
        Place::Event,
        "service (api) was unable to place a task. Reason: You've reached the limit on the number of tasks you can run concurrently",
        "quota-vcpu",
    ),
    (
        Place::Event,
        "IAM trust relationship has been misconfigured or changed, and ECS can no longer maintain your service",
        "service-permissions",
    ),
    (
        Place::Event,
        "(service api) deployment failed: deployment circuit breaker was triggered.",
        "circuit-breaker",
    ),
    (
        Place::Event,
        "(service api) rolling back to deployment ecs-svc/1234567890123456789.",
        "rolled-back",
    ),
    (Place::Probe, "without", "probe-code"),
];

/// A picture in which only this is said.
fn saying(place: Place, text: &str) -> Picture {
    let mut picture = picture("25-interface-timeout");
    let mut task = picture.tasks.remove(0);
    picture.tasks.clear();
    task.stopped_reason = String::new();
    let quiet = Task { stopped_reason: "CannotPullContainerError".into(), ..task.clone() };
    match place {
        Place::Stopped => picture.tasks.push(Task { stopped_reason: text.into(), ..task }),
        Place::Container => {
            let container =
                Container { name: "api".into(), reason: text.into(), ..Container::default() };
            picture.tasks.push(Task { containers: vec![container], ..quiet });
        }
        Place::Event => picture.events = vec![Event { at: None, message: text.into() }],
        Place::Target => picture.targets.push(Target {
            state: "unhealthy".into(),
            description: text.into(),
            ..Target::default()
        }),
        Place::Probe => {
            picture.probe = Some(explain::Probe {
                status: Some(200),
                contains: Some(text.into()),
                ..explain::Probe::default()
            });
        }
        Place::Log => picture.logs.push(LogLine { line: text.into(), ..LogLine::default() }),
        _ => panic!("no variant is said there"),
    }
    picture
}

#[test]
fn other_words_for_the_same_are_known() {
    for (place, text, rule) in VARIANTS {
        let explanation = explain(&saying(*place, text));
        let rules: Vec<&str> = explanation.rows.iter().map(|row| row.rule.as_str()).collect();
        assert_eq!(rules.first(), Some(rule), "{rules:?} for {text}");
    }
}
