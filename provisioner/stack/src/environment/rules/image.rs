//! What a service runs: an image, or a build of one.

use crate::environment::complaint::Findings;
use crate::environment::node::{Entry, Node};

use super::text;

pub(super) fn check(service: &Entry, findings: &mut Findings) {
    let node = &service.node;
    let written = |key: &str| node.entry(key).filter(|entry| !entry.node.default);
    match (written("image"), written("build")) {
        (Some(image), Some(build)) => {
            let (later, earlier) =
                if image.site.later(build.site) { (image, build) } else { (build, image) };
            let message = format!("`{}` has both an image and a build", service.key);
            let help = if later.site.file == earlier.site.file {
                "keep one of the two".to_owned()
            } else {
                format!("write `{}: null` next to this, to drop what the base says", earlier.key)
            };
            findings.error(later.site, message, help).and(earlier.site, "also set here");
        }
        (None, None) => {
            let message = format!("`{}` has neither an image nor a build", service.key);
            let help = "add `image: registry/name:tag`, or `build: { dockerfile: Dockerfile }`";
            findings.error(service.site, message, help);
        }
        _ => {}
    }
    if let Some((image, node)) = text(node, "image") {
        match reference(image) {
            Ok(Pinned::Yes) => {}
            Ok(Pinned::No) => {
                let message = format!("`{image}` can be another image tomorrow");
                findings.warning(node.site, message, "name a version: `:1.4.2`, or `@sha256:..`");
            }
            Err((reason, help)) => {
                findings.error(node.site, format!("`{image}` is not an image: {reason}"), help);
            }
        }
    }
    if let Some(build) = node.get("build") {
        check_build(service, build, findings);
    }
}

fn check_build(service: &Entry, build: &Node, findings: &mut Findings) {
    let site = service.node.entry("build").map_or(build.site, |entry| entry.site);
    match (build.entry("binary"), build.entry("dockerfile")) {
        (Some(binary), Some(dockerfile)) => {
            let help = "keep one; what a base says is dropped by `null`";
            findings
                .error(dockerfile.site, "a build is from a binary or from a Dockerfile", help)
                .and(binary.site, "also set here");
        }
        (None, None) => {
            let help = "add `dockerfile: Dockerfile` or `binary: target/release/app`";
            findings.error(site, "the build names neither a binary nor a Dockerfile", help);
        }
        (Some(_), None) => {
            if let Some(context) = build.entry("context") {
                let help = "remove it: the binary is the whole image";
                findings.error(context.site, "a build from a binary has no context", help);
            }
        }
        (None, Some(_)) => {}
    }
    for key in ["binary", "dockerfile", "context"] {
        let Some((path, node)) = text(build, key) else { continue };
        if path.is_empty() || path.starts_with('/') || path.split('/').any(|part| part == "..") {
            let help = "write a path below the folder that holds `environments`, such as `target/release/app`";
            findings.error(node.site, format!("`{key}` cannot be `{path}`"), help);
        }
    }
}

/// A reference to an image, as the distribution specification writes it: `host/name:tag@sha256:..`.
fn reference(image: &str) -> Result<Pinned, (String, String)> {
    let wrong = |reason: &str, help: &str| Err((reason.to_owned(), help.to_owned()));
    if image.contains("://") {
        return wrong("it has a scheme", "leave out `https://`");
    }
    let (rest, digest) = match image.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (image, None),
    };
    if let Some(digest) = digest {
        let hex = digest.strip_prefix("sha256:").unwrap_or_default();
        if hex.len() != 64 || !hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return wrong(
                "its digest is incomplete",
                "a digest is `sha256:` and 64 hexadecimal digits",
            );
        }
    }
    let slash = rest.rfind('/').map_or(0, |slash| slash + 1);
    let (name, tag) = match rest[slash..].find(':') {
        Some(colon) => (&rest[..slash + colon], Some(&rest[slash + colon + 1..])),
        None => (rest, None),
    };
    if let Some(tag) = tag {
        let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        if tag.is_empty()
            || tag.len() > 128
            || !tag.bytes().all(sound)
            || tag.starts_with(['.', '-'])
        {
            return wrong(
                "its tag is wrong",
                "a tag is up to 128 letters, digits, `_`, `.` and `-`, as in `name:v1.2.3`",
            );
        }
    }
    let mut parts: Vec<&str> = name.split('/').collect();
    let host = |part: &str| part.contains(['.', ':']) || part == "localhost";
    if parts.len() > 1 && host(parts[0]) {
        parts.remove(0);
    }
    if parts.iter().any(|part| part.bytes().any(|byte| byte.is_ascii_uppercase())) {
        let help = format!("write `{}`", image.replace(name, &name.to_lowercase()));
        return Err(("its name has upper-case letters".to_owned(), help));
    }
    let sound = |part: &&str| {
        let inner =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_.-".contains(&byte);
        let edge = |character: char| character.is_ascii_alphanumeric();
        part.bytes().all(inner) && part.starts_with(edge) && part.ends_with(edge)
    };
    if !parts.iter().all(sound) {
        return wrong(
            "its name is wrong",
            "write `registry/name:tag`, such as `ghcr.io/acme/payments:1.4.2`",
        );
    }
    if digest.is_none() && tag.is_none_or(|tag| tag == "latest") {
        return Ok(Pinned::No);
    }
    Ok(Pinned::Yes)
}

/// Whether a reference names one version of the image.
#[derive(PartialEq, Eq)]
enum Pinned {
    Yes,
    No,
}
