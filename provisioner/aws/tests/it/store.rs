//! The backend and the states in it on an emulator.

use aws::Aws;
use aws::bootstrap::{self, Backend, destroy_backend};
use aws::lock::Locks;
use aws::store::{Objects, S3Store};
use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use engine::lock::{Holder, Options, acquire};
use engine::state::State;
use engine::store::{Store, Version};
use engine::{Class, Clock};

use crate::contract::mutations;
use crate::emulator::Emulator;
use crate::unreliable::{Loss, Unreliable};

/// An account with a backend.
struct Account {
    network: Unreliable,
    aws: Aws,
    backend: Backend,
}

impl Account {
    async fn new() -> Self {
        let network = Unreliable::start(Emulator::get().await).await;
        let aws = network.connect("eu-central-1");
        let backend = Backend::of(network.account(), aws.region());
        bootstrap::ensure(&aws, &backend, &Clock::real()).await.unwrap();
        Self { network, aws, backend }
    }

    fn objects(&self) -> Objects {
        Objects::new(&self.aws, &self.backend, "shop", "prod", Clock::real())
    }

    fn store(&self) -> S3Store {
        S3Store::new(self.objects())
    }

    fn key(&self) -> String {
        format!("/{}/shop/prod/state.json", self.backend.bucket)
    }
}

fn next(state: &State, writer: &str) -> State {
    let mut state = state.clone();
    state.serial += 1;
    state.writer = writer.into();
    state
}

#[tokio::test]
async fn two_first_runs_make_one_backend_and_a_second_run_changes_nothing() {
    let network = Unreliable::start(Emulator::get().await).await;
    for region in ["us-east-1", "eu-central-1"] {
        let (one, two) = (network.connect(region), network.connect(region));
        let (clock, backend) = (Clock::real(), Backend::of(network.account(), region));
        let (first, second) = tokio::join!(
            bootstrap::ensure(&one, &backend, &clock),
            bootstrap::ensure(&two, &backend, &clock),
        );
        first.and(second).unwrap();

        let again = network.connect(region);
        bootstrap::ensure(&again, &backend, &clock).await.unwrap();
        assert_eq!(mutations(&again), 0, "{:?}", again.calls());
        let reads: u64 = again.calls().iter().map(|(_, count)| count).sum();
        // One more over TLS, where there is a policy to look at.
        assert_eq!(reads, 9, "{:?}", again.calls());

        let s3 = &again.read().s3;
        let policy = s3.get_bucket_policy().bucket(&backend.bucket).send().await;
        assert!(policy.is_err(), "over plain HTTP, nobody could read it any more");
        // moto's answer cannot be read.
        if !Emulator::get().await.is_moto() {
            let versions = s3.get_bucket_versioning().bucket(&backend.bucket).send().await.unwrap();
            assert_eq!(versions.status, Some(BucketVersioningStatus::Enabled));
        }
    }
}

#[tokio::test]
async fn only_what_is_missing_is_put_back() {
    let account = Account::new().await;
    let bucket = &account.backend.bucket;
    let s3 = &account.aws.read().s3;
    let off = VersioningConfiguration::builder().status(BucketVersioningStatus::Suspended).build();
    let call = s3.put_bucket_versioning().bucket(bucket).versioning_configuration(off);
    call.send().await.unwrap();
    s3.delete_bucket_lifecycle().bucket(bucket).send().await.unwrap();
    let dynamodb = &account.aws.read().dynamodb;
    let call = dynamodb.update_table().table_name(&account.backend.table);
    call.deletion_protection_enabled(false).send().await.unwrap();

    let aws = account.network.connect("eu-central-1");
    bootstrap::ensure(&aws, &account.backend, &Clock::real()).await.unwrap();
    let put: Vec<_> = aws.mutating_calls().into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        put,
        ["dynamodb:UpdateTable", "s3:PutBucketLifecycleConfiguration", "s3:PutBucketVersioning"]
    );
}

#[tokio::test]
async fn an_account_without_a_bucket_has_no_state() {
    let network = Unreliable::start(Emulator::get().await).await;
    let aws = network.connect("eu-central-1");
    let backend = Backend::of(network.account(), "eu-central-1");
    let objects = Objects::new(&aws, &backend, "shop", "prod", Clock::real());
    assert!(S3Store::new(objects.clone()).load().await.unwrap().is_none());
    assert!(objects.list("releases/").await.unwrap().is_empty());
    assert_eq!(aws.attempts(), 2, "one call each");
}

#[tokio::test]
async fn eight_writers_lose_nothing() {
    let account = Account::new().await;
    let first = account.store().save(&State::new("shop", "prod"), None).await.unwrap();
    let writers = (0..8).map(|writer| {
        let store = account.store();
        async move {
            let (mut written, mut refused) = (0, 0);
            while written < 5 {
                let (mut state, version) = store.load().await.unwrap().unwrap();
                state = next(&state, "test");
                state.facts.insert(format!("{writer}-{written}"), true.into());
                match store.save(&state, Some(&version)).await {
                    Ok(_) => written += 1,
                    Err(error) => {
                        assert!(error.is(Class::State), "{error}");
                        refused += 1;
                    }
                }
            }
            refused
        }
    });
    let refused: u32 = futures::future::join_all(writers).await.into_iter().sum();
    assert!(refused > 0, "they got in each other's way");
    let (state, _) = account.store().load().await.unwrap().unwrap();
    assert_eq!((state.facts.len(), state.serial), (40, 40));
    let error = account.store().save(&next(&state, "zombie"), Some(&first)).await.unwrap_err();
    assert!(error.is(Class::State) && error.message.contains("somebody else wrote"), "{error}");
    let error = account.store().save(&next(&state, "zombie"), None).await.unwrap_err();
    assert!(error.is(Class::State), "{error}");
}

