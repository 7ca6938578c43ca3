//! The state and its lock, as they are found in an account.

use aws::bootstrap::{self, Backend};
use aws::lock::Locks;
use aws::store::{Objects, S3Store};
use engine::Clock;
use engine::lock::{Holder, Options, acquire};
use engine::state::{Entry, State};
use engine::store::Store;
use serde_json::json;

use crate::account::{Account, REGION};
use crate::support::{PROD, Project, wait};

struct There {
    account: Account,
    project: Project,
    backend: Backend,
}

impl There {
    fn new() -> Self {
        let account = Account::new();
        let mut project = Project::with(&[("prod", PROD)]);
        account.hold(&mut project);
        let aws = account.connect();
        let number = wait(aws.identity()).unwrap().account;
        Self { account, project, backend: Backend::of(&number, REGION) }
    }

    fn bootstrap(&self) {
        let aws = self.account.connect();
        wait(bootstrap::ensure(&aws, &self.backend, &Clock::scaled(1.0))).unwrap();
    }

    fn objects(&self) -> Objects {
        let clock = Clock::scaled(1.0);
        Objects::new(&self.account.connect(), &self.backend, "shop", "prod", clock)
    }

    /// Stores a state with a network and a service that is being made.
    fn store(&self) {
        let mut state = State::new("shop", "prod");
        let vpc = Entry {
            id: Some("vpc-0a1b".into()),
            desired: json!({"cidr": "10.0.0.0/16"}),
            ..Entry::default()
        };
        state.resources.insert("vpc.main".into(), vpc);
        let intent = engine::state::Intent { op: "op-1".into(), at: jiff::Timestamp::UNIX_EPOCH };
        let service = Entry { intent: Some(intent), ..Entry::default() };
        state.resources.insert("service.api".into(), service);
        wait(S3Store::new(self.objects()).save(&state, None)).unwrap();
    }

    fn shown(&self, arguments: &[&str]) -> String {
        self.project.run(arguments).shown(&[])
    }
}

#[test]
fn an_untouched_account_has_no_state_and_no_lock() {
    let it = There::new();
    insta::assert_snapshot!(it.shown(&["state", "list"]), @"
    exit code 0
    --- stderr
    prod has no resources in its state: nothing was made yet, or all was destroyed
    ");
    assert_eq!(it.project.run(&["state", "list", "--json"]).json(), json!([]));
    insta::assert_snapshot!(it.shown(&["state", "show"]), @"
    exit code 1
    --- stderr
    error: prod has no resources in its state: nothing was made yet, or all was destroyed
    ");
    insta::assert_snapshot!(it.shown(&["state", "unlock", "--fence", "1"]), @"
    exit code 1
    --- stderr
    error: shop/prod was never locked
    ");
    insta::assert_snapshot!(it.shown(&["state", "history"]), @"
    exit code 0
    --- stderr
    prod never had a state
    ");
}

#[test]
fn resources_are_listed_and_shown() {
    let it = There::new();
    it.bootstrap();
    it.store();
    insta::assert_snapshot!(it.shown(&["state", "list"]), @"
    exit code 0
    --- stdout
    ADDRESS      KIND     ID
    service.api  service  (creation begun, no answer yet)
    vpc.main     vpc      vpc-0a1b
    ");
    assert_eq!(
        it.project.run(&["state", "list", "--json"]).json(),
        json!([
            {"address": "service.api", "kind": "service", "id": null},
            {"address": "vpc.main", "kind": "vpc", "id": "vpc-0a1b"},
        ])
    );
    assert_eq!(it.project.run(&["state", "show", "vpc.main"]).json()["id"], "vpc-0a1b");
    assert_eq!(it.project.run(&["state", "show"]).json()["project"], "shop");
    insta::assert_snapshot!(it.shown(&["state", "show", "vpc.mian"]), @"
    exit code 1
    --- stderr
    error: the state has no resource `vpc.mian`
      did you mean `vpc.main`?
    ");
}

#[test]
fn a_damaged_state_says_how_to_bring_an_earlier_one_back() {
    let it = There::new();
    it.bootstrap();
    it.store();
    let objects = it.objects();
    let good = wait(objects.get("state.json")).unwrap().unwrap();
    wait(objects.replace("state.json", b"{ half".to_vec(), &good.etag)).unwrap();

    let run = it.project.run(&["state", "list"]);
    assert_eq!(run.code, 8, "{run:?}");
    assert!(run.err.contains("state history") && run.err.contains("state restore"), "{run:?}");

    let history = it.project.run(&["state", "history", "--json"]).json();
    assert_eq!(history.as_array().unwrap().len(), 2);
    assert_eq!((&history[0]["current"], &history[0]["bytes"]), (&json!(true), &json!(6)));
    let earlier = history[1]["version"].as_str().unwrap();
    let table = it.project.run(&["state", "history"]).done();
    assert!(table.starts_with("VERSION") && table.contains(earlier), "{table}");

    let wrong = it.project.run(&["state", "restore", "nothing-of-that-name"]);
    assert!(wrong.code == 1 && wrong.err.contains("state history"), "{wrong:?}");
    let run = it.project.run(&["state", "restore", earlier]);
    insta::assert_snapshot!(run.shown(&[(earlier, "[version]")]), @"
    exit code 0
    --- stdout
    restored version [version], with 2 resources
    --- stderr
    what the cloud has since: provisioner plan --env prod
    ");
    assert!(it.project.run(&["state", "list"]).done().contains("vpc-0a1b"));

    // The lock that it took is free again.
    insta::assert_snapshot!(it.shown(&["state", "unlock", "--fence", "2"]), @"
    exit code 0
    --- stderr
    shop/prod is not locked
    ");
}

#[test]
fn a_lock_is_broken_by_its_fence_only() {
    let it = There::new();
    it.bootstrap();
    let locks = Locks::new(&it.account.connect(), &it.backend.table);
    let holder = Holder {
        who: "anna".into(),
        host: "laptop".into(),
        pid: 42,
        operation: "up".into(),
        started: jiff::Timestamp::now() - jiff::SignedDuration::from_mins(20),
        run: Some("https://github.com/acme/shop/actions/runs/77".into()),
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let clock = Clock::scaled(1.0);
    let lease = runtime
        .block_on(acquire(&locks, "shop/prod", holder, &Options::default(), &clock))
        .unwrap();
    assert_eq!(lease.fence(), 1);
    it.store();

    let wrong = it.project.run(&["state", "unlock", "--fence", "9"]);
    assert_eq!(wrong.code, 5, "{wrong:?}");
    assert!(wrong.err.contains("has fence 1 by now, not 9"), "{wrong:?}");
    assert!(
        wrong
            .err
            .contains("held by anna@laptop (pid 42, https://github.com/acme/shop/actions/runs/77)"),
        "{wrong:?}"
    );
    // Nobody else gets it either.
    let history = it.project.run(&["state", "history", "--json"]).json();
    let version = history[0]["version"].as_str().unwrap();
    let refused = it.project.run(&["state", "restore", version]);
    assert_eq!(refused.code, 5, "{refused:?}");
    assert!(
        refused.err.contains("state unlock --fence 1") || refused.err.contains("unlock --fence 1"),
        "{refused:?}"
    );

    let run = it.project.run(&["state", "unlock", "--fence", "1", "--json"]).json();
    assert_eq!((&run["unlocked"], &run["held"]["who"]), (&json!(true), &json!("anna")));
    // The one who had it learns of it.
    let end = runtime.block_on(lease.verify()).unwrap_err();
    assert!(end.is(engine::Class::Fenced), "{end}");
    it.project.run(&["state", "restore", version]).done();
}
