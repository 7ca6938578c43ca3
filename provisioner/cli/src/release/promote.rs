//! What another environment runs, to be shipped here digest for digest: what was tested is what runs.

use aws::Aws;
use aws::store::Objects;
use engine::Class;
use stack::environment::{self, Loaded};
use stack::{Environment, Image, repository_name};

use crate::failure::{Code, Failure};
use crate::release::images::{self, Built, Content};
use crate::release::{How, Release, Releases};
use crate::session::Session;

/// An image in another environment's repository.
pub(crate) struct Elsewhere {
    /// Connected to its Region.
    pub(crate) aws: Aws,
    /// The repository.
    pub(crate) uri: String,
    pub(crate) digest: String,
}

/// The other environment, as its file describes it.
struct Source {
    environment: Environment,
    aws: Aws,
    objects: Objects,
}

/// Finds the image of another environment's release: of the one with this number, or of the last that
/// serves. An image of its own repository has to be copied.
pub(crate) async fn find(
    session: &Session,
    service: &str,
    from: &str,
    number: Option<u32>,
) -> Result<(Image, Option<Built>), Failure> {
    let source = Source::open(session, service, from).await?;
    let release = source.release(session, service, number).await?;
    let number = release.started.number;
    crate::report::note(&format!(
        "{service} as release {number} of {from}: {}",
        release.started.image
    ));
    let Image::Built(digest) = &release.started.image else {
        return match release.started.image {
            image @ Image::Resolved { .. } => Ok((image, None)),
            Image::Reference(reference) if reference.contains('@') => {
                Ok((Image::Reference(reference), None))
            }
            image => Err(Failure::new(
                Code::Failed,
                format!("release {number} of {from} runs {image}, which has no digest here"),
            )
            .hint("only an image that a registry knows by its digest can be promoted")),
        };
    };
    if session.environment().services[service].build.is_none() {
        let name = &session.environment().name;
        let message = format!("{service} has no repository in {name} to copy the image to");
        return Err(Failure::new(Code::Failed, message)
            .hint(format!("write `build` in place of `image` in {name}'s file")));
    }
    let named = release.started.definition.pointer(&format!("/containers/{service}/image"));
    let Some(named) = named.and_then(serde_json::Value::as_str) else {
        let message = format!("release {number} of {from} does not say where its image is");
        return Err(Failure::new(Code::State, message));
    };
    let elsewhere =
        Elsewhere { aws: source.aws, uri: repository_name(named).into(), digest: digest.clone() };
    images::require_there(session, service, &elsewhere).await?;
    let built = Built { service: service.into(), content: Content::Elsewhere(elsewhere) };
    Ok((Image::Built(digest.clone()), Some(built)))
}

impl Source {
    async fn open(session: &Session, service: &str, from: &str) -> Result<Self, Failure> {
        let own = session.environment();
        if session.home.is_some() || from == own.name {
            let message = format!("{} cannot take an image from {from}", own.name);
            return Err(Failure::new(Code::Failed, message)
                .hint("images are promoted from one environment on AWS to another"));
        }
        let Loaded { environment, .. } = environment::load(&session.project.folder(), from)?;
        if !environment.services.contains_key(service) {
            let message = format!("{from} has no service {service}");
            return Err(Failure::new(Code::Failed, message));
        }
        let account = environment.account.as_ref().unwrap_or(&session.account);
        let region = &environment.region;
        let aws = match *region == own.region {
            true => session.aws.clone(),
            false => Aws::connect(Some(region)).await?,
        };
        let backend = crate::session::backend(&environment, account);
        let (project, clock) = (&environment.project, session.clock.clone());
        let objects = Objects::new(&aws, &backend, project, from, clock);
        Ok(Self { environment, aws, objects })
    }

    async fn release(
        &self,
        session: &Session,
        service: &str,
        number: Option<u32>,
    ) -> Result<Release, Failure> {
        let name = &self.environment.name;
        match self.objects.list(&format!("releases/{service}/")).await {
            Err(error) if error.is(Class::Denied) => {
                let own = &session.environment().name;
                return Err(Failure::from(error).hint(format!(
                    "`provisioner iam --env {own} --from {name}` prints what the role needs; in another \
                     account the bucket and the repository of {name} must allow it too"
                )));
            }
            // No bucket, no release.
            Err(error) if !error.is(Class::Absent) => return Err(error.into()),
            _ => {}
        }
        let releases = Releases::of(self.objects.clone(), service);
        let found = match number {
            Some(number) => releases.get(number).await?,
            None => releases.all().await?.into_iter().rev().find(served),
        };
        let what = number.map_or("a release".into(), |number| format!("release {number}"));
        found.filter(served).ok_or_else(|| {
            let message = format!("{name} has not had {what} of {service} that serves");
            Failure::new(Code::Failed, message)
                .hint(format!("provisioner releases --env {name} --service {service}"))
        })
    }
}

/// Whether a release came to its end: one that nobody waited for is not proved.
fn served(release: &Release) -> bool {
    release.ended.as_ref().is_some_and(|ended| ended.how == How::Succeeded)
}
