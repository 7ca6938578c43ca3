//! What a picture has to say: every text of it with where it was found and whom it concerns, without
//! what is older than the deployment, what other revisions did, and what every good deployment says.

use std::sync::LazyLock;

use jiff::Timestamp;
use regex::Regex;

use crate::outcome::Outcome;
use crate::picture::{Picture, Task, short};
use crate::rule::Place;
use crate::text::{alike, is_normal, plain};

/// One text.
#[derive(Clone, Debug)]
pub(crate) struct Clue {
    pub(crate) place: Place,
    pub(crate) text: String,
    /// The task's id, if it is one task's.
    pub(crate) task: Option<String>,
    /// The container, the target's address, the operation, or the path.
    pub(crate) part: String,
    pub(crate) at: Option<Timestamp>,
}

impl Clue {
    /// What is counted once, however many texts tell of it.
    pub(crate) fn subject(&self) -> String {
        self.task.clone().unwrap_or_else(|| alike(&self.text))
    }

    /// The container's name, where it is one container's.
    pub(crate) fn container(&self) -> Option<&str> {
        let one = matches!(self.place, Place::Container | Place::Exit | Place::Log);
        Some(self.part.as_str()).filter(|name| one && !name.is_empty())
    }
}

/// All clues of a picture.
pub(crate) fn gather(picture: &Picture) -> Vec<Clue> {
    let mut evidence = Evidence { picture, begin: picture.begin(), clues: Vec::new() };
    if picture.outcome() == Outcome::Serves {
        // What failed on the way was overcome; only what came after can still matter.
        let Some(steady) = evidence.last_steady() else { return Vec::new() };
        evidence.begin = Some(steady);
        evidence.tasks();
        evidence.events();
        return evidence.clues;
    }
    evidence.refusal();
    evidence.tasks();
    evidence.targets();
    evidence.events();
    evidence.release();
    evidence.logs();
    evidence.clues
}

struct Evidence<'a> {
    picture: &'a Picture,
    begin: Option<Timestamp>,
    clues: Vec<Clue>,
}

