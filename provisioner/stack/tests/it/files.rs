//! Environment files in a folder of their own.

use std::fs;

use stack::environment::{Complaints, Loaded, load};
use tempfile::TempDir;

/// A folder with these files, `.yaml` added to each name.
pub(crate) fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(format!("{name}.yaml")), text).unwrap();
    }
    folder
}

/// Loads `prod` from these files.
pub(crate) fn prod(files: &[(&str, &str)]) -> Result<Loaded, Complaints> {
    load(folder(files).path(), "prod")
}

/// A file that is right, with these lines added to its service.
pub(crate) fn service(lines: &str) -> String {
    let indented: String = lines.lines().map(|line| format!("    {line}\n")).collect();
    format!(
        "project: shop\nregion: us-east-1\nservices:\n  web:\n    image: ghcr.io/acme/web:1.4.2\n    port: 8080\n    route: \"/*\"\n{indented}"
    )
}

/// A file that is right, with these lines added at the top level.
pub(crate) fn top(lines: &str) -> String {
    format!("{}{lines}\n", service(""))
}
