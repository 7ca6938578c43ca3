//! The suites: which trials are made, of all that could be.

use serde::{Deserialize, Serialize};

use crate::cases::{Life, at_every_call, lives};
use crate::chance::Chance;
use crate::emulator::Kind;
use crate::stage::Reference;
use crate::trial::{How, Trial, Verb};
use crate::writers::SCENARIOS;

/// Create actions whose first answer is lost, one at a time: those of Terraform's measurement, and the stack's others.
pub const CREATES: [&str; 20] = [
    "ec2.CreateVpc",
    "ec2.CreateSubnet",
    "ec2.CreateInternetGateway",
    "ec2.AllocateAddress",
    "ec2.CreateNatGateway",
    "ec2.CreateRouteTable",
    "ec2.CreateSecurityGroup",
    "ec2.CreateVpcEndpoint",
    "ec2.AssociateRouteTable",
    "elasticloadbalancing.CreateLoadBalancer",
    "elasticloadbalancing.CreateTargetGroup",
    "elasticloadbalancing.CreateListener",
    "elasticloadbalancing.CreateRule",
    "ecs.CreateCluster",
    "ecs.RegisterTaskDefinition",
    "ecs.CreateService",
    "iam.CreateRole",
    "logs.CreateLogGroup",
    "ecr.CreateRepository",
    "secretsmanager.CreateSecret",
];

/// What goes wrong at random, together and alone.
const FAULTS: [&str; 6] = [
    "throttle:20%",
    "500:5%,503:5%",
    "pages:2",
    "stale:20%",
    "buckets,fresh",
    "throttle:10%,500:3%,503:3%,slow:5%/100,stale:10%,pages:2",
];

/// Faults without those that come of the strict cloud's own model, where it is not there.
fn faults(kind: Kind) -> Vec<String> {
    let here = |fault: &&str| {
        kind == Kind::Ministack
            || !["stale", "fresh", "buckets"].iter().any(|name| fault.starts_with(name))
    };
    let all = FAULTS.map(|faults| faults.split(',').filter(here).collect::<Vec<_>>().join(","));
    all.into_iter().filter(|faults| !faults.is_empty()).collect()
}

/// Whether a command takes long enough for a second writer to come: a change has little to write, and so has a deploy,
/// which takes its time only where tasks do.
fn writers_meet(verb: Verb, on: Kind) -> bool {
    match verb {
        Verb::Up | Verb::Destroy => true,
        Verb::Deploy => on == Kind::Ministack,
        Verb::Change => false,
    }
}

/// One kind of disturbance, tried in many places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Suite {
    Kills,
    Cuts,
    Creates,
    Faults,
    Cancels,
    Expiry,
    Writers,
}

impl Suite {
    /// The short ones first.
    pub const ALL: [Self; 7] = [
        Self::Creates,
        Self::Faults,
        Self::Cancels,
        Self::Expiry,
        Self::Writers,
        Self::Cuts,
        Self::Kills,
    ];

    /// Virtual seconds per real second. Slower where seconds of the tool's own are to be felt, and on moto, which has
    /// no durations to be shortened and takes its time to answer: a heartbeat must get through within a lease.
    #[must_use]
    pub fn scale(self, on: Kind) -> f64 {
        match (on, self) {
            (Kind::Moto, _) => 10.0,
            (_, Self::Cancels | Self::Writers) => 25.0,
            _ => 60.0,
        }
    }

    /// All of it: every call, and `seeds` tries of what is random.
    #[must_use]
    pub fn full(self, reference: &Reference, seeds: u64) -> Vec<Life> {
        let hows: &[How] = match self {
            Self::Kills => &[How::Kill { after: false }, How::Kill { after: true }],
            Self::Cuts => &[How::Cut { after: true }],
            Self::Creates => {
                let trial =
                    |create: &str| Trial::new(Verb::Up, How::CutTwice, format!("{create}@1"));
                let gone = || Trial::new(Verb::Destroy, How::Faults, "");
                let made = |create: &&str| reference.calls[&Verb::Up].contains_key(*create);
                let creates = CREATES.into_iter().filter(made);
                return creates.map(|create| Life(vec![trial(create), gone()])).collect();
            }
            _ => return lives(self.random(reference, seeds)),
        };
        let every = |verb| at_every_call(reference, verb, hows);
        lives(Verb::ALL.into_iter().flat_map(every).collect())
    }

    /// A few of them, by seed.
    #[must_use]
    pub fn sample(self, reference: &Reference, seed: u64, most: usize) -> Vec<Life> {
        let mut chance = Chance::new(seed);
        if self == Self::Creates {
            return chance.some(self.full(reference, 1), most);
        }
        let mut trials = Vec::new();
        for verb in Verb::ALL {
            let all = self.full(reference, 1).into_iter().flat_map(|life| life.0);
            trials.extend(chance.some(all.filter(|trial| trial.verb == verb).collect(), most));
        }
        lives(trials)
    }

    fn random(self, reference: &Reference, seeds: u64) -> Vec<Trial> {
        let mut trials = Vec::new();
        for verb in Verb::ALL {
            let milliseconds = reference.takes(verb, self.scale(reference.kind));
            let mutating: u64 = reference.calls[&verb].values().sum();
            for seed in 0..seeds {
                let mut chance = Chance::new(seed << 8 | self as u64);
                let mut add = |how, at: String| trials.push(Trial::new(verb, how, at));
                match self {
                    Self::Faults => {
                        for faults in faults(reference.kind) {
                            add(How::Faults, format!("{faults} seed {seed}"));
                        }
                    }
                    Self::Cancels => {
                        add(How::Cancel, chance.below(milliseconds).to_string());
                        add(How::InterruptTwice, chance.below(milliseconds).to_string());
                    }
                    Self::Expiry => {
                        add(How::Expire, (1 + chance.below(mutating * 3 / 4)).to_string());
                    }
                    Self::Writers if writers_meet(verb, reference.kind) => {
                        for scenario in SCENARIOS {
                            let calls = (mutating / 3).min(10) + chance.below(mutating / 3);
                            add(How::Writers, format!("{scenario} {calls}"));
                        }
                    }
                    _ => {}
                }
            }
        }
        trials
    }
}

impl std::fmt::Display for Suite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Kills => "kills",
            Self::Cuts => "cuts",
            Self::Creates => "creates",
            Self::Faults => "faults",
            Self::Cancels => "cancels",
            Self::Expiry => "expiry",
            Self::Writers => "writers",
        })
    }
}

impl std::str::FromStr for Suite {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = Self::ALL.map(|suite| suite.to_string()).join(", ");
        let found = Self::ALL.into_iter().find(|suite| suite.to_string() == text);
        found.ok_or_else(|| format!("one of {names}"))
    }
}
