//! The wrong files, by what is wrong.

use crate::files::{service, top};

/// What is wrong, and the files: the environment is always `prod`.
pub(super) type Case = (&'static str, Vec<(&'static str, String)>);

pub(super) fn of_service(title: &'static str, lines: &str) -> Case {
    (title, vec![("prod", service(lines))])
}

pub(super) fn of_top(title: &'static str, lines: &str) -> Case {
    (title, vec![("prod", top(lines))])
}

/// The good file with one text in it replaced.
fn instead(title: &'static str, from: &str, to: &str) -> Case {
    let good = service("");
    assert!(good.contains(from), "{from}");
    (title, vec![("prod", good.replace(from, to))])
}

fn files(title: &'static str, files: &[(&'static str, &str)]) -> Case {
    (title, files.iter().map(|(name, text)| (*name, (*text).to_owned())).collect())
}

pub(super) trait ReplaceIn {
    fn replace_in(self, from: &str, to: &str) -> Self;
}

impl ReplaceIn for Case {
    fn replace_in(mut self, from: &str, to: &str) -> Self {
        for (_, text) in &mut self.1 {
            assert!(text.contains(from), "{from}");
            *text = text.replace(from, to);
        }
        self
    }
}

pub(super) fn cases() -> Vec<Case> {
    [
        shape(),
        names(),
        network(),
        running(),
        traffic(),
        super::others::others(),
        variables(),
        secrets(),
        overrides(),
        account(),
        chains(),
    ]
    .concat()
}

/// What an account asks of roles, and where states are.
pub(super) fn account() -> Vec<Case> {
    let long = format!("permissions: [{{ actions: [{}], resources: [\"*\"] }}]", {
        let action = format!("s3:Get{}", "x".repeat(100));
        vec![action; 100].join(", ")
    });
    vec![
        of_top(
            "a boundary that is no policy",
            "iam: { boundary: \"arn:aws:iam::123456789012:role/x\" }",
        ),
        of_top("a path without its slashes", "iam: { path: services }"),
        of_top("a bucket with capitals", "state: { bucket: Acme }"),
        of_top("a table with a space", "state: { table: \"a b c\" }"),
        of_top(
            "an alias of a key",
            "state: { kms: \"arn:aws:kms:us-east-1:123456789012:alias/x\" }",
        ),
        of_top("a reserved tag of the state", "state: { tags: { \"aws:x\": y } }"),
        of_service(
            "a role and permissions",
            "role: \"arn:aws:iam::123456789012:role/x\"\npermissions: [{ actions: [s3:GetObject], resources: [\"*\"] }]",
        ),
        of_service("a role by its name", "role: reporting"),
        of_service("a policy by its name", "permissions: [{ policy: ReadOnlyAccess }]"),
        of_service(
            "a policy with actions",
            "permissions: [{ policy: \"arn:aws:iam::aws:policy/x\", actions: [s3:GetObject] }]",
        ),
        of_service("a permission without resources", "permissions: [{ actions: [s3:GetObject] }]"),
        of_service("more permissions than a role takes", &long),
    ]
}

