//! The end of a log file, read without loading the whole of it.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Lines longer than this make the tail shorter, never the memory larger.
const WINDOW: u64 = 64 * 1024;

/// The last `count` lines of a log; empty when there is no such file.
#[must_use]
pub fn last_lines(path: &Path, count: usize) -> Vec<String> {
    let Ok(mut file) = File::open(path) else { return Vec::new() };
    let length = file.metadata().map_or(0, |it| it.len());
    let from = length.saturating_sub(WINDOW);
    let mut bytes = Vec::new();
    if file.seek(SeekFrom::Start(from)).is_err() || file.read_to_end(&mut bytes).is_err() {
        return Vec::new();
    }
    let text = String::from_utf8_lossy(&bytes);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if from > 0 && !lines.is_empty() {
        // The window opens in the middle of a line.
        lines.remove(0);
    }
    lines.split_off(lines.len().saturating_sub(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_the_end_and_never_half_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let lines: Vec<String> = (0..20_000).map(|n| format!("line {n}")).collect();
        std::fs::write(&path, lines.join("\n")).unwrap();
        assert_eq!(last_lines(&path, 2), ["line 19998", "line 19999"]);
        let all = last_lines(&path, usize::MAX);
        assert!(
            all.len() < 20_000 && all.iter().all(|line| line.starts_with("line ")),
            "{:?}",
            all.first()
        );
        std::fs::write(&path, "one\ntwo").unwrap();
        assert_eq!(last_lines(&path, 5), ["one", "two"]);
        assert!(last_lines(&folder.path().join("none"), 5).is_empty());
    }
}
