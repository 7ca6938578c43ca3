//! What is wrong with an environment's files: everything at once, each with its place and its fix.

use serde::Serialize;

use super::source::{Site, Sources};

/// How bad a complaint is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The environment cannot be used.
    Error,
    /// The environment can be used, and is probably not what was meant.
    Warning,
}

/// One thing that is wrong, where, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Complaint {
    pub level: Level,
    /// The file as the user would write it: `environments/prod.yaml`.
    pub file: String,
    /// From 1. A complaint about a whole file has line 1 and column 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// Characters to underline in `snippet`, from `column`.
    pub length: usize,
    /// What is wrong.
    pub message: String,
    /// What to write instead, or why the rule exists.
    pub help: String,
    /// The line of the file; a value that looks like a secret is masked.
    pub snippet: String,
    /// A second place that explains the first: the other definition, the other half of a bad pair.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub related: Option<Related>,
}

/// The second place of a complaint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Related {
    pub file: String,
    pub line: usize,
    pub column: usize,
    pub length: usize,
    /// What is there: `also set here`.
    pub message: String,
    pub snippet: String,
}

/// All complaints about one environment, in the order of its files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{}", self.render(false).trim_end())]
#[serde(transparent)]
pub struct Complaints(pub Vec<Complaint>);

impl Complaints {
    /// Whether anything here forbids using the environment.
    #[must_use]
    pub fn fatal(&self) -> bool {
        self.0.iter().any(|complaint| complaint.level == Level::Error)
    }
}

/// A complaint before its file is looked up.
#[derive(Debug)]
pub(crate) struct Finding {
    level: Level,
    site: Site,
    message: String,
    help: String,
    related: Option<(Site, String)>,
    mask: bool,
}

impl Finding {
    /// Points at a second place as well.
    pub(crate) fn and(&mut self, site: Site, message: impl Into<String>) -> &mut Self {
        self.related = Some((site, message.into()));
        self
    }

    /// Shows the line only up to the end of what is underlined: what follows may be a secret.
    pub(crate) fn mask(&mut self) -> &mut Self {
        self.mask = true;
        self
    }
}

/// Collects what is found while a tree is checked.
#[derive(Debug, Default)]
pub(crate) struct Findings(Vec<Finding>);

impl Findings {
    pub(crate) fn error(
        &mut self,
        site: Site,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> &mut Finding {
        self.add(Level::Error, site, message.into(), help.into())
    }

    pub(crate) fn warning(
        &mut self,
        site: Site,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> &mut Finding {
        self.add(Level::Warning, site, message.into(), help.into())
    }

    fn add(&mut self, level: Level, site: Site, message: String, help: String) -> &mut Finding {
        let finding = Finding { level, site, message, help, related: None, mask: false };
        self.0.push(finding);
        let last = self.0.len() - 1;
        &mut self.0[last]
    }

    /// Looks the places up. A file that is read twice (a base of two bases) complains once.
    pub(crate) fn complaints(mut self, sources: &Sources) -> Complaints {
        self.0.sort_by_key(|finding| finding.site);
        let mut complaints: Vec<_> =
            self.0.into_iter().map(|finding| finding.place(sources)).collect();
        complaints.dedup();
        Complaints(complaints)
    }
}

impl Finding {
    fn place(self, sources: &Sources) -> Complaint {
        let Site { file, line, column, length } = self.site;
        let line_of = |site: Site| {
            let line = sources.line(site);
            if !self.mask {
                return line.to_owned();
            }
            line.chars().take(site.column - 1 + site.length).collect::<String>() + ": …"
        };
        let snippet = line_of(self.site);
        let related = self.related.map(|(site, message)| Related {
            file: sources.name(site.file).to_owned(),
            line: site.line,
            column: site.column,
            length: site.length,
            message,
            snippet: line_of(site),
        });
        Complaint {
            level: self.level,
            file: sources.name(file).to_owned(),
            line,
            column,
            length,
            message: self.message,
            help: self.help,
            snippet,
            related,
        }
    }
}
