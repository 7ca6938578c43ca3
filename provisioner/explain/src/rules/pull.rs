//! From the registry to the task: log in, find the image, fetch and unpack it.

use super::NO_WAY_OUT;
use super::pages::{NETWORK, PULL, ROLE, STORAGE};
use crate::rule::{RULE, Rule, said, say};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "local-image-missing",
        row: 57,
        when: &[&[said(r"CannotPullContainerError: .*http\+docker")]],
        cause: &[
            say("the Docker engine neither has the image {image} nor can fetch it"),
            say("the Docker engine neither has the image nor can fetch it"),
        ],
        fix: &[say(
            "build it again: `provisioner up --env {environment}` loads what `services.{service}.build` makes into the engine",
        )],
        ..RULE
    },
    Rule {
        id: "no-route-to-ecr",
        row: 1,
        when: &[
            &[said(r"cannot pull registry auth from Amazon ECR: There is a connection issue")],
            &[said(
                r"unable to retrieve ecr registry auth: .*(RequestError|RequestCanceled|i/o timeout|deadline exceeded)",
            )],
            &[said(
                r"GetAuthorizationToken, (exceeded maximum number of attempts|.*(i/o timeout|deadline exceeded))",
            )],
        ],
        cause: &[say("tasks cannot reach Amazon ECR to log in: they have no way out on port 443")],
        fix: NO_WAY_OUT,
        doc: Some(NETWORK),
        ..RULE
    },
    Rule {
        id: "registry-denied",
        row: 2,
        when: &[&[said(r"not authorized to perform: ecr:GetAuthorizationToken")]],
        cause: &[
            say("the execution role {execution_role} may not log in to Amazon ECR"),
            say("the execution role may not log in to Amazon ECR"),
        ],
        fix: &[say(
            "`provisioner up --env {environment}` puts the role's policy back (ecr:GetAuthorizationToken on *); the task role does not count here",
        )],
        doc: Some(ROLE),
        ..RULE
    },
    Rule {
        id: "image-not-found",
        row: 6,
        when: &[
            &[said(
                r#"failed to resolve ref(?:erence)? "?(?P<image>[^\s"]+?)"?: (?:\S+: )*not found"#,
            )],
            &[said(r"API error \(404\): (?:repository|manifest for) (?P<image>\S+).* not found")],
            &[said(r"manifest for (?P<image>\S+) not found|manifest unknown")],
        ],
        cause: &[say("the image {image} does not exist"), say("the image does not exist")],
        fix: &[say(
            "deploy one that exists: `provisioner deploy --env {environment} --service {service} --tag TAG`; the old one was never pushed, is in another region or account, or has been expired by the repository's rules",
        )],
        doc: Some(PULL),
        ..RULE
    },
    Rule {
        id: "image-platform",
        row: 7,
        when: &[&[said(r"does not contain descriptor matching platform '?(?P<platform>[\w/]+)")]],
        cause: &[say("the image has nothing for {platform}, on which the tasks run")],
        fix: &[
            say(
                "build it for {platform}, or run the tasks where it fits: `services.{service}.architecture: {other_architecture}`",
            ),
            say("build it for {platform}"),
        ],
        doc: Some(PULL),
        ..RULE
    },
    Rule {
        id: "pull-rate-limit",
        row: 10,
        when: &[&[said(
            r"CannotPullContainer.*(toomanyrequests|too many requests|reached your pull rate limit)",
        )]],
        cause: &[
            say("Docker Hub answers no more pulls of {image} for now: its limit is reached"),
            say("Docker Hub answers no more pulls for now: its limit is reached"),
        ],
        fix: &[say(
            "copy the image into ECR and deploy that one: `provisioner deploy --env {environment} --service {service} --image REF`",
        )],
        doc: Some(PULL),
        ..RULE
    },
    Rule {
        id: "pull-denied",
        row: 9,
        when: &[
            &[said(
                r"CannotPullContainer.*(pull access denied|403 Forbidden|401 Unauthorized|no basic auth credentials)",
            )],
            &[said(r"CannotPullContainer.*Check that the role has the permissions to pull images")],
            &[said(
                r"not authorized to perform: ecr:(BatchGetImage|GetDownloadUrlForLayer|BatchCheckLayerAvailability)",
            )],
        ],
        cause: &[
            say("the tasks may not pull the image {image}, or it does not exist"),
            say("the tasks may not pull the image, or it does not exist"),
        ],
        fix: &[
            say(
                "the execution role {execution_role} needs pull rights (`provisioner up --env {environment}` puts ours back); a repository of another account must allow it in its own policy; a private registry needs credentials",
            ),
            say(
                "the execution role needs pull rights on the image's repository; a private registry needs credentials",
            ),
        ],
        doc: Some(PULL),
        ..RULE
    },
    Rule {
        id: "disk-full",
        row: 11,
        when: &[&[said(r"CannotPullContainer.*no space left on device")]],
        cause: &[say("the image does not fit on the task's disk")],
        fix: &[say(
            "make the image smaller, or the disk larger: `services.{service}.override.task_definition.ephemeralStorage.sizeInGiB` (20 to 200)",
        )],
        doc: Some(STORAGE),
        ..RULE
    },
    Rule {
        id: "image-unpack",
        row: 11,
        when: &[&[said(
            r"CannotPullContainer.*(no processor for media-type|failed to unpack image|failed to extract layer)",
        )]],
        cause: &[
            say("the image {image} cannot be unpacked: something in it is no layer"),
            say("the image cannot be unpacked: something in it is no layer"),
        ],
        fix: &[say(
            "build it without attestations (`docker buildx build --provenance=false --sbom=false`) and push it again",
        )],
        doc: Some(PULL),
        ..RULE
    },
    Rule {
        id: "no-route-to-registry",
        row: 8,
        when: &[&[said(
            r"CannotPullContainer.*(i/o timeout|failed to do request|request canceled|context canceled|connection issue between the task and|Check your (task )?network configuration|no such host)",
        )]],
        cause: &[
            say("tasks cannot reach the registry to fetch {image}"),
            say("tasks cannot reach the registry"),
        ],
        fix: NO_WAY_OUT,
        doc: Some(PULL),
        ..RULE
    },
];
