//! What can be known to fail before anything is changed: values that nobody set, quotas, roles.

use aws::preflight::{Needs, SERVICES, Shortage, USUAL_RULES};
use engine::Class;
use engine::Resource;
use engine::plan::Action;
use kinds::{
    Cluster, ElasticIp, ListenerRules, LoadBalancer, NatGateway, Secret, SecurityGroupRules, Vpc,
};
use serde_json::Value;
use stack::Names;
use stack::environment;

use crate::failure::{Code, Failure};
use crate::report;
use crate::run::{PlannedRun, at};
use crate::session::Session;

/// Refuses when a given secret has no value: names all of them, each with the command that sets it.
pub(crate) fn secrets(session: &Session, draft: &PlannedRun) -> Result<(), Failure> {
    let environment = session.environment();
    let missing: Vec<&String> = environment
        .secrets
        .iter()
        .filter(|(_, source)| matches!(source, environment::Secret::Given))
        .map(|(name, _)| name)
        .filter(|name| draft.output(&at::<Secret>(name), "version").is_none_or(str::is_empty))
        .filter(|name| !is_not_emulated(draft, name))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = missing.iter().map(|name| name.as_str()).collect();
    let message = format!("{} has no value yet: {}", environment.name, names.join(", "));
    Err(missing.iter().fold(Failure::new(Code::Failed, message), |failure, name| {
        failure.hint(format!(
            "printf %s \"$VALUE\" | provisioner secret set {name} --env {}",
            environment.name
        ))
    }))
}

fn is_not_emulated(draft: &PlannedRun, secret: &str) -> bool {
    draft.picture.not_emulated.contains_key(&at::<Secret>(secret))
}

/// Refuses when a quota would stop the plan half-way, unless that is to be ignored. A quota that could not be
/// asked only warns, and so does one that only the peak of a deployment exceeds.
pub(crate) async fn quotas(
    session: &Session,
    draft: &PlannedRun,
    ignored: bool,
) -> Result<(), Failure> {
    let shortages = shortages(session, &needs(session, draft)).await?;
    let only_warns = |one: &&Shortage| ignored || one.assumed || one.at_peak;
    let (warned, certain): (Vec<_>, Vec<_>) = shortages.iter().partition(only_warns);
    for shortage in warned {
        report::warning(&shortage.to_string());
    }
    if certain.is_empty() {
        return Ok(());
    }
    let failure = Failure::new(Code::Failed, "the account's quotas do not allow this plan");
    let failure = certain.into_iter().fold(failure, |failure, one| failure.hint(one.to_string()));
    Err(failure.hint("to go on all the same: --ignore-quotas"))
}

/// Warns when a deployment of one service cannot start all its new tasks beside the old ones: it goes on with
/// fewer at a time, or not at all when not even one fits.
pub(crate) async fn room(session: &Session, service: &str) -> Result<(), Failure> {
    let needs = Needs {
        cluster: Some(Names::new(session.environment()).base()),
        ..vcpus(session, Some(service))
    };
    for shortage in shortages(session, &needs).await? {
        report::warning(&shortage.to_string());
    }
    Ok(())
}

async fn shortages(session: &Session, needs: &Needs) -> Result<Vec<Shortage>, Failure> {
    if *needs == (Needs { cluster: needs.cluster.clone(), ..Needs::default() }) {
        return Ok(Vec::new());
    }
    match session.aws.quotas(needs).await {
        Err(error) if error.is(Class::Denied) || error.is(Class::NotEmulated) => {
            report::note(&format!("quotas were not checked: {error}"));
            Ok(Vec::new())
        }
        other => Ok(other?),
    }
}

/// The vCPU of all services, and of a deployment of this one, or of the largest.
fn vcpus(session: &Session, deployed: Option<&str>) -> Needs {
    let services = &session.environment().services;
    let of = |cpu: u32, tasks: u16| f64::from(cpu) / 1024.0 * f64::from(tasks);
    let most = |one: &environment::Service| of(one.cpu, one.replicas.max);
    let second = services
        .iter()
        .filter(|(name, _)| deployed.is_none_or(|deployed| deployed == name.as_str()))
        .map(|(_, one)| most(one))
        .fold(0.0, f64::max);
    Needs {
        vcpus: services.values().map(|one| of(one.cpu, one.replicas.min)).sum(),
        peak_vcpus: services.values().map(most).sum::<f64>() + second,
        ..Needs::default()
    }
}

