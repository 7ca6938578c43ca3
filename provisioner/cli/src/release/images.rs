//! What each service runs: the image that the file names, the one that was last deployed, or one that
//! is built now.

use std::collections::BTreeMap;
use std::path::PathBuf;

use aws::Aws;
use engine::Class;
use engine::state::State;
use image::{Credentials, Docker, Layout, Recipe, Registry};
use stack::Image;
use stack::environment::{Architecture, Build, Service};

use crate::failure::{Code, Failure};
use crate::release::promote::Elsewhere;
use crate::session::Session;
use crate::session::decided::{Decided, fact};
use crate::session::local_cloud::LocalHome;

/// Where `BuildKit` keeps layers between builds: `type=gha` in a workflow of GitHub.
const CACHE: &str = "PROVISIONER_BUILD_CACHE";

/// An image that was built and has to be pushed once its repository is there.
pub(crate) struct Built {
    pub(crate) service: String,
    pub(crate) content: Content,
}

pub(crate) enum Content {
    /// Goes to the registry, or to the Docker engine of the local cloud.
    Layout(Box<Layout>),
    /// Goes to the folder that stands in for a registry where tasks are processes.
    Program { binary: PathBuf, tag: String },
    /// Is copied from another environment's repository.
    Elsewhere(Elsewhere),
}

/// The images of all services, and those among them that still have to be built or looked up.
#[derive(Default)]
pub(crate) struct Images {
    pub(crate) images: BTreeMap<String, Image>,
    pub(crate) to_build: Vec<String>,
    to_resolve: Vec<String>,
}

/// What is known without building anything.
pub(crate) fn known(session: &Session, state: &State) -> Images {
    let mut images = Images::default();
    for (name, service) in &session.environment().services {
        let decided: Option<Decided> = state.fact(&fact(name));
        let said = service.image.clone().unwrap_or_default();
        // A deploy's image stays until the file names another one than it did then.
        if let Some(decided) = decided.filter(|decided| decided.said == said) {
            images.images.insert(name.clone(), decided.image);
        } else if service.image.is_some() {
            images.images.insert(name.clone(), Image::Reference(said));
            images.to_resolve.push(name.clone());
        } else {
            images.images.insert(name.clone(), Image::Built("sha256:(built by `up`)".into()));
            images.to_build.push(name.clone());
        }
    }
    images
}

/// Looks up what the file's tags name, of the services that have not run them yet.
pub(crate) async fn resolve_all(session: &Session, images: &mut Images) -> Result<(), Failure> {
    for service in std::mem::take(&mut images.to_resolve) {
        let Some(reference) = &session.environment().services[&service].image else { continue };
        let found = resolve(session, &service, reference).await?;
        images.images.insert(service, found.image);
    }
    Ok(())
}

/// Builds the images of these services and puts them in place of what stood for them.
pub(crate) async fn build_all(
    session: &Session,
    services: &[String],
    images: &mut BTreeMap<String, Image>,
) -> Result<Vec<Built>, Failure> {
    let mut all = Vec::new();
    for service in services {
        let Some(how) = &session.environment().services[service].build else { continue };
        let (image, built) = build(session, service, how).await?;
        images.insert(service.clone(), image);
        all.push(built);
    }
    Ok(all)
}

/// Makes a service's image on this machine.
pub(crate) async fn build(
    session: &Session,
    name: &str,
    build: &Build,
) -> Result<(Image, Built), Failure> {
    let service = &session.environment().services[name];
    let root = &session.project.root;
    let wanted = architecture(service);
    let home = session.home.as_ref();
    if let (Some(false), Build::Binary { binary }) = (home.map(LocalHome::has_docker), build) {
        let binary = root.join(binary);
        let bytes =
            std::fs::read(&binary).map_err(|error| crate::failure::file(&binary, &error))?;
        let tag = image::Digest::of(&bytes).short().to_owned();
        let content = Content::Program { binary, tag: tag.clone() };
        return Ok((Image::Tagged(tag), Built { service: name.into(), content }));
    }
    crate::report::note(&format!("building the image of {name}"));
    let layout = match build {
        Build::Binary { binary } => {
            let recipe = Recipe { port: service.port, ..Recipe::default() };
            let layout = Layout::of_program(&root.join(binary), &recipe)?;
            layout.architecture.require(wanted, binary.display())?;
            layout
        }
        Build::Dockerfile { dockerfile, context } => {
            let cache = std::env::var(CACHE).ok().filter(|cache| !cache.is_empty());
            let docker = Docker::default().cached(cache);
            docker.build(&root.join(dockerfile), &root.join(context), wanted).await?
        }
    };
    let image = match home {
        // An engine cannot be told the digest of an image that it did not pull.
        Some(_) => Image::Tagged(layout.digest.short().to_owned()),
        None => Image::Built(layout.digest.as_str().to_owned()),
    };
    let content = Content::Layout(Box::new(layout));
    Ok((image, Built { service: name.into(), content }))
}

