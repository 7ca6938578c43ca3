//! Images out of programs and out of Docker's archives.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use image::{Architecture, Docker, Error, Layout, Recipe};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::program::{AARCH64, X86_64, elf, write};

/// What a layer unpacks to: path, then mode, user and length.
fn files(layer: &[u8]) -> BTreeMap<String, (u32, u64, u64)> {
    let mut archive = tar::Archive::new(GzDecoder::new(layer));
    let entries = archive.entries().unwrap().map(|entry| {
        let entry = entry.unwrap();
        let header = entry.header();
        assert_eq!(header.mtime().unwrap(), 0, "no time is in it");
        let path = entry.path().unwrap().display().to_string();
        (path, (header.mode().unwrap(), header.uid().unwrap(), header.size().unwrap()))
    });
    entries.collect()
}

fn config(image: &Layout) -> Value {
    let manifest: Value = serde_json::from_slice(&image.manifest).unwrap();
    let digest = manifest["config"]["digest"].as_str().unwrap();
    serde_json::from_slice(&image.content(digest).unwrap()).unwrap()
}

#[test]
fn the_same_program_is_the_same_image() {
    let (here, there) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let bytes = elf(AARCH64, None, b"program");
    let recipe = Recipe {
        port: Some(8080),
        labels: [("b".into(), "2".into()), ("a".into(), "1".into())].into(),
        ..Recipe::default()
    };
    let one = Layout::of_program(&write(here.path(), "api", &bytes), &recipe).unwrap();
    let two = Layout::of_program(&write(there.path(), "api", &bytes), &recipe).unwrap();
    assert_eq!(one.digest, two.digest);
    let other = elf(AARCH64, None, b"Program");
    let other = Layout::of_program(&write(there.path(), "api", &other), &recipe).unwrap();
    assert_ne!(one.digest, other.digest);
    let recipe = Recipe { port: Some(8081), ..recipe };
    let other = Layout::of_program(&write(there.path(), "api", &bytes), &recipe).unwrap();
    assert_ne!(one.digest, other.digest);
}

#[test]
fn a_program_finds_what_it_needs() {
    let folder = TempDir::new().unwrap();
    let program = elf(X86_64, None, b"program");
    let recipe = Recipe { port: Some(8080), ..Recipe::default() };
    let image = Layout::of_program(&write(folder.path(), "api", &program), &recipe).unwrap();
    assert_eq!(image.architecture, Architecture::X86_64);
    let manifest: Value = serde_json::from_slice(&image.manifest).unwrap();
    let layer = manifest["layers"][0]["digest"].as_str().unwrap();
    let layer = image.content(layer).unwrap();
    assert_eq!(manifest["layers"][0]["size"], layer.len());

    let files = files(&layer);
    assert_eq!(files["api"], (0o755, 0, program.len() as u64));
    assert_eq!(files["tmp/"], (0o1777, 65532, 0), "SQLite and others write here");
    assert_eq!(files["data/"], (0o755, 65532, 0));
    assert!(files["etc/ssl/certs/ca-certificates.crt"].2 > 100_000, "TLS has its authorities");
    assert!(files.contains_key("etc/passwd") && files.contains_key("etc/group"));

    let config = config(&image);
    assert_eq!((&config["architecture"], &config["os"]), (&"amd64".into(), &"linux".into()));
    assert_eq!(config["config"]["Entrypoint"], json!(["/api"]));
    assert_eq!(config["config"]["User"], "65532:65532");
    assert_eq!(config["config"]["ExposedPorts"], json!({"8080/tcp": {}}));
    let mut unpacked = Vec::new();
    GzDecoder::new(&*layer).read_to_end(&mut unpacked).unwrap();
    let diff = image::Digest::of(&unpacked);
    assert_eq!(config["rootfs"]["diff_ids"][0], diff.as_str());
}

