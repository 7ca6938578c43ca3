//! Short forms become long ones before files are merged, so that a number in one file and a map in another still meet.

use super::node::{Entry, Node, Value};

/// `replicas: 2` is `{ min: 2, max: 2 }`; `route: /a` is `{ path: [/a] }`; one `path` or `host` is a list of one.
pub(crate) fn expand(root: &mut Node) {
    let Some(services) = entry(root, "services") else { return };
    let Value::Map(services) = &mut services.value else { return };
    for service in services {
        let service = &mut service.node;
        if let Some(replicas) = entry(service, "replicas")
            && matches!(replicas.value, Value::Integer(_))
        {
            map_of(replicas, &["min", "max"]);
        }
        if let Some(route) = entry(service, "route") {
            if matches!(route.value, Value::Text(_) | Value::List(_)) {
                map_of(route, &["path"]);
            }
            for key in ["path", "host"] {
                if let Some(one) = entry(route, key)
                    && matches!(one.value, Value::Text(_))
                {
                    one.value = Value::List(vec![one.clone()]);
                }
            }
        }
    }
}

fn entry<'a>(node: &'a mut Node, key: &str) -> Option<&'a mut Node> {
    match &mut node.value {
        Value::Map(entries) => {
            entries.iter_mut().find(|entry| entry.key == key).map(|entry| &mut entry.node)
        }
        _ => None,
    }
}

/// Puts a value under each of these keys, all in the place where the value was written.
fn map_of(node: &mut Node, keys: &[&str]) {
    let written = node.clone();
    let entry =
        |key: &&str| Entry { key: (*key).to_owned(), site: written.site, node: written.clone() };
    node.value = Value::Map(keys.iter().map(entry).collect());
}
