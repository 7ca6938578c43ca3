//! What of our resources others may add to: as the environment's file says it, for the engine.

use engine::Sharing;
use stack::environment::{Environment, Exclusive};

/// Tags that AWS's own services put on what they find: myApplications, the Migration Acceleration Program. Their keys that
/// begin with `aws:` are not even listed.
const KNOWN_TAGS: [&str; 2] = ["awsApplication", "map-migrated"];

pub(crate) fn sharing(environment: &Environment) -> Sharing {
    let field = |exclusive: &Exclusive| match exclusive {
        Exclusive::Routes => "routes",
        Exclusive::Rules => "rules",
        Exclusive::Tags => "tags",
    };
    let known = KNOWN_TAGS.into_iter().map(str::to_owned);
    Sharing {
        exclusive: environment.exclusive.iter().map(|one| field(one).to_owned()).collect(),
        ignored_tags: known.chain(environment.ignore_tags.iter().cloned()).collect(),
    }
}
