//! The image that each service runs, as the state remembers it.

use std::collections::BTreeMap;

use engine::state::State;
use serde::{Deserialize, Serialize};
use stack::Image;
use stack::environment::Service;

/// Stored per service: what the file said when the image was decided, and the image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Decided {
    /// The file's `image:`; empty for a service that is built.
    pub(crate) said: String,
    pub(crate) image: Image,
}

/// The state's name for the image of a service.
pub(crate) fn fact(service: &str) -> String {
    format!("image.{service}")
}

/// The image that a service runs.
pub(crate) fn decided(state: &State, service: &str) -> Option<Image> {
    state.fact::<Decided>(&fact(service)).map(|decided| decided.image)
}

/// Notes what a service runs from now on.
pub(crate) fn decide(
    state: &mut State,
    environment: &stack::Environment,
    service: &str,
    image: &Image,
) {
    let images = BTreeMap::from([(service.to_owned(), image.clone())]);
    remember(state, &environment.services, &images);
}

/// Records what was decided.
pub(crate) fn remember(
    state: &mut State,
    services: &BTreeMap<String, Service>,
    images: &BTreeMap<String, Image>,
) {
    for (name, image) in images {
        let said = services.get(name).and_then(|service| service.image.clone()).unwrap_or_default();
        let decided = Decided { said, image: image.clone() };
        if let Ok(value) = serde_json::to_value(decided) {
            state.facts.insert(fact(name), value);
        }
    }
}