#[test]
fn what_cannot_run_is_refused_with_the_way_out() {
    let folder = TempDir::new().unwrap();
    let dynamic = elf(X86_64, Some("/lib64/ld-linux-x86-64.so.2"), b"");
    let cases: [(&str, Vec<u8>, &[&str]); 5] = [
        ("dynamic", dynamic, &["/lib64/ld-linux-x86-64.so.2", "x86_64-unknown-linux-musl"]),
        ("mac", vec![0xcf, 0xfa, 0xed, 0xfe, 0, 0, 0, 0], &["macOS", "linux"]),
        ("windows", b"MZ\x90\x00".to_vec(), &["Windows"]),
        ("script", b"#!/bin/sh\n".to_vec(), &["script"]),
        ("riscv", elf(243, None, b""), &["number 243"]),
    ];
    for (name, bytes, parts) in cases {
        let path = write(folder.path(), name, &bytes);
        let error = Layout::of_program(&path, &Recipe::default()).unwrap_err().to_string();
        for part in parts.iter().copied().chain([name]) {
            assert!(error.contains(part), "{part} is missing from: {error}");
        }
    }
}

/// This very test is a program that a linker made.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn a_real_program_that_needs_a_loader_is_refused() {
    let path = std::env::current_exe().unwrap();
    let error = Layout::of_program(&path, &Recipe::default()).unwrap_err();
    let Error::Dynamic { interpreter, .. } = &error else { panic!("{error}") };
    assert!(interpreter.contains("ld-linux"), "{interpreter}");
}

#[test]
fn a_wrong_architecture_is_named() {
    let error = Architecture::Arm64.require(Architecture::X86_64, "target/api").unwrap_err();
    let text = error.to_string();
    assert!(text.contains("target/api is built for arm64") && text.contains("x86_64"), "{text}");
    Architecture::Arm64.require(Architecture::Arm64, "target/api").unwrap();
}

/// Packs files into an archive.
fn pack(path: &Path, files: &[(String, Vec<u8>)]) {
    let mut tar = tar::Builder::new(std::fs::File::create(path).unwrap());
    for (name, bytes) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, &**bytes).unwrap();
    }
    tar.finish().unwrap();
}

/// Packs an archive as `docker save` does.
fn archive(path: &Path, architecture: &str, layers: &[(&str, &[u8])]) {
    let config = json!({"architecture": architecture, "os": "linux", "x": [1]});
    let names: Vec<_> = layers.iter().map(|(name, _)| name).collect();
    let listing = json!([{"Config": "blobs/sha256/c0", "Layers": names}]);
    let mut files = vec![
        ("blobs/sha256/c0".to_owned(), config.to_string().into_bytes()),
        ("manifest.json".to_owned(), listing.to_string().into_bytes()),
    ];
    files.extend(layers.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())));
    pack(path, &files);
}

/// A content under its digest, and how others name it.
fn blob(files: &mut Vec<(String, Vec<u8>)>, kind: &str, bytes: &[u8]) -> Value {
    let digest = image::Digest::of(bytes);
    files.push((digest.as_str().replace("sha256:", "blobs/sha256/"), bytes.to_vec()));
    json!({"mediaType": kind, "digest": digest, "size": bytes.len()})
}

const PACKED: [u8; 7] = [0x1f, 0x8b, 8, 0, 1, 2, 3];
const ZSTD: [u8; 6] = [0x28, 0xb5, 0x2f, 0xfd, 4, 0];

/// The archive of an engine with the containerd store: an OCI layout, whose index lists another with
/// the image, its attestation, and what only the registry has.
fn layout(path: &Path, listing: Option<Value>) -> Value {
    const TYPE: &str = "application/vnd.oci.image";
    let mut files = Vec::new();
    let config = json!({"architecture": "arm64", "os": "linux", "x": [1]}).to_string();
    let config = blob(&mut files, &format!("{TYPE}.config.v1+json"), config.as_bytes());
    let gzip = blob(&mut files, &format!("{TYPE}.layer.v1.tar+gzip"), &PACKED);
    let zstd = blob(&mut files, &format!("{TYPE}.layer.v1.tar+zstd"), &ZSTD);
    let manifest = json!({"schemaVersion": 2, "config": config, "layers": [gzip, zstd]});
    let mut image =
        blob(&mut files, &format!("{TYPE}.manifest.v1+json"), manifest.to_string().as_bytes());
    image["platform"] = json!({"os": "linux", "architecture": "arm64"});
    let attestation = json!({"schemaVersion": 2, "config": config, "layers": []}).to_string();
    let mut attestation =
        blob(&mut files, &format!("{TYPE}.manifest.v1+json"), attestation.as_bytes());
    attestation["platform"] = json!({"os": "unknown", "architecture": "unknown"});
    let mut elsewhere = image.clone();
    elsewhere["digest"] = json!(image::Digest::of(b"not here"));
    elsewhere["platform"]["architecture"] = json!("amd64");
    let index = json!({"schemaVersion": 2, "manifests": [elsewhere, image, attestation]});
    let index = blob(&mut files, &format!("{TYPE}.index.v1+json"), index.to_string().as_bytes());
    let root = json!({"schemaVersion": 2, "manifests": [index]}).to_string();
    files.push(("index.json".into(), root.into_bytes()));
    files.push(("oci-layout".into(), b"{\"imageLayoutVersion\": \"1.0.0\"}".to_vec()));
    if let Some(listing) = listing {
        files.push(("manifest.json".into(), listing.to_string().into_bytes()));
    }
    pack(path, &files);
    manifest
}

