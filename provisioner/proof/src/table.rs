//! The results as a page of the repository.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::emulator::Kind;
use crate::finding::Finding;
use crate::makespan::Makespan;
use crate::stage::Reference;
use crate::suite::Suite;
use crate::trial::Verb;

/// Everything that a page shows.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Results {
    pub reference: Reference,
    pub findings: Vec<(Suite, Vec<Finding>)>,
    pub makespans: Vec<Makespan>,
}

impl Results {
    /// Puts what a suite found in place of what it found before.
    pub fn put(&mut self, suite: Suite, findings: Vec<Finding>) {
        self.findings.retain(|(other, _)| *other != suite);
        self.findings.push((suite, findings));
        self.findings.sort_by_key(|(suite, _)| Suite::ALL.iter().position(|other| other == suite));
    }

    /// The page, in Markdown: what was found here, and what the page before says of the other emulator.
    #[must_use]
    pub fn page(&self, before: &str) -> String {
        let (first, second) = before.split_at(before.find(MOTO_TITLE).unwrap_or(before.len()));
        let mut own = String::new();
        if self.write(&mut own).is_err() {
            return before.to_owned();
        }
        match self.reference.kind {
            Kind::Ministack => [HEAD, &own, second].concat(),
            Kind::Moto => [first, MOTO_TITLE, MOTO_HEAD, &own].concat(),
        }
    }

    fn write(&self, page: &mut String) -> std::fmt::Result {
        self.calls(page)?;
        self.trials(page)?;
        self.creates(page)?;
        if self.makespans.is_empty() { Ok(()) } else { self.times(page) }
    }

    fn calls(&self, page: &mut String) -> std::fmt::Result {
        writeln!(page, "\n## Calls of a run that nobody disturbs\n")?;
        writeln!(
            page,
            "| Command | Calls | Changing | Changing calls by operation (without the lock's heartbeats) |"
        )?;
        writeln!(page, "| --- | ---: | ---: | --- |")?;
        for verb in Verb::ALL {
            let Some(calls) = self.reference.calls.get(&verb) else { continue };
            let beats = |name: &str| name == "dynamodb.UpdateItem";
            let own = calls.iter().filter(|(name, _)| !beats(name));
            let named: Vec<String> = own.clone().map(|(name, n)| format!("{name} {n}")).collect();
            let (total, sum) = (self.reference.total[&verb], own.map(|(_, n)| n).sum::<u64>());
            writeln!(page, "| {verb} | {total} | {sum} | {} |", named.join(", "))?;
        }
        Ok(())
    }

    fn trials(&self, page: &mut String) -> std::fmt::Result {
        writeln!(page, "\n## Trials\n")?;
        let columns =
            "Tried | Hit | Converged | Duplicates | Orphans | Missing | Violations of order";
        writeln!(page, "| Disturbance | Command | {columns} |")?;
        writeln!(page, "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")?;
        let mut rows: BTreeMap<(usize, String, Verb), Vec<&Finding>> = BTreeMap::new();
        for (n, (_, findings)) in self.findings.iter().enumerate() {
            for finding in findings {
                let key = (n, said(finding), finding.trial.verb);
                rows.entry(key).or_default().push(finding);
            }
        }
        for ((_, what, verb), findings) in &rows {
            row(page, &format!("{what} | {verb}"), findings)?;
        }
        let all: Vec<&Finding> = self.findings.iter().flat_map(|(_, findings)| findings).collect();
        row(page, "**all** | ", &all)?;
        let stalls: u32 = all.iter().map(|finding| finding.stalls).sum();
        writeln!(
            page,
            "\nRepeated because this machine stood still for longer than a compressed lease: {stalls}."
        )?;
        let unclean: Vec<&&Finding> = all.iter().filter(|finding| !finding.is_clean()).collect();
        if !unclean.is_empty() {
            writeln!(page, "\nNot clean:\n")?;
            unclean.iter().try_for_each(|finding| writeln!(page, "- {}", finding.line()))?;
        }
        Ok(())
    }