impl Evidence<'_> {
    fn add(
        &mut self,
        place: Place,
        text: &str,
        task: Option<&Task>,
        part: &str,
        at: Option<Timestamp>,
    ) {
        let text = plain(text);
        if !text.is_empty() {
            let task = task.map(|task| task.id.clone());
            self.clues.push(Clue { place, text, task, part: part.into(), at });
        }
    }

    fn counts(&self, at: Option<Timestamp>) -> bool {
        at.zip(self.begin).is_none_or(|(at, begin)| at >= begin)
    }

    fn last_steady(&self) -> Option<Timestamp> {
        let steady = |message: &str| {
            message.contains("has reached a steady state")
                || message.contains("deployment completed")
        };
        self.picture.events.iter().filter(|it| steady(&it.message)).filter_map(|it| it.at).max()
    }

    fn refusal(&mut self) {
        if let Some(refusal) = &self.picture.refusal {
            let text = format!("{}: {}", refusal.code, refusal.message);
            self.add(Place::Refusal, &text, None, &refusal.operation, None);
        }
    }

    fn tasks(&mut self) {
        for task in &self.picture.tasks {
            let stopped = task.last_status == "STOPPED" || !task.stop_code.is_empty();
            let at = if stopped { task.stopped_at.or(task.created_at) } else { None };
            let ours = self.picture.is_ours(&task.task_definition);
            if !ours || !self.counts(at) || is_normal(&task.stopped_reason) {
                continue;
            }
            // A container that ECS itself stops ends with a code as well, which says nothing.
            let by_itself = stopped
                && matches!(
                    task.stop_code.as_str(),
                    "" | "EssentialContainerExited" | "TaskFailedToStart"
                );
            self.add(Place::Stopped, &task.stopped_reason, Some(task), "", at);
            for container in &task.containers {
                let name = &container.name;
                if container.reason != task.stopped_reason {
                    self.add(Place::Container, &container.reason, Some(task), name, at);
                }
                if let (true, Some(code)) = (by_itself, container.exit_code) {
                    self.add(Place::Exit, &code.to_string(), Some(task), name, at);
                }
                if container.health == "UNHEALTHY" && !stopped {
                    let text = format!("container {name} is UNHEALTHY");
                    self.add(Place::Container, &text, Some(task), name, at);
                }
            }
        }
    }

    fn targets(&mut self) {
        for target in &self.picture.targets {
            let task = self.picture.task_at(&target.id);
            let ours = task.is_none_or(|task| self.picture.is_ours(&task.task_definition));
            if !ours || matches!(target.state.as_str(), "healthy" | "initial" | "draining") {
                continue;
            }
            let said = [target.reason.as_str(), target.description.as_str()];
            let said: Vec<&str> = said.into_iter().filter(|text| !text.is_empty()).collect();
            let part = format!("{}:{}", target.id, target.port);
            let text = if said.is_empty() { target.state.clone() } else { said.join(": ") };
            self.add(Place::Target, &text, task, &part, None);
        }
    }

    fn events(&mut self) {
        for event in &self.picture.events {
            if !self.counts(event.at) || is_normal(&event.message) {
                continue;
            }
            let task = named(&event.message, &TASK).and_then(|id| self.picture.task(id));
            let others = task.is_some_and(|task| !self.picture.is_ours(&task.task_definition))
                || named(&event.message, &DEPLOYMENT).is_some_and(|id| self.is_of_others(id));
            if !others {
                self.add(Place::Event, &event.message, task, "", event.at);
            }
        }
    }

    fn is_of_others(&self, deployment: &str) -> bool {
        let mut known = self.picture.deployments.iter();
        let known = known.find(|it| it.id == deployment);
        known.is_some_and(|it| !self.picture.is_ours(&it.task_definition))
    }

    /// What follows from the deployments as a whole, and our own request.
    fn release(&mut self) {
        let picture = self.picture;
        if let Some(deployment) = picture.our_deployment() {
            let (running, desired) = (deployment.counts.running, deployment.counts.desired);
            let reason = &deployment.rollout_reason;
            match deployment.rollout_state.as_str() {
                "FAILED" => self.add(Place::Rollout, &format!("FAILED: {reason}"), None, "", None),
                "COMPLETED" if running == 0 && desired > 0 => {
                    let text = format!("COMPLETED with 0 of {desired} tasks running: {reason}");
                    self.add(Place::Rollout, &text, None, "", None);
                }
                _ => {}
            }
        }
        if let Some(primary) = picture.primary().filter(|it| !picture.is_ours(&it.task_definition))
        {
            let (theirs, ours) = (short(&primary.task_definition), short(&picture.revision.arn));
            self.add(Place::Release, &format!("{theirs} is PRIMARY, not {ours}"), None, "", None);
        }
        if let Some(probe) = picture.probe.as_ref().filter(|probe| !probe.passed) {
            let text = match (probe.status, &probe.version, &probe.wanted) {
                (None, ..) => format!("no answer: {}", probe.body),
                (Some(200..300), Some(version), Some(wanted)) if version != wanted => {
                    format!("version {version} answered, not {wanted}")
                }
                (Some(status @ 200..300), ..) if probe.contains.is_some() => {
                    let missing = probe.contains.as_deref().unwrap_or_default();
                    format!("status {status} without \"{missing}\": {}", probe.body)
                }
                (Some(status), ..) => format!("status {status}: {}", probe.body),
            };
            let asked = format!("{}{}", probe.host.as_deref().unwrap_or_default(), probe.path);
            self.add(Place::Probe, &text, None, &asked, None);
        }
    }

    fn logs(&mut self) {
        for line in &self.picture.logs {
            let task = self.picture.task(&line.task);
            let ours = task.is_none_or(|task| self.picture.is_ours(&task.task_definition));
            if ours && self.counts(line.at) {
                self.add(Place::Log, &line.line, task, &line.container, line.at);
            }
        }
    }
}

static TASK: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\(task ([0-9a-f-]+)\)").ok());
static DEPLOYMENT: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\(deployment (ecs-svc/\d+)\)").ok());

/// The id in `(task ..)` or `(deployment ..)` of an event.
fn named<'a>(message: &'a str, what: &LazyLock<Option<Regex>>) -> Option<&'a str> {
    what.as_ref()?.captures(message)?.get(1).map(|id| id.as_str())
}
