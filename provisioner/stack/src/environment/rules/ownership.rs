//! What others may add, and which of it nothing shall speak of.

use crate::environment::complaint::Findings;
use crate::environment::node::Node;

use super::labels::allowed;

pub(super) fn check(root: &Node, findings: &mut Findings) {
    twice(root, "exclusive", findings);
    twice(root, "ignore_tags", findings);
    let set = root.get("tags").map_or(&[][..], Node::entries);
    for node in root.get("ignore_tags").map_or(&[][..], Node::items) {
        let Some(pattern) = node.text() else { continue };
        let prefix = pattern.strip_suffix('*').unwrap_or(pattern);
        let sound = pattern.chars().count() <= 128 && prefix.chars().all(allowed);
        if !sound || pattern.is_empty() {
            let help = "write a key, or how keys begin and a *: `cost-center`, `scanner:*`";
            findings.error(node.site, format!("`{pattern}` cannot be the key of a tag"), help);
            continue;
        }
        let is_of = |key: &str| match pattern.strip_suffix('*') {
            Some(prefix) => key.starts_with(prefix),
            None => key == pattern,
        };
        if let Some(tag) = set.iter().find(|tag| is_of(&tag.key)) {
            let message = format!("the tag `{}` is set here and ignored", tag.key);
            let help = "leave it out of `tags` or of `ignore_tags`";
            findings.error(node.site, message, help).and(tag.site, "set here");
        }
    }
}

fn twice(root: &Node, key: &str, findings: &mut Findings) {
    let items = root.get(key).map_or(&[][..], Node::items);
    for (index, node) in items.iter().enumerate() {
        let Some(text) = node.text() else { continue };
        if let Some(earlier) = items[..index].iter().find(|one| one.text() == Some(text)) {
            findings
                .error(node.site, format!("`{text}` is in `{key}` twice"), "name it once")
                .and(earlier.site, "already here");
        }
    }
}