#[test]
fn a_layout_of_the_containerd_store_is_read_with_its_own_compression() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("image.tar");
    // Without `manifest.json`, and with one that leaves the image of another platform out.
    for listing in [None, Some(json!([]))] {
        let original = layout(&path, listing);
        let image = Layout::of_archive(&path).unwrap();
        assert_eq!(image.architecture, Architecture::Arm64);
        let manifest: Value = serde_json::from_slice(&image.manifest).unwrap();
        assert_eq!(manifest["layers"], original["layers"], "types, digests and sizes are the same");
        assert_eq!(manifest["config"], original["config"]);
        let layer = manifest["layers"][1]["digest"].as_str().unwrap();
        assert_eq!(*image.content(layer).unwrap(), ZSTD);
    }
}

#[test]
fn an_archive_without_an_image_or_a_layer_says_so() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("image.tar");
    let fails = |part: &str| {
        let error = Layout::of_archive(&path).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    };
    pack(&path, &[("index.json".into(), b"{\"manifests\": null}".to_vec())]);
    fails("it holds no image");
    pack(&path, &[("other".into(), b"file".to_vec())]);
    fails("it has no index.json");
    let listing = json!([{"Config": "c", "Layers": ["blobs/sha256/l1"]}]).to_string();
    let config = br#"{"architecture": "arm64", "os": "linux"}"#.to_vec();
    pack(&path, &[("c".into(), config), ("manifest.json".into(), listing.into_bytes())]);
    fails("it has no blobs/sha256/l1");
}

#[test]
fn dockers_archive_becomes_an_image_with_compressed_layers() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("image.tar");
    archive(
        &path,
        "arm64",
        &[("a/layer.tar", b"plain"), ("blobs/sha256/l1", &PACKED), ("blobs/sha256/l2", &ZSTD)],
    );
    let image = Layout::of_archive(&path).unwrap();
    assert_eq!(image.architecture, Architecture::Arm64);
    let manifest: Value = serde_json::from_slice(&image.manifest).unwrap();
    let layer = |number: usize| {
        image.content(manifest["layers"][number]["digest"].as_str().unwrap()).unwrap()
    };
    let mut plain = String::new();
    GzDecoder::new(&*layer(0)).read_to_string(&mut plain).unwrap();
    assert_eq!(plain, "plain");
    assert_eq!(*layer(1), PACKED, "what is compressed stays as it is");
    assert_eq!(*layer(2), ZSTD);
    let kinds = ["gzip", "gzip", "zstd"];
    for (number, kind) in kinds.iter().enumerate() {
        let said = manifest["layers"][number]["mediaType"].as_str().unwrap();
        assert_eq!(said, format!("application/vnd.oci.image.layer.v1.tar+{kind}"));
    }
    assert_eq!(config(&image)["x"][0], 1, "the configuration stays as it is");

    archive(&path, "s390x", &[]);
    let error = Layout::of_archive(&path).unwrap_err().to_string();
    assert!(error.contains("linux/s390x"), "{error}");
    std::fs::write(&path, b"no archive").unwrap();
    assert!(matches!(Layout::of_archive(&path), Err(Error::Archive { .. })));
}

