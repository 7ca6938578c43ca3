//! Files that are no environment at all: there is a complaint with a place, never a panic.

use proptest::prelude::*;
use stack::environment::Complaints;

use crate::files::{prod, service};

const GOOD: &str = include_str!("../../../../environments/prod.yaml");
const BASE: &str = include_str!("../../../../environments/base.yaml");

fn check(result: Result<stack::environment::Loaded, Complaints>) {
    match result {
        Ok(loaded) => {
            assert!(!loaded.config().is_empty());
            assert!(loaded.config_json().is_object());
        }
        Err(complaints) => {
            assert!(complaints.fatal());
            for complaint in &complaints.0 {
                assert!(
                    complaint.line > 0 && complaint.column > 0 && !complaint.help.is_empty(),
                    "{complaint:?}"
                );
                assert!(!complaint.help.contains("please report it"), "{complaint:?}");
            }
            assert!(!complaints.render(true).is_empty());
        }
    }
}

/// One place of a text replaced by something else.
fn mutated(text: &str, place: usize, length: usize, other: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let start = place % (characters.len() + 1);
    let end = (start + length).min(characters.len());
    let keep = |range: &[char]| range.iter().collect::<String>();
    keep(&characters[..start]) + other + &keep(&characters[end..])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text(text in any::<String>()) {
        check(prod(&[("prod", &text)]));
    }

    #[test]
    fn a_good_file_with_a_hole(
        place in 0_usize..5000,
        length in 0_usize..30,
        other in "[ \\n:{}\\[\\]\"'&*!|>#a-z0-9/.,~-]{0,8}",
        in_base in any::<bool>(),
    ) {
        let wrong = mutated(if in_base { BASE } else { GOOD }, place, length, &other);
        let (base, good) = if in_base { (wrong.as_str(), GOOD) } else { (BASE, wrong.as_str()) };
        check(prod(&[("base", base), ("prod", good)]));
    }

    #[test]
    fn any_value_for_any_field(
        field in prop::sample::select(vec![
            "image", "build", "port", "command", "cpu", "memory", "architecture", "environment", "secrets", "health",
            "replicas", "route", "deregistration", "stop", "data", "migration", "probe", "permissions", "override",
        ]),
        value in prop::sample::select(vec![
            "[]", "{}", "~", "''", "0", "-1", "99999999999999999999", "1.5", ".nan", "true", "text", "[~]", "[[]]", "{a: {b: ~}}",
            "[{actions: ~}]", "[{actions: [a], resources: [b]}]", "{path: ~}", "{min: ~}", "{max: 1}", "{command: []}", "{generate: 3}",
            "{container: ~, service: {volumes: []}}", "{binary: a, dockerfile: b}", "{path: [], host: ''}", "\"\\u0000\"", "é",
        ]),
    ) {
        check(prod(&[("prod", &format!("{field}: {value}\n"))]));
        check(prod(&[("prod", &service(&format!("{field}: {value}")))]));
        let base = service("");
        let over = format!("extends: base.yaml\nservices: {{ web: {{ {field}: {value} }} }}\n");
        check(prod(&[("base", &base), ("prod", &over)]));
    }
}

/// Deep nesting and aliases that multiply end in a complaint, not in a full stack or memory.
#[test]
fn bombs() {
    check(prod(&[("prod", &"[".repeat(100_000))]));
    check(prod(&[("prod", &"{a: ".repeat(100_000))]));
    check(prod(&[(
        "prod",
        &(0..100_000).map(|depth| format!("{}a:\n", " ".repeat(depth % 500))).collect::<String>(),
    )]));
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let before = format!("*a{}", level - 1);
        text += &format!("a{level}: &a{level} [{}]\n", vec![before; 10].join(", "));
    }
    check(prod(&[("prod", &text)]));
    let chain = |level: usize| format!("a{}: &a{} [*a{level}]\n", level + 1, level + 1);
    check(prod(&[(
        "prod",
        &("a0: &a0 x\n".to_owned() + &(0..500).map(chain).collect::<String>()),
    )]));
    check(prod(&[("prod", "a: &a [*a]\n")]));
    check(prod(&[("prod", "<<: *x\n")]));
    check(prod(&[("prod", "? [a, b]\n: c\n")]));
    check(prod(&[("prod", "\u{feff}project: shop\r\nregion: \u{85}x\r\n")]));
}
