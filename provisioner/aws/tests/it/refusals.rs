//! Answers of S3 that no emulator gives, in place of the network.

use std::sync::{Arc, Mutex};

use aws::Aws;
use aws::bootstrap::{self, Backend};
use aws::store::Objects;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use engine::{Class, Clock};

use crate::answers::{self, REGION};

const ACCOUNT: &str = "123456789012";

/// The words that a request's line must have, and the status and the error code of its answer.
type Answer = (&'static str, u16, &'static str);

/// Gives each answer once. Keeps what each request asked for.
#[derive(Clone)]
struct Script {
    answers: Arc<Mutex<Vec<Answer>>>,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Script {
    fn answer(&self, request: &HttpRequest) -> HttpResponse {
        let owner = request.headers().get("x-amz-expected-bucket-owner").unwrap_or("nobody");
        let line = format!("{} {} {owner}", request.method(), request.uri());
        let mut answers = self.answers.lock().unwrap();
        let expected = answers.iter().position(|(words, ..)| line.contains(words));
        let (_, status, code) =
            expected.map_or(("", 404, "NoSuchBucket"), |found| answers.remove(found));
        self.lines.lock().unwrap().push(line);
        let body = match status {
            200 => String::new(),
            _ => format!("<Error><Code>{code}</Code><Message>as AWS says it</Message></Error>"),
        };
        let mut answer = answers::response(status, body);
        answer.headers_mut().insert("etag", "\"new\"");
        answer
    }
}

fn aws(answers: &[Answer]) -> (Aws, Script) {
    let script = Script { answers: Arc::new(Mutex::new(answers.to_vec())), lines: Arc::default() };
    let shared = script.clone();
    (answers::served(None, move |request| shared.answer(request)), script)
}

fn objects(aws: &Aws) -> Objects {
    let backend = Backend::of(ACCOUNT, REGION);
    Objects::new(aws, &backend, "shop", "prod", Clock::scaled(1000.0))
}

#[tokio::test]
async fn a_conflicting_write_is_repeated() {
    let conflict = ("PUT", 409, "ConditionalRequestConflict");
    let (aws, script) = aws(&[conflict, conflict, ("PUT", 503, "SlowDown"), ("PUT", 200, "")]);
    let etag = objects(&aws).replace("state.json", b"{}".to_vec(), "\"old\"").await.unwrap();
    assert_eq!(etag, "\"new\"");
    let lines = script.lines.lock().unwrap();
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert!(lines.iter().all(|line| line.ends_with(ACCOUNT)), "the owner is named: {lines:?}");
}

#[tokio::test]
async fn a_conflicting_delete_is_repeated() {
    let conflict = ("DELETE", 409, "ConditionalRequestConflict");
    let (aws, script) = aws(&[conflict, ("DELETE", 200, "")]);
    objects(&aws).delete("state.json", "\"old\"").await.unwrap();
    assert_eq!(script.lines.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_write_that_is_not_allowed_is_not_repeated() {
    let (aws, script) = aws(&[("PUT", 403, "AccessDenied")]);
    let error = objects(&aws).put_new("state.json", vec![]).await.unwrap_err();
    assert!(error.is(Class::Denied), "{error}");
    assert!(error.message.contains("s3://provisioner-state-123456789012-eu-central-1/shop/prod/"));
    assert_eq!(script.lines.lock().unwrap().len(), 1);
}

/// Before anything is made, the state is read: also then a bucket of another account is named as that. S3
/// gives its reasons to the bucket's own account only.
#[tokio::test]
async fn a_state_in_other_hands_is_named_as_that() {
    let (aws, _) = aws(&[("GET", 403, "AccessDenied"), ("list-type=2", 403, "AccessDenied")]);
    let objects = objects(&aws);
    let errors = [objects.get("state.json").await.err(), objects.list("").await.err()];
    for error in errors.map(Option::unwrap) {
        assert!(error.is(Class::Foreign), "{error}");
        for word in ["another account has taken its name", "state: { bucket: NAME }"] {
            assert!(error.message.contains(word), "{error}");
        }
    }
}

#[tokio::test]
async fn a_bucket_in_other_hands_is_not_touched() {
    let cases: [&[Answer]; 2] = [
        &[("HEAD", 403, "AccessDenied")],
        &[("HEAD", 404, "NotFound"), ("PUT", 409, "BucketAlreadyExists")],
    ];
    for answers in cases {
        let (aws, script) = aws(answers);
        let error = bootstrap::ensure(&aws, &Backend::of(ACCOUNT, REGION), &Clock::scaled(1000.0))
            .await
            .unwrap_err();
        assert!(error.is(Class::Foreign), "{error}");
        assert!(error.message.contains("another account"), "{error}");
        let lines = script.lines.lock().unwrap();
        let settings = |line: &&String| line.starts_with("PUT") && line.contains('?');
        assert_eq!(lines.iter().filter(settings).count(), 0, "{lines:?}");
        assert!(lines.iter().all(|line| !line.contains("dynamodb")), "no table without a bucket");
    }
}
