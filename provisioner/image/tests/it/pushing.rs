//! Pushing to a registry that fails on demand.

use image::{Credentials, Error, Layout, Recipe, Registry};
use tempfile::TempDir;

use crate::program::{X86_64, elf, noise, write};
use crate::registry::{CUT, LOST, Lock, Server};

const REPOSITORY: &str = "shop/api";

fn image(payload: &[u8]) -> Layout {
    let folder = TempDir::new().unwrap();
    let program = write(folder.path(), "api", &elf(X86_64, None, payload));
    Layout::of_program(&program, &Recipe::default()).unwrap()
}

#[tokio::test]
async fn a_push_arrives_once() {
    let server = Server::start().await;
    let (registry, image) = (server.connect(), image(b"one"));
    let digest = registry.push(&image, REPOSITORY, Some("v1")).await.unwrap();
    assert_eq!(digest, image.digest);
    assert_eq!(server.shelf().blobs.len(), 2);
    assert_eq!(server.shelf().manifests[&format!("{REPOSITORY}:v1")].1, image.manifest);
    let inspected = registry.inspect(REPOSITORY, "v1").await.unwrap();
    assert_eq!(inspected.digest, digest);
    inspected.require(image.architecture, "v1").unwrap();

    server.shelf().log.clear();
    registry.push(&image, REPOSITORY, Some("v1")).await.unwrap();
    assert_eq!(server.shelf().log.len(), 3, "only looks: {:?}", server.shelf().log);
    // By digest alone, and no `Location` in the answer.
    registry.push(&image, REPOSITORY, None).await.unwrap();
}

#[tokio::test]
async fn passwords_and_tokens_are_given_when_asked_for() {
    for lock in [Lock::Basic, Lock::Token] {
        let server = Server::start().await;
        server.shelf().lock = lock;
        let (registry, image) = (server.connect(), image(b"one"));
        registry.push(&image, REPOSITORY, Some("v1")).await.unwrap();
        // A token that has run out is renewed on the way.
        server.shelf().forget_tokens();
        registry.inspect(REPOSITORY, "v1").await.unwrap();

        let stranger = Credentials { user: "AWS".into(), password: "wrong".into() };
        assert!(!format!("{stranger:?}").contains("wrong"));
        for credentials in [None, Some(stranger)] {
            let registry = Registry::new(&server.host, credentials, true).unwrap();
            let error = registry.push(&image, REPOSITORY, Some("v2")).await.unwrap_err();
            assert!(matches!(&error, Error::Denied { repository, .. } if repository == REPOSITORY));
            assert!(!error.to_string().contains("wrong"), "{error}");
        }
    }
}

#[tokio::test]
async fn an_immutable_tag_says_what_it_names() {
    let server = Server::start().await;
    server.shelf().immutable = true;
    let registry = server.connect();
    let (first, second) = (image(b"one"), image(b"two"));
    registry.push(&first, REPOSITORY, Some("v1")).await.unwrap();
    registry.push(&first, REPOSITORY, Some("v1")).await.expect("the same image again is fine");
    let error = registry.push(&second, REPOSITORY, Some("v1")).await.unwrap_err();
    let Error::Immutable { existing, digest, .. } = &error else { panic!("{error}") };
    assert_eq!((existing.as_str(), digest), (first.digest.as_str(), &second.digest));
}

/// A registry that behaves as ECR: every upload of several parts would fail that trusts its `Range`,
/// or takes its 201 for an error.
#[tokio::test]
async fn a_large_layer_arrives_in_a_registry_like_ecr() {
    let server = Server::start().await;
    server.shelf().lock = Lock::Basic;
    let (registry, image) = (server.connect(), image(&noise(48 << 20)));
    registry.push(&image, REPOSITORY, Some("v1")).await.unwrap();
    let large = image.blobs.iter().max_by_key(|blob| blob.size).unwrap();
    assert!(large.size >= 48 << 20);
    assert_eq!(server.shelf().blobs[large.digest.as_str()].len() as u64, large.size);
    assert_eq!(server.count("POST"), 2, "one upload for the layer, one for the configuration");
    assert_eq!(server.count("PUT /v2/shop/api/blobs"), 2);
}

#[tokio::test]
async fn an_interrupted_upload_begins_anew() {
    let server = Server::start().await;
    let (registry, image) = (server.connect(), image(&noise(9 << 20)));
    let upload = "PUT /v2/shop/api/blobs";
    // The registry goes away in the middle, forgets the upload, has a bad moment, and is not heard.
    server.shelf().faults = vec![(upload, CUT), (upload, 404), (upload, 500), (upload, LOST)];
    registry.push(&image, REPOSITORY, Some("v1")).await.unwrap();
    let large = image.blobs.iter().max_by_key(|blob| blob.size).unwrap();
    assert_eq!(server.shelf().blobs[large.digest.as_str()].len() as u64, large.size);
    assert!(server.shelf().faults.is_empty(), "every fault happened");
}

#[tokio::test]
async fn a_layer_that_is_listed_twice_is_sent_once() {
    let server = Server::start().await;
    let mut image = image(b"one");
    image.blobs.extend(image.blobs.clone());
    server.connect().push(&image, REPOSITORY, Some("v1")).await.unwrap();
    assert_eq!(server.count("POST"), 2, "{:?}", server.shelf().log);
}

#[tokio::test]
async fn an_overloaded_registry_is_asked_again() {
    let server = Server::start().await;
    let (registry, image) = (server.connect(), image(b"one"));
    server.shelf().faults = vec![
        ("HEAD", 503),
        ("POST", 429),
        ("PUT /v2/shop/api/manifests", 502),
        ("PUT /v2/shop/api/manifests", 503),
    ];
    registry.push(&image, REPOSITORY, Some("v1")).await.unwrap();
    assert!(server.shelf().faults.is_empty(), "every fault happened");
    assert_eq!(server.shelf().blobs.len(), 2);
}

#[tokio::test]
async fn who_may_not_upload_is_told_at_once() {
    let server = Server::start().await;
    let (registry, image) = (server.connect(), image(b"one"));
    server.shelf().faults = vec![("PUT /v2/shop/api/blobs", 403); 2];
    let error = registry.push(&image, REPOSITORY, Some("v1")).await.unwrap_err();
    assert!(
        matches!(&error, Error::Denied { repository, .. } if repository == REPOSITORY),
        "{error}"
    );
    assert!(server.count("PUT /v2/shop/api/blobs") <= 2, "it is not tried again");
}

#[tokio::test]
async fn a_registry_that_took_something_else_is_found_out() {
    let server = Server::start().await;
    let (registry, image) = (server.connect(), image(b"one"));
    let other = image::Digest::of(b"other").to_string();
    server.shelf().liar = Some(other.clone());
    let error = registry.push(&image, REPOSITORY, Some("v1")).await.unwrap_err();
    let Error::WrongDigest { expected, found, .. } = &error else { panic!("{error}") };
    assert_eq!((expected, found), (&image.digest, &other));
}

#[tokio::test]
async fn nobody_at_home_is_said_so() {
    let registry = Registry::new("127.0.0.1:1", None, true).unwrap();
    let error = registry.inspect(REPOSITORY, "v1").await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    let server = Server::start().await;
    let error = server.connect().inspect(REPOSITORY, "v1").await.unwrap_err();
    assert!(matches!(&error, Error::Absent { what, .. } if what == "shop/api:v1"), "{error}");
}
