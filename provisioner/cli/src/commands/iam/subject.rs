//! Whose tokens a role trusts: the `sub` claim that GitHub writes for a workflow's job.
//!
//! By default it is `repo:OWNER/NAME:CONTEXT`, and `repo:OWNER@ID/NAME@ID:CONTEXT` for repositories that
//! were made, renamed or moved since 15 July 2026 or have chosen so (GitHub changelog, 23 April 2026,
//! "Immutable subject claims for GitHub Actions OIDC tokens"). An organisation may have another template.

use crate::args::Iam;
use crate::failure::{Code, Failure};
use crate::report;

/// Where the rest of a subject goes: `environment:prod`, `pull_request`.
const CONTEXT: &str = "{context}";

/// Stand where nothing is known.
const REPOSITORY: &str = "OWNER/NAME";
const OWNER_ID: &str = "OWNER_ID";
const REPOSITORY_ID: &str = "REPOSITORY_ID";

/// The templates of subjects that roles trust.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Trusted {
    /// As it was said.
    pub(super) repository: String,
    templates: Vec<String>,
}

impl Trusted {
    /// The whole subjects of jobs in these contexts.
    pub(super) fn subjects(&self, contexts: &[String]) -> Vec<String> {
        let all = self
            .templates
            .iter()
            .flat_map(|template| contexts.iter().map(|context| template.replace(CONTEXT, context)));
        all.collect()
    }
}

/// A repository with the ids that GitHub gave it.
struct Repository<'a> {
    owner: &'a str,
    name: &'a str,
    ids: Option<(&'a str, &'a str)>,
}

/// Reads what was said. A workflow's own variables know the ids of its own repository.
pub(super) fn trusted(
    args: &Iam,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Trusted, Failure> {
    let repository = args.repository.clone().unwrap_or_else(|| REPOSITORY.into());
    if let Some(template) = &args.subject {
        check(template)?;
        return Ok(Trusted { repository, templates: vec![template.clone()] });
    }
    if args.repository.is_none() {
        report::warning(&format!(
            "the repository is not known: put it in place of {REPOSITORY}, or say it with `--repository`"
        ));
    }
    let Some(said) = read(&repository) else {
        let message = format!("`{repository}` is not a repository of GitHub");
        return Err(Failure::new(Code::Failed, message).hint(
            "write it as OWNER/NAME or OWNER@ID/NAME@ID: `--repository acme@1234/payments@5678`",
        ));
    };
    let Repository { owner, name, ids } = said;
    let with = |owner_id: &str, id: &str| format!("repo:{owner}@{owner_id}/{name}@{id}:{CONTEXT}");
    if let Some((owner_id, id)) = ids {
        let templates = vec![with(owner_id, id)];
        return Ok(Trusted { repository, templates });
    }
    let is_own = variable("GITHUB_REPOSITORY").as_deref() == Some(&repository);
    let known = |name: &str| variable(name).filter(|id| is_own && is_id(id));
    let ids = known("GITHUB_REPOSITORY_OWNER_ID").zip(known("GITHUB_REPOSITORY_ID"));
    let (owner_id, id) = ids.unwrap_or_else(|| {
        report::warning(&format!(
            "the repository's ids are not known: put them in place of {OWNER_ID} and {REPOSITORY_ID}, \
             or say `--repository {owner}@ID/{name}@ID`; \
             `gh api repos/{owner}/{name} --jq '.owner.id, .id'` prints both"
        ));
        (OWNER_ID.into(), REPOSITORY_ID.into())
    });
    let templates = vec![format!("repo:{owner}/{name}:{CONTEXT}"), with(&owner_id, &id)];
    Ok(Trusted { repository, templates })
}

fn is_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Reads `OWNER/NAME`, or `OWNER@ID/NAME@ID` with both ids.
fn read(said: &str) -> Option<Repository<'_>> {
    // A `*` would trust more than one repository.
    let is_name = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    let part = |part| match str::split_once(part, '@') {
        Some((name, id)) => (name, Some(id)),
        None => (part, None),
    };
    let (owner, name) = said.split_once('/')?;
    let ((owner, owner_id), (name, id)) = (part(owner), part(name));
    let ids = match (owner_id, id) {
        (None, None) => None,
        (Some(owner_id), Some(id)) if is_id(owner_id) && is_id(id) => Some((owner_id, id)),
        _ => return None,
    };
    (is_name(owner) && is_name(name)).then_some(Repository { owner, name, ids })
}

fn check(template: &str) -> Result<(), Failure> {
    // Without the context a role for prod would be one for every branch.
    if template.matches(CONTEXT).count() == 1 && !template.contains(['*', '?', ' ']) {
        return Ok(());
    }
    let message = format!("`{template}` is not a template of subjects");
    Err(Failure::new(Code::Failed, message).hint(format!(
        "write it as tokens have it, with `{CONTEXT}` once: `--subject 'repository_id:5678:{CONTEXT}'`; \
         `gh api repos/OWNER/NAME/actions/oidc/customization/sub` prints the template's claims"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subjects(args: Iam, variables: &[(&str, &str)]) -> Result<Vec<String>, String> {
        let variable = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        let trusted = trusted(&args, variable).map_err(|failure| failure.message)?;
        Ok(trusted.subjects(&["environment:prod".to_owned()]))
    }

    fn of(repository: &str) -> Iam {
        Iam {
            role: None,
            repository: Some(repository.into()),
            subject: None,
            from: vec![],
            kms: None,
        }
    }

    const OWN: [(&str, &str); 3] = [
        ("GITHUB_REPOSITORY", "Acme/Shop"),
        ("GITHUB_REPOSITORY_OWNER_ID", "12"),
        ("GITHUB_REPOSITORY_ID", "345"),
    ];

    #[test]
    fn ids_that_were_said_leave_one_subject() {
        let found = subjects(of("Acme@12/Shop@345"), &[]).unwrap();
        assert_eq!(found, ["repo:Acme@12/Shop@345:environment:prod"]);
    }

    #[test]
    fn a_workflow_knows_the_ids_of_its_own_repository() {
        let found = subjects(of("Acme/Shop"), &OWN).unwrap();
        let both = ["repo:Acme/Shop:environment:prod", "repo:Acme@12/Shop@345:environment:prod"];
        assert_eq!(found, both);
        let other = subjects(of("Acme/Other"), &OWN).unwrap();
        assert_eq!(other[1], "repo:Acme@OWNER_ID/Other@REPOSITORY_ID:environment:prod");
    }

    #[test]
    fn a_template_is_filled_in() {
        let template = |text: &str| Iam { subject: Some(text.into()), ..of("Acme/Shop") };
        let found = subjects(template("repository_id:345:{context}:actor:x"), &[]).unwrap();
        assert_eq!(found, ["repository_id:345:environment:prod:actor:x"]);
        for wrong in ["repo:Acme/Shop", "repo:Acme/*:{context}", "{context}{context}"] {
            let message = subjects(template(wrong), &[]).unwrap_err();
            assert!(message.contains("is not a template of subjects"), "{message}");
        }
    }
}
