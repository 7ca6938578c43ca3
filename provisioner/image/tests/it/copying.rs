//! Copying between registries and repositories.

use axum::body::Bytes;
use image::{Architecture, Digest, Error, Layout, Recipe, copy};
use serde_json::json;
use tempfile::TempDir;

use crate::program::{AARCH64, X86_64, elf, noise, write};
use crate::registry::{CUT, LOST, Lock, Server};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Pushes two images and an index of them, with an attestation that has no platform.
async fn index(server: &Server, payload: &[u8]) -> Digest {
    let folder = TempDir::new().unwrap();
    let mut children = Vec::new();
    for (machine, architecture) in [(X86_64, "amd64"), (AARCH64, "arm64")] {
        let program = write(folder.path(), "api", &elf(machine, None, payload));
        let image = Layout::of_program(&program, &Recipe::default()).unwrap();
        let digest = server.connect().push(&image, "dev/api", None).await.unwrap();
        let platform = json!({"os": "linux", "architecture": architecture});
        children.push(child(&digest, image.manifest.len(), &platform));
    }
    let attestation = json!({"schemaVersion": 2, "layers": []}).to_string();
    let digest = Digest::of(attestation.as_bytes());
    let unknown = json!({"os": "unknown", "architecture": "unknown"});
    children.push(child(&digest, attestation.len(), &unknown));
    let manifest = "application/vnd.oci.image.manifest.v1+json".to_owned();
    let mut shelf = server.shelf();
    shelf.manifests.insert(format!("dev/api:{digest}"), (manifest, attestation.into()));
    // Spaces that no serialiser would write: the bytes must arrive as they are.
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": children});
    let bytes = Bytes::from(format!("  {index} \n"));
    let digest = Digest::of(&bytes);
    for name in ["v1", digest.as_str()] {
        shelf.manifests.insert(format!("dev/api:{name}"), (INDEX.into(), bytes.clone()));
    }
    digest
}

fn child(digest: &Digest, size: usize, platform: &serde_json::Value) -> serde_json::Value {
    let kind = "application/vnd.oci.image.manifest.v1+json";
    json!({"mediaType": kind, "digest": digest, "size": size, "platform": platform})
}

#[tokio::test]
async fn an_index_is_promoted_whole_and_keeps_its_digest() {
    let (dev, prod) = (Server::start().await, Server::start().await);
    prod.shelf().lock = Lock::Token;
    let expected = index(&dev, b"program").await;
    let (from, to) = (dev.connect(), prod.connect());
    let digest =
        copy((&from, "dev/api"), "v1", (&to, "prod/api"), Some("release-7")).await.unwrap();
    assert_eq!(digest, expected);
    let inspected = to.inspect("prod/api", "release-7").await.unwrap();
    assert_eq!(inspected.digest, expected);
    inspected.require(Architecture::Arm64, "release-7").unwrap();
    assert_eq!(inspected.platforms.len(), 2, "an attestation is no platform");
    assert_eq!(prod.shelf().blobs, dev.shelf().blobs);
    // Two images, an attestation and the index, each by digest, and one tag.
    assert_eq!(prod.shelf().manifests.len(), 5);

    dev.shelf().log.clear();
    copy((&from, "dev/api"), digest.as_str(), (&to, "prod/api"), None).await.unwrap();
    assert_eq!(dev.count("/blobs/"), 0, "nothing is fetched that is there");
}

#[tokio::test]
async fn within_one_registry_nothing_travels() {
    let server = Server::start().await;
    index(&server, b"program").await;
    let registry = server.connect();
    server.shelf().log.clear();
    server.shelf().faults = vec![("HEAD /v2/prod/api/blobs", 404); 4];
    copy((&registry, "dev/api"), "v1", (&registry, "prod/api"), Some("v1")).await.unwrap();
    assert_eq!(server.count("GET /v2/dev/api/blobs"), 0);
    assert_eq!(server.count("PUT /v2/prod/api/blobs"), 0);
    assert_eq!(server.count("from=dev/api"), 4);
}

#[tokio::test]
async fn what_cannot_be_mounted_is_sent() {
    let server = Server::start().await;
    let expected = index(&server, b"program").await;
    let registry = server.connect();
    server.shelf().no_mounts = true;
    // As if nothing were there, and two of the four may not be read there.
    server.shelf().faults = vec![("HEAD /v2/prod/api/blobs", 404); 4];
    server.shelf().faults.extend([("mount=", 403), ("mount=", 400)]);
    let digest = copy((&registry, "dev/api"), "v1", (&registry, "prod/api"), Some("v1")).await;
    assert_eq!(digest.unwrap(), expected);
    assert_eq!(server.count("PUT /v2/prod/api/blobs"), 4);
}

#[tokio::test]
async fn a_large_layer_survives_interruptions_on_both_sides() {
    let (dev, prod) = (Server::start().await, Server::start().await);
    let expected = index(&dev, &noise(17 << 20)).await;
    let (from, to) = (dev.connect(), prod.connect());
    let (fetch, upload) = ("GET /v2/dev/api/blobs", "PUT /v2/prod/api/blobs");
    dev.shelf().faults = vec![(fetch, 503), (fetch, CUT)];
    prod.shelf().faults = vec![(upload, CUT), (upload, CUT), (upload, LOST)];
    let digest = copy((&from, "dev/api"), "v1", (&to, "prod/api"), Some("v1")).await.unwrap();
    assert_eq!(digest, expected);
    assert_eq!(prod.shelf().blobs, dev.shelf().blobs);
    assert!(dev.shelf().faults.is_empty() && prod.shelf().faults.is_empty());
}

#[tokio::test]
async fn a_damaged_layer_is_not_promoted() {
    let (dev, prod) = (Server::start().await, Server::start().await);
    index(&dev, b"program").await;
    {
        let mut shelf = dev.shelf();
        let (_, largest) = shelf.blobs.iter_mut().max_by_key(|(_, bytes)| bytes.len()).unwrap();
        let mut bytes = largest.to_vec();
        bytes[1000] ^= 1;
        *largest = bytes.into();
    }
    let (from, to) = (dev.connect(), prod.connect());
    let error = copy((&from, "dev/api"), "v1", (&to, "prod/api"), Some("v1")).await.unwrap_err();
    assert!(matches!(error, Error::WrongDigest { .. }), "{error}");
    assert!(!prod.shelf().manifests.contains_key("prod/api:v1"), "no name without its content");
}
