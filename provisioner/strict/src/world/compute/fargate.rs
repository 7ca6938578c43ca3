//! What Fargate runs: its sizes and what a task definition for it must say. Source: Amazon ECS Developer Guide, "Task
//! size" and "Fargate task definition parameters".

use std::collections::BTreeSet;

use serde_json::Value;

use crate::wire::error::Fault;
use crate::world::value::{list, text};

/// Units of CPU, then the least and the most memory in MiB and the step between.
const SIZES: [(i64, i64, i64, i64); 7] = [
    (256, 512, 2048, 512),
    (512, 1024, 4096, 1024),
    (1024, 2048, 8192, 1024),
    (2048, 4096, 16384, 1024),
    (4096, 8192, 30720, 1024),
    (8192, 16384, 61440, 4096),
    (16384, 32768, 122_880, 8192),
];

/// The most bytes of a task definition (Amazon ECS service quotas).
const LARGEST: usize = 65_536;

/// The refusal of a task definition, if AWS would refuse it.
pub(crate) fn refuse(p: &Value) -> Option<Fault> {
    let containers = list(p, "containerDefinitions");
    let mut names = BTreeSet::new();
    if let Some(twice) = containers.iter().map(|c| text(c, "name")).find(|n| !names.insert(*n)) {
        return Some(client(&format!(
            "Duplicate container name: {twice}. Container names must be unique."
        )));
    }
    if !list(p, "requiresCompatibilities").iter().any(|c| c == "FARGATE") {
        return None;
    }
    let (cpu, memory) = (text(p, "cpu"), text(p, "memory"));
    for (name, value) in [("cpu", cpu), ("memory", memory)] {
        if value.is_empty() {
            return Some(client(&format!(
                "Fargate requires that '{name}' be defined at the task level."
            )));
        }
    }
    if !exists(cpu, memory) {
        return Some(client(&format!(
            "No Fargate configuration exists for given values: {cpu} CPU, {memory} memory. See the Amazon ECS documentation for the valid values."
        )));
    }
    if text(p, "networkMode") != "awsvpc" {
        return Some(client("Fargate only supports network mode 'awsvpc'."));
    }
    if let Some(container) = containers.iter().find(|c| !is_checkable(&c["healthCheck"])) {
        let name = text(container, "name");
        return Some(client(&format!(
            "Invalid health check of container {name}: the interval is 5 to 300 seconds, the timeout 2 to 60, the retries 1 to 10, the start period 0 to 300."
        )));
    }
    if p.to_string().len() > LARGEST {
        return Some(client(
            "Actual length of the task definition exceeds the max allowed: 65536.",
        ));
    }
    if text(p, "executionRoleArn").is_empty() {
        let needs = |c: &Value| {
            text(c, "image").contains(".dkr.ecr.")
                || !list(c, "secrets").is_empty()
                || c.get("logConfiguration").is_some_and(|l| text(l, "logDriver") == "awslogs")
        };
        if let Some(container) = containers.iter().find(|c| needs(c)) {
            let what = if text(container, "image").contains(".dkr.ecr.") {
                "ECR images"
            } else if list(container, "secrets").is_empty() {
                "log driver awslogs"
            } else {
                "secrets"
            };
            return Some(client(&format!(
                "Fargate requires task definition to have execution role ARN to support {what}."
            )));
        }
    }
    None
}

/// Source: ECS API reference, HealthCheck.
fn is_checkable(check: &Value) -> bool {
    [("interval", 5, 300), ("timeout", 2, 60), ("retries", 1, 10), ("startPeriod", 0, 300)]
        .into_iter()
        .all(|(key, least, most)| {
            check.get(key).and_then(Value::as_i64).is_none_or(|it| (least..=most).contains(&it))
        })
}

fn exists(cpu: &str, memory: &str) -> bool {
    let (Some(cpu), Some(memory)) = (amount(cpu, "vcpu"), amount(memory, "gb")) else {
        return false;
    };
    SIZES.iter().any(|(units, least, most, step)| {
        // Only powers of two below 2 GB exist for a quarter vCPU: 512, 1024, 2048.
        let quarter = *units == 256 && memory == 1536;
        cpu == *units
            && (*least..=*most).contains(&memory)
            && (memory - least) % step == 0
            && !quarter
    })
}

/// Units or MiB, or `.5 vCPU` and `2 GB`.
fn amount(text: &str, unit: &str) -> Option<i64> {
    let lower = text.to_ascii_lowercase();
    let Some(number) = lower.strip_suffix(unit) else { return lower.trim().parse().ok() };
    let (whole, part) = number.trim().split_once('.').unwrap_or((number.trim(), "0"));
    let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let digits = i64::try_from(part.len()).ok()?;
    let part: i64 = part.parse().ok()?;
    let scale = 10_i64.checked_pow(u32::try_from(digits).ok()?)?;
    Some(whole * 1024 + part * 1024 / scale)
}

fn client(message: &str) -> Fault {
    Fault::refusal("ClientException", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (cpu, memory) in [
            ("256", "512"),
            (".25 vCPU", "0.5 GB"),
            ("1024", "8192"),
            ("4096", "30720"),
            ("16384", "122880"),
            ("1 vCPU", "3GB"),
        ] {
            assert!(exists(cpu, memory), "{cpu} {memory}");
        }
        for (cpu, memory) in [
            ("256", "8192"),
            ("256", "1536"),
            ("300", "512"),
            ("1024", "2049"),
            ("8192", "16385"),
            ("512", "512"),
        ] {
            assert!(!exists(cpu, memory), "{cpu} {memory}");
        }
    }

    #[test]
    fn a_check_and_the_whole_have_bounds() {
        let definition = |check: Value, more: &str| {
            serde_json::json!({
                "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512", "networkMode": "awsvpc",
                "containerDefinitions": [{"name": "web", "image": "web", "healthCheck": check, "command": [more]}],
            })
        };
        let timeout = |seconds: u32| serde_json::json!({"timeout": seconds, "interval": 120});
        assert!(refuse(&definition(timeout(60), "")).is_none());
        assert!(refuse(&definition(timeout(61), "")).is_some());
        assert!(refuse(&definition(Value::Null, &"x".repeat(LARGEST))).is_some());
    }
}