pub(super) fn shape() -> Vec<Case> {
    vec![
        of_service("unknown field, close to a known one", "prot: 80"),
        of_service("unknown field, close to nothing", "xyzzy: 80"),
        of_top("unknown field at the top", "netwrok: {}"),
        of_service("a text where a number belongs", "cpu: lots"),
        of_service("a number in quotes", "cpu: \"256\""),
        of_service("a number with a leading zero", "memory: 0512"),
        of_service("a fraction", "cpu: 256.5"),
        of_service("a number where a text belongs", "stop: 30"),
        of_service("a map where a list belongs", "command: { run: it }"),
        of_service("a text where a list belongs", "command: serve --fast"),
        of_service("a list where a map belongs", "environment: [A=1, B=2]"),
        of_service("a text where a map belongs", "health: /status"),
        of_top("yes for true", "protect: yes"),
        of_service("a value that is not in the set", "architecture: amd64"),
        of_service("nothing in a list", "command: [run, ~]"),
        instead("a required field is missing", "project: shop\n", ""),
        instead(
            "no services",
            &service("")[service("").find("services").unwrap()..],
            "services: {}\n",
        ),
        files("an empty file", &[("prod", "")]),
        files("a list instead of a file", &[("prod", "- a\n- b\n")]),
        of_service("a key twice", "cpu: 256\ncpu: 512"),
        files("not YAML: a bracket", &[("prod", "project: shop\nservices: [\n")]),
        files("not YAML: a tab", &[("prod", "project: shop\nservices:\n\tweb: {}\n")]),
        files("not YAML: an unknown anchor", &[("prod", "project: *shop\n")]),
        files("not YAML: a tag of some program", &[("prod", "project: !env PROJECT\n")]),
        files("two documents", &[("prod", "project: shop\n---\nproject: shop\n")]),
    ]
}

pub(super) fn names() -> Vec<Case> {
    vec![
        instead("a project in upper case", "project: shop", "project: My_Shop"),
        instead(
            "a project that is too long",
            "project: shop",
            "project: the-shop-that-never-closes",
        ),
        instead("a service with an underscore", "  web:", "  web_site:"),
        of_top("a secret with a dot", "secrets: { db.url: given }"),
        instead("a region that is not one", "us-east-1", "us-esat-1"),
        instead("a zone for a region", "us-east-1", "us-east-1a"),
        of_top("an account without quotes", "account: 012345678901"),
        of_top("an account of eleven digits", "account: \"12345678901\""),
        of_top("a domain with a scheme", "domain: https://api.example.com"),
        of_top("a tag of AWS's", "tags: { 'aws:team': a, 'Provisioner:owner': b, 'team!': c }"),
        of_top(
            "too many tags",
            &format!(
                "tags: {{ {} }}",
                (0..41).map(|i| format!("t{i}: x")).collect::<Vec<_>>().join(", ")
            ),
        ),
        of_top("days that CloudWatch does not take", "logs: { retention: 31 }"),
    ]
}

fn network() -> Vec<Case> {
    vec![
        of_top("a CIDR that is none", "network: { cidr: 10.0.0.0 }"),
        of_top("a CIDR that is too large", "network: { cidr: 10.0.0.0/8 }"),
        of_top("a CIDR that is not aligned", "network: { cidr: 10.0.1.0/16 }"),
        of_top("a CIDR of the internet", "network: { cidr: 8.8.0.0/16 }"),
        of_top("a CIDR too small to carve", "network: { cidr: 10.0.0.0/27 }"),
        of_top("a CIDR too small for a load balancer", "network: { cidr: 10.0.0.0/25 }"),
        (
            "a CIDR too small for the tasks",
            vec![("prod", service("replicas: { max: 40 }") + "network: { cidr: 10.0.0.0/24 }\n")],
        ),
        of_top("one zone for a load balancer", "network: { zones: 1 }"),
        of_top("five zones", "network: { zones: 5 }"),
        of_top(
            "a zone of another region, and one twice",
            "network: { zones: [us-east-1a, us-west-2b, us-east-1a] }",
        ),
        of_top("a zone without its letter", "network: { zones: [us-east-1, us-east-1b] }"),
        files(
            "a CIDR that overlaps another environment's",
            &[
                ("prod", &top("network: { cidr: 10.1.0.0/16 }")),
                ("dev", &top("network: { cidr: 10.1.128.0/20 }")),
            ],
        ),
        of_top("a NAT that there is not", "network: { nat: perzone }"),
    ]
}