/// Sends a built image to where tasks get it from. `uri` is the repository's.
pub(crate) async fn push(session: &Session, built: &Built, uri: &str) -> Result<(), Failure> {
    let verb = if let Content::Elsewhere(_) = built.content { "copying" } else { "pushing" };
    crate::report::note(&format!("{verb} the image of {}", built.service));
    match (&built.content, &session.home) {
        (Content::Program { binary, tag }, Some(home)) => home.keep(&built.service, binary, tag),
        (Content::Program { .. }, None) => Ok(()),
        (Content::Layout(layout), Some(home)) => {
            home.load(layout, uri, layout.digest.short()).await
        }
        (Content::Layout(layout), None) => {
            let (registry, repository) = registry(&session.aws, uri).await?;
            let tag = layout.digest.short().to_owned();
            registry.push(layout, &repository, Some(&tag)).await?;
            Ok(())
        }
        (Content::Elsewhere(elsewhere), _) => {
            let Elsewhere { aws, uri: from, digest } = elsewhere;
            let (source, source_repository) = registry(aws, from).await?;
            let (target, repository) = registry(&session.aws, uri).await?;
            let tag = digest.parse::<image::Digest>()?.short().to_owned();
            let from = (&source, &*source_repository);
            image::copy(from, digest, (&target, &repository), Some(&tag)).await?;
            Ok(())
        }
    }
}

/// The registry behind a repository's URI. While the user's endpoint URL is set, the registry is there.
async fn registry(aws: &Aws, uri: &str) -> engine::Result<(Registry, String)> {
    let (host, repository) = uri.split_once('/').unwrap_or((uri, ""));
    let region = stack::ecr::Registry::parse(host).map_or(aws.region(), |known| known.region);
    let access = aws.registry(host, region).await?;
    let (user, password) = access.credentials;
    let credentials = Some(Credentials { user, password });
    let registry = Registry::new(&access.host, credentials, access.plain_http)
        .map_err(|error| engine::Error::other(error.to_string()))?;
    Ok((registry, repository.to_owned()))
}

/// Refuses an image of another environment that is not there any more or is made for another processor.
pub(crate) async fn require_there(
    session: &Session,
    service: &str,
    elsewhere: &Elsewhere,
) -> Result<(), Failure> {
    let Elsewhere { aws, uri, digest } = elsewhere;
    let (registry, repository) = registry(aws, uri).await?;
    let found = registry.inspect(&repository, digest).await?;
    let wanted = architecture(&session.environment().services[service]);
    Ok(found.require(wanted, &format!("{uri}@{digest}"))?)
}

/// What a reference was found to name.
pub(crate) struct Found {
    pub(crate) image: Image,
    /// A tag that could not be looked up may name another image than it did: who deploys it wants new
    /// tasks, whatever the revision says.
    pub(crate) is_uncertain: bool,
}

/// Looks up which image a reference names now, as far as its registry tells without a login, and
/// refuses one that is not there or is made for another processor. Tasks run the digest.
pub(crate) async fn resolve(
    session: &Session,
    service: &str,
    reference: &str,
) -> Result<Found, Failure> {
    let parsed = image::registry::reference(reference)?;
    let as_said = |is_uncertain| Found { image: Image::Reference(reference.into()), is_uncertain };
    let host = parsed.resolve_registry();
    let is_ecr = stack::ecr::Registry::parse(host).is_some();
    let is_here = is_loopback(host);
    let (registry, repository) = if is_ecr {
        let uri = format!("{host}/{}", parsed.repository());
        match registry(&session.aws, &uri).await {
            Ok(found) => found,
            Err(error) if error.is(Class::Denied) => {
                crate::report::warning(&unknown(reference, &error));
                return Ok(as_said(parsed.digest().is_none()));
            }
            Err(error) => return Err(error.into()),
        }
    } else if is_here {
        (Registry::new(host, None, true)?, parsed.repository().to_owned())
    } else if session.aws.is_emulated("ECS") {
        // In front of an emulator only the registries of this machine are asked.
        return Ok(as_said(false));
    } else {
        (Registry::of(&parsed, None)?, parsed.repository().to_owned())
    };
    let name = parsed.digest().or(parsed.tag()).unwrap_or("latest");
    let wanted = architecture(&session.environment().services[service]);
    let error = match registry.inspect(&repository, name).await {
        Ok(found) => {
            found.require(wanted, reference)?;
            if parsed.digest().is_some() {
                return Ok(as_said(false));
            }
            let digest = found.digest.to_string();
            crate::report::note(&format!("{reference} is {digest}"));
            let image = Image::Resolved { reference: reference.into(), digest };
            return Ok(Found { image, is_uncertain: false });
        }
        Err(error) => error,
    };
    // A pull through cache makes its repository at the first pull, by whoever may do that. The engine of
    // the local cloud may know images that no registry has.
    let may_come = is_ecr && matches!(error, image::Error::NoRepository { .. })
        || is_here && session.home.is_some();
    let is_absent =
        matches!(error, image::Error::Absent { .. } | image::Error::NoRepository { .. });
    if is_absent && !may_come {
        return Err(Failure::new(Code::Failed, error.to_string())
            .hint("nothing was changed: push the image, or check its name"));
    }
    crate::report::warning(&unknown(reference, &error));
    Ok(as_said(parsed.digest().is_none()))
}

fn unknown(reference: &str, why: &impl std::fmt::Display) -> String {
    format!(
        "{reference} was not looked up, so tasks run what it names when they start, and after a \
         rollback too: {why}"
    )
}

/// Whether a registry is on this machine. As Docker does, it is asked without TLS then.
fn is_loopback(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name).trim_matches(['[', ']']);
    name == "localhost" || name.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

pub(crate) fn architecture(service: &Service) -> image::Architecture {
    match service.architecture {
        Architecture::X86 => image::Architecture::X86_64,
        Architecture::Arm64 => image::Architecture::Arm64,
    }
}