fn needs(session: &Session, draft: &PlannedRun) -> Needs {
    let environment = session.environment();
    let made = |kind: &str| {
        let steps = draft.plan.changes().filter(|step| step.address.kind() == kind);
        steps.filter(|step| matches!(step.action, Action::Create)).collect::<Vec<_>>()
    };
    let number = |kind: &str| u32::try_from(made(kind).len()).unwrap_or(u32::MAX);
    let mut needs = Needs {
        addresses: number(ElasticIp::KIND),
        vpcs: number(Vpc::KIND),
        load_balancers: number(LoadBalancer::KIND),
        cluster: (!draft.creates(&at::<Cluster>("main"))).then(|| Names::new(environment).base()),
        ..Needs::default()
    };
    (needs.listener_rules, needs.group_rules) = rules(draft);
    for step in made(NatGateway::KIND) {
        let zone = draft.facts.zones.iter().find(|zone| zone.ends_with(step.address.name()));
        if let Some(zone) = zone {
            *needs.nat_gateways.entry(zone.clone()).or_default() += 1;
        }
    }
    if !made(kinds::Service::KIND).is_empty() {
        let Needs { vcpus, peak_vcpus, .. } = vcpus(session, None);
        needs = Needs { vcpus, peak_vcpus, ..needs };
    }
    needs
}

/// The most rules that a listener, and that a security group in one direction, has while the plan is carried out; none
/// where every account may have as many.
fn rules(draft: &PlannedRun) -> (u32, u32) {
    let sets = |kind: &'static str| {
        draft.plan.changes().filter(move |step| step.address.kind() == kind).map(move |step| {
            let listed =
                |spec: Option<&Value>| spec.and_then(|spec| spec["rules"].as_array().cloned());
            let mut rules = listed(step.desired.as_ref()).unwrap_or_default();
            let old = listed(step.seen.as_ref().map(|seen| &seen.spec)).unwrap_or_default();
            let wanted = rules.clone();
            // Of a security group's, both stand for a while.
            let stays = |rule: &Value| kind == SecurityGroupRules::KIND && !wanted.contains(rule);
            rules.extend(old.into_iter().filter(stays));
            rules
        })
    };
    let most =
        |counts: Vec<usize>| counts.into_iter().max().and_then(|most| u32::try_from(most).ok());
    let listener = most(sets(ListenerRules::KIND).map(|rules| rules.len()).collect());
    let group = most(
        sets(SecurityGroupRules::KIND)
            .flat_map(|rules| {
                ["ingress", "egress"].map(|direction| {
                    rules.iter().filter(|rule| rule["direction"] == direction).count()
                })
            })
            .collect(),
    );
    let over = |most: Option<u32>, usual| most.filter(|most| *most > usual).unwrap_or_default();
    (over(listener, USUAL_RULES.0), over(group, USUAL_RULES.1))
}

/// Makes the service-linked roles that a first use in an account needs. Whoever may not is told what
/// AWS will then do by itself.
pub(crate) async fn service_linked_roles(
    session: &Session,
    aws: &aws::Aws,
    draft: &PlannedRun,
) -> Result<(), Failure> {
    let first = [kinds::Service::KIND, LoadBalancer::KIND];
    if !draft
        .plan
        .changes()
        .any(|step| step.action == Action::Create && first.contains(&step.address.kind()))
    {
        return Ok(());
    }
    let scales = session.environment().services.values().any(|one| one.replicas.scales());
    let services = if scales { &SERVICES[..] } else { &SERVICES[..2] };
    match aws.service_linked_roles(services, &session.clock).await {
        Ok(made) => {
            for role in made {
                report::note(&format!("made {role}, once per account"));
            }
        }
        Err(error) if error.is(Class::Denied) => report::warning(&format!(
            "service-linked roles were not checked ({error}); in a fresh account the first `up` may need them"
        )),
        Err(error) if error.is(Class::NotEmulated) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
