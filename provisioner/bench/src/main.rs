//! `bench`: a plan, an `up` and a `destroy` of prod by the tool's own binary, in front of an emulator
//! that takes its time, next to what Terraform takes for the same stack.

mod bar;
mod cloud;
mod measure;
mod shop;
mod table;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use crate::bar::bars;
use crate::cloud::Cloud;
use crate::measure::Measured;
use crate::shop::Shop;
use crate::table::Table;

type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

/// How often the plan is made: the median counts.
const PLANS: usize = 5;

/// Measures the tool against the bar.
#[derive(Parser)]
#[command(after_help = "Example: scripts/bench --services 1 --operations")]
struct Args {
    /// The tool's binary: the one beside this program, unless said otherwise.
    #[arg(long)]
    provisioner: Option<PathBuf>,
    /// The binary whose size is measured: `release/provisioner` in the target folder, if it is there.
    #[arg(long)]
    shipped: Option<PathBuf>,
    /// How many services the environment has: `1`, `10`, or both.
    #[arg(long, value_delimiter = ',', default_value = "1,10")]
    services: Vec<usize>,
    /// Milliseconds added to every call.
    #[arg(long, default_value_t = 30)]
    delay: u64,
    /// Also prints how often each operation was called.
    #[arg(long)]
    operations: bool,
    /// Also prints when each call came, and how long its answer took.
    #[arg(long)]
    timeline: bool,
}

/// The three commands that are measured, for one number of services.
struct Round {
    services: usize,
    up: Measured,
    plan: Measured,
    destroy: Measured,
}

impl Round {
    fn commands(&self) -> [(&'static str, &Measured); 3] {
        [("up", &self.up), ("plan", &self.plan), ("destroy", &self.destroy)]
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Args::parse()).await {
        Ok(text) => say(&text),
        Err(error) => {
            say(&format!("bench: {error}"));
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

#[expect(clippy::print_stdout, reason = "this is the place that prints")]
fn say(text: &str) {
    println!("{text}");
}

async fn run(args: &Args) -> Result<String> {
    let here = std::env::current_exe()?;
    let target = here.parent().and_then(Path::parent).unwrap_or(Path::new("target"));
    let program = args.provisioner.clone().unwrap_or_else(|| here.with_file_name("provisioner"));
    let shipped = args.shipped.clone().unwrap_or_else(|| target.join("release/provisioner"));
    let mut table = Table::default();
    let mut operations = String::new();
    for services in &args.services {
        let delay = Duration::from_millis(args.delay);
        let round = round(&program, &target.join("bench-venv"), *services, delay).await?;
        for bar in bars().iter().filter(|bar| bar.services == *services) {
            table.add(bar, &round);
        }
        if args.operations {
            operations += &table::operations(&round);
        }
        if args.timeline {
            operations += &table::timeline(&round);
        }
    }
    table.add_size(std::fs::metadata(&shipped).ok().map(|file| file.len()));
    Ok(format!("{table}{operations}"))
}

/// An environment's life in an empty account.
async fn round(program: &Path, venv: &Path, services: usize, delay: Duration) -> Result<Round> {
    let cloud = Cloud::start(venv, delay).await?;
    // MiniStack loads each of its services at the first call, which takes it seconds in all: another
    // project has that behind it, and leaves nothing.
    let first = Shop::with(program, "first", 1, &cloud)?;
    first.set_secrets()?;
    first.measure(&cloud, &["up", "--yes"]).await?;
    first.measure(&cloud, &["destroy", "--yes", "--state"]).await?;
    let shop = Shop::with(program, "payments", services, &cloud)?;
    shop.set_secrets()?;
    let up = shop.measure(&cloud, &["up", "--yes"]).await?;
    let mut plans = Vec::new();
    for _ in 0..PLANS {
        plans.push(shop.measure(&cloud, &["plan"]).await?);
    }
    plans.sort_by_key(|plan| plan.wall);
    let plan = plans.swap_remove(PLANS / 2);
    let destroy = shop.measure(&cloud, &["destroy", "--yes"]).await?;
    cloud.stop().await;
    Ok(Round { services, up, plan, destroy })
}
