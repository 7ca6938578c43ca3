//! What a first environment file says, as text and as judged by the rules of environment files.

use stack::environment::{self, Level, Nat};

use crate::failure::{Failure, file};

/// Everything that `init` decides.
#[derive(Clone, Debug)]
pub(super) struct Answers {
    pub(super) name: String,
    pub(super) project: String,
    pub(super) region: String,
    pub(super) service: String,
    pub(super) port: u16,
    pub(super) source: Source,
    pub(super) nat: Nat,
    pub(super) cidr: String,
}

/// What the service runs.
#[derive(Clone, Debug)]
pub(super) enum Source {
    Image(String),
    /// A path below the project's folder.
    Dockerfile(String),
}

/// Whether an environment of this name serves customers.
pub(super) fn is_production(name: &str) -> bool {
    name.starts_with("prod") || name == "live"
}

impl Answers {
    /// The file.
    pub(super) fn text(&self) -> String {
        let Self { name, project, region, service, port, source, nat, cidr } = self;
        let [project, region, service] = [project, region, service].map(|text| scalar(text));
        let source = match source {
            Source::Image(image) => format!("image: {}", scalar(image)),
            Source::Dockerfile(path) => format!("build: {{ dockerfile: {} }}", scalar(path)),
        };
        let nat = match nat {
            Nat::PerZone => {
                "per-zone  # one NAT gateway in each of 2 zones, about 33 USD a month each; or: shared, none"
            }
            Nat::Shared => {
                "shared  # one NAT gateway for all zones, about 33 USD a month; or: per-zone, none"
            }
            Nat::None => {
                "none  # tasks get public addresses that nobody can connect to; or: per-zone, shared"
            }
        };
        let (replicas, protection) = if is_production(name) {
            (
                "{ min: 2, max: 4, cpu: 60 }  # as many as keep the CPU use at 60 %",
                "\n# The load balancer, and what holds data, refuse to be deleted.\nprotect: true\n",
            )
        } else {
            ("1  # or { min: 2, max: 4, cpu: 60 }, to follow the load", "")
        };
        format!(
            "\
# yaml-language-server: $schema=schema.json
# What is not said here has a default: `provisioner config --env {name}` shows everything.
project: {project}
region: {region}

network:
  cidr: {cidr}  # cannot be changed later
  nat: {nat}

services:
  {service}:
    {source}
    port: {port}
    route: \"/*\"  # the requests that reach it; a worker has no route
    health: {{ path: / }}  # must answer with status 200
    replicas: {replicas}
    # environment: {{ LOG_LEVEL: info }}
    # secrets: {{ DATABASE_URL: database-url }}

# secrets: {{ database-url: given }}  # and then: provisioner secret set database-url --env {name}
{protection}"
        )
    }

    /// What is wrong with these answers, and what to do about it: the first complaint that loading the
    /// file would bring.
    pub(super) fn complaint(&self) -> Result<Option<(String, String)>, Failure> {
        let plain =
            |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
        if self.name.is_empty() || !self.name.chars().all(plain) {
            let message = format!("`{}` cannot be the environment's name", self.name);
            let help = "use lower-case letters, digits and single hyphens, a letter first";
            return Ok(Some((message, help.into())));
        }
        let folder = tempfile::tempdir().map_err(|error| file(&std::env::temp_dir(), &error))?;
        let path = folder.path().join(format!("{}.yaml", self.name));
        std::fs::write(&path, self.text()).map_err(|error| file(&path, &error))?;
        Ok(environment::load(folder.path(), &self.name).err().and_then(|complaints| {
            let first = complaints.0.into_iter().find(|it| it.level == Level::Error)?;
            Some((first.message, first.help))
        }))
    }
}

/// A text as YAML, quoted where a reader would take it for something else.
fn scalar(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@".contains(&byte);
    let word = text.starts_with(|first: char| first.is_ascii_alphabetic())
        && !text.ends_with(':')
        && text.bytes().all(plain);
    let meant = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    if word && !meant.contains(&&*text.to_lowercase()) {
        return text.to_owned();
    }
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers() -> Answers {
        Answers {
            name: "prod".into(),
            project: "shop".into(),
            region: "eu-west-1".into(),
            service: "api".into(),
            port: 8000,
            source: Source::Dockerfile("Dockerfile".into()),
            nat: Nat::PerZone,
            cidr: "10.10.0.0/16".into(),
        }
    }

    /// Loads what the answers make, and gives it with the warnings.
    fn load(answers: &Answers) -> stack::Loaded {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(format!("{}.yaml", answers.name));
        std::fs::write(path, answers.text()).unwrap();
        environment::load(folder.path(), &answers.name).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn every_form_loads_without_a_complaint_and_says_what_was_answered() {
        for name in ["prod", "dev", "local"] {
            for nat in [Nat::PerZone, Nat::Shared, Nat::None] {
                for source in [
                    Source::Image("ghcr.io/acme/api:1.0".into()),
                    Source::Dockerfile("docker files/{a}: b, #c".into()),
                ] {
                    let answers = Answers { name: name.into(), nat, source, ..answers() };
                    let loaded = load(&answers);
                    assert!(loaded.warnings.0.is_empty(), "{}", loaded.warnings);
                    let environment = loaded.environment;
                    assert_eq!(
                        (environment.network.nat, environment.protect),
                        (nat, name == "prod")
                    );
                    let service = &environment.services["api"];
                    assert_eq!(service.port, Some(8000));
                    match &answers.source {
                        Source::Image(image) => assert_eq!(service.image.as_ref(), Some(image)),
                        Source::Dockerfile(path) => assert_eq!(
                            service.artifact(),
                            Some(environment::Artifact::Dockerfile {
                                dockerfile: path.as_ref(),
                                context: ".".as_ref()
                            })
                        ),
                    }
                }
            }
        }
    }

    #[test]
    fn words_that_yaml_takes_for_something_else_stay_words() {
        for word in ["null", "yes", "on", "no", "true"] {
            let answers = Answers { project: word.into(), service: word.into(), ..answers() };
            let environment = load(&answers).environment;
            assert_eq!(environment.project, word);
            assert!(environment.services.contains_key(word));
        }
    }

    #[test]
    fn wrong_answers_are_told_with_the_fix() {
        let wrong = [
            (Answers { name: "../prod".into(), ..answers() }, "environment's name"),
            (Answers { name: "Prod".into(), ..answers() }, "environment's name"),
            (Answers { project: "My Shop".into(), ..answers() }, "project's name"),
            (Answers { region: "us-esat-1".into(), ..answers() }, "not a region"),
            (Answers { port: 0, ..answers() }, "port"),
            (Answers { source: Source::Image("Ghcr.io/A/b".into()), ..answers() }, "not an image"),
            (Answers { source: Source::Dockerfile("../x".into()), ..answers() }, "dockerfile"),
        ];
        for (answers, part) in wrong {
            let (message, help) = answers.complaint().unwrap().unwrap();
            assert!(message.contains(part), "{part}: {message}");
            assert!(!help.is_empty());
        }
        assert_eq!(answers().complaint().unwrap(), None);
    }
}
