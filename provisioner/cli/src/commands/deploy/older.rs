//! Approvals that come late: the job of an older commit may be let go after that of a newer one.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::failure::{Code, Failure};
use crate::release::{Author, Release, Releases, What};
use crate::report;
use crate::run::LockedRun;

/// How one commit stands to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// It came before the other one.
    Older,
    NotOlder,
    /// There is no repository here, or not with both commits.
    Unknown,
}

/// Refuses to let an older commit take over from a newer one. Only a pipeline says which commit it ships.
pub(super) async fn refuse(run: &LockedRun<'_>, service: &str) -> Result<(), Failure> {
    let session = run.session;
    let Some(mine) = Author::here("", None).commit else { return Ok(()) };
    let all = Releases::of(session.objects(&run.aws), service).all().await?;
    let Some((number, runs)) = running(&all).filter(|(_, runs)| *runs != mine) else {
        return Ok(());
    };
    match compare(&session.project.root, &mine, runs) {
        Order::NotOlder => Ok(()),
        Order::Unknown => {
            report::note(&format!(
                "not compared: the commits {} and {} (of release {number}) are not both in a repository here; \
                 a shallow clone has one (actions/checkout: `fetch-depth: 0`)",
                brief(&mine),
                brief(runs)
            ));
            Ok(())
        }
        Order::Older => {
            let message = format!(
                "the commit {} is older than {}, which release {number} of {service} brought",
                brief(&mine),
                brief(runs)
            );
            Err(Failure::new(Code::Refused, message)
                .hint("if it is meant to replace the newer one: --older"))
        }
    }
}

/// The release that runs, by its number, and the commit that it came from.
fn running(all: &[Release]) -> Option<(u32, &str)> {
    let good = all.iter().rev().find(|one| one.is_good())?;
    // Whoever goes back brings the commit of the release that is gone back to.
    let mut source = good;
    while let What::Rollback(to) = source.started.what {
        source = all.iter().find(|one| one.started.number == to && to < source.started.number)?;
    }
    Some((good.started.number, source.started.author.commit.as_deref()?))
}

fn compare(folder: &Path, mine: &str, runs: &str) -> Order {
    let is_hash = |commit: &str| commit.len() >= 7 && commit.bytes().all(|b| b.is_ascii_hexdigit());
    if !is_hash(mine) || !is_hash(runs) {
        return Order::Unknown;
    }
    let mut git = Command::new("git");
    git.arg("-C").arg(folder).args(["merge-base", "--is-ancestor", mine, runs]);
    let ended = git.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    match ended.ok().and_then(|status| status.code()) {
        Some(0) => Order::Older,
        Some(1) => Order::NotOlder,
        // Anything else is an error, such as an unknown commit (git-merge-base's manual).
        _ => Order::Unknown,
    }
}

fn brief(commit: &str) -> &str {
    commit.get(..7).unwrap_or(commit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn git(folder: &Path, arguments: &[&str]) -> String {
        let mut git = Command::new("git");
        git.arg("-C").arg(folder).args(["-c", "user.name=t", "-c", "user.email=t@example.com"]);
        let output = git.args(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    #[test]
    fn git_tells_which_commit_is_older() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        git(path, &["init", "--quiet"]);
        let commit = || {
            git(path, &["commit", "--quiet", "--allow-empty", "--message", "one"]);
            git(path, &["rev-parse", "HEAD"])
        };
        let (first, second) = (commit(), commit());
        assert_eq!(compare(path, &first, &second), Order::Older);
        assert_eq!(compare(path, &second, &first), Order::NotOlder);
        assert_eq!(compare(path, &"0".repeat(40), &first), Order::Unknown);
        assert_eq!(compare(path, "--help", &first), Order::Unknown);
        assert_eq!(compare(&std::env::temp_dir().join("no-such"), &first, &second), Order::Unknown);
    }
}
