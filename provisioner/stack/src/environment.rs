//! Environment files: `environments/prod.yaml` over `base.yaml` becomes one [`Environment`] with every value decided, or
//! the list of everything that is wrong with it.
//!
//! A file is parsed to a tree that knows its places (`parse`, `node`), checked against the schema of the types (`shape`), laid
//! over the file that it extends and filled with defaults (`merge`), and judged as a whole (`rules`). Only a tree without
//! an error is deserialised.

mod chain;
mod complaint;
mod config;
mod edit;
mod fargate;
mod merge;
mod node;
mod parse;
mod render;
mod routes;
mod rules;
mod schema;
mod shape;
mod short;
mod source;
mod suggest;
mod types;

use std::path::{Path, PathBuf};

pub use chain::names;
pub use complaint::{Complaint, Complaints, Level, Related};
pub use fargate::memories;
pub use schema::schema;
pub use suggest::{did_you_mean, listed};
pub use types::*;

use complaint::Findings;
use node::{Node, Value};
use source::Sources;

/// An environment that may be used, and how it came to be what it is.
#[derive(Debug)]
pub struct Loaded {
    pub environment: Environment,
    /// What is probably not meant, and does not forbid using the environment.
    pub warnings: Complaints,
    /// The files that were read, as the user would write them: the environment's own first, then what it extends.
    pub files: Vec<PathBuf>,
    tree: Node,
    sources: Sources,
}

impl Loaded {
    /// An environment that no file describes.
    #[must_use]
    pub fn without_files(environment: Environment) -> Self {
        let nothing = Node { site: source::Site::start(0), default: true, value: Value::Null };
        Self {
            environment,
            warnings: Complaints(Vec::new()),
            files: Vec::new(),
            tree: nothing,
            sources: Sources::default(),
        }
    }
}

/// Reads the environment `name` from `dir/name.yaml` and what it extends.
///
/// Names of files in complaints begin with `dir` as it is given here.
///
/// # Errors
/// Everything that is wrong with the files, warnings included, sorted by file and line.
pub fn load(dir: &Path, name: &str) -> Result<Loaded, Complaints> {
    let mut sources = Sources::default();
    let mut findings = Findings::default();
    let tree = tree(dir, name, &mut sources, &mut findings);
    let complaints = findings.complaints(&sources);
    if complaints.fatal() {
        return Err(complaints);
    }
    match serde_json::from_value::<Environment>(tree.json()) {
        Ok(environment) => Ok(Loaded {
            environment: Environment { name: name.to_owned(), ..environment },
            warnings: complaints,
            files: sources.names().map(PathBuf::from).collect(),
            tree,
            sources,
        }),
        Err(error) => {
            let mut findings = Findings::default();
            let help = "the rules let this pass and the types do not: please report it";
            findings.error(tree.site, error.to_string(), help);
            Err(findings.complaints(&sources))
        }
    }
}

/// The whole tree of an environment, with defaults, and with everything found wrong on the way.
fn tree(dir: &Path, name: &str, sources: &mut Sources, findings: &mut Findings) -> Node {
    let (mut tree, readable) = chain::read(dir, name, sources, findings);
    // What a file says that cannot be parsed is unknown: complaints about what it lacks would be noise.
    if readable && matches!(tree.value, Value::Map(_)) {
        merge::complete(&mut tree, schema::complete(), findings);
        rules::check(dir, name, &tree, sources, findings);
    }
    tree
}
