//! An `up` that does not get to its end, and the next one, which does.

use crate::account::Account;
use crate::inventory::{inventory, number};
use crate::proxy::Proxy;
use crate::support::{PROD, Project};

struct Shop {
    account: Account,
    project: Project,
    proxy: Proxy,
}

impl Shop {
    fn new() -> Self {
        let account = Account::new();
        let mut project = Project::with(&[("prod", PROD)]);
        let proxy = Proxy::between(&mut project, &account);
        project.run_with(&["secret", "set", "database-url"], b"postgres://app:pw@db/app").done();
        Self { account, project, proxy }
    }

    /// The next `up` makes what is missing, nothing twice, and all of it can be deleted again.
    fn is_completed_by(&self, up: &[&str]) {
        let json = self.project.run(&[up, &["--json"]].concat()).json();
        assert_eq!(json["complete"], true, "{json}");
        self.project.run(&["plan"]).done();
        let made = inventory(&self.account.connect());
        let counts =
            ["nat-gateway", "address", "load-balancer", "target-group", "service", "cluster"]
                .map(|kind| number(&made, kind));
        assert_eq!(counts, [2, 2, 1, 1, 1, 1], "{made:?}");
        self.project.run(&["destroy", "--yes", "--state"]).done();
        let left = inventory(&self.account.connect());
        for kind in ["nat-gateway", "address", "load-balancer", "role", "log-group", "bucket"] {
            assert_eq!(number(&left, kind), 0, "{left:?}");
        }
    }
}

#[test]
fn ctrl_c_saves_and_unlocks() {
    let mut it = Shop::new();
    it.proxy.set("hold-before:CreateNatGateway");
    let up = it.project.start(&["up", "--yes"]);
    it.proxy.held();

    // Meanwhile the environment is somebody's.
    let other = it.project.run(&["up", "--yes"]);
    assert_eq!(other.code, 5, "{other:?}");
    assert!(other.err.contains("running `up`"), "{other:?}");
    let status = it.project.run(&["status", "--json"]).json();
    assert!(status["locked_by"].as_str().unwrap().contains("running `up`"), "{status}");
    let plan = it.project.run(&["plan"]);
    assert_eq!(plan.code, 3, "reading takes no lock: {plan:?}");

    up.interrupt();
    let up = up.end();
    assert_eq!(up.code, 130, "{up:?}");
    assert!(up.err.contains("to go on: provisioner up --env prod"), "{up:?}");
    it.proxy.set("");
    let status = it.project.run(&["status", "--json"]).json();
    assert_eq!((&status["exists"], &status["locked_by"]), (&true.into(), &().into()));
    let listed = it.project.run(&["state", "list"]).done();
    assert!(listed.contains("vpc.main"), "{listed}");
    // A create that was never answered is looked for some time.
    it.project.set("PROVISIONER_CLOCK_SCALE", "10");
    it.is_completed_by(&["up", "--yes"]);
}

#[test]
fn a_killed_run_leaves_the_lock_for_a_lease() {
    let mut it = Shop::new();
    // Its answer is lost with the one who asked.
    it.proxy.set("hold-after:CreateService");
    let up = it.project.start(&["up", "--yes"]);
    it.proxy.held();
    let up = up.kill();
    assert_eq!(up.code, -1, "{up:?}");
    it.proxy.set("");
    let other = it.project.run(&["up", "--yes"]);
    assert_eq!(other.code, 5, "{other:?}");
    // A lease takes six seconds then.
    it.project.set("PROVISIONER_CLOCK_SCALE", "5");
    it.is_completed_by(&["up", "--yes", "--wait", "60s"]);
}
