//! What every adapter owes the engine, as steps of a test: what is made can be seen as it was desired,
//! can be found by its owner and its operation, and is gone after it was deleted, however often.

use aws::Aws;
use engine::{Adapter, Id, Op, Owner, Ready, Resource, Seen, Which, diff};
use kinds::Tags;

/// How many observations and updates lead from a create call to what is desired.
const TURNS: usize = 4;

/// One test's project, so that tests do not see each other.
pub(crate) struct Project {
    pub(crate) aws: Aws,
    name: String,
}

impl Project {
    pub(crate) fn new(aws: Aws) -> Self {
        Self { aws, name: format!("t{}", &uuid::Uuid::new_v4().simple().to_string()[..10]) }
    }

    /// A name that no other test uses.
    pub(crate) fn named(&self, suffix: &str) -> String {
        format!("{}-{suffix}", self.name)
    }

    pub(crate) fn owner(&self) -> Owner {
        Owner::of(&self.name, "test")
    }

    /// The tags of a resource, as the stack gives them.
    pub(crate) fn tags(&self, resource: &str) -> Tags {
        let owner = Owner { resource: resource.into(), ..self.owner() };
        let [project, environment, resource, _] = owner.tags();
        [project, environment, resource]
            .iter()
            .fold(Tags::default(), |tags, (k, v)| tags.with(*k, *v))
    }

    /// Creates, and updates until what is seen is what is desired. The operation must be able to find
    /// what it made.
    pub(crate) async fn make<R: Resource>(&self, desired: &R) -> Seen<R>
    where
        Aws: Adapter<R>,
    {
        let op = Op { id: uuid::Uuid::new_v4().simple().to_string(), owner: self.owner() };
        let before = mutations(&self.aws);
        let id = self.aws.create(desired, &op).await.unwrap();
        assert_eq!(mutations(&self.aws) - before, 1, "{} is created by one call", R::KIND);
        let lost = self.aws.observe(Which::Lost(desired, &op)).await.unwrap();
        assert_eq!(ids(&lost), [&id], "{}: found by its operation", R::KIND);
        let seen = self.settle(desired, &id).await;
        let ours = self.aws.observe(Which::Ours(&self.owner())).await.unwrap();
        assert!(ids(&ours).contains(&&seen.id), "{}: found by its owner", R::KIND);
        seen
    }

    /// Observes and updates until nothing differs.
    pub(crate) async fn settle<R: Resource>(&self, desired: &R, id: &Id) -> Seen<R>
    where
        Aws: Adapter<R>,
    {
        let mut id = id.clone();
        for _ in 0..TURNS {
            let seen = self.see(&id).await;
            if differences(desired, &seen).is_empty() {
                assert_eq!(seen.ready, Ready::Yes, "{} is ready", R::KIND);
                return seen;
            }
            id = self.aws.update(desired, &seen).await.unwrap();
        }
        let seen = self.see(&id).await;
        panic!("{}: still different: {:?}", R::KIND, differences(desired, &seen));
    }

    pub(crate) async fn see<R: Resource>(&self, id: &Id) -> Seen<R>
    where
        Aws: Adapter<R>,
    {
        let (start, last) = id.as_str().split_at(id.as_str().len() - 1);
        let unknown = Id(format!("{start}{}", if last == "0" { "1" } else { "0" }));
        let mut seen: Vec<Seen<R>> =
            self.aws.observe(Which::Ids(&[unknown, id.clone()])).await.unwrap();
        seen.retain(|one| one.id == *id);
        assert_eq!(seen.len(), 1, "{} {id} is there once", R::KIND);
        seen.remove(0)
    }

    /// Somebody changed it: the difference is seen in `field`, and an update takes it back.
    pub(crate) async fn heals<R: Resource>(&self, desired: &R, id: &Id, field: &str) -> Seen<R>
    where
        Aws: Adapter<R>,
    {
        let seen = self.see(id).await;
        let found = differences(desired, &seen);
        assert!(
            found.iter().any(|path| path.starts_with(field)),
            "{}: a change of {field} is not seen, only {found:?}",
            R::KIND
        );
        self.settle(desired, id).await
    }

    /// Deletes twice, and nothing is there afterwards.
    pub(crate) async fn remove<R: Resource>(&self, seen: &Seen<R>)
    where
        Aws: Adapter<R>,
    {
        self.aws.delete(seen).await.unwrap();
        let left = self.aws.observe(Which::Ids(std::slice::from_ref(&seen.id))).await.unwrap();
        assert!(left.is_empty(), "{} {} is still there", R::KIND, seen.id);
        self.aws.delete(seen).await.expect("gone already is success");
    }
}

/// How many calls went through the clients that change something.
pub(crate) fn mutations(aws: &Aws) -> u64 {
    aws.mutating_calls().iter().map(|(_, count)| count).sum()
}

fn ids<R: Resource>(seen: &[Seen<R>]) -> Vec<&Id> {
    seen.iter().map(|one| &one.id).collect()
}

/// The paths in which what is seen is not what is desired, as the engine compares them.
pub(crate) fn differences<R: Resource>(desired: &R, seen: &Seen<R>) -> Vec<String> {
    let json = |spec: &R| serde_json::to_value(spec).unwrap();
    diff::diff(&json(desired), &json(&seen.spec), R::CREATE_ONLY, R::EXACT)
        .into_iter()
        .map(|difference| difference.path)
        .collect()
}
