//! `iam`: the roles that run this environment, with what each may do and who may take it. Needs no
//! credentials when the environment file says the account.

mod subject;

use std::collections::BTreeSet;
use std::process::ExitCode;

use aws::Aws;
use aws::permissions::{LIMIT, Place, Role, Source, policies};
use serde::Serialize;
use serde_json::{Value, json};
use stack::environment::Service;
use stack::{Environment, Names};

use crate::args::{Global, Iam, IamRole};
use crate::failure::{Code, Failure};
use crate::report;
use crate::session::backend;
use crate::session::project::Project;

use subject::Trusted;

/// Stands where nothing is known.
const ACCOUNT: &str = "ACCOUNT";

/// Who signs GitHub's tokens, and for whom they are meant (GitHub: "Configuring OpenID Connect in
/// Amazon Web Services").
const ISSUER: &str = "token.actions.githubusercontent.com";
const AUDIENCE: &str = "sts.amazonaws.com";

/// The branch that is deployed.
const BRANCH: &str = "main";

#[derive(Serialize)]
struct Printed<'a> {
    format: u32,
    environment: &'a str,
    account: &'a str,
    repository: &'a str,
    roles: Vec<OneRole>,
}

#[derive(Serialize)]
struct OneRole {
    role: &'static str,
    name: String,
    #[serde(rename = "for")]
    purpose: &'static str,
    trust: Value,
    policies: Vec<Value>,
}

pub(crate) async fn run(global: &Global, args: &Iam) -> Result<ExitCode, Failure> {
    let project = Project::find(global)?;
    let loaded = project.load(global)?;
    let environment = &loaded.environment;
    let account = account(environment).await;
    let trusted = subject::trusted(args, |name| std::env::var(name).ok())?;
    let sources = args.from.iter().map(|name| source(&project, name, &account));
    let sources = sources.collect::<Result<_, _>>()?;
    let place = Place { sources, ..place(environment, &account, args.kms.as_deref()) };
    let wanted = Role::ALL.into_iter().filter(|role| args.role.is_none_or(|one| one.is(*role)));
    let printed = Printed {
        format: report::FORMAT,
        environment: &environment.name,
        account: &account,
        repository: &trusted.repository,
        roles: wanted.map(|role| one(role, &place, &trusted)).collect(),
    };
    if global.json {
        report::json(&printed)?;
    } else {
        printed.roles.iter().try_for_each(print)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The file's, or else the credentials'.
async fn account(environment: &Environment) -> String {
    if let Some(account) = &environment.account {
        return account.clone();
    }
    let asked = async { Aws::connect(Some(&environment.region)).await?.identity().await };
    match asked.await {
        Ok(identity) => identity.account,
        Err(error) => {
            report::warning(&format!(
                "the account is not known: put it in place of {ACCOUNT}, or say `account: \"123456789012\"` in the environment file ({error})"
            ));
            ACCOUNT.into()
        }
    }
}

fn place(environment: &Environment, account: &str, kms: Option<&str>) -> Place {
    let names = Names::new(environment);
    let services = environment.services.values();
    let managed = |service: &Service| {
        let policies = service.permissions.iter().filter_map(|one| one.policy.clone());
        policies.collect::<Vec<_>>()
    };
    let mut backend = backend(environment, account);
    backend.kms = kms.map(str::to_owned).or(backend.kms);
    let existing = environment.secrets.values().filter_map(|secret| secret.existing());
    let secrets = existing.map(|secret| secret.arn.clone());
    Place {
        account: account.into(),
        region: environment.region.clone(),
        partition: kinds::partition::of_region(&environment.region).into(),
        project: environment.project.clone(),
        environment: environment.name.clone(),
        cluster: names.base(),
        load_balancer: names.load_balancer(),
        target_groups: names.target_groups(),
        roles: names.roles(),
        sources: Vec::new(),
        role_path: environment.iam.path.clone(),
        boundary: environment.iam.boundary.clone(),
        managed: services.clone().flat_map(managed).collect(),
        passed: services.filter_map(|service| service.role.clone()).collect(),
        secrets: secrets.collect(),
        images: images(environment),
        backend,
    }
}

/// The repositories of ECR that the file's images are in.
fn images(environment: &Environment) -> Vec<String> {
    let named = environment.services.values().filter_map(|service| service.image.as_deref());
    let found = named.filter_map(stack::ecr::Registry::of_reference);
    let arns: BTreeSet<String> =
        found.map(|(registry, name)| registry.repository_arn(name)).collect();
    arns.into_iter().collect()
}

/// Another environment, whose images are copied. Without an account in its file it is in the same.
fn source(project: &Project, name: &str, account: &str) -> Result<Source, Failure> {
    let other = stack::environment::load(&project.folder(), name)?.environment;
    let account = other.account.as_deref().unwrap_or(account);
    Ok(Source {
        account: account.into(),
        region: other.region.clone(),
        project: other.project.clone(),
        environment: other.name.clone(),
        bucket: backend(&other, account).bucket,
    })
}

fn one(role: Role, at: &Place, trusted: &Trusted) -> OneRole {
    let (word, purpose) = match role {
        Role::Plan => ("plan", "plan, status, outputs, releases, state list: reads"),
        Role::Deploy => ("deploy", "deploy, rollback, scale, restart, run, logs, explain"),
        Role::Up => ("up", "up, destroy, secret, state"),
    };
    // Reviewers are asked with a plan of what is on main already: it is made before their environment.
    let contexts = match role {
        Role::Plan => vec!["pull_request".to_owned(), format!("ref:refs/heads/{BRANCH}")],
        Role::Deploy | Role::Up => vec![format!("environment:{}", at.environment)],
    };
    OneRole {
        role: word,
        name: format!("{}-{word}", at.cluster),
        purpose,
        trust: trust(at, &trusted.subjects(&contexts)),
        policies: policies(role, at),
    }
}

/// Whole subjects alone: never a whole repository, whose every branch could then take the role.
fn trust(at: &Place, subjects: &[String]) -> Value {
    let subject = match subjects {
        [only] => json!(only),
        several => json!(several),
    };
    let provider = format!("arn:{}:iam::{}:oidc-provider/{ISSUER}", at.partition, at.account);
    json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": {"Federated": provider},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {
            format!("{ISSUER}:aud"): AUDIENCE,
            format!("{ISSUER}:sub"): subject,
        }},
    }]})
}

fn print(role: &OneRole) -> Result<(), Failure> {
    let text = |value: &Value| {
        serde_json::to_string_pretty(value)
            .map_err(|error| Failure::new(Code::Failed, error.to_string()))
    };
    report::out(&format!("# {}, for {}", role.name, role.purpose));
    report::out(&format!("# trust policy\n{}", text(&role.trust)?));
    for (index, policy) in role.policies.iter().enumerate() {
        let (number, of) = (index + 1, role.policies.len());
        let length = policy.to_string().len();
        report::out(&format!(
            "# permissions policy {number} of {of}: {length} of {LIMIT} characters\n{}",
            text(policy)?
        ));
    }
    report::out("");
    Ok(())
}

impl IamRole {
    fn is(self, role: Role) -> bool {
        match self {
            Self::Plan => role == Role::Plan,
            Self::Deploy => role == Role::Deploy,
            Self::Up => role == Role::Up,
        }
    }
}
