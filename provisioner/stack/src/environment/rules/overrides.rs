//! Overridden fields: what ECS refuses of them, minutes later, or accepts and then starts no task.

use crate::environment::complaint::Findings;
use crate::environment::node::{Entry, Node, Value};

use super::text;

/// ECS Developer Guide, "Amazon ECS service quotas": the size of a task definition.
const LARGEST: usize = 64 * 1024;
/// What the tool itself writes into a task definition, generously.
const OWN: usize = 4 * 1024;

pub(super) fn check(service: &Entry, findings: &mut Findings) {
    let node = &service.node;
    if let Some(container) = node.at("override.container") {
        files(container, findings);
        credentials(container, findings);
        memory(node, container, findings);
    }
    volumes(node, findings);
    deployment(node, findings);
    size(service, findings);
}

/// ECS API reference, EnvironmentFile.
fn files(container: &Node, findings: &mut Findings) {
    for file in container.get("environmentFiles").map_or(&[][..], Node::items) {
        let Some((arn, place)) = text(file, "value") else { continue };
        let object = arn.strip_prefix("arn:aws").and_then(|rest| rest.split_once(":s3:::"));
        let is_object = object.is_some_and(|(_, object)| {
            object
                .split_once('/')
                .is_some_and(|(bucket, key)| !bucket.is_empty() && key.ends_with(".env"))
        });
        if !is_object {
            let message = format!("`{arn}` is not the ARN of an environment file in S3");
            let help =
                "write the object's ARN; its name must end in .env: `arn:aws:s3:::bucket/app.env`";
            findings.error(place.site, message, help);
        }
    }
}

/// ECS API reference, RepositoryCredentials.
fn credentials(container: &Node, findings: &mut Findings) {
    let Some((arn, place)) = container
        .get("repositoryCredentials")
        .and_then(|credentials| text(credentials, "credentialsParameter"))
    else {
        return;
    };
    if !arn.starts_with("arn:aws") || arn.split(':').nth(2) != Some("secretsmanager") {
        let message = format!("`{arn}` is not the ARN of a secret");
        let help =
            "write the secret's full ARN: the execution role is allowed to read exactly that";
        findings.error(place.site, message, help);
    }
}

fn memory(service: &Node, container: &Node, findings: &mut Findings) {
    let number = |node: &Node, key| node.get(key).and_then(Node::integer);
    let (Some(reserved), Some(memory)) =
        (number(container, "memoryReservation"), number(service, "memory"))
    else {
        return;
    };
    if reserved > memory
        && let Some(node) = container.get("memoryReservation")
    {
        let message = format!("the container reserves {reserved} MiB and the task has {memory}");
        findings.error(node.site, message, "use less, or raise the service's `memory`");
    }
}

/// ECS API reference, MountPoint, EFSVolumeConfiguration, EFSAuthorizationConfig.
fn volumes(service: &Node, findings: &mut Findings) {
    let volumes = service.at("override.task_definition.volumes").map_or(&[][..], Node::items);
    for volume in volumes {
        let Some(efs) = volume.get("efsVolumeConfiguration") else { continue };
        let Some(access) = efs.get("authorizationConfig") else { continue };
        let encrypted = text(efs, "transitEncryption").is_some_and(|(is, _)| is == "ENABLED");
        let iam = text(access, "iam").is_some_and(|(is, _)| is == "ENABLED");
        let point = access.get("accessPointId").is_some();
        if (iam || point) && !encrypted {
            let message = "EFS takes IAM and access points over encrypted connections only";
            findings.error(access.site, message, "add `transitEncryption: ENABLED`");
        }
        if point
            && let Some((root, node)) = text(efs, "rootDirectory").filter(|(root, _)| *root != "/")
        {
            let message = format!("the access point decides the folder, not `{root}`");
            findings.error(node.site, message, "remove `rootDirectory`");
        }
    }
    let names: Vec<&str> =
        volumes.iter().filter_map(|volume| Some(text(volume, "name")?.0)).collect();
    let mounts = service.at("override.container.mountPoints").map_or(&[][..], Node::items);
    for mount in mounts {
        if let Some((volume, node)) = text(mount, "sourceVolume")
            && !names.contains(&volume)
        {
            let message = format!("there is no volume `{volume}`");
            let help = "add it to `override.task_definition.volumes`: `[{ name: data }]`";
            findings.error(node.site, message, help);
        }
    }
}

/// ECS API reference, DeploymentConfiguration; Developer Guide, "Balancing an Amazon ECS service across Availability
/// Zones".
fn deployment(service: &Node, findings: &mut Findings) {
    let Some(fields) = service.at("override.service") else { return };
    let percent = |key| fields.at(&format!("deploymentConfiguration.{key}"));
    let number = |key, default| percent(key).and_then(Node::integer).unwrap_or(default);
    let (least, most) = (number("minimumHealthyPercent", 100), number("maximumPercent", 200));
    if let Some(node) = percent("maximumPercent").filter(|_| least >= most) {
        let message = "no task may come before another goes, and none may go before another comes";
        findings.error(node.site, message, "lower `minimumHealthyPercent` below `maximumPercent`");
    }
    if let Some((_, node)) = text(fields, "availabilityZoneRebalancing")
        .filter(|(is, _)| *is == "ENABLED" && most <= 100)
    {
        let message = format!("ECS does not rebalance zones with `maximumPercent: {most}`");
        findings.error(node.site, message, "raise `maximumPercent` above 100, or write DISABLED");
    }
}

/// A task definition has a largest size, and ECS says no after everything else was made.
fn size(service: &Entry, findings: &mut Findings) {
    let parts = ["environment", "secrets", "command", "override", "health"];
    let written = |key: &&str| service.node.get(key).map_or(0, length);
    let bytes: usize = OWN + parts.iter().map(written).sum::<usize>();
    if bytes > LARGEST {
        let message = format!(
            "the task definition of `{}` would have about {} KiB, and ECS takes {}",
            service.key,
            bytes.div_ceil(1024),
            LARGEST / 1024
        );
        let largest = parts.iter().max_by_key(|key| written(key)).copied().unwrap_or("environment");
        let help = format!(
            "shorten `{largest}`: put long values into a file of the image, or into a secret"
        );
        let site = service.node.entry(largest).map_or(service.site, |entry| entry.site);
        findings.error(site, message, help);
    }
}

/// About as long as ECS's JSON of it: `{"name":"","value":""},` around each member of a map.
fn length(node: &Node) -> usize {
    match &node.value {
        Value::Map(entries) => {
            entries.iter().map(|entry| entry.key.len() + 24 + length(&entry.node)).sum()
        }
        Value::List(items) => items.iter().map(|item| 3 + length(item)).sum(),
        Value::Text(text) | Value::Raw { text, .. } => text.len(),
        _ => 8,
    }
}
