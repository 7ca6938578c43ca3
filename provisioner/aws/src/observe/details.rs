//! What takes a call of its own for each resource: attributes, tags. Of resources whose ids are known it
//! is asked for while their listing is still under way, so that a look is one round trip deep.

use std::collections::BTreeMap;
use std::future::Future;

use engine::{Class, Result, Which};
use futures::{StreamExt, stream};

use crate::Aws;

/// Resources that are asked about at a time.
const AT_ONCE: usize = 16;

/// Lists, and asks for the details of all that are found. `known` ids are asked about at once; whether
/// one of them is still there is the listing's to say. What is gone by the time that it is asked about is
/// left out.
pub(crate) async fn detailed<F, D, A>(
    known: Vec<String>,
    list: impl Future<Output = Result<Vec<F>>>,
    id: impl Fn(&F) -> String,
    ask: impl Fn(String) -> A,
) -> Result<Vec<(F, D)>>
where
    A: Future<Output = Result<D>>,
{
    let all = async |ids: Vec<String>| -> BTreeMap<String, Result<D>> {
        let asked = stream::iter(ids).map(|id| {
            let answer = ask(id.clone());
            async move { (id, answer.await) }
        });
        asked.buffer_unordered(AT_ONCE).collect().await
    };
    let (found, mut details) = futures::join!(list, all(known));
    let found = found?;
    let missing = found.iter().map(&id).filter(|id| !details.contains_key(id)).collect();
    details.extend(all(missing).await);
    let mut together = Vec::new();
    for one in found {
        match details.remove(&id(&one)) {
            Some(Ok(detail)) => together.push((one, detail)),
            Some(Err(error)) if !error.is(Class::Absent) => return Err(error),
            _ => {}
        }
    }
    Ok(together)
}

/// The ids that are known when a look begins.
pub(crate) fn known<R>(which: &Which<'_, R>) -> Vec<String> {
    match which {
        Which::Ids(ids) => ids.iter().map(|id| id.0.clone()).collect(),
        _ => Vec::new(),
    }
}

impl Aws {
    /// The ARNs of resources of the account, as far as they can be told.
    pub(crate) fn known_arns(
        &self,
        service: &str,
        resources: impl Iterator<Item = String>,
    ) -> Vec<String> {
        resources.filter_map(|one| self.read_cache.arn(service, self.region(), &one)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use engine::Error;

    use super::*;

    async fn look(
        known: &[&str],
        found: &[&str],
        asked: &Mutex<Vec<String>>,
    ) -> Result<Vec<String>> {
        let found = found.iter().map(|id| (*id).to_owned()).collect();
        let known = known.iter().map(|id| (*id).to_owned()).collect();
        let together = detailed(known, async { Ok(found) }, String::clone, async |id: String| {
            asked.lock().unwrap().push(id.clone());
            match &*id {
                "gone" => Err(Error::new(Class::Absent, "gone")),
                "broken" => Err(Error::new(Class::Transient, "broken")),
                _ => Ok(()),
            }
        });
        Ok(together.await?.into_iter().map(|(id, ())| id).collect())
    }

    #[tokio::test]
    async fn each_is_asked_about_once_and_the_listing_says_what_is_there() {
        let asked = Mutex::default();
        assert_eq!(look(&["a", "b"], &["b", "c", "gone"], &asked).await.unwrap(), ["b", "c"]);
        assert_eq!(*asked.lock().unwrap(), ["a", "b", "c", "gone"]);
    }

    #[tokio::test]
    async fn a_failure_counts_for_what_is_there() {
        let asked = Mutex::default();
        assert_eq!(look(&["broken"], &["a"], &asked).await.unwrap(), ["a"]);
        assert!(look(&["broken"], &["broken"], &asked).await.is_err());
    }
}