fn running() -> Vec<Case> {
    vec![
        of_service("CPU and memory that Fargate does not pair", "cpu: 256\nmemory: 4096"),
        of_service("more CPU than the default memory goes with", "cpu: 1024"),
        of_service("CPU that Fargate does not have", "cpu: 300"),
        of_service("min over max", "replicas: { min: 4, max: 2 }"),
        of_service("max under the default min", "replicas: { max: 1 }"),
        of_service("no replicas", "replicas: 0"),
        of_service("a scaling target over 100", "replicas: { min: 1, max: 4, cpu: 120 }"),
        of_service("a stop that ECS does not wait for", "stop: 5m"),
        of_service("a deregistration that is too long", "deregistration: 2h"),
        of_service("image and build", "build: { dockerfile: Dockerfile }"),
        instead("neither image nor build", "    image: ghcr.io/acme/web:1.4.2\n", ""),
        instead(
            "a build of both kinds",
            "image: ghcr.io/acme/web:1.4.2",
            "build: { binary: web, dockerfile: Dockerfile }",
        ),
        instead(
            "a build of neither kind",
            "image: ghcr.io/acme/web:1.4.2",
            "build: { context: web }",
        ),
        instead(
            "a build outside the folder",
            "image: ghcr.io/acme/web:1.4.2",
            "build: { binary: ../web }",
        ),
        instead("an image with a scheme", "ghcr.io", "https://ghcr.io"),
        instead("an image in upper case", "acme/web", "Acme/Web"),
        instead("an image with an empty tag", "ghcr.io/acme/web:1.4.2", "'ghcr.io/acme/web:'"),
        instead("a digest cut short", "web:1.4.2", "web@sha256:abc"),
        of_top("tags that are one to IAM", "tags: { team: a, Team: b, name: shop }"),
        of_top(
            "a buffer without a unit, and an empty pattern",
            "logs: { buffer: '25', multiline: '' }",
        ),
        of_top("a buffer that nothing waits in", "logs: { mode: blocking, buffer: 25m }"),
        of_service("an empty migration", "migration: { command: [] }"),
        of_service(
            "commands in Docker's form",
            "command: [CMD, /app]\nhealth: { command: [CMD-SHELL, 'curl -f localhost || exit 1'] }",
        ),
        of_service(
            "an action that allows all",
            "permissions: [{ actions: ['*', GetObject], resources: [bucket] }]",
        ),
        of_service(
            "a modelled field overridden",
            "override: { task_definition: { cpu: 256 }, container: { image: x } }",
        ),
        of_service(
            "a field that ECS does not know",
            "override: { service: { enableExecuteComand: true } }",
        ),
        of_service(
            "an override of the wrong type",
            "override: { task_definition: { ephemeralStorage: { sizeInGiB: 10 } } }",
        ),
        of_service(
            "a field that Fargate does not take",
            "override: { container: { privileged: true } }",
        ),
    ]
}

