//! The table of rules in the README is the table of rules in the code. `UPDATE=1` writes it.

use std::fmt::Write as _;
use std::path::Path;

use explain::rule::Place;
use explain::rules::TABLES;
use serde::Serialize;

const BEGIN: &str = "<!-- rules -->\n";
const END: &str = "<!-- end of rules -->\n";

fn word(value: impl Serialize) -> String {
    serde_json::to_value(value).unwrap().as_str().unwrap().into()
}

fn table() -> String {
    let mut rows: Vec<(u8, String)> = Vec::new();
    for (stage, rules) in TABLES {
        for rule in *rules {
            let mut places: Vec<Place> = Vec::new();
            for place in rule.when.iter().flat_map(|signs| *signs).flat_map(|sign| sign.places) {
                if !places.contains(place) {
                    places.push(*place);
                }
            }
            let places: Vec<String> = places.into_iter().map(word).collect();
            let id =
                rule.doc.map_or_else(|| rule.id.into(), |page| format!("[{}]({page})", rule.id));
            let cause = rule.cause.last().unwrap().text;
            let line = format!(
                "| {} | {id} | {} | {} | {} | {cause} |",
                rule.row,
                word(stage),
                word(rule.rank),
                places.join(", "),
            );
            rows.push((rule.row, line));
        }
    }
    rows.sort_by_key(|(row, _)| *row);
    let mut table = String::from(
        "| Row | Rule | Stage | Rank | Shows in | Cause |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    for (_, line) in rows {
        writeln!(table, "{line}").unwrap();
    }
    table
}

#[test]
fn the_readme_lists_every_rule() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let wanted = format!("{before}{BEGIN}{}{END}{after}", table());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap();
    assert!(found == wanted, "run UPDATE=1 cargo test -p explain");
}
