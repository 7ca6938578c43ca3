//! What is taken out of the file: `plan` names it, `up` takes it out of the cloud, and nothing goes before
//! the services have let go of it.

use aws::Aws;
use serde_json::Value;
use strict::{Config, Running, Strict, audit};
use tokio::runtime::Runtime;

use crate::account::{Account, hold_at};
use crate::support::{Project, wait};

/// The rules about what a living service still uses.
const IN_USE: [u8; 6] = [29, 32, 49, 59, 60, 71];

const FILE: &str = "environments/prod.yaml";

const FULL: &str = "\
project: shop
region: us-east-1
services:
  api:
    image: ghcr.io/acme/api:1.0
    port: 8000
    route: \"/*\"
    command: [shop-server]
    health: { command: [look-inside] }
    secrets: { TOKEN: token }
    permissions: [{ actions: [\"s3:GetObject\"], resources: [\"*\"] }]
    override:
      container: { user: \"4711\" }
      service: { enableExecuteCommand: true }
secrets: { token: { generate: 32 } }
";

struct There {
    project: Project,
    aws: Aws,
    cloud: Running,
    _runtime: Runtime,
    _account: Account,
}

impl There {
    fn new() -> Self {
        let account = Account::new();
        let runtime = Runtime::new().unwrap();
        let config = Config::transparent(account.endpoint.clone());
        let cloud = runtime.block_on(Strict::start(config)).unwrap();
        let mut project = Project::with(&[("prod", FULL)]);
        hold_at(&mut project, &cloud.endpoint);
        let aws = account.connect();
        project.run(&["up", "--yes"]).done();
        Self { project, aws, cloud, _runtime: runtime, _account: account }
    }

    /// `plan` names the path, `up` carries it out in the right order, and then there is nothing to do.
    #[track_caller]
    fn becomes(&self, text: &str, path: &str, allow: &[&str]) {
        self.project.write(FILE, text);
        let plan = self.project.run(&["plan", "--json"]);
        assert_eq!(plan.code, 3, "{path}: {plan:?}");
        assert!(plan.out.contains(&format!("\"{path}\"")), "{path}: {}", plan.out);
        let up = [&["up", "--yes"], allow].concat();
        self.project.run(&up).done();
        let again = self.project.run(&["plan"]);
        assert_eq!(again.code, 0, "{path}: {again:?}");
        let broken: Vec<_> = audit(&self.cloud.calls())
            .into_iter()
            .filter(|violation| IN_USE.contains(&violation.rule))
            .map(|violation| violation.text)
            .collect();
        assert!(broken.is_empty(), "{path}: {broken:#?}");
    }

    fn service(&self) -> Value {
        let call = self.aws.read().ecs.describe_services().cluster("shop-prod").services("api");
        let found = wait(call.send()).unwrap();
        let service = &found.services()[0];
        serde_json::json!({
            "definition": service.task_definition(),
            "balancers": service.load_balancers().len(),
            "shell": service.enable_execute_command(),
        })
    }

    /// The task definition that the service runs, as text.
    fn definition(&self) -> String {
        let service = self.service();
        let name = service["definition"].as_str().unwrap();
        let call = self.aws.read().ecs.describe_task_definition().task_definition(name);
        format!("{:?}", wait(call.send()).unwrap().task_definition())
    }
}

#[test]
fn each_field_of_the_file_goes_and_comes_back() {
    let it = There::new();
    for (line, path, trace) in [
        ("    command: [shop-server]\n", "containers.api.command", "shop-server"),
        ("    health: { command: [look-inside] }\n", "containers.api.healthCheck", "look-inside"),
        ("      container: { user: \"4711\" }\n", "containers.api.user", "4711"),
        ("    secrets: { TOKEN: token }\n", "containers.api.secrets[TOKEN]", "TOKEN"),
    ] {
        assert!(it.definition().contains(trace), "{path}");
        it.becomes(&FULL.replace(line, ""), path, &[]);
        assert!(!it.definition().contains(trace), "{path}: {}", it.definition());
        it.becomes(FULL, path, &[]);
        assert!(it.definition().contains(trace), "{path}");
    }
    assert_eq!(it.service()["shell"], true);
    let closed = FULL.replace("      service: { enableExecuteCommand: true }\n", "");
    it.becomes(&closed, "settings.enableExecuteCommand", &[]);
    assert_eq!(it.service()["shell"], false);
    // ECS Exec needs the role too, so it goes with the permissions only now.
    let permissions = "    permissions: [{ actions: [\"s3:GetObject\"], resources: [\"*\"] }]\n";
    assert!(it.definition().contains("api-task"));
    it.becomes(&closed.replace(permissions, ""), "settings.taskRoleArn", &[]);
    assert!(!it.definition().contains("api-task"), "{}", it.definition());
    it.becomes(&closed, "settings.taskRoleArn", &[]);
    assert!(it.definition().contains("api-task"));
}

#[test]
fn a_web_service_becomes_a_worker_and_a_web_service_again() {
    let it = There::new();
    assert_eq!(it.service()["balancers"], 1);
    let worker = FULL.replace("    route: \"/*\"\n", "");
    it.becomes(&worker, "settings.loadBalancers", &[]);
    assert_eq!(it.service()["balancers"], 0);
    let groups = wait(it.aws.read().elb.describe_target_groups().send()).unwrap();
    assert!(groups.target_groups().is_empty(), "{groups:?}");
    it.becomes(FULL, "settings.loadBalancers", &[]);
    assert_eq!(it.service()["balancers"], 1);
    it.project.run(&["destroy", "--yes"]).done();
}