fn traffic() -> Vec<Case> {
    vec![
        instead(
            "a project that Elastic Load Balancing refuses",
            "project: shop",
            "project: internal-tools",
        ),
        instead("a project that EC2 refuses", "project: shop", "project: sg"),
        instead("a service with the load balancer's name", "  web:", "  load-balancer:"),
        of_service("port out of range", "health: { path: /up }").replace_in("port: 8080", "port: 70000"),
        instead("a route without a port", "    port: 8080\n", ""),
        instead("a route without its slash", "\"/*\"", "api/*"),
        instead("a route with a space", "\"/*\"", "\"/a b\""),
        instead("a route that is too long", "\"/*\"", &format!("\"/{}\"", "a".repeat(128))),
        instead(
            "too many paths for the one rule of a priority",
            "\"/*\"",
            "{ path: [/a, /b, /c, /d, /e, /f], priority: 5 }",
        ),
        of_top("five paths and the domain", "domain: api.example.com")
            .replace_in("\"/*\"", "{ path: [/a, /b, /c, /d, /e], priority: 5 }"),
        instead("seven wildcards", "\"/*\"", "{ path: \"/?/?/?/*\", host: \"*.?.?.com\" }"),
        of_top("a domain too long for a rule", &format!("domain: {}com", "a.".repeat(64))),
        instead("a host twice", "\"/*\"", "{ host: [a.example.com, A.example.com] }"),
        of_top("a route behind one that takes all of it", "").replace_in(
            "\"/*\"",
            "{ path: \"/*\", priority: 5 }\n  api: { image: 'api:1', port: 80, route: \"/api/*\" }",
        ),
        of_top("a host behind the domain's other name", "domain: a.example.com").replace_in(
            "services:\n",
            "services:\n  api: { image: 'a:1', port: 80, route: { path: /*, host: [a.example.com, b.example.com] } }\n",
        ),
        instead("a probe outside its route", "\"/*\"", "\"/v1/*\"\n    probe: { path: \"/status?x=/v1/\" }"),
        of_service("a probe that another service answers", "probe: { path: /status }").replace_in(
            "services:\n",
            "services:\n  api: { image: 'a:1', port: 80, route: [/v1/*, /st*] }\n",
        ),
        of_top("a load balancer that waits too long", "load_balancer: { idle: 2h }"),
        of_top("a load balancer's idle time without its unit", "load_balancer: { idle: 90 }"),
        instead("a host with a port", "\"/*\"", "{ host: 'api.example.com:443' }"),
        of_top("two services that take everything", "").replace_in(
            "services:\n",
            "services:\n  shop: { image: 'shop:1', port: 80, route: \"/*\" }\n",
        ),
        of_top("one path and one priority for two", "").replace_in(
            "services:\n",
            "services:\n  a: { image: 'a:1', port: 80, route: { path: /a, priority: 5 } }\n  b: { image: 'b:1', port: 80, route: { path: /a, priority: 5 } }\n",
        ),
        of_service("health checks too often", "health: { interval: 2s }"),
        of_service("a timeout longer than the interval", "health: { interval: 10s, timeout: 15s }"),
        of_service("thresholds out of range", "health: { healthy: 1, unhealthy: 11 }"),
        of_service("codes out of range", "health: { codes: 200-599 }"),
        of_service("codes the wrong way round", "health: { codes: 299-200 }"),
        of_service("a health path without its slash", "health: { path: status }"),
        instead("a probe of a worker", "    route: \"/*\"\n", "    probe: { path: /status }\n"),
    ]
}

fn variables() -> Vec<Case> {
    vec![
        of_service("a variable with a digit first", "environment: { 1ST-LEVEL: info }"),
        of_service(
            "variables that are someone else's",
            "environment: { ECS_CLUSTER: a, AWS_ACCESS_KEY_ID: b, PROVISIONER_X: c }",
        ),
        of_service(
            "a variable that is also a secret",
            "environment: { TOKEN: a }\nsecrets: { TOKEN: token }",
        )
        .replace_in("services:\n", "secrets: { token: given }\nservices:\n"),
        of_service("a secret that is never defined", "secrets: { DATABASE_URL: databse-url }")
            .replace_in("services:\n", "secrets: { database-url: given }\nservices:\n"),
        of_top(
            "a secret of no kind",
            "secrets: { one: gvien, two: { generate: 4 }, three: { length: 4 } }",
        ),
        of_service(
            "SQLite on a disk that vanishes",
            "environment: { DATABASE_URL: 'sqlite:///data/payments.db' }",
        ),
        of_service(
            "a password in the file, and something wrong",
            "environment: { DB_PASSWORD: hunter2 }\ncpu: 1",
        ),
    ]
}