    fn creates(&self, page: &mut String) -> std::fmt::Result {
        let of = |suite| self.findings.iter().find(|(s, _)| *s == suite).map(|(_, f)| f);
        let Some(findings) = of(Suite::Creates) else { return Ok(()) };
        writeln!(
            page,
            "\n## The first answer of each create action lost, a second `up`, `destroy`\n"
        )?;
        writeln!(page, "| Call | After `up` twice |\n| --- | --- |")?;
        for finding in findings.iter().filter(|finding| finding.trial.verb == Verb::Up) {
            let line = finding.line();
            let verdict = line.strip_prefix(&format!("{}: ", finding.trial)).unwrap_or(&line);
            writeln!(page, "| {} | {verdict} |", finding.trial.at)?;
        }
        Ok(())
    }

    fn times(&self, page: &mut String) -> std::fmt::Result {
        writeln!(page, "\n## Time over the critical path of AWS's own durations\n")?;
        writeln!(
            page,
            "| Command | Took | Critical path | Ratio | Waiting | Calling | Computing (debug build) | Path |"
        )?;
        writeln!(page, "| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |")?;
        let share = |part: f64| format!("{:.0} %", part * 100.0);
        for m in &self.makespans {
            let (took, path, ratio) = (m.seconds, m.critical, m.ratio());
            let shares = [m.waiting, m.calling, m.computing].map(share).join(" | ");
            writeln!(
                page,
                "| {} | {took:.0} s | {path:.0} s | {ratio:.2} | {shares} | {} |",
                m.verb, m.chain
            )?;
        }
        Ok(())
    }
}

const HEAD: &str = "\
# What was tried

Written by `scripts/proof`; do not edit. The real tool, the environment `prod` (two tasks, an image built and pushed), a
change of the service's port (replaces target group and task definition) and a deploy of another build, in front of the
strict cloud and MiniStack. Disturbed is every changing call; to be killed at a read is to be killed between two of them.
\"Hit\" counts the disturbances that came about: a call that a run did not make this time cannot be hit. \"Converged\": the
command, or the same command once more, ended with 0, and `plan` found nothing to change. Duplicates, orphans and what is
missing are counted in the emulator's own lists, against those of a run that nobody disturbed, a deploy's revisions against
the tool's state; a release without its end counts as an orphan. Violations are by the auditor's rules.
";

/// Where moto's part begins.
const MOTO_TITLE: &str = "\n# The same on moto\n";

const MOTO_HEAD: &str = "
Another emulator, without the strict cloud's rules and durations: nobody judges the order here. Its registry takes no images,
so the service names one; the number of its tasks is scaled; no task starts, which the tool says of the service, and a
deploy is over before a second writer comes.
";

/// A disturbance as a row names it.
fn said(finding: &Finding) -> String {
    use crate::trial::How;
    let trial = &finding.trial;
    match trial.how {
        How::Faults if trial.at.is_empty() => {
            "nothing more, after a create's answer was lost".into()
        }
        How::Faults => format!("`{}`", trial.seeded().0),
        How::Writers => format!("writers: {}", trial.at.split(' ').next().unwrap_or_default()),
        _ => trial.how.to_string(),
    }
}

fn row(page: &mut String, name: &str, findings: &[&Finding]) -> std::fmt::Result {
    let sum = |of: fn(&Finding) -> usize| findings.iter().map(|finding| of(finding)).sum::<usize>();
    let cells = [
        findings.len(),
        sum(|f| usize::from(f.hit)),
        sum(|f| usize::from(f.stuck.is_none())),
        sum(|f| f.duplicates.len()),
        sum(|f| f.orphans.len()),
        sum(|f| f.missing.len()),
        sum(|f| f.violations.len()),
    ];
    writeln!(page, "| {name} | {} |", cells.map(|n| n.to_string()).join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_emulator_keeps_what_the_other_has_written() {
        let on = |kind, tried: usize| {
            use crate::trial::{How, Trial};
            let reference = Reference { kind, ..Reference::default() };
            let trial = Trial::new(Verb::Up, How::Cancel, "5");
            let findings = vec![(Suite::Cancels, vec![Finding::of(&trial); tried])];
            Results { reference, findings, makespans: Vec::new() }
        };
        let strict = on(Kind::Ministack, 11).page("");
        let both = on(Kind::Moto, 22).page(&strict);
        assert!(both.starts_with(&strict) && both.contains("| cancel | up | 22 |"), "{both}");
        let again = on(Kind::Ministack, 33).page(&both);
        assert!(again.contains("| 33 |") && again.contains("| 22 |"), "{again}");
        assert!(!again.contains("| 11 |"), "{again}");
        assert_eq!(on(Kind::Moto, 22).page(&again), again);
    }
}
