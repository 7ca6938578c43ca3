//! Wrong environment files and the complaints that they get.
//!
//! The table's snapshot is the list of complaints as a user reads them; the assertions hold for every one.

use std::fmt::Write as _;

use stack::environment::{Complaint, Complaints, Level, load};

use crate::files::{folder, service, top};

/// What is wrong, and the files: the environment is always `prod`.
type Case = (&'static str, Vec<(&'static str, String)>);

fn of_service(title: &'static str, lines: &str) -> Case {
    (title, vec![("prod", service(lines))])
}

fn of_top(title: &'static str, lines: &str) -> Case {
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

fn shape() -> Vec<Case> {
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

fn names() -> Vec<Case> {
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
        of_service("an empty migration", "migration: { command: [] }"),
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
        of_service("port out of range", "health: { path: /up }").replace_in("port: 8080", "port: 70000"),
        instead("a route without a port", "    port: 8080\n", ""),
        instead("a route without its slash", "\"/*\"", "api/*"),
        instead("a route with a space", "\"/*\"", "\"/a b\""),
        instead("a route that is too long", "\"/*\"", &format!("\"/{}\"", "a".repeat(128))),
        instead("too many paths", "\"/*\"", "[/a, /b, /c, /d, /e, /f]"),
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
        of_service("a variable with a hyphen", "environment: { LOG-LEVEL: info }"),
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

trait ReplaceIn {
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

fn cases() -> Vec<Case> {
    [shape(), names(), network(), running(), traffic(), variables(), chains()].concat()
}

/// What loading says, with the folder's name as in a repository.
fn complaints(files: &[(&str, String)], name: &str) -> Complaints {
    let files: Vec<(&str, &str)> =
        files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let folder = folder(&files);
    let path = folder.path().display().to_string();
    let plain = |text: &str| text.replace(&path, "environments");
    let complaints = match load(folder.path(), name) {
        Ok(loaded) => loaded.warnings,
        Err(complaints) => complaints,
    };
    let renamed = complaints.0.into_iter().map(|complaint| Complaint {
        file: plain(&complaint.file),
        message: plain(&complaint.message),
        help: plain(&complaint.help),
        related: complaint.related.map(|mut related| {
            related.file = plain(&related.file);
            related
        }),
        ..complaint
    });
    Complaints(renamed.collect())
}

#[test]
fn each_wrong_file_gets_its_complaint() {
    let mut text = String::new();
    for (title, files) in cases() {
        let complaints = complaints(&files, "prod");
        assert!(complaints.fatal(), "{title} is accepted");
        for complaint in &complaints.0 {
            let source = files
                .iter()
                .find(|(name, _)| complaint.file == format!("environments/{name}.yaml"));
            assert!(complaint.line > 0 && complaint.column > 0, "{title}");
            assert!(
                !complaint.message.is_empty() && !complaint.help.is_empty(),
                "{title}: {complaint:?}"
            );
            if let Some((_, source)) = source.filter(|_| !complaint.snippet.ends_with('…')) {
                let line = source.lines().nth(complaint.line - 1).unwrap_or_default();
                assert_eq!(complaint.snippet, line, "{title}");
            }
        }
        writeln!(text, "## {title}\n\n{}", complaints.render(false)).unwrap();
    }
    insta::assert_snapshot!(text);
}

#[test]
fn there_are_many_kinds_of_wrong() {
    let mut messages: Vec<String> = Vec::new();
    for (_, files) in cases() {
        messages
            .extend(complaints(&files, "prod").0.into_iter().map(|complaint| complaint.message));
    }
    messages.sort();
    messages.dedup();
    assert!(
        cases().len() > 90 && messages.len() > 90,
        "{} files, {} messages",
        cases().len(),
        messages.len()
    );
}

/// One file with an error of every layer: all of them at once, in the order of the file.
#[test]
fn all_complaints_come_at_once() {
    let lines = "prot: 1\ncpu: 300\nreplicas: { min: 3, max: 1 }\nhealth: { interval: 1s, codes: 99 }\nstop: 30\nsecrets: { A: nowhere }";
    let text = service(lines).replace("project: shop", "project: Shop")
        + "network: { cidr: 10.0.0.1/16 }\nprotect: 3\nprotect: 4\n";
    let complaints = complaints(&[("prod", text)], "prod");
    let places: Vec<_> =
        complaints.0.iter().map(|complaint| (complaint.line, complaint.column)).collect();
    assert_eq!(
        places,
        [
            (1, 10),
            (8, 5),
            (9, 10),
            (10, 30),
            (11, 25),
            (11, 36),
            (12, 11),
            (13, 19),
            (14, 18),
            (15, 10),
            (16, 1)
        ],
        "{complaints}"
    );
}

#[test]
fn base_and_misspelt_names_are_no_environments() {
    let files = [("base", service("")), ("prod", service(""))];
    let base = complaints(&files, "base");
    assert!(base.0.iter().any(|complaint| complaint.message == "`base` cannot be an environment"));
    let prd = complaints(&files, "prd");
    assert_eq!(prd.0[0].message, "there is no environments/prd.yaml");
    assert_eq!(prd.0[0].help, "did you mean `prod`?");
    let upper = complaints(&[("Prod_1", service(""))], "Prod_1");
    assert_eq!(upper.0[0].message, "`Prod_1` cannot be the environment's name");
}

/// What may be a secret is not repeated where complaints are printed and kept.
#[test]
fn a_value_that_looks_like_a_secret_is_masked() {
    let lines = "environment: { DB_PASSWORD: hunter2 }\nhealth: { interval: 1s }";
    let complaints = complaints(&[("prod", service(lines))], "prod");
    assert!(complaints.0.iter().any(|complaint| complaint.level == Level::Warning));
    assert!(!complaints.render(false).contains("hunter2"));
    assert!(!serde_json::to_string(&complaints).unwrap().contains("hunter2"));
}

#[test]
fn json_has_the_same_as_the_text() {
    let complaints = complaints(&[("prod", service("cpu: 300"))], "prod");
    insta::assert_json_snapshot!(complaints, @r#"
    [
      {
        "level": "error",
        "file": "environments/prod.yaml",
        "line": 8,
        "column": 10,
        "length": 3,
        "message": "`cpu` cannot be 300",
        "help": "use one of `256`, `512`, `1024`, `2048`, `4096`, `8192` or `16384`",
        "snippet": "    cpu: 300"
      }
    ]
    "#);
}

/// What an editor sees by the schema alone: everything that is wrong with the shape.
#[test]
fn the_schema_refuses_what_has_the_wrong_shape() {
    let validator = jsonschema::validator_for(&stack::environment::schema()).unwrap();
    let options = serde_yaml::options! { strict_booleans: true };
    let value = |text: &str| {
        serde_yaml::from_str_with_options::<serde_json::Value>(text, options.clone()).unwrap()
    };
    assert!(
        validator
            .is_valid(&value(&service("stop: 30s\nroute: /a").replace("    route: \"/*\"\n", "")))
    );
    let refused =
        shape().into_iter().take_while(|(title, _)| *title != "a required field is missing");
    // What takes more than a pattern to see, or what JSON cannot say.
    let beyond = [
        "a number with a leading zero",
        "yes for true",
        "a region that is not one",
        "a domain with a scheme",
        "a tag of AWS's",
    ];
    let mut count = 0;
    for (title, files) in refused.chain(names()).filter(|(title, _)| !beyond.contains(title)) {
        assert!(!validator.is_valid(&value(&files[0].1)), "{title}");
        count += 1;
    }
    assert!(count > 20);
}

#[test]
fn an_image_without_a_version_is_a_warning() {
    for image in ["nginx", "nginx:latest", "localhost:5000/nginx"] {
        let text = service("").replace("ghcr.io/acme/web:1.4.2", image);
        let complaints = complaints(&[("prod", text)], "prod");
        assert!(!complaints.fatal() && complaints.0.len() == 1, "{complaints}");
    }
    for image in [
        "nginx:1.27",
        "localhost:5000/a/b:v1",
        "123456789012.dkr.ecr.us-east-1.amazonaws.com/shop/web:1",
    ] {
        let text = service("").replace("ghcr.io/acme/web:1.4.2", image);
        assert_eq!(complaints(&[("prod", text)], "prod").0, []);
    }
}
