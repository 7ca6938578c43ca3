//! What a service runs: an image as it is, or how to make one.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Service;

/// What a service runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Artifact<'a> {
    /// An image in some registry, used as it is.
    Image(&'a str),
    /// A static binary that becomes an image.
    Binary(&'a Path),
    /// A Dockerfile to build, in the folder that it sees.
    Dockerfile { dockerfile: &'a Path, context: &'a Path },
}

impl Service {
    /// What the service runs. Every service of a loaded environment has exactly one.
    #[must_use]
    pub fn artifact(&self) -> Option<Artifact<'_>> {
        match (&self.image, &self.build) {
            (Some(image), None) => Some(Artifact::Image(image)),
            (None, Some(Build::Binary { binary })) => Some(Artifact::Binary(binary)),
            (None, Some(Build::Dockerfile { dockerfile, context })) => {
                Some(Artifact::Dockerfile { dockerfile, context })
            }
            _ => None,
        }
    }
}

/// How an image is made. Paths are relative to the folder that holds `environments`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, try_from = "Fields", into = "Fields")]
#[schemars(with = "Fields")]
pub enum Build {
    /// From a static binary, which becomes the only file of the image.
    Binary { binary: PathBuf },
    /// With Docker.
    Dockerfile { dockerfile: PathBuf, context: PathBuf },
}

/// A build as it is written.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Fields {
    /// A static Linux binary that becomes the whole image. Either this or `dockerfile`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    binary: Option<PathBuf>,
    /// The Dockerfile to build. Either this or `binary`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dockerfile: Option<PathBuf>,
    /// The folder that the Dockerfile sees: `.` unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    context: Option<PathBuf>,
}

/// A build that names both a binary and a Dockerfile, or neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a build names either a binary or a Dockerfile")]
pub struct NotOneBuild;

impl TryFrom<Fields> for Build {
    type Error = NotOneBuild;

    fn try_from(fields: Fields) -> Result<Self, NotOneBuild> {
        match (fields.binary, fields.dockerfile) {
            (Some(binary), None) => Ok(Self::Binary { binary }),
            (None, Some(dockerfile)) => {
                let context = fields.context.unwrap_or_else(|| ".".into());
                Ok(Self::Dockerfile { dockerfile, context })
            }
            _ => Err(NotOneBuild),
        }
    }
}

impl From<Build> for Fields {
    fn from(build: Build) -> Self {
        match build {
            Build::Binary { binary } => {
                Self { binary: Some(binary), dockerfile: None, context: None }
            }
            Build::Dockerfile { dockerfile, context } => {
                Self { binary: None, dockerfile: Some(dockerfile), context: Some(context) }
            }
        }
    }
}
