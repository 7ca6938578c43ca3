//! Which files make an environment: its own, the one that it extends, and so on.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use super::complaint::Findings;
use super::merge::merge;
use super::node::{Node, Value};
use super::parse::parse;
use super::source::{Site, Sources};
use super::suggest::{did_you_mean, listed};
use super::{schema, shape, short};

/// The environments in a folder, sorted: every `.yaml` file that no other file extends, and that is not `base.yaml`.
/// A file that cannot be parsed still counts, so that loading it says what is wrong.
///
/// # Errors
/// When the folder cannot be read.
pub fn names(dir: &Path) -> io::Result<Vec<String>> {
    let mut names = BTreeSet::new();
    let mut bases = BTreeSet::from(["base".to_owned()]);
    for file in fs::read_dir(dir)? {
        let path = file?.path();
        if path.extension().is_none_or(|extension| extension != "yaml") || !path.is_file() {
            continue;
        }
        let Some(stem) = path.file_stem().and_then(|stem| stem.to_str()) else { continue };
        // Hidden files are other programs': `._prod.yaml` is how macOS keeps attributes on foreign disks.
        if stem.starts_with('.') {
            continue;
        }
        names.insert(stem.to_owned());
        let mut sources = Sources::default();
        let file = sources.add(String::new(), fs::read_to_string(&path).unwrap_or_default());
        let tree = parse(&sources, file, &mut Findings::default());
        if let Some(Value::Raw { text, .. }) = tree.get("extends").map(|base| &base.value) {
            bases.insert(text.trim_end_matches(".yaml").to_owned());
        }
    }
    Ok(names.difference(&bases).cloned().collect())
}

/// Reads an environment's files and merges them. Also says whether all of them could be parsed.
pub(crate) fn read(
    dir: &Path,
    name: &str,
    sources: &mut Sources,
    findings: &mut Findings,
) -> (Node, bool) {
    let schema = schema::of_file();
    let mut files: Vec<Node> = Vec::new();
    let mut seen = Vec::new();
    let mut readable = true;
    let mut next = Some((format!("{name}.yaml"), None));
    while let Some((file_name, from)) = next.take() {
        let path = dir.join(&file_name);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => {
                missing(dir, name, &file_name, &error, from, sources, findings);
                readable = false;
                break;
            }
        };
        seen.push(file_name);
        let file = sources.add(path.display().to_string(), text);
        let mut node = parse(sources, file, findings);
        readable &= !matches!(node.value, Value::Spoiled);
        if matches!(node.value, Value::Null) {
            node.value = Value::Map(Vec::new());
        }
        shape::check(&mut node, schema, findings);
        short::expand(&mut node);
        let extends = node.entry("extends").is_some();
        next = base(&mut node, &seen, findings);
        readable &= next.is_some() == extends;
        files.push(node);
    }
    let nothing = Node { site: Site::start(0), default: false, value: Value::Spoiled };
    let merged = files.into_iter().rev().fold(nothing, |base, over| merge(base, over, findings));
    (merged, readable)
}

/// Takes `extends` out of a file's tree: the next file to read and the place that names it.
fn base(
    node: &mut Node,
    seen: &[String],
    findings: &mut Findings,
) -> Option<(String, Option<Site>)> {
    let Value::Map(entries) = &mut node.value else { return None };
    let entry = entries.remove(entries.iter().position(|entry| entry.key == "extends")?);
    let site = entry.node.site;
    let name = entry.node.text()?.to_owned();
    let stem = name.strip_suffix(".yaml").unwrap_or(&name);
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
    if stem.is_empty() || !stem.chars().all(plain) {
        let message = format!("`{name}` is not a file of this folder");
        findings.error(site, message, "name a file next to this one, such as `base.yaml`");
        return None;
    }
    if stem == name {
        let message = format!("`{name}` is not the name of a YAML file");
        findings.error(site, message, format!("write `{name}.yaml`"));
        return None;
    }
    if seen.contains(&name) {
        let mut round = seen.to_vec();
        round.push(name.clone());
        let message = format!("the files extend each other in a circle: {}", round.join(" -> "));
        findings.error(site, message, "remove one `extends`: a base stands on its own");
        return None;
    }
    Some((name, Some(site)))
}

/// Complains about a file that cannot be read: the environment's own, or the one that `from` extends.
fn missing(
    dir: &Path,
    name: &str,
    file: &str,
    error: &io::Error,
    from: Option<Site>,
    sources: &mut Sources,
    findings: &mut Findings,
) {
    let path = dir.join(file);
    let message = match error.kind() {
        io::ErrorKind::NotFound => format!("there is no {}", path.display()),
        io::ErrorKind::InvalidData => format!("{} is not a text in UTF-8", path.display()),
        _ => format!("{} cannot be read: {error}", path.display()),
    };
    if let Some(site) = from {
        findings.error(site, message, "name a file that is next to this one, or remove `extends`");
        return;
    }
    let site = Site::start(sources.add(path.display().to_string(), String::new()));
    let known = names(dir).unwrap_or_default();
    let help = if path.with_extension("yml").exists() {
        format!("rename {name}.yml to {name}.yaml")
    } else if known.is_empty() {
        "make the first environment with `provisioner init`".to_owned()
    } else {
        did_you_mean(name, &known)
            .unwrap_or_else(|| format!("the environments here are {}", listed(&known, "and")))
    };
    findings.error(site, message, help);
}

/// The CIDRs that the other environments of the folder state, as far as they can be read: name, tree.
pub(crate) fn siblings(dir: &Path, name: &str) -> Vec<(String, Node, Sources)> {
    let mut siblings = Vec::new();
    for sibling in names(dir).unwrap_or_default() {
        if sibling != name {
            let mut sources = Sources::default();
            let (tree, _) = read(dir, &sibling, &mut sources, &mut Findings::default());
            siblings.push((sibling, tree, sources));
        }
    }
    siblings
}
