//! One version beside another.

use std::collections::BTreeSet;

use local::ServiceSpec;

use super::{SERVER, Services, answer};

#[tokio::test]
async fn a_new_version_comes_up_beside_the_old_one() {
    let services = Services::new();
    let old = services.processes.ensure(&services.spec("one")).await.unwrap();
    let new = services.processes.ensure(&services.spec("two")).await.unwrap();
    assert_eq!(new.surplus, old.running);
    let addresses: BTreeSet<_> =
        new.running.iter().chain(&old.running).map(|it| it.address).collect();
    assert_eq!(addresses.len(), 4, "old and new are targets of one group for a while");
    assert!(new.running.iter().all(|it| it.version == 2));
    // Until the caller has moved the targets, both serve.
    assert_eq!(answer(&old.running[0], "/").unwrap(), "one ");
    assert_eq!(answer(&new.running[0], "/").unwrap(), "two ");
    services.processes.retire(&new.surplus).await.unwrap();
    assert_eq!(answer(&old.running[0], "/"), None);
    let versions = services.processes.versions("api").unwrap();
    assert_eq!(versions.iter().map(|it| it.running().len()).collect::<Vec<_>>(), [0, 2]);
}

#[tokio::test]
async fn a_kept_binary_is_run_again_after_a_rebuild() {
    let services = Services::new();
    let script = services.folder.path().join("server");
    let write = |answer: &str| {
        let text = format!(
            "#!/usr/bin/env python3\nimport os\nos.environ['ANSWER'] = '{answer}'\n{SERVER}"
        );
        std::fs::write(&script, text).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&script, mode).unwrap();
    };
    write("old build");
    let mut spec =
        ServiceSpec { replicas: 1, snapshot: true, program: script.clone(), ..services.spec("") };
    spec.args.clear();
    let old = services.processes.ensure(&spec).await.unwrap();
    write("new build");
    let rolled_back =
        services.processes.start_replicas(&spec, old.running[0].version, 1).await.unwrap();
    services.processes.wait_healthy(&rolled_back, spec.health.as_ref()).await.unwrap();
    assert_eq!(answer(&rolled_back[0], "/").unwrap(), "old build ");
    let new = services.processes.ensure(&spec).await.unwrap();
    assert_eq!(
        (new.running[0].version, answer(&new.running[0], "/").unwrap().as_str()),
        (2, "new build ")
    );
}

#[tokio::test]
async fn only_the_last_versions_are_kept() {
    let services = Services::new();
    for revision in 1..=8 {
        let spec =
            ServiceSpec { replicas: 1, revision: revision.to_string(), ..services.spec("one") };
        let ensured = services.processes.ensure(&spec).await.unwrap();
        services.processes.retire(&ensured.surplus).await.unwrap();
    }
    let numbers: Vec<u32> =
        services.processes.versions("api").unwrap().iter().map(|it| it.number).collect();
    assert_eq!(numbers, [4, 5, 6, 7, 8]);
}
