//! `scale`: how many tasks run from now on, whatever the file says.

use std::process::ExitCode;

use aws::scale::ScalingChange;
use engine::Class;
use engine::clock::patient;
use stack::Loaded;
use stack::environment::Replicas;

use crate::args::{Global, Scale};
use crate::failure::{Code, Failure, file};
use crate::release::rollout::Place;
use crate::report;
use crate::run::{LockedRun, interrupt};
use crate::session::{Session, Start};

pub(crate) async fn run(global: &Global, args: &Scale) -> Result<ExitCode, Failure> {
    let session = Session::open(global, Start::Never).await?;
    let service = session.service(args.of.service.as_deref())?;
    // What cannot be kept is found before anything is changed.
    let kept = args.keep.then(|| kept(&session.loaded, &service, args.count)).transpose()?;
    let stop = interrupt::token();
    let lease = session.lock("scale", args.lock.wait).await?;
    let ended = match LockedRun::begin(&session, &lease, &stop).await {
        Ok(run) => scale(&run, &service, args.count).await,
        Err(failure) => Err(failure),
    };
    session.unlock(lease).await;
    let Scaled { from, mut lasts } = ended?;
    if let Some((path, text)) = kept {
        std::fs::write(&path, text).map_err(|error| file(&path, &error))?;
        lasts = format!("{} says so from now on: commit it", path.display());
    }
    if global.json {
        report::json(&serde_json::json!({
            "format": report::FORMAT, "service": service, "from": from, "to": args.count,
            "lasts": lasts,
        }))?;
    }
    report::note(&format!("{service}: {from} -> {} tasks; {lasts}", args.count));
    Ok(ExitCode::SUCCESS)
}

/// What was changed, and for how long.
struct Scaled {
    from: u32,
    lasts: String,
}

async fn scale(run: &LockedRun<'_>, service: &str, count: u32) -> Result<Scaled, Failure> {
    let environment = run.session.environment();
    let (name, clock) = (&environment.name, &run.session.clock);
    let absent = || {
        Failure::new(Code::Failed, format!("{service} was not made yet in {name}"))
            .hint(format!("provisioner up --env {name}"))
    };
    let place = Place::of(run, service).ok_or_else(absent)?;
    let (cluster, id) = (&place.cluster, &place.name);
    let view = run.aws.service_view(cluster, id).await?.ok_or_else(absent)?;
    let bounds = match run.aws.scaling(cluster, id).await {
        Err(error) if error.is(Class::NotEmulated) => None,
        other => other?,
    };
    // A number outside of the bounds would be put back into them within a minute.
    let change = bounds.and_then(|bounds| widened(bounds.min, bounds.max, count));
    if let Some(change) = change {
        patient(clock, || run.aws.set_scaling(cluster, id, change)).await?;
    }
    let call = || run.aws.update_service(cluster, id, None, Some(count), false);
    patient(clock, call).await?;
    if count == 0 {
        report::warning(&format!("{service} serves nobody with no task"));
    }
    let lasts = match (bounds, change) {
        (Some(bounds), None) => format!(
            "it lasts until autoscaling decides otherwise, between {} and {}",
            bounds.min, bounds.max
        ),
        (Some(_), Some(change)) => format!(
            "autoscaling's {} now, until the next `up` sets the file's bounds again",
            match (change.min, change.max) {
                (Some(min), _) => format!("least is {min}"),
                (_, max) => format!("most is {}", max.unwrap_or(count)),
            }
        ),
        (None, _) => format!(
            "it lasts until the next `up`: the file says {}, and `--keep` changes it",
            environment.services[service].replicas.min
        ),
    };
    Ok(Scaled { from: view.desired_count, lasts })
}

/// The change that brings a number within the bounds; none when it is.
fn widened(min: u32, max: u32, count: u32) -> Option<ScalingChange> {
    match count {
        few if few < min => Some(ScalingChange { min: Some(few), ..ScalingChange::default() }),
        many if many > max => Some(ScalingChange { max: Some(many), ..ScalingChange::default() }),
        _ => None,
    }
}

/// The environment file with that number, for a service that scales as its least or its most.
fn kept(
    loaded: &Loaded,
    service: &str,
    count: u32,
) -> Result<(std::path::PathBuf, String), Failure> {
    let replicas = &loaded.environment.services[service].replicas;
    let file = loaded.files.first().map(|file| file.display().to_string()).unwrap_or_default();
    let refused = |why: String| {
        Err(Failure::new(Code::Refused, why).hint(format!(
            "write it there yourself: `replicas:` of {service}, then run `provisioner up`"
        )))
    };
    if !(1..=1000).contains(&count) {
        return refused(format!("{file} cannot keep {count} tasks: `replicas` takes 1 to 1000"));
    }
    let wanted = keys(replicas, count);
    let path = |key: &str| format!("services.{service}.replicas.{key}");
    let is_written = |key: &&str| wanted.len() == 1 || loaded.origin(&path(key)).is_some();
    let numbers: Vec<_> =
        wanted.iter().copied().filter(is_written).map(|key| (path(key), count)).collect();
    match loaded.with_numbers(&numbers) {
        Some(edited) => Ok(edited),
        None => refused(format!("{file} does not say the number of tasks of {service} itself")),
    }
}

/// Which of the numbers says it.
fn keys(replicas: &Replicas, count: u32) -> &'static [&'static str] {
    if !replicas.scales() {
        &["min", "max"]
    } else if count > u32::from(replicas.max) {
        &["max"]
    } else {
        &["min"]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_give_way_to_a_number_outside_of_them() {
        assert_eq!(widened(2, 6, 4), None);
        assert_eq!(widened(2, 6, 9).unwrap().max, Some(9));
        assert_eq!(widened(2, 6, 9).unwrap().min, None);
        assert_eq!(widened(2, 6, 1).unwrap().min, Some(1));
    }

    #[test]
    fn a_number_is_kept_where_the_file_says_it() {
        let (fixed, scaled) =
            (Replicas::default(), Replicas { min: 2, max: 6, ..Replicas::default() });
        assert_eq!(keys(&fixed, 5), ["min", "max"]);
        assert_eq!(keys(&scaled, 5), ["min"]);
        assert_eq!(keys(&scaled, 7), ["max"]);
    }
}
