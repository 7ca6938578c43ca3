//! Two who want to write at once: one waits, is paused, is robbed of its lock, or has a clock that is wrong.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;
use strict::Call;

use crate::stage::Stage;
use crate::tool::{Ended, Started};
use crate::trial::Verb;
use crate::wire::KEY;
use crate::{Error, Result};

/// The second writer's credentials: the log tells the two apart by them.
const SECOND: &str = "AKIAPROOF00000000002";

/// Exit codes of the tool: the lock is somebody else's; it was lost on the way.
const LOCKED: i32 = 5;
const FENCED: i32 = 8;

/// The lease of a silent holder, in virtual seconds.
const LEASE: f64 = 30.0;

/// What is tried, by name.
pub const SCENARIOS: [&str; 5] = ["contention", "paused", "outlived", "forced", "skewed"];

/// Plays a scenario, given as a name and how many mutating calls the first writer makes before it begins
/// (`paused 20`). Returns what was not as it must be.
pub async fn run(stage: &Stage<'_>, verb: Verb, scenario: &str) -> Result<Option<String>> {
    let (name, calls) = scenario.split_once(' ').unwrap_or((scenario, "20"));
    let calls: usize =
        calls.parse().map_err(|_| Error::Tool(format!("`{scenario}`: how many calls?")))?;
    let from = stage.cloud.calls().last().map_or(0, |call| call.seq);
    let mut first = stage.begin(verb).await?;
    let two = Two { stage, verb, from };
    // In an empty account it makes bucket and table before it has the lock.
    let has_lock = |made: &[Call]| {
        made.iter().any(|call| call.operation == "UpdateItem" && call.took_effect())
    };
    let enough =
        |made: &[Call]| has_lock(made) && made.iter().filter(|call| call.mutating).count() >= calls;
    if !two.until(&mut first, enough).await {
        let ended = first.end().await?;
        return Ok(wrong(false, "there is time for a second writer", &ended));
    }
    match name {
        "contention" => two.contention(first).await,
        "paused" => two.paused(first, false).await,
        "outlived" => two.paused(first, true).await,
        "forced" => two.forced(first).await,
        "skewed" => two.skewed(first).await,
        _ => Err(Error::Tool(format!("`{name}` is none of {}", SCENARIOS.join(", ")))),
    }
}

struct Two<'a> {
    stage: &'a Stage<'a>,
    verb: Verb,
    /// The last call before either of them.
    from: u64,
}

