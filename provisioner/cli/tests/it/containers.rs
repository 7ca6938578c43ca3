//! The main job with a Docker engine: tasks are containers, replaced under load, and gone after the
//! purge. Its program is a static one, as images of one binary need.

use std::path::Path;
use std::process::Command;
use std::sync::PoisonError;

use crate::account::{CONTAINERS, Ended, lend_venv, skip};
use crate::http::{answered, soon, under_load};
use crate::support::{Project, wait};

const LOCAL: &str = "\
project: shop
region: us-east-1
network: { nat: none }
services:
  api:
    build: { binary: busybox }
    command: [/busybox, sh, -c, \"/busybox mkdir /tmp/w; echo $GREETING $TOKEN > /tmp/w/index.html; exec /busybox httpd -f -p 8000 -h /tmp/w\"]
    port: 8000
    route: \"/*\"
    cpu: 256
    memory: 1024
    replicas: 2
    stop: 1s
    environment: { GREETING: hello }
    secrets: { TOKEN: token }
secrets: { token: given }
";

#[test]
fn tasks_are_containers() {
    let Some(engine) = wait(local::engine()) else {
        skip("no Docker engine answers (containers as tasks)");
        return;
    };
    if !Path::new("/bin/busybox").exists() {
        skip("no static /bin/busybox (containers as tasks)");
        return;
    }
    let _alone = CONTAINERS.lock().unwrap_or_else(PoisonError::into_inner);
    let mut project = Project::with(&[("local", LOCAL)]);
    project.set("PROVISIONER_DOCKER", "on").set("DOCKER_HOST", &engine.host);
    std::os::unix::fs::symlink("/bin/busybox", project.path().join("busybox")).unwrap();
    lend_venv(&project, Some(&engine));
    let _ended = Ended(&project);
    let before = containers(&engine.host);

    project.run(&["local", "start"]).done();
    project.run_with(&["secret", "set", "token"], b"s3cret").done();
    let up = project.run(&["up", "--yes", "--json"]).json();
    assert_eq!(up["complete"], true, "{up}");
    let url = format!("{}/index.html", up["outputs"]["url"].as_str().unwrap());
    assert_eq!(answered(&url).trim(), "hello s3cret");
    let first = containers(&engine.host);
    assert_eq!(first.len(), before.len() + 2);

    project.write("environments/local.yaml", &LOCAL.replace("cpu: 256", "cpu: 512"));
    let (up, answers) = under_load(&url, || project.run(&["up", "--yes"]));
    up.done();
    assert_eq!(answers.keys().collect::<Vec<_>>(), [&200], "{answers:?}");
    project.run(&["plan"]).done();
    // MiniStack calls a service stable while its old containers are still stopping.
    let replaced = || {
        let now = containers(&engine.host);
        now.len() == first.len()
            && now.iter().all(|one| before.contains(one) || !first.contains(one))
    };
    assert!(soon(replaced), "{first:?}: {:?}", containers(&engine.host));

    project.run(&["local", "stop", "--purge"]).done();
    assert_eq!(containers(&engine.host), before);
    assert!(!project.path().join(".provisioner").exists());
}

/// The running containers.
fn containers(host: &str) -> Vec<String> {
    let output = Command::new("docker").args(["--host", host, "ps", "--quiet"]).output().unwrap();
    let mut all: Vec<String> =
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    all.sort();
    all
}
