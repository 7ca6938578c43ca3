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
    assert_eq!(subject(0), "repo:acme@12/shop@345:pull_request");
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