impl Two<'_> {
    /// One is at work: the second is told so, or waits and then finds nothing to do.
    async fn contention(&self, first: Started) -> Result<Option<String>> {
        let refused = self.second(false).await?.end().await?;
        let waiting = self.second(true).await?;
        let first = first.end().await?;
        let waited = waiting.end().await?;
        Ok(wrong(refused.code == Some(LOCKED), "who does not wait is refused", &refused)
            .or_else(|| wrong(first.done(), "the first ends its work", &first))
            .or_else(|| wrong(waited.done(), "who waits comes next", &waited)))
    }

    /// The holder stands still for longer than its lease, and wakes up while another is at work or when that one
    /// has ended.
    async fn paused(&self, first: Started, outlived: bool) -> Result<Option<String>> {
        first.signal(Signal::STOP);
        let mut second = self.second(true).await?;
        let at_work = |call: &Call| {
            call.principal == SECOND
                && call.mutating
                && call.service != "dynamodb"
                && call.status > 0
        };
        let second = if outlived {
            Err(second.end().await?)
        } else {
            // Or until it has ended, when it finds that there is nothing to do.
            self.until(&mut second, |calls| calls.iter().any(at_work)).await;
            Ok(second)
        };
        let woken = self.stage.cloud.calls().last().map_or(0, |call| call.seq);
        first.signal(Signal::CONT);
        let first = first.end().await?;
        let second = match second {
            Ok(at_work) => at_work.end().await?,
            Err(ended) => ended,
        };
        let calls = self.stage.cloud.calls();
        // Its heart's own beats are refused by the lock's row, and so is a state by its version.
        let late: Vec<String> = calls
            .iter()
            .filter(|call| call.seq > woken && call.principal == KEY && call.mutating)
            .filter(|call| call.service != "dynamodb" && call.took_effect())
            .map(|call| format!("{}.{}", call.service, call.operation))
            .collect();
        if late.len() > 1 {
            return Ok(Some(format!("the woken holder changed more: {}", late.join(", "))));
        }
        // Who had written nothing yet may find that there is nothing left to do.
        let is_told = first.code == Some(FENCED) || first.done() && late.is_empty();
        Ok(wrong(is_told, "the woken holder sees that it lost the lock", &first)
            .or_else(|| wrong(second.done(), "the second ends its work", &second)))
    }

    /// Somebody breaks the lock of one that lives.
    async fn forced(&self, first: Started) -> Result<Option<String>> {
        let refused = self.second(false).await?.end().await?;
        let fence = refused.err.split_once("--fence ").map_or("", |(_, fence)| fence);
        let fence: String = fence.chars().take_while(char::is_ascii_digit).collect();
        let unlock = ["state", "unlock", "--env", "prod", "--fence", &fence];
        let unlocked = self.stage.start(&unlock, SECOND).await?.end().await?;
        let second = self.second(true).await?;
        let (first, second) = (first.end().await?, second.end().await?);
        Ok(wrong(refused.code == Some(LOCKED), "the refusal shows the fence", &refused)
            .or_else(|| wrong(unlocked.done(), "the lock breaks", &unlocked))
            .or_else(|| wrong(first.code == Some(FENCED), "the holder stops", &first))
            .or_else(|| wrong(second.done(), "the second ends its work", &second)))
    }

    /// The holder's clock is an hour off, in both directions; at last it dies.
    async fn skewed(&self, first: Started) -> Result<Option<String>> {
        for hours in [1, -1] {
            self.shift(hours).await?;
            let refused = self.second(false).await?.end().await?;
            if let Some(why) =
                wrong(refused.code == Some(LOCKED), "a living holder keeps its lock", &refused)
            {
                return Ok(Some(why));
            }
        }
        first.signal(Signal::KILL);
        first.end().await?;
        self.shift(-1).await?;
        let from = self.stage.cloud.clock().now();
        let second = self.second(true).await?.end().await?;
        let calls = self.stage.cloud.calls();
        let taken = calls.iter().find(|call| {
            call.clock >= from && call.principal == SECOND && call.mutating && call.took_effect()
        });
        let early = taken.is_some_and(|call| call.clock - from < LEASE);
        if early {
            return Ok(Some("it was taken over before it had been watched for a lease".into()));
        }
        Ok(wrong(second.done(), "the lock of the dead is taken over", &second))
    }

    async fn second(&self, waits: bool) -> Result<Started> {
        let arguments = self.verb.arguments();
        let arguments = if waits { arguments } else { &arguments[..arguments.len() - 2] };
        self.stage.start(arguments, SECOND).await
    }

    /// Waits for calls, as long as a command may take and this one runs. Returns whether they came.
    async fn until(&self, running: &mut Started, seen: impl Fn(&[Call]) -> bool) -> bool {
        for _ in 0..6000 {
            let runs = running.runs();
            let mut calls = self.stage.cloud.calls();
            calls.retain(|call| call.seq > self.from);
            if seen(&calls) {
                return true;
            }
            if !runs {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        false
    }

    /// Moves every time of day in the lock's row, and nothing else of it: its holder goes on writing.
    async fn shift(&self, hours: i64) -> Result<()> {
        let wire = self.stage.site.emulator.wire();
        let call = |operation: &str| format!("DynamoDB_20120810.{operation}");
        let tables = wire.json("dynamodb", &call("ListTables"), &json!({})).await?;
        for table in tables["TableNames"].as_array().into_iter().flatten() {
            let named = json!({ "TableName": table });
            let told = wire.json("dynamodb", &call("DescribeTable"), &named).await?;
            let key = told["Table"]["KeySchema"][0]["AttributeName"].as_str().unwrap_or_default();
            let found = wire.json("dynamodb", &call("Scan"), &named).await?;
            for item in found["Items"].as_array().into_iter().flatten() {
                for (name, value) in item.as_object().into_iter().flatten() {
                    let text = value["S"].as_str().unwrap_or_default();
                    let Ok(time) = text.parse::<jiff::Timestamp>() else { continue };
                    let moved = (time + jiff::SignedDuration::from_hours(hours)).to_string();
                    let update = json!({
                        "TableName": table,
                        "Key": { key: item[key] },
                        "UpdateExpression": "SET #time = :moved",
                        "ExpressionAttributeNames": { "#time": name },
                        "ExpressionAttributeValues": { ":moved": { "S": moved } },
                    });
                    wire.json("dynamodb", &call("UpdateItem"), &update).await?;
                }
            }
        }
        Ok(())
    }
}

fn wrong(is_right: bool, what: &str, ended: &Ended) -> Option<String> {
    (!is_right).then(|| format!("not so: {what}: {}", ended.last_words()))
}
