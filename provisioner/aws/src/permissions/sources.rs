//! The tables against the adapters' source: no call without a row, no row without a call.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::calls;

/// The clients of [`crate::client::Clients`], with their operations' prefixes.
const CLIENTS: [(&str, &str); 13] = [
    ("dynamodb", "dynamodb"),
    ("ec2", "ec2"),
    ("ecr", "ecr"),
    ("ecs", "ecs"),
    ("elb", "elasticloadbalancing"),
    ("iam", "iam"),
    ("logs", "logs"),
    ("quotas", "servicequotas"),
    ("s3", "s3"),
    ("scaling", "application-autoscaling"),
    ("secrets", "secretsmanager"),
    ("tagging", "tag"),
    ("sts", "sts"),
];

/// What the registry protocol needs is in no call of the SDK.
const REGISTRY: &str = "registry:push";

fn source_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            source_files(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            found.push(path);
        }
    }
}

/// The adapters' text: no comments, no tests; not these tables, nor the meaning of error codes, which
/// speaks of calls that nobody makes.
fn text() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    source_files(&root, &mut files);
    let apart = [root.join("permissions"), root.join("error")];
    let mut all = String::new();
    for file in files.iter().filter(|file| !apart.iter().any(|folder| file.starts_with(folder))) {
        let text = std::fs::read_to_string(file).unwrap();
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        all.extend(lines.flat_map(|line| [line, "\n"]));
    }
    all
}

/// Every operation of a client that is called: as a method of the client, or where a client has a name of
/// its own or comes from a macro, as the name that is given to the error.
fn called(text: &str) -> BTreeSet<String> {
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let mut found = BTreeSet::new();
    for (client, prefix) in CLIENTS {
        for (at, _) in text.match_indices(&format!(".{client}.")) {
            let rest = &text[at + client.len() + 2..];
            let method: String =
                rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            if rest[method.len()..].starts_with('(') {
                found.insert(format!("{prefix}:{}", camel(&method)));
            }
        }
    }
    for of in ["look!(self,", "put!(self,"] {
        for (at, _) in text.match_indices(of) {
            let method = text[at + of.len()..].split(',').next().unwrap();
            found.insert(format!("s3:{}", camel(method)));
        }
    }
    found
}

/// Every operation that an error is named after.
fn named(text: &str) -> BTreeSet<String> {
    let literals = text.split('"').filter(|literal| {
        let Some((prefix, name)) = literal.split_once(':') else { return false };
        CLIENTS.iter().any(|(_, known)| *known == prefix)
            && name.starts_with(|c: char| c.is_ascii_uppercase())
            && name.chars().all(|c| c.is_ascii_alphanumeric())
    });
    literals.map(str::to_owned).collect()
}

fn camel(method: &str) -> String {
    let word = |word: &str| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_uppercase() + rest
    };
    method.split('_').map(word).collect()
}

#[test]
fn every_call_has_a_row_and_every_row_a_call() {
    let text = text();
    let (called, named) = (called(&text), named(&text));
    let rows: BTreeSet<String> = calls().map(|call| call.operation.to_owned()).collect();
    let actions: BTreeSet<String> =
        calls().flat_map(|call| call.needs).map(|need| need.action.to_owned()).collect();
    let missing: Vec<_> = called.difference(&rows).collect();
    assert!(missing.is_empty(), "calls that declare no action: {missing:?}");
    // S3's settings are named by their action.
    let unknown: Vec<_> =
        named.iter().filter(|name| !rows.contains(*name) && !actions.contains(*name)).collect();
    assert!(unknown.is_empty(), "names of errors that no row has: {unknown:?}");
    let idle: Vec<_> = rows
        .iter()
        .filter(|row| *row != REGISTRY && !called.contains(*row) && !named.contains(*row))
        .collect();
    assert!(idle.is_empty(), "rows that nobody calls: {idle:?}");
    assert_eq!(calls().count(), rows.len(), "an operation has two rows");
    assert!(called.len() > 150 && called.is_subset(&rows), "{}", called.len());
}

/// That the scan sees what it is there for.
#[test]
fn the_scan_finds_calls_in_every_form() {
    let text = "self.read().ec2.describe_vpcs().send();look!(self,get_bucket_policy,\"s3:GetBucketPolicy\");ec2.x();e(\"iam:GetRole\",e)";
    assert_eq!(
        called(text).into_iter().collect::<Vec<_>>(),
        ["ec2:DescribeVpcs", "s3:GetBucketPolicy"]
    );
    assert_eq!(named(text).into_iter().collect::<Vec<_>>(), ["iam:GetRole", "s3:GetBucketPolicy"]);
}