#[test]
fn an_image_goes_into_an_archive_and_comes_out_the_same() {
    let folder = TempDir::new().unwrap();
    let program = write(folder.path(), "api", &elf(X86_64, None, b"program"));
    let image = Layout::of_program(&program, &Recipe::default()).unwrap();
    let archive = image.archive("payments/api:v1").unwrap();
    let mut names = tar::Archive::new(&*archive);
    let listing = names.entries().unwrap().next().unwrap().unwrap();
    let listing: Value = serde_json::from_reader(listing).unwrap();
    assert_eq!(listing[0]["RepoTags"][0], "payments/api:v1");
    let back = Layout::of_archive(&write(folder.path(), "image.tar", &archive)).unwrap();
    assert_eq!(back.digest, image.digest);
}

/// A `docker` that does as it is asked, with an archive that was prepared.
#[cfg(unix)]
fn docker(folder: &Path, script: &str) -> Docker {
    let text = write(folder, "docker.sh", format!("#!/bin/sh\nset -e\n{script}").as_bytes());
    let path = folder.join("docker");
    // Written by a process of its own: one that another test forks now would keep it open, and nobody could start it.
    let mut install = std::process::Command::new("install");
    assert!(install.args(["-m", "755"]).arg(&text).arg(&path).status().unwrap().success());
    Docker::at(path)
}

#[cfg(unix)]
#[tokio::test]
async fn docker_builds_for_the_architecture_that_is_wanted() {
    let folder = TempDir::new().unwrap();
    let prepared = folder.path().join("prepared.tar");
    archive(&prepared, "arm64", &[("l.tar", b"layer")]);
    let script = format!(
        "echo \"$@\" >> {0}/calls\nif [ $1 = build ]; then echo sha256:1d > $7; \
         else [ $4 = sha256:1d ]; cp {1} $3; fi\n",
        folder.path().display(),
        prepared.display()
    );
    let docker = docker(folder.path(), &script);
    let (file, context) = (Path::new("Dockerfile"), Path::new("."));
    let image = docker.build(file, context, Architecture::Arm64).await.unwrap();
    assert_eq!(image.architecture, Architecture::Arm64);
    let calls = std::fs::read_to_string(folder.path().join("calls")).unwrap();
    assert!(calls.contains("build --platform linux/arm64 --file Dockerfile"), "{calls}");

    let error = docker.build(file, context, Architecture::X86_64).await.unwrap_err();
    assert!(matches!(error, Error::Architecture { .. }), "{error}");
}

/// A builder with a cache keeps its images to itself: the archive comes from it, and not from the engine.
#[cfg(unix)]
#[tokio::test]
async fn a_build_with_a_cache_needs_no_engine_to_save_it() {
    let folder = TempDir::new().unwrap();
    let prepared = folder.path().join("prepared.tar");
    layout(&prepared, None);
    let script = format!(
        "echo \"$@\" >> {0}/calls\n[ \"$1 $2\" = 'buildx build' ]\n\
         for one in \"$@\"; do case $one in type=oci,dest=*) cp {1} \"${{one#*dest=}}\";; esac; done\n",
        folder.path().display(),
        prepared.display()
    );
    let docker = docker(folder.path(), &script).cached(Some("type=gha".into()));
    let image = docker.build(Path::new("Dockerfile"), Path::new("."), Architecture::Arm64).await;
    assert_eq!(image.unwrap().architecture, Architecture::Arm64);
    let calls = std::fs::read_to_string(folder.path().join("calls")).unwrap();
    assert_eq!(calls.lines().count(), 1, "{calls}");
    assert!(calls.contains("--cache-from type=gha --cache-to type=gha,mode=max"), "{calls}");
}

#[cfg(unix)]
#[tokio::test]
async fn dockers_failure_and_absence_are_told_apart() {
    let folder = TempDir::new().unwrap();
    let broken = docker(folder.path(), "exit 3");
    let (file, context) = (Path::new("Dockerfile"), Path::new("."));
    let error = broken.build(file, context, Architecture::Arm64).await.unwrap_err().to_string();
    assert!(error.contains("exit status: 3") && error.contains("build --platform"), "{error}");
    let missing = Docker::at(folder.path().join("nothing"));
    let error = missing.build(file, context, Architecture::Arm64).await.unwrap_err().to_string();
    assert!(error.contains("not installed"), "{error}");
}
