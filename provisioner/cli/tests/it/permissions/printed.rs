//! What `iam` prints.

use serde_json::Value;

use crate::support::Project;

const FILE: &str = "\
project: shop
region: eu-west-1
account: \"123456789012\"
services:
  api: { image: \"ghcr.io/acme/api:1.0\", port: 8000 }
";

/// Without credentials and without a call: every address leads nowhere.
fn project(file: &str) -> Project {
    let mut project = Project::with(&[("prod", file)]);
    project.set("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
    project.set("AWS_EC2_METADATA_DISABLED", "true");
    project
}

#[test]
fn an_account_in_the_file_is_all_that_it_needs() {
    let run = project(FILE).run(&["iam", "--json", "--repository", "acme@12/shop@345"]);
    assert_eq!(run.err, "", "{run:?}");
    let printed = run.json();
    let names: Vec<_> = printed["roles"].as_array().unwrap().iter().map(|r| &r["name"]).collect();
    assert_eq!(names, ["shop-prod-plan", "shop-prod-deploy", "shop-prod-up"]);
    let subject = |role: usize| {
        let trust = &printed["roles"][role]["trust"]["Statement"][0];
        let condition = &trust["Condition"]["StringEquals"];
        assert_eq!(
            trust["Principal"]["Federated"],
            "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
        );
        assert_eq!(condition["token.actions.githubusercontent.com:aud"], "sts.amazonaws.com");
        condition["token.actions.githubusercontent.com:sub"].clone()
    };
    let repository = "repo:acme@12/shop@345";
    let plan = [format!("{repository}:pull_request"), format!("{repository}:ref:refs/heads/main")];
    assert_eq!(subject(0), serde_json::json!(plan));
    assert_eq!(subject(1), "repo:acme@12/shop@345:environment:prod");
    assert_eq!(subject(2), "repo:acme@12/shop@345:environment:prod");
    // A role that could change itself would have every right.
    let up = &printed["roles"][2]["policies"].to_string();
    assert!(up.contains("arn:aws:iam::123456789012:role/shop-prod-eu-west-1-*"), "{up}");
    assert!(!up.contains("role/shop-prod-*") && !up.contains("role/*"), "{up}");
}

#[test]
fn what_is_not_known_stands_as_a_word_and_is_said() {
    let run =
        project(&FILE.replace("account: \"123456789012\"\n", "")).run(&["iam", "--role", "plan"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.err.contains("put it in place of ACCOUNT"), "{run:?}");
    assert!(run.err.contains("put it in place of OWNER/NAME"), "{run:?}");
    assert!(run.out.contains("repo:OWNER/NAME:pull_request"), "{run:?}");
    assert!(run.out.contains("repo:OWNER@OWNER_ID/NAME@REPOSITORY_ID:pull_request"), "{run:?}");
    assert!(run.err.contains("put them in place of OWNER_ID and REPOSITORY_ID"), "{run:?}");
    assert!(run.err.contains("gh api repos/OWNER/NAME"), "{run:?}");
    assert!(run.out.contains("arn:aws:ecs:eu-west-1:ACCOUNT:cluster/shop-prod"), "{run:?}");
    assert_eq!(run.out.matches("# trust policy").count(), 1);
    // Between the lines that begin with `#` are documents.
    for document in run.out.split("\n# ").filter_map(|part| part.split_once("\n{")) {
        let text = format!("{{{}", document.1);
        serde_json::from_str::<Value>(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
    }
}

/// Whoever plans looks up what the file's tags name.
#[test]
fn images_of_the_file_are_looked_up() {
    let image = "210987654321.dkr-ecr.us-gov-west-1.on.aws/shared/api:main";
    let file = FILE.replace("ghcr.io/acme/api:1.0", image);
    let printed = project(&file).run(&["iam", "--json", "--repository", "acme@12/shop@345"]).json();
    for role in printed["roles"].as_array().unwrap() {
        let policies = role["policies"].to_string();
        let arn = "arn:aws-us-gov:ecr:us-gov-west-1:210987654321:repository/shared/api";
        assert!(policies.contains(arn), "{policies}");
        assert!(policies.contains("ecr:GetAuthorizationToken"), "{policies}");
    }
}

/// Of the other environment only its releases and images, and only for who ships.
#[test]
fn promotion_reads_the_other_environment() {
    let project = project(FILE);
    let staging =
        FILE.replace("eu-west-1", "us-gov-west-1").replace("123456789012", "210987654321");
    project.write("environments/staging.yaml", &staging);
    let arguments = ["iam", "--json", "--env", "prod", "--repository", "acme@12/shop@345"];
    let roles = |more: &[&str]| {
        let printed = project.run(&[&arguments[..], more].concat()).json();
        let policies = printed["roles"].as_array().unwrap().iter();
        policies.map(|role| role["policies"].to_string()).collect::<Vec<_>>()
    };
    let (without, with) = (roles(&[]), roles(&["--from", "staging"]));
    let images = "ecr:us-gov-west-1:210987654321:repository/shop/staging/*";
    let releases = "/shop/staging/releases/*";
    assert!(without.iter().all(|role| !role.contains("staging")), "{without:?}");
    assert!(!with[0].contains("staging"), "{}", with[0]);
    for role in &with[1..] {
        assert!(role.contains(images) && role.contains(releases), "{role}");
    }
}

#[test]
fn a_repository_is_one() {
    let wrong = ["acme", "acme/*", "acme/shop/x", "*/shop", "acme/shop:ref"];
    let without_both_ids = ["acme@12/shop", "acme/shop@345", "acme@x/shop@345", "acme@12/shop@"];
    for wrong in wrong.into_iter().chain(without_both_ids) {
        let run = project(FILE).run(&["iam", "--repository", wrong]);
        assert_eq!(run.code, 1, "{run:?}");
        assert!(run.err.contains("OWNER/NAME") && run.out.is_empty(), "{run:?}");
    }
}