fn secrets() -> Vec<Case> {
    let used = |title, source: &str| {
        of_service(title, "secrets: { TOKEN: token }")
            .replace_in("services:\n", &format!("secrets: {{ token: {source} }}\nservices:\n"))
    };
    let arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:acme/db-AbCdEf";
    vec![
        used("a secret from nowhere", "{}"),
        used("a secret of two kinds", &format!("{{ generate: 32, arn: '{arn}' }}")),
        used("a key of a secret of ours", "{ generate: 32, key: password }"),
        used("a secret by its name", "{ arn: acme/db }"),
        used("a version in an ARN", &format!("{{ arn: '{arn}:password::' }}")),
        used(
            "a secret of another region",
            &format!("{{ arn: '{}' }}", arn.replace("us-east-1", "eu-west-1")),
        ),
        used("a key with a colon", &format!("{{ arn: '{arn}', key: 'a:b' }}")),
        used(
            "an alias where a key belongs",
            &format!("{{ arn: '{arn}', kms: 'arn:aws:kms:us-east-1:123456789012:alias/shop' }}"),
        ),
    ]
}

fn overrides() -> Vec<Case> {
    vec![
        of_service(
            "an environment file by its URL, and credentials by name",
            "override: { container: { environmentFiles: [{ type: s3, value: 's3://acme/app.env' }], repositoryCredentials: { credentialsParameter: hub } } }",
        ),
        of_service(
            "EFS with IAM in the clear, and a volume that there is not",
            "override: { task_definition: { volumes: [{ name: data, efsVolumeConfiguration: { fileSystemId: fs-1, authorizationConfig: { iam: ENABLED } } }] }, container: { mountPoints: [{ sourceVolume: date, containerPath: /data }] } }",
        ),
        of_service(
            "an access point and a folder",
            "override: { task_definition: { volumes: [{ name: data, efsVolumeConfiguration: { fileSystemId: fs-1, rootDirectory: /a, transitEncryption: ENABLED, authorizationConfig: { accessPointId: fsap-1 } } }] } }",
        ),
        of_service(
            "a deployment that cannot begin",
            "override: { service: { deploymentConfiguration: { maximumPercent: 100 } } }",
        ),
        of_service(
            "zones rebalanced without room",
            "override: { service: { availabilityZoneRebalancing: ENABLED, deploymentConfiguration: { maximumPercent: 100, minimumHealthyPercent: 50 } } }",
        ),
        of_service(
            "more memory reserved than there is",
            "override: { container: { memoryReservation: 1024 } }",
        ),
        of_service(
            "volumes that are made by ECS",
            "override: { task_definition: { volumes: [{ name: data, configuredAtLaunch: true }] } }",
        ),
        of_service(
            "a container's check that takes too long",
            "health: { command: [/app, health], timeout: 90s, interval: 2m }",
        ),
        of_service(
            "a task definition that is too large",
            &format!("environment: {{ A: {}, B: {} }}", "x".repeat(40_000), "y".repeat(30_000)),
        ),
    ]
}

fn chains() -> Vec<Case> {
    vec![
        files(
            "extends a file that is not there",
            &[("prod", "extends: bsae.yaml\n"), ("base", "project: shop\n")],
        ),
        files("extends itself", &[("prod", "extends: prod.yaml\n")]),
        files(
            "extends in a circle",
            &[
                ("prod", "extends: a.yaml\n"),
                ("a", "extends: b.yaml\n"),
                ("b", "extends: a.yaml\n"),
            ],
        ),
        files("extends outside the folder", &[("prod", "extends: ../secret.yaml\n")]),
        files("extends without the ending", &[("prod", "extends: base\n"), ("base", &service(""))]),
        files(
            "wrong in both files",
            &[("prod", "extends: base.yaml\nprotect: maybe\n"), ("base", &service("cpu: 1"))],
        ),
        files(
            "broken base",
            &[("prod", "extends: base.yaml\nprotect: maybe\n"), ("base", "project: {\n")],
        ),
        files(
            "image over the base's build",
            &[
                ("prod", "extends: base.yaml\nservices: { web: { image: 'web:2' } }\n"),
                (
                    "base",
                    &service("").replace(
                        "image: ghcr.io/acme/web:1.4.2",
                        "build: { dockerfile: Dockerfile }",
                    ),
                ),
            ],
        ),
        files("no such environment", &[("base", "project: shop\n"), ("production", &service(""))]),
    ]
}
