//! The text of the files that an environment is read from, and places in it.

/// A file as it was read.
#[derive(Debug)]
struct File {
    name: String,
    text: String,
}

/// Every file read for one environment, in the order of reading.
#[derive(Debug, Default)]
pub(crate) struct Sources(Vec<File>);

/// A place in one of the files: where something was written. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Site {
    pub(crate) file: usize,
    pub(crate) line: usize,
    pub(crate) column: usize,
    /// Characters to underline.
    pub(crate) length: usize,
}

impl Site {
    /// Of two places, the one that came later: in the file that extends the other's, or further down in the same.
    pub(crate) fn later(self, other: Self) -> bool {
        if self.file == other.file { self > other } else { self.file < other.file }
    }

    /// The beginning of a file: the place of what is missing as a whole.
    pub(crate) fn start(file: usize) -> Self {
        Self { file, line: 1, column: 1, length: 0 }
    }
}

impl Sources {
    /// Keeps a file and gives the number that sites know it by.
    pub(crate) fn add(&mut self, name: String, text: String) -> usize {
        self.0.push(File { name, text });
        self.0.len() - 1
    }

    /// The file's name as the user would write it: `environments/prod.yaml`.
    pub(crate) fn name(&self, file: usize) -> &str {
        self.0.get(file).map_or("", |file| &file.name)
    }

    pub(crate) fn text(&self, file: usize) -> &str {
        self.0.get(file).map_or("", |file| &file.text)
    }

    /// The line that a site is on, without its end.
    pub(crate) fn line(&self, site: Site) -> &str {
        self.text(site.file).lines().nth(site.line.saturating_sub(1)).unwrap_or_default()
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|file| file.name.as_str())
    }
}
