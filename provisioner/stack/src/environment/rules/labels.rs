//! Tags and log retention.

use crate::environment::complaint::Findings;
use crate::environment::node::{Entry, Node};

use super::text;

/// AWS allows 50 tags on a resource; the tool's own take ten of them.
const TAGS: usize = 40;
/// The tool's own tag without a prefix.
const OWN: &str = "Name";

pub(super) fn check(root: &Node, findings: &mut Findings) {
    logs(root, findings);
    let Some(tags) = root.get("tags") else { return };
    if tags.entries().len() > TAGS {
        let message = format!("there are {} tags", tags.entries().len());
        let help = format!("use {TAGS} or fewer: AWS allows 50, and the tool's own take up to 10");
        findings.error(tags.site, message, help);
    }
    for tag in tags.entries() {
        let key = &tag.key;
        let reserved = ["aws:", "provisioner:"];
        if let Some(prefix) =
            reserved.iter().find(|prefix| key.to_lowercase().starts_with(**prefix))
        {
            let message = format!("the tag `{key}` cannot be set");
            let owner = if *prefix == "aws:" { "AWS" } else { "this tool" };
            findings.error(
                tag.site,
                message,
                format!("`{prefix}` belongs to {owner}: use another prefix"),
            );
        } else if key.is_empty() || key.chars().count() > 128 || !key.chars().all(allowed) {
            let message = format!("`{key}` cannot be the key of a tag");
            findings.error(
                tag.site,
                message,
                "use 1 to 128 letters, digits, spaces and _ . : / = + - @",
            );
        }
        twins(tag, tags.entries(), findings);
        if let Some(value) = tag.node.text()
            && (value.chars().count() > 256 || !value.chars().all(allowed))
        {
            let message = format!("the tag `{key}` cannot have this value");
            findings.error(
                tag.node.site,
                message,
                "use up to 256 letters, digits, spaces and _ . : / = + - @",
            );
        }
    }
}

/// How lines are sent (ECS API reference, LogConfiguration).
fn logs(root: &Node, findings: &mut Findings) {
    let Some(logs) = root.get("logs") else { return };
    if let Some((buffer, node)) = text(logs, "buffer") {
        let unit = |unit: char| match unit {
            'k' => Some(1_u64 << 10),
            'm' => Some(1 << 20),
            'g' => Some(1 << 30),
            _ => None,
        };
        let end = buffer.char_indices().next_back();
        let bytes = end.and_then(|(at, last)| {
            let digits = &buffer[..at];
            let number =
                digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u64>());
            number?.ok()?.checked_mul(unit(last)?)
        });
        if !bytes.is_some_and(|bytes| (1 << 20..=1 << 30).contains(&bytes)) {
            let message = format!("`buffer` cannot be `{buffer}`");
            let help = "write a whole number with k, m or g, from 1m to 1g: `25m`";
            findings.error(node.site, message, help);
        } else if !node.default && text(logs, "mode").is_some_and(|(mode, _)| mode == "blocking") {
            let message = "nothing waits in a buffer when a program waits for each line";
            findings.error(node.site, message, "remove `buffer`, or write `mode: non-blocking`");
        }
    }
    if let Some((_, node)) =
        text(logs, "multiline").filter(|(pattern, _)| pattern.trim().is_empty())
    {
        let help = "write a regular expression, such as `^[0-9]{4}-`, or remove it";
        findings.error(node.site, "the pattern is empty: every line would begin a message", help);
    }
}

/// IAM takes keys that differ in case for one (IAM User Guide, "Tags for IAM resources"), and our `Name` is on everything.
fn twins(tag: &Entry, all: &[Entry], findings: &mut Findings) {
    let same = |other: &str| tag.key.to_lowercase() == other.to_lowercase() && tag.key != other;
    if same(OWN) {
        let message = format!("the tag `{}` is `{OWN}` to IAM, which the tool sets", tag.key);
        let help = format!("write `{OWN}` to replace the tool's own, or choose another key");
        findings.error(tag.site, message, help);
    }
    let earlier = all.iter().find(|other| same(&other.key) && tag.site.later(other.site));
    if let Some(other) = earlier {
        let message = format!("the tags `{}` and `{}` are one to IAM", other.key, tag.key);
        let help = "keep one: IAM does not tell capital letters from small ones in a key";
        findings.error(tag.site, message, help).and(other.site, "also here");
    }
}

/// What every AWS service takes in tags (AWS General Reference, "Tag naming limits").
pub(super) fn allowed(character: char) -> bool {
    character.is_alphanumeric() || " _.:/=+-@".contains(character)
}
