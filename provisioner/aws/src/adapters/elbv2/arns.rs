//! Elastic Load Balancing looks at twenty ARNs in one call, and at none when one of them is unknown.

use std::sync::Arc;

use engine::{Class, Result, Which};
use futures::FutureExt;
use futures::future::{try_join, try_join_all};

use crate::Aws;
use crate::error::error;
use crate::observe::gather::Found;
use crate::observe::tags;
use crate::observe::tags::Label;

/// How many ARNs one call takes.
const BATCH: usize = 20;

/// Asks for all of `arns`; those that are unknown are left out of the answer. When a call fails because
/// of one of them, each is asked for alone.
pub(super) async fn known<T, F: Future<Output = Result<Vec<T>>>>(
    arns: &[&str],
    ask: impl Fn(Vec<String>) -> F,
) -> Result<Vec<T>> {
    let text = |arns: &[&str]| arns.iter().map(|arn| (*arn).to_owned()).collect::<Vec<_>>();
    let (ask, text) = (&ask, &text);
    let none_if_absent = |answer: Result<Vec<T>>| match answer {
        Err(e) if e.is(Class::Absent) => Ok(vec![]),
        other => other,
    };
    let none_if_absent = &none_if_absent;
    let batches = arns.chunks(BATCH).map(|batch| async move {
        match ask(text(batch)).await {
            Err(e) if e.is(Class::Absent) && batch.len() > 1 => {
                let alone =
                    batch.iter().map(|arn| async move { none_if_absent(ask(text(&[arn])).await) });
                Ok(try_join_all(alone).await?.into_iter().flatten().collect())
            }
            answer => none_if_absent(answer),
        }
    });
    Ok(try_join_all(batches).await?.into_iter().flatten().collect())
}

/// The part of an ARN behind `prefix`: `app/shop/1f2e` behind `loadbalancer/`.
pub(super) fn behind<'a>(arn: &'a str, prefix: &str) -> &'a str {
    arn.split_once(prefix).map_or(arn, |(_, name)| name)
}

/// Owner and tags of several ARNs.
pub(crate) struct Labels(Found<Label>);

impl Labels {
    /// Those of one ARN; none when it is gone meanwhile.
    pub(crate) fn of(&self, arn: &str) -> Label {
        self.0.get(arn).cloned().unwrap_or_default()
    }
}

impl Aws {
    /// What `list` finds, with owner and tags: for known ids both at once, and the tags in one call
    /// with those of other kinds.
    pub(super) async fn labelled<R, T>(
        &self,
        which: &Which<'_, R>,
        list: impl Future<Output = Result<Vec<T>>>,
        arn: impl Fn(&T) -> Option<&str>,
    ) -> Result<(Vec<T>, Labels)> {
        let Which::Ids(ids) = which else {
            let found = list.await?;
            let labels = self.elb_labels(&found.iter().filter_map(arn).collect::<Vec<_>>()).await?;
            return Ok((found, labels));
        };
        let aws = self.clone();
        let labels =
            self.read_cache.labels.ask(ids.iter().map(|id| id.0.clone()), move |arns| async move {
                let batches = arns.chunks(BATCH).map(|arns| aws.describe_labels(arns.to_vec()));
                Ok(try_join_all(batches).await?.into_iter().flatten().collect())
            });
        // One that is gone hides the others' tags; then those that were found are asked for.
        let labels = labels.map(|labels| match labels {
            Err(e) if e.is(Class::Absent) => Ok(None),
            other => other.map(Some),
        });
        let (found, labels) = try_join(list, labels).await?;
        let labels = match labels {
            Some(labels) => Labels(labels),
            None => self.elb_labels(&found.iter().filter_map(arn).collect::<Vec<_>>()).await?,
        };
        Ok((found, labels))
    }

    pub(crate) async fn elb_labels(&self, arns: &[&str]) -> Result<Labels> {
        let found = known(arns, |arns| self.describe_labels(arns)).await?;
        Ok(Labels(Arc::new(found.into_iter().collect())))
    }

    async fn describe_labels(&self, arns: Vec<String>) -> Result<Vec<(String, Label)>> {
        let call = self.read().elb.describe_tags().set_resource_arns(Some(arns));
        let found = call.send().await.map_err(|e| error("elasticloadbalancing:DescribeTags", e))?;
        let labels = found.tag_descriptions.unwrap_or_default().into_iter();
        let labels = labels.filter_map(|labels| {
            let seen = tags::seen_elb(labels.tags());
            Some((labels.resource_arn?, seen))
        });
        Ok(labels.collect())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use engine::Error;
    use futures::executor::block_on;

    use super::*;

    #[test]
    fn one_unknown_arn_does_not_hide_the_others() {
        let asked = Mutex::new(Vec::new());
        let found = block_on(known(&["a", "gone", "b"], |arns| {
            asked.lock().unwrap().push(arns.clone());
            async move {
                if arns.iter().any(|arn| arn == "gone") {
                    return Err(Error::new(Class::Absent, "one is unknown"));
                }
                Ok(arns)
            }
        }));
        assert_eq!(found.unwrap(), ["a", "b"]);
        assert_eq!(asked.lock().unwrap().len(), 4);
    }

    #[test]
    fn any_other_failure_is_one() {
        let found = block_on(known(&["a", "b"], |_| async {
            Err::<Vec<()>, _>(Error::new(Class::Denied, "not yours"))
        }));
        assert!(found.unwrap_err().is(Class::Denied));
    }
}
