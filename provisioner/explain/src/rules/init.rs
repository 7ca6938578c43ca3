//! Before the container starts: secrets, log group, volumes.

use super::NO_WAY_OUT;
use super::pages::{INIT, LOGS, ROLE, SECRETS};
use crate::rule::{RULE, Rule, said, say};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "secret-denied",
        row: 2,
        when: &[&[said(r"not authorized to perform: secretsmanager:GetSecretValue")]],
        cause: &[
            say("the execution role {execution_role} may not read the secret {secret}"),
            say("the execution role may not read a secret"),
        ],
        fix: &[say(
            "`provisioner up --env {environment}` puts the role's policy back; a secret from elsewhere must be allowed to the execution role (not the task role) by its full ARN with the six characters at its end",
        )],
        doc: Some(ROLE),
        ..RULE
    },
    Rule {
        id: "parameter-denied",
        row: 2,
        when: &[&[said(
            r"not authorized to perform: ssm:GetParameters(?: on resource: (?P<parameter>arn:\S+))?",
        )]],
        cause: &[
            say("the execution role may not read the parameter {parameter}"),
            say("the execution role may not read a parameter"),
        ],
        fix: &[
            say("allow ssm:GetParameters on it to the execution role {execution_role}"),
            say("allow ssm:GetParameters on it to the execution role"),
        ],
        doc: Some(ROLE),
        ..RULE
    },
    Rule {
        id: "key-denied",
        row: 2,
        when: &[&[said(r"not authorized to perform: kms:Decrypt|Access to KMS is not allowed")]],
        cause: &[
            say(
                "the execution role {execution_role} may not use the key that the secret is encrypted with",
            ),
            say("the execution role may not use the key that the secret is encrypted with"),
        ],
        fix: &[say(
            "allow kms:Decrypt to the execution role in the key's policy, or encrypt the secret with the account's own key",
        )],
        doc: Some(ROLE),
        ..RULE
    },
    Rule {
        id: "secret-without-value",
        row: 3,
        when: &[&[said(r"can't find the specified secret value for (?:staging label|VersionId)")]],
        cause: &[
            say("the secret {secret} has no value, or not the version that was asked for"),
            say("a secret has no value"),
        ],
        fix: &[
            say("`provisioner secret set {secret} --env {environment}`, then deploy again"),
            say("set it: `provisioner secret set NAME --env {environment}`, then deploy again"),
        ],
        doc: Some(SECRETS),
        ..RULE
    },
    Rule {
        id: "secret-deleted",
        row: 3,
        when: &[&[said(r"(?:secret because it was|secret is) (?:marked|scheduled) for deletion")]],
        cause: &[
            say("the secret {secret} is about to be deleted and can no longer be read"),
            say("a secret is about to be deleted and can no longer be read"),
        ],
        fix: &[say(
            "restore it (`aws secretsmanager restore-secret --secret-id ARN`), then deploy again",
        )],
        doc: Some(SECRETS),
        ..RULE
    },
    Rule {
        id: "secret-gone",
        row: 3,
        when: &[
            &[said(r"can't find the specified secret(?:\.|$)")],
            &[said(r"unable to retrieve secret \S+ for environment variable (?P<variable>\w+)")],
        ],
        cause: &[
            say("the secret {secret} does not exist any more, at least not under this ARN"),
            say("a secret does not exist any more"),
        ],
        fix: &[
            say(
                "`provisioner up --env {environment}` makes it and names the new ARN; then `provisioner secret set {secret} --env {environment}`",
            ),
            say(
                "`provisioner up --env {environment}` makes it and names the new ARN; then set its value",
            ),
        ],
        doc: Some(SECRETS),
        ..RULE
    },
    Rule {
        id: "secret-without-key",
        row: 5,
        when: &[
            &[said(r"did not contain json key (?P<key>[^\s,.]+)")],
            &[said(r"unable to retrieve json key '(?P<key>[^']+)' from secret")],
        ],
        cause: &[say("the secret {secret} has no field {key}"), say("a secret has no field {key}")],
        fix: &[
            say(
                "set it to JSON that has {key} (`provisioner secret set {secret} --env {environment}`), or name another field in valueFrom",
            ),
            say("set the secret to JSON that has {key}, or name another field in valueFrom"),
        ],
        doc: Some(SECRETS),
        ..RULE
    },
    Rule {
        id: "no-route-to-secrets",
        row: 4,
        when: &[&[said(
            r"retrieve secrets? from (asm|ssm).*(RequestCanceled|deadline exceeded|connection issue between the task and|i/o timeout)",
        )]],
        cause: &[say("tasks cannot reach the service that keeps their secrets")],
        fix: NO_WAY_OUT,
        doc: Some(INIT),
        ..RULE
    },
    Rule {
        id: "no-route-to-logs",
        row: 12,
        when: &[&[said(
            r"failed to validate logger args: .*(signal: killed|connection issue between the task and Amazon CloudWatch)",
        )]],
        cause: &[say("tasks cannot reach CloudWatch Logs; their log group may well be there")],
        fix: NO_WAY_OUT,
        doc: Some(INIT),
        ..RULE
    },
    Rule {
        id: "log-group-missing",
        row: 12,
        when: &[&[said(
            r"specified log group does not exist|cannot find the Amazon CloudWatch log group",
        )]],
        cause: &[
            say("the log group {log_group} does not exist"),
            say("the tasks' log group does not exist"),
        ],
        fix: &[say("`provisioner up --env {environment}` makes it again")],
        doc: Some(LOGS),
        ..RULE
    },
    Rule {
        id: "logs-denied",
        row: 13,
        when: &[&[said(
            r"(?:not authorized to perform: |failed to create Cloudwatch log group: AccessDeniedException.*)(?P<action>logs:\w+)",
        )]],
        cause: &[
            say("the execution role {execution_role} is not allowed {action}"),
            say("the execution role is not allowed {action}"),
        ],
        fix: &[say(
            "`provisioner up --env {environment}` makes log group and policy; `awslogs-create-group` is not needed with them and asks for more rights",
        )],
        doc: Some(LOGS),
        ..RULE
    },
    Rule {
        id: "volume",
        row: 37,
        when: &[&[said(r"failed to invoke EFS utils commands")]],
        cause: &[say("the task cannot mount its EFS volume")],
        fix: &[say(
            "see that the file system has a mount target in the tasks' zones, that its security group lets the tasks in on port 2049, and that the VPC resolves host names",
        )],
        doc: Some(INIT),
        ..RULE
    },
];
