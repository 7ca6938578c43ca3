//! What can go wrong with an image, and what to do about it.

use std::path::PathBuf;

use crate::{Architecture, Digest};

/// The result of everything here.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// One failure. Messages hold no credentials.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{path}: {source}", path = path.display())]
    File { path: PathBuf, source: std::io::Error },

    #[error("`{reference}` is not an image reference: {why}")]
    Reference { reference: String, why: String },

    #[error(
        "{path} is not a Linux program ({why}); build it for Linux: `cargo build --release --target \
         x86_64-unknown-linux-musl`, or `GOOS=linux CGO_ENABLED=0 go build`",
        path = path.display()
    )]
    NotLinux { path: PathBuf, why: String },

    #[error(
        "{path} is dynamically linked: it needs {interpreter}, which an image made of this one file \
         does not have; link it statically (`cargo build --release --target {target}`, or \
         `CGO_ENABLED=0 go build`), or build the image with a Dockerfile",
        path = path.display()
    )]
    Dynamic { path: PathBuf, interpreter: String, target: &'static str },

    #[error(
        "{what} is built for {found}, but the service's architecture is {wanted}; build it for \
         {wanted}, or set `architecture` to what it is built for"
    )]
    Architecture { what: String, found: String, wanted: Architecture },

    #[error("`{command}` failed: {why}")]
    Docker { command: String, why: String },

    #[error("{path} is not an image archive: {why}", path = path.display())]
    Archive { path: PathBuf, why: String },

    #[error("{url} cannot be reached: {why}")]
    Unreachable { url: String, why: String },

    #[error("{registry} refused the credentials for {repository}: {why}")]
    Denied { registry: String, repository: String, why: String },

    #[error("{what} is not in {registry}")]
    Absent { registry: String, what: String },

    #[error("there is no repository {repository} in {registry}")]
    NoRepository { registry: String, repository: String },

    #[error(
        "the tag {tag} of {repository} is immutable and names {existing}, not {digest}; push under \
         another tag"
    )]
    Immutable { repository: String, tag: String, existing: String, digest: Digest },

    #[error("{what} arrived damaged: its digest is {found}, not {expected}")]
    WrongDigest { what: String, expected: Digest, found: String },

    #[error("{url} answered {status}: {why}")]
    Registry { url: String, status: u16, why: String },
}

impl Error {
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        |source| Self::File { path, source }
    }
}