#[tokio::test]
async fn a_lost_answer_is_read_back_and_not_taken_for_somebody_else() {
    let account = Account::new().await;
    let store = account.store();
    let mut state = State::new("shop", "prod");
    let mut version: Option<Version> = None;
    for loss in [Loss::Answer, Loss::Request, Loss::Answer, Loss::Request] {
        let put = format!("PUT {}", account.key());
        account.network.lose(loss, &put);
        state = next(&state, "test");
        version = Some(store.save(&state, version.as_ref()).await.unwrap());
        assert!(account.network.is_done(), "{loss:?} was tried");
        let (stored, at) = store.load().await.unwrap().unwrap();
        assert_eq!((stored.serial, Some(at)), (state.serial, version.clone()), "{loss:?}");
    }
    // Each state was written once: nothing was repeated that had landed.
    assert_eq!(store.history().await.unwrap().len(), 4);
}

#[tokio::test]
async fn a_torn_state_names_its_place_and_an_earlier_one_comes_back() {
    let account = Account::new().await;
    let store = account.store();
    let mut state = State::new("shop", "prod");
    state.facts.insert("zones".into(), "a,b".into());
    let version = store.save(&state, None).await.unwrap();
    let objects = account.objects();
    objects.replace("state.json", b"{\"format\": 1, \"sha".to_vec(), &version.0).await.unwrap();

    let error = store.load().await.unwrap_err();
    assert!(error.is(Class::State));
    for part in [&*account.backend.bucket, "shop/prod/state.json", "version ", "state restore"] {
        assert!(error.message.contains(part), "{part}: {error}");
    }
    let past = store.history().await.unwrap();
    assert_eq!(past.iter().map(|past| past.current).collect::<Vec<_>>(), [true, false]);
    assert!(store.at(&past[0].version).await.is_err());
    store.restore(&past[1].version).await.unwrap();
    let (restored, version) = store.load().await.unwrap().unwrap();
    assert_eq!((restored.facts, restored.serial), (state.facts, 1));

    store.delete(&Version("\"stale\"".into())).await.unwrap_err();
    store.delete(&version).await.unwrap();
    store.delete(&version).await.expect("gone already is success");
    assert!(store.load().await.unwrap().is_none());
    let past = store.history().await.unwrap();
    assert_eq!((past.len(), past[0].size), (4, None), "{past:?}");
}

#[tokio::test]
async fn what_a_state_replaced_is_found_by_a_listing_that_is_older_too() {
    let account = Account::new().await;
    let store = account.store();
    let first = next(&State::new("shop", "prod"), "test");
    let version = store.save(&first, None).await.unwrap();
    assert!(store.before(Some(&version)).await.unwrap().is_none());
    let older = store.recent().await.unwrap();
    let second = next(&first, "test");
    let version = store.save(&second, Some(&version)).await.unwrap();
    for recent in [older, store.recent().await.unwrap()] {
        let (_, before) = store.before_in(recent, Some(&version)).await.unwrap().unwrap();
        assert_eq!(before.serial, first.serial);
    }
}

#[tokio::test]
async fn a_release_is_written_once() {
    let account = Account::new().await;
    let objects = account.objects();
    objects.put_new("releases/000001.json", b"one".to_vec()).await.unwrap();
    let error = objects.put_new("releases/000001.json", b"uno".to_vec()).await.unwrap_err();
    assert!(error.is(Class::Exists), "{error}");
    let put = format!("PUT /{}/shop/prod/releases/000002.json", account.backend.bucket);
    account.network.lose(Loss::Answer, &put);
    objects.put_new("releases/000002.json", b"two".to_vec()).await.unwrap();
    assert!(account.network.is_done());
    let listed = objects.list("releases/").await.unwrap();
    assert_eq!(listed, ["releases/000001.json", "releases/000002.json"]);
    assert_eq!(objects.get("releases/000001.json").await.unwrap().unwrap().bytes, b"one");
    assert_eq!(objects.get("releases/000003.json").await.unwrap(), None);
}

#[tokio::test]
async fn the_backend_goes_last_and_wholly() {
    let account = Account::new().await;
    let (store, clock) = (account.store(), Clock::real());
    let remove = || destroy_backend(&account.aws, &account.backend, &clock);
    let version = store.save(&State::new("shop", "prod"), None).await.unwrap();
    let locks = Locks::new(&account.aws, &account.backend.table);
    let holder = Holder::this_process("up", "host", jiff::Timestamp::UNIX_EPOCH, |_| None);
    let lease = acquire(&locks, "shop/dev", holder, &Options::default(), &clock).await.unwrap();
    let error = remove().await.unwrap_err();
    assert!(error.is(Class::Blocked), "{error}");
    for part in ["shop/prod has a state", "shop/dev is locked"] {
        assert!(error.message.contains(part), "{error}");
    }
    let s3 = &account.aws.read().s3;
    let call = s3.create_multipart_upload().bucket(&account.backend.bucket);
    call.key("shop/prod/unfinished").send().await.unwrap();
    store.delete(&version).await.unwrap();
    lease.release().await.unwrap();

    remove().await.unwrap();
    remove().await.expect("gone already is success");
    let head = s3.head_bucket().bucket(&account.backend.bucket).send().await;
    assert!(head.is_err(), "the bucket is gone");
    assert!(store.load().await.unwrap().is_none());
    let made = bootstrap::ensure(&account.aws, &account.backend, &clock).await;
    made.expect("and can be made again");
}
