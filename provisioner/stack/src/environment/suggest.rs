//! The words around a wrong name: what was probably meant, and what there is.

/// What other tools call the same, and no likeness of letters would find.
const SYNONYMS: [(&str, &str); 8] = [
    ("aarch64", "arm64"),
    ("amd64", "x86_64"),
    ("x64", "x86_64"),
    ("count", "replicas"),
    ("dockerfile", "build"),
    ("ram", "memory"),
    ("scale", "replicas"),
    ("vars", "environment"),
];

/// `did you mean ...?`, when one of the known names is close.
#[must_use]
pub fn did_you_mean(name: &str, known: &[String]) -> Option<String> {
    let synonym = SYNONYMS.iter().find(|(other, ours)| {
        name.eq_ignore_ascii_case(other) && known.iter().any(|known| known == ours)
    });
    if let Some((_, ours)) = synonym {
        return Some(format!("did you mean `{ours}`?"));
    }
    let score = |known: &str| strsim::jaro_winkler(&name.to_lowercase(), known);
    let best = known.iter().max_by(|a, b| score(a).total_cmp(&score(b)))?;
    (score(best) > 0.8).then(|| format!("did you mean `{best}`?"))
}

/// `a`, `b` and `c`.
#[must_use]
pub fn listed<T: AsRef<str>>(names: &[T], joint: &str) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{}`", name.as_ref())).collect();
    match quoted.split_last() {
        None => "none".to_owned(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} {joint} {last}", rest.join(", ")),
    }
}
