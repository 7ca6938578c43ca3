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
    for (path, entry) in [("command", node), ("migration", node)] {
        let command =
            if path == "command" { entry.get("command") } else { entry.at("migration.command") };
        if let Some(command) = command.filter(|command| command.items().is_empty()) {
            findings.error(
                command.site,
                "the command is empty",
                "write the program and its arguments: `[/app, migrate]`",
            );
        }
    }
    if let Some(command) = node.at("health.command").filter(|command| command.items().is_empty()) {
        findings.error(
            command.site,
            "the command is empty",
            "write the program and its arguments: `[/app, health]`",
        );
    }
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
