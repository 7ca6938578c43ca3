//! An account that checks who calls: MiniStack with authentication, and in front of it the strict cloud,
//! which judges what MiniStack lets pass. Roles are made as `iam` prints them, and taken with a token as
//! GitHub signs it.

use aws::Aws;
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use local::Emulator;
use serde_json::{Value, json};
use strict::{Caller, Config, Exercised, Running, Strict};
use tokio::runtime::Runtime;

use crate::account::{connect, hold_at, ministack_python};
use crate::support::Project;

/// The repository that the roles trust.
pub(crate) const REPOSITORY: &str = "acme@12/shop@345";

/// Services whose resources MiniStack tells as AWS does. Of the others it sees `*`, or a cluster in place
/// of a service, and no tags: there it judges the actions, and the strict cloud everything.
const EXACT: [&str; 5] = ["dynamodb", "iam", "logs", "s3", "secretsmanager"];

pub(crate) struct Guarded {
    pub(crate) cloud: Running,
    runtime: Runtime,
    _server: Emulator,
}

/// Who took a role.
pub(crate) struct Session {
    pub(crate) key: String,
    secret: String,
    token: String,
}

impl Guarded {
    pub(crate) fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        // The keys are the account's root.
        let settings =
            [("AUTH", "true"), ("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")];
        let server = runtime.block_on(Emulator::ministack(&ministack_python(), &settings)).unwrap();
        let config = Config::transparent(server.endpoint());
        let cloud = runtime.block_on(Strict::start(config)).unwrap();
        Self { cloud, runtime, _server: server }
    }

    /// A connection that may do everything.
    pub(crate) fn root(&self) -> Aws {
        connect(&self.cloud.endpoint)
    }

    /// Makes the roles as `iam` printed them.
    pub(crate) fn make(&self, printed: &Value) {
        let iam = self.root().write().unwrap().iam.clone();
        self.runtime.block_on(async {
            for role in printed["roles"].as_array().unwrap() {
                let name = role["name"].as_str().unwrap();
                let call = iam.create_role().role_name(name);
                let trust = role["trust"].to_string();
                call.assume_role_policy_document(trust).send().await.unwrap();
                for (index, policy) in role["policies"].as_array().unwrap().iter().enumerate() {
                    let call = iam.put_role_policy().role_name(name);
                    let call = call.policy_name(format!("{name}-{index}"));
                    let document = as_ministack_reads(policy).to_string();
                    call.policy_document(document).send().await.unwrap();
                }
            }
        });
    }

    /// Takes a role as a workflow with this subject; in the strict cloud it may what `role` says.
    pub(crate) fn take(&self, role: &Value, subject: &str) -> Result<Session, String> {
        let name = role["name"].as_str().unwrap();
        let provider = role["trust"]["Statement"][0]["Principal"]["Federated"].as_str().unwrap();
        let account = provider.split(':').nth(4).unwrap();
        let sts = self.root().read().sts.clone();
        let call = sts.assume_role_with_web_identity();
        let call = call.role_arn(format!("arn:aws:iam::{account}:role/{name}"));
        let call = call.role_session_name("run").web_identity_token(token(subject));
        let answer = self.runtime.block_on(call.send());
        let answer = answer.map_err(|e| format!("{e:?}"))?;
        let found = answer.credentials.unwrap();
        let caller = Caller {
            key: found.access_key_id.clone(),
            arn: format!("arn:aws:sts::{account}:assumed-role/{name}/run"),
            policies: role["policies"].as_array().unwrap().clone(),
        };
        self.cloud.grant(&caller).unwrap();
        Ok(Session {
            key: found.access_key_id,
            secret: found.secret_access_key,
            token: found.session_token,
        })
    }

    /// Lets a project's commands run as somebody.
    pub(crate) fn become_(&self, project: &mut Project, session: &Session) {
        hold_at(project, &self.cloud.endpoint);
        project.set("AWS_ACCESS_KEY_ID", &session.key);
        project.set("AWS_SECRET_ACCESS_KEY", &session.secret);
        project.set("AWS_SESSION_TOKEN", &session.token);
    }

    pub(crate) fn exercised(&self, session: &Session) -> Exercised {
        self.cloud.exercised(&session.key)
    }

    pub(crate) fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }
}

fn as_ministack_reads(policy: &Value) -> Value {
    let mut policy = policy.clone();
    for statement in policy["Statement"].as_array_mut().unwrap() {
        let actions = statement["Action"].as_array().unwrap();
        let service =
            |action: &Value| action.as_str().unwrap().split(':').next().unwrap().to_owned();
        let exact = |action: &Value| {
            EXACT.contains(&&*service(action)) && *action != "iam:CreateServiceLinkedRole"
        };
        if !actions.iter().all(exact) {
            statement["Resource"] = json!("*");
            statement.as_object_mut().unwrap().remove("Condition");
        }
    }
    policy
}

/// A token with a subject. MiniStack reads it and checks no signature.
fn token(subject: &str) -> String {
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({
        "iss": "https://token.actions.githubusercontent.com",
        "aud": "sts.amazonaws.com",
        "sub": subject,
    });
    format!("{}.{}.c2ln", part(&json!({"alg": "RS256"})), part(&claims))
}
