//! Tags and log retention.

use crate::environment::complaint::Findings;
use crate::environment::node::Node;

/// AWS allows 50 tags on a resource; the tool's own take ten of them.
const TAGS: usize = 40;

pub(super) fn check(root: &Node, findings: &mut Findings) {
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

/// What every AWS service takes in tags (AWS General Reference, "Tag naming limits").
fn allowed(character: char) -> bool {
    character.is_alphanumeric() || " _.:/=+-@".contains(character)
}
