//! What the picture says in single words, by name: for the conditions of rules and the gaps in their
//! sentences. What a rule's expressions capture joins them, and so does what follows from that.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use crate::evidence::Clue;
use crate::listening::Listening;
use crate::picture::{Picture, WayOut, short};
use crate::rule::{Condition, Line, Place};

/// Names and what they stand for; a name that is not known is absent.
#[derive(Clone, Debug)]
pub(crate) struct Facts<'a> {
    picture: &'a Picture,
    known: BTreeMap<String, String>,
}

/// A secret's ARN in a sentence.
static SECRET: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"arn:aws[a-z-]*:secretsmanager:[\w-]+:\d+:secret:[\w/+=.@-]*[\w]").ok()
});

impl<'a> Facts<'a> {
    pub(crate) fn of(picture: &'a Picture) -> Self {
        let mut facts = Self { picture, known: BTreeMap::new() };
        facts.set("service", &picture.service);
        facts.set("environment", &picture.environment);
        facts.set("revision", short(&picture.revision.arn));
        facts.counts();
        facts.definition(&picture.revision.definition);
        if let Some(asked) = &picture.asked {
            facts.set("asked", asked);
        }
        if let Some(check) = &picture.health_check {
            facts.set("path", &check.path);
            facts.set("wanted_codes", &check.codes);
            facts.set("timeout", &check.timeout);
        }
        if let Some(grace) = picture.grace {
            facts.set("grace", &grace);
        }
        if let Some(way_out) = picture.way_out {
            facts.set("way_out", way_out_name(way_out));
        }
        if let Some(before) = &picture.before {
            facts.set("before", short(&before.revision));
        }
        if let Some(primary) = picture.primary() {
            facts.set("primary", short(&primary.task_definition));
        }
        if let Some(target) = picture.targets.iter().find(|target| target.state == "unhealthy") {
            facts.set("port", &target.port);
        }
        let listening = Listening::of(picture);
        facts.set("listening_ports", &listening.ports.len());
        if let Some(after) = listening.after {
            facts.set("ready_after", &after);
        }
        facts
    }

    fn counts(&mut self) {
        let counts = self.picture.counts;
        self.set("desired", &counts.desired);
        self.set("running", &counts.running);
    }

    fn definition(&mut self, definition: &Value) {
        let container = &definition["containerDefinitions"][0];
        let options = &container["logConfiguration"]["options"];
        for (name, value) in [
            ("cpu", &definition["cpu"]),
            ("memory", &definition["memory"]),
            ("image", &container["image"]),
            ("container", &container["name"]),
            ("port", &container["portMappings"][0]["containerPort"]),
            ("log_group", &options["awslogs-group"]),
            ("region", &options["awslogs-region"]),
        ] {
            self.set_json(name, value);
        }
        for (name, value) in [
            ("execution_role", &definition["executionRoleArn"]),
            ("task_role", &definition["taskRoleArn"]),
        ] {
            self.set(name, short(value.as_str().unwrap_or_default()));
        }
        let architecture = definition["runtimePlatform"]["cpuArchitecture"].as_str();
        let architecture = architecture.unwrap_or("X86_64").to_lowercase();
        let other = if architecture == "arm64" { "x86_64" } else { "arm64" };
        self.set("other_architecture", other);
        self.set("architecture", &architecture);
        let check: Vec<&str> = list(&container["healthCheck"]["command"]).collect();
        self.set("health_command", &check.join(" "));
        let tool = ["curl", "wget"].into_iter().find(|tool| check.join(" ").contains(tool));
        self.set("health_tool", tool.unwrap_or_default());
        self.sizes();
    }

    /// What follows from the task's size: Fargate takes at most eight times the CPU units as MiB up to
    /// 4096 units, and every doubling below that.
    fn sizes(&mut self) {
        let number = |name: &str| self.get(name).and_then(|text| text.parse::<u32>().ok());
        let (Some(cpu), Some(memory)) = (number("cpu"), number("memory")) else { return };
        if memory * 2 <= (cpu * 8).min(30_720) {
            self.set("more_memory", &(memory * 2));
        }
        let rolling = f64::from(self.picture.counts.desired.max(1) * 2 * cpu) / 1024.0;
        self.set("rolling_vcpus", &rolling);
    }

