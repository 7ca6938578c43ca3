//! How much of a service runs: CPU with memory, replicas, times to stop.

use crate::environment::complaint::Findings;
use crate::environment::fargate::{CPUS, memories};
use crate::environment::node::{Entry, Node};
use crate::environment::suggest::listed;

use super::seconds;

pub(super) fn check(service: &Entry, findings: &mut Findings) {
    let node = &service.node;
    size(service, findings);
    replicas(node, findings);
    // ECS API reference: ContainerDefinition, stopTimeout (Fargate); ELB API reference, deregistration_delay.
    seconds(node, "stop", 1, 120, findings);
    seconds(node, "deregistration", 0, 3600, findings);
    if let Some(migration) = node.get("migration") {
        seconds(migration, "timeout", 60, 24 * 3600, findings);
    }
    let commands = [
        ("command", "[/app, serve]"),
        ("migration.command", "[/app, migrate]"),
        ("health.command", "[/app, health]"),
    ];
    for (path, example) in commands {
        if let Some(list) = node.at(path) {
            command(list, path, example, findings);
        }
    }
}

/// A program and its arguments, in no other tool's form.
fn command(list: &Node, path: &str, example: &str, findings: &mut Findings) {
    let words: Vec<&str> = list.items().iter().filter_map(Node::text).collect();
    let (message, help) = match words.as_slice() {
        _ if list.items().is_empty() => (
            "the command is empty".to_owned(),
            format!("write the program and its arguments: `{example}`"),
        ),
        // Docker's and ECS's word for how the rest is to be read.
        [form @ ("CMD" | "CMD-SHELL" | "NONE"), rest @ ..] => (
            format!("`{form}` would be the name of a program"),
            match *form {
                "CMD" => "leave it out: the list is the program and its arguments".to_owned(),
                "CMD-SHELL" => format!(
                    "name the shell: `[/bin/sh, -c, {}]`",
                    serde_json::json!(rest.join(" "))
                ),
                _ => format!("remove `{path}`"),
            },
        ),
        _ => return,
    };
    findings.error(list.site, message, help);
}

fn size(service: &Entry, findings: &mut Findings) {
    let number = |key: &str| {
        let node = service.node.get(key)?;
        Some((u32::try_from(node.integer()?).ok()?, node))
    };
    let (Some((cpu, cpu_node)), Some((memory, memory_node))) = (number("cpu"), number("memory"))
    else {
        return;
    };
    let allowed = memories(cpu);
    if allowed.contains(&memory) {
        return;
    }
    // Blame the value that someone wrote.
    let (blamed, other) =
        if memory_node.default { (cpu_node, memory_node) } else { (memory_node, cpu_node) };
    let larger = allowed.iter().find(|allowed| **allowed > memory);
    let other_cpu = CPUS.iter().find(|cpu| memories(**cpu).contains(&memory));
    let fix = match (larger, other_cpu) {
        (Some(larger), _) => format!("; the next larger is {larger}"),
        (None, Some(cpu)) => format!("; {memory} MiB needs `cpu: {cpu}`"),
        (None, None) => String::new(),
    };
    let help = format!("with `cpu: {cpu}` Fargate takes {}{fix}", range(&allowed));
    let message = format!("Fargate has no task with {cpu} CPU units and {memory} MiB");
    let finding = findings.error(blamed.site, message, help);
    if !other.default && other.site != blamed.site {
        finding.and(other.site, "together with this");
    }
}

/// The memory sizes in words.
fn range(sizes: &[u32]) -> String {
    match sizes {
        [first, second, .., last] if sizes.len() > 4 => {
            format!("{first} to {last} MiB in steps of {}", second - first)
        }
        _ => listed(&sizes.iter().map(ToString::to_string).collect::<Vec<_>>(), "or") + " MiB",
    }
}

fn replicas(service: &Node, findings: &mut Findings) {
    let Some(replicas) = service.get("replicas") else { return };
    let number = |key: &str| Some((replicas.get(key)?.integer()?, replicas.get(key)?));
    let (Some((min, min_node)), Some((max, max_node))) = (number("min"), number("max")) else {
        return;
    };
    if min > max {
        let (blamed, other) =
            if max_node.default { (min_node, max_node) } else { (max_node, min_node) };
        let message = format!("`max` is {max} and `min` is {min}");
        let help = if min_node.default {
            format!(
                "`min` is {min} unless said otherwise: write `min: {max}` as well, or raise `max`"
            )
        } else {
            "raise `max` or lower `min`; a plain number sets both".to_owned()
        };
        let finding = findings.error(blamed.site, message, help);
        if !other.default && other.site != blamed.site {
            finding.and(other.site, "against this");
        }
    }
}
