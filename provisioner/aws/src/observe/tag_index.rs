//! Tags of resources of several services in one call. The index that answers it hears of a change some
//! seconds later, so whoever must be certain asks the service itself.

use engine::{Result, Which};
use futures::future::try_join_all;

use crate::Aws;
use crate::error::error;
use crate::observe::tags;
use crate::observe::tags::Label;

/// How many ARNs one call takes (Resource Groups Tagging API reference, GetResources).
const BATCH: usize = 100;

impl Aws {
    /// Owner and tags of one of several known resources that are looked at together. Nothing when it is
    /// looked at alone, when the index does not know it, or cannot be asked: the service itself can. A kind
    /// that calls this is [`engine::Resource::INDEXED`].
    pub(crate) async fn indexed<R>(&self, which: &Which<'_, R>, arn: &str) -> Option<Label> {
        if !matches!(which, Which::Ids(ids) if ids.len() > 1) {
            return None;
        }
        let aws = self.clone();
        let found = self.read_cache.indexed.ask([arn.to_owned()], move |arns| async move {
            let batches = arns.chunks(BATCH).map(|arns| aws.get_resources(arns.to_vec()));
            Ok(try_join_all(batches).await?.into_iter().flatten().collect())
        });
        found.await.ok()?.get(arn).cloned()
    }

    async fn get_resources(&self, arns: Vec<String>) -> Result<Vec<(String, Label)>> {
        let call = self.read().tagging.get_resources().set_resource_arn_list(Some(arns));
        let found = call.send().await.map_err(|e| error("tag:GetResources", e))?;
        let found = found.resource_tag_mapping_list.unwrap_or_default().into_iter();
        let labels = found.filter_map(|one| {
            let label = tags::seen(one.tags().iter().map(|tag| (tag.key(), tag.value())));
            Some((one.resource_arn?, label))
        });
        Ok(labels.collect())
    }
}
