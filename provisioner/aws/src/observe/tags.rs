//! Tags on the wire: on create, as seen, and as filters.

use aws_sdk_ec2::types::builders::TagBuilder;
use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification};
use aws_sdk_elasticloadbalancingv2::types::Tag as ElbTag;
use engine::{Id, Op, Owner, Result, Which};
use futures::future::try_join_all;
use kinds::Tags;

use crate::Aws;
use crate::error::error;

/// How many values one filter takes.
pub(crate) const FILTER_VALUES: usize = 200;

/// Who a resource belongs to, and its tags in normal form.
pub(crate) type Label = (Option<Owner>, Tags);

/// From keys and values as the cloud lists them.
pub(crate) fn seen<'a>(tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> Label {
    let pairs: Vec<_> = tags.into_iter().collect();
    let find = |key: &str| pairs.iter().find(|(known, _)| *known == key).map(|(_, value)| *value);
    (Owner::from_tags(find), Tags::seen(pairs.iter().copied()))
}

/// [`seen`], of EC2's list.
pub(crate) fn seen_ec2(tags: Option<&[Tag]>) -> Label {
    seen(tags.unwrap_or_default().iter().filter_map(|tag| Some((tag.key()?, tag.value()?))))
}

/// [`seen`], of the load balancers' list.
pub(crate) fn seen_elb(tags: &[ElbTag]) -> Label {
    seen(tags.iter().filter_map(|tag| Some((tag.key()?, tag.value().unwrap_or_default()))))
}

/// What an EC2 create call carries.
pub(crate) fn specification(kind: ResourceType, tags: &Tags, op: &Op) -> TagSpecification {
    let tags = tags.for_create(&op.id).map(|(key, value)| Tag::builder().key(key).value(value));
    TagSpecification::builder()
        .resource_type(kind)
        .set_tags(Some(tags.map(TagBuilder::build).collect()))
        .build()
}

/// What a create call of a load balancer and its parts carries.
pub(crate) fn elb<'a>(tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<ElbTag> {
    tags.into_iter().map(|(key, value)| ElbTag::builder().key(key).value(value).build()).collect()
}

/// An EC2 filter.
pub(crate) fn filter<V: Into<String>>(
    name: impl Into<String>,
    values: impl IntoIterator<Item = V>,
) -> Filter {
    let values = values.into_iter().map(Into::into).collect();
    Filter::builder().name(name).set_values(Some(values)).build()
}

/// The filters that answer `which`, one set per call to make. A filter on the id rather than the list
/// of ids: one unknown id in the list fails the whole call. `Named` is the kind's own business and
/// gives none here.
pub(crate) fn filters<R>(which: &Which<'_, R>, id: &str) -> Vec<Vec<Filter>> {
    let [project, environment, _, op] = Owner::TAGS.map(|key| format!("tag:{key}"));
    match which {
        Which::Ids(ids) => ids
            .chunks(FILTER_VALUES)
            .map(|ids| vec![filter(id, ids.iter().map(Id::as_str))])
            .collect(),
        Which::Ours(owner) => {
            vec![vec![filter(project, [&owner.project]), filter(environment, [&owner.environment])]]
        }
        Which::Lost(_, lost) => vec![vec![filter(op, [&lost.id])]],
        Which::Named(_) => vec![],
    }
}

/// Everything that the filters of [`filters`] select, listed side by side.
pub(crate) async fn listed<T, E, F: Future<Output = Result<Vec<T>, E>>>(
    filters: Vec<Vec<Filter>>,
    list: impl Fn(Vec<Filter>) -> F,
) -> Result<Vec<T>, E> {
    Ok(try_join_all(filters.into_iter().map(list)).await?.into_iter().flatten().collect())
}

/// Whether a resource is one that was asked for. Emulators overlook filters, and a listing that has no
/// filters gives everything.
pub(crate) fn asked<R>(which: &Which<'_, R>, id: &str, owner: Option<&Owner>) -> bool {
    match which {
        Which::Ids(ids) => ids.iter().any(|known| known.as_str() == id),
        Which::Ours(ours) => owner.is_some_and(|owner| owner.same_environment(ours)),
        Which::Lost(_, lost) => owner.is_some_and(|owner| owner.op == lost.id),
        Which::Named(_) => true,
    }
}

/// Returns false for another owner's resource when an owner's were asked for: some listings cannot filter
/// by tag.
pub(crate) fn is_asked_owner<R>(which: &Which<'_, R>, owner: Option<&Owner>) -> bool {
    match which {
        Which::Ours(ours) => owner.is_some_and(|owner| owner.same_environment(ours)),
        _ => true,
    }
}

impl Aws {
    /// Brings the tags of anything in EC2 from `seen` to `desired`.
    pub(crate) async fn retag_ec2(&self, id: &str, desired: &Tags, seen: &Tags) -> Result<()> {
        let (set, remove) = desired.changes_from(seen);
        if !set.is_empty() {
            let tags = set.into_iter().map(|(k, v)| Tag::builder().key(k).value(v).build());
            let call = self.write()?.ec2.create_tags().resources(id);
            call.set_tags(Some(tags.collect()))
                .send()
                .await
                .map_err(|e| error("ec2:CreateTags", e))?;
        }
        if !remove.is_empty() {
            let tags = remove.into_iter().map(|key| Tag::builder().key(key).build());
            let call = self.write()?.ec2.delete_tags().resources(id);
            call.set_tags(Some(tags.collect()))
                .send()
                .await
                .map_err(|e| error("ec2:DeleteTags", e))?;
        }
        Ok(())
    }

    /// Brings the tags of a load balancer or one of its parts from `seen` to `desired`.
    pub(crate) async fn retag_elb(&self, arn: &str, desired: &Tags, seen: &Tags) -> Result<()> {
        let (set, remove) = desired.changes_from(seen);
        if !set.is_empty() {
            let call = self.write()?.elb.add_tags().resource_arns(arn).set_tags(Some(elb(set)));
            call.send().await.map_err(|e| error("elasticloadbalancing:AddTags", e))?;
        }
        if !remove.is_empty() {
            let keys = remove.into_iter().map(Into::into).collect();
            let call = self.write()?.elb.remove_tags().resource_arns(arn).set_tag_keys(Some(keys));
            call.send().await.map_err(|e| error("elasticloadbalancing:RemoveTags", e))?;
        }
        Ok(())
    }
}
