//! Complaints for people: a message, the line with the place underlined, and the fix.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level as Title, Renderer, Snippet};

use super::complaint::{Complaint, Complaints, Level};

impl Complaints {
    /// The complaints as text, one after the other with an empty line between them.
    #[must_use]
    pub fn render(&self, colours: bool) -> String {
        let renderer = if colours { Renderer::styled() } else { Renderer::plain() };
        let reports = self.0.iter().map(|complaint| renderer.render(&report(complaint)));
        let mut text = reports.collect::<Vec<_>>().join("\n\n");
        text.push('\n');
        text
    }
}

fn report(complaint: &Complaint) -> Vec<Group<'_>> {
    let title = match complaint.level {
        Level::Error => Title::ERROR,
        Level::Warning => Title::WARNING,
    };
    let mut group = title.primary_title(&complaint.message).element(
        Snippet::source(&complaint.snippet)
            .path(&complaint.file)
            .line_start(complaint.line)
            .annotation(AnnotationKind::Primary.span(bytes(
                &complaint.snippet,
                complaint.column,
                complaint.length,
            ))),
    );
    if let Some(related) = &complaint.related {
        group = group.element(
            Snippet::source(&related.snippet)
                .path(&related.file)
                .line_start(related.line)
                .annotation(
                    AnnotationKind::Context
                        .span(bytes(&related.snippet, related.column, related.length))
                        .label(&related.message),
                ),
        );
    }
    vec![group.element(Title::HELP.message(&complaint.help))]
}

/// The bytes of a line that lie under a column (in characters, from 1) and a length, cut at the line's end.
fn bytes(line: &str, column: usize, length: usize) -> Range<usize> {
    let byte = |character| line.char_indices().nth(character).map_or(line.len(), |(byte, _)| byte);
    let start = byte(column.saturating_sub(1));
    let end = byte((column.saturating_sub(1)).saturating_add(length.max(1)));
    start..end.max(start)
}