    /// With what a rule's expressions captured in these clues, and what that leads to.
    pub(crate) fn with(&self, captured: &BTreeMap<String, String>, clues: &[&Clue]) -> Self {
        let mut facts = self.clone();
        for (name, value) in captured {
            facts.set(name, value);
        }
        let arn =
            SECRET.as_ref().and_then(|arn| clues.iter().find_map(|clue| arn.find(&clue.text)));
        facts.set("arn", arn.map_or("", |arn| arn.as_str()));
        for clue in clues {
            let Some(task) = clue.task.as_deref().and_then(|id| self.picture.task(id)) else {
                continue;
            };
            facts.set("task", short_id(&task.id));
            // An event comes when ECS gets round to it; an end and a log line have their own time.
            let timed = matches!(clue.place, Place::Exit | Place::Log);
            if let Some((at, started)) = clue.at.zip(task.started_at).filter(|_| timed) {
                facts.set("after", &at.duration_since(started).as_secs());
            }
            if let Some(container) = clue.container() {
                facts.set("container", container);
            }
        }
        facts.secrets();
        if let Some(role) = facts.get("role").map(|arn| short(arn).to_owned()) {
            facts.set("role_name", &role);
        }
        facts
    }

    /// Which secret it is about: the one whose ARN or JSON key was captured, or the only one.
    fn secrets(&mut self) {
        let definitions = &self.picture.revision.definition["containerDefinitions"];
        let secrets = definitions.as_array().into_iter().flatten();
        let secrets: Vec<(&str, &str)> = secrets
            .flat_map(|container| container["secrets"].as_array().into_iter().flatten())
            .filter_map(|it| Some((it["name"].as_str()?, it["valueFrom"].as_str()?)))
            .collect();
        let named = |(variable, from): &&(&str, &str)| {
            let is = |name: &str, test: &dyn Fn(&str) -> bool| self.get(name).is_some_and(test);
            is("arn", &|arn| from.starts_with(arn) || arn.starts_with(from))
                || is("key", &|key| from.contains(&format!(":{key}:")))
                || is("variable", &|name| name == *variable)
        };
        let found = secrets.iter().find(named);
        let only = || secrets.first().filter(|_| secrets.len() == 1);
        if let Some((variable, from)) = found.or_else(only).copied() {
            self.set("variable", variable);
            let name = self.secret_name(from);
            self.set("secret", &name);
        } else if let Some(name) = self.get("arn").map(|arn| self.secret_name(arn)) {
            self.set("secret", &name);
        }
    }

    /// `database-url` from `arn:aws:secretsmanager:..:secret:payments/prod/database-url-AbCdEf:::version`.
    fn secret_name(&self, arn: &str) -> String {
        let full = arn.split(':').nth(6).unwrap_or_default();
        let full = match full.rsplit_once('-') {
            Some((name, suffix)) if suffix.len() == 6 => name,
            _ => full,
        };
        let within = format!("/{}/", self.picture.environment);
        full.split_once(&within).map_or(full, |(_, name)| name).into()
    }

    fn set(&mut self, name: &str, value: &(impl ToString + ?Sized)) {
        let value = value.to_string();
        if !value.is_empty() {
            self.known.insert(name.into(), value);
        }
    }

    fn set_json(&mut self, name: &str, value: &Value) {
        match value {
            Value::String(text) => self.set(name, text),
            Value::Number(number) => self.set(name, number),
            _ => {}
        }
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.known.get(name).map(String::as_str)
    }

    pub(crate) fn hold(&self, conditions: &[Condition]) -> bool {
        conditions.iter().all(|condition| match condition {
            Condition::Is(name, values) => self.get(name).is_some_and(|it| values.contains(&it)),
            Condition::Not(name, values) => self.get(name).is_some_and(|it| !values.contains(&it)),
            Condition::Differ(one, other) => {
                self.get(one).zip(self.get(other)).is_some_and(|(one, other)| one != other)
            }
            Condition::Same(one, other) => {
                self.get(one).zip(self.get(other)).is_some_and(|(one, other)| one == other)
            }
            Condition::Above(one, other) => {
                let number = |name: &str| self.get(name)?.parse::<f64>().ok();
                number(one).zip(number(other)).is_some_and(|(one, other)| one > other)
            }
        })
    }

    /// The first of the lines that can be said.
    pub(crate) fn say(&self, lines: &[Line]) -> String {
        let mut said = lines.iter().filter(|line| self.hold(line.given));
        said.find_map(|line| self.fill(line.text)).unwrap_or_default()
    }

    /// The sentence with its gaps filled; none when something is not known.
    fn fill(&self, text: &str) -> Option<String> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}')?;
            filled.push_str(before);
            filled.push_str(self.get(name)?);
            rest = after;
        }
        Some(filled + rest)
    }
}

fn way_out_name(way_out: WayOut) -> &'static str {
    match way_out {
        WayOut::Nat => "nat",
        WayOut::PublicAddress => "public-address",
        WayOut::Endpoints => "endpoints",
        WayOut::Closed => "closed",
        WayOut::Local => "local",
    }
}

fn list(value: &Value) -> impl Iterator<Item = &str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// As much of a task's id as tells it from others.
pub(crate) fn short_id(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}
