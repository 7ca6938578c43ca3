//! The adapters of Application Auto Scaling. Its resources have names and no tags of ours.

mod scalable_target;
mod scaling_policy;

use engine::{Class, Owner, Result};

/// Whether a scalable target's name, `service/<cluster>/<service>`, is of an environment: its cluster is
/// named after it. Without the slash `pr-1` would own what is `pr-12`'s.
fn is_of(owner: &Owner, resource: &str) -> bool {
    let cluster = resource.strip_prefix("service/").and_then(|rest| rest.split_once('/'));
    let own = |cluster: &str| {
        let rest = cluster.strip_prefix(&*owner.project).and_then(|rest| rest.strip_prefix('-'));
        rest == Some(&*owner.environment)
    };
    cluster.is_some_and(|(cluster, _)| own(cluster))
}

/// The result of a delete call: gone already is success, in whatever code it is told
/// (`ObjectNotFoundException` on AWS).
fn gone(result: Result<()>) -> Result<()> {
    let missing = ["No scaling policy found", "No scalable target found"];
    result.or_else(|e| {
        let gone = e.is(Class::Absent) || missing.iter().any(|text| e.message.starts_with(text));
        if gone { Ok(()) } else { Err(e) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_begin_alike_stay_apart() {
        let names = ["pr-1", "pr-12", "prod", "prod-eu", "p", "prod-1", "1", "pr"];
        for (own, other) in names.iter().flat_map(|own| names.map(|other| (*own, other))) {
            let owner = Owner::of("shop", own);
            for service in ["api", "1", "eu-api"] {
                let resource = format!("service/shop-{other}/{service}");
                assert_eq!(is_of(&owner, &resource), own == other, "{own}: {resource}");
            }
        }
        assert!(!is_of(&Owner::of("shop", "prod"), "service/shop-prod"));
    }
}
