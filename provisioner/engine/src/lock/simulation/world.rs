//! A world with one random order of events per seed: its own executor, its own time, processes that
//! freeze, and clocks that are wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::lock::Time;

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Handle to everything that happens.
#[derive(Clone)]
pub(super) struct World(Arc<Mutex<Events>>);

struct Events {
    now: Duration,
    rng: StdRng,
    timers: BTreeMap<(Duration, u64), Waker>,
    count: u64,
    born: Vec<Task>,
}

struct Ready {
    task: usize,
    queue: Arc<Mutex<BTreeSet<usize>>>,
}

impl Wake for Ready {
    fn wake(self: Arc<Self>) {
        self.queue.lock().unwrap().insert(self.task);
    }
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Events {
            now: Duration::ZERO,
            rng: StdRng::seed_from_u64(seed),
            timers: BTreeMap::new(),
            count: 0,
            born: Vec::new(),
        })))
    }

    fn events(&self) -> MutexGuard<'_, Events> {
        self.0.lock().unwrap()
    }

    pub(super) fn now(&self) -> Duration {
        self.events().now
    }

    /// True in `percent` of all cases.
    pub(super) fn chance(&self, percent: u32) -> bool {
        self.events().rng.random_range(0..100) < percent
    }

    pub(super) fn up_to(&self, most: Duration) -> Duration {
        let most = u64::try_from(most.as_millis()).unwrap();
        Duration::from_millis(self.events().rng.random_range(0..=most))
    }

    pub(super) fn pick(&self, choices: usize) -> usize {
        self.events().rng.random_range(0..choices)
    }

    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.events().born.push(Box::pin(task));
    }

    pub(super) fn sleep(&self, time: Duration) -> Sleep {
        Sleep { world: self.clone(), until: self.now() + time, timer: None }
    }

    /// Runs everything to its end, whatever is ready in random order. Gives up when time reaches `end`.
    pub(super) fn run(&self, end: Duration) -> Result<(), String> {
        let queue = Arc::new(Mutex::new(BTreeSet::new()));
        let mut tasks: Vec<Option<Task>> = Vec::new();
        loop {
            for task in std::mem::take(&mut self.events().born) {
                queue.lock().unwrap().insert(tasks.len());
                tasks.push(Some(task));
            }
            let ready: Vec<usize> = queue.lock().unwrap().iter().copied().collect();
            if ready.is_empty() {
                let Some((key, waker)) = self.events().timers.pop_first() else {
                    let stuck = tasks.iter().filter(|task| task.is_some()).count();
                    return if stuck == 0 { Ok(()) } else { Err(format!("{stuck} tasks hang")) };
                };
                if key.0 > end {
                    return Err(format!("no end after {} s", end.as_secs()));
                }
                self.events().now = key.0;
                waker.wake();
                continue;
            }
            let chosen = ready[self.pick(ready.len())];
            queue.lock().unwrap().remove(&chosen);
            let waker = Waker::from(Arc::new(Ready { task: chosen, queue: Arc::clone(&queue) }));
            if let Some(task) = &mut tasks[chosen]
                && task.as_mut().poll(&mut Context::from_waker(&waker)).is_ready()
            {
                tasks[chosen] = None;
            }
        }
    }
}

pub(super) struct Sleep {
    world: World,
    until: Duration,
    timer: Option<(Duration, u64)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let world = self.world.clone();
        let mut events = world.events();
        if let Some(key) = self.timer.take() {
            events.timers.remove(&key);
        }
        if events.now >= self.until {
            return Poll::Ready(());
        }
        events.count += 1;
        let key = (self.until, events.count);
        events.timers.insert(key, context.waker().clone());
        self.timer = Some(key);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.timer {
            self.world.events().timers.remove(&key);
        }
    }
}

/// One process on one machine.
#[derive(Clone)]
pub(super) struct Process {
    pub(super) world: World,
    machine: Arc<Mutex<Machine>>,
}

struct Machine {
    frozen_until: Duration,
    /// What its monotonic clock has missed.
    asleep: Duration,
    /// How wrong its time of day is.
    skew: SignedDuration,
}

impl Process {
    pub(super) fn new(world: &World) -> Self {
        let hour = SignedDuration::from_hours(1);
        let skew = [SignedDuration::ZERO, hour, -hour][world.pick(3)];
        let machine = Machine { frozen_until: Duration::ZERO, asleep: Duration::ZERO, skew };
        Self { world: world.clone(), machine: Arc::new(Mutex::new(machine)) }
    }

    /// Nothing in this process goes on for a while. A laptop that sleeps stops its monotonic clock, a
    /// stopped process does not.
    pub(super) fn freeze(&self, time: Duration, laptop: bool) {
        let now = self.world.now();
        let mut machine = self.machine.lock().unwrap();
        let longer = (now + time).saturating_sub(machine.frozen_until.max(now));
        machine.frozen_until = machine.frozen_until.max(now + time);
        if laptop {
            machine.asleep += longer;
        }
    }

    /// Somebody sets this machine's time of day forward.
    pub(super) fn jump(&self) {
        self.machine.lock().unwrap().skew += SignedDuration::from_hours(1);
    }

    /// Every await of this process ends with this.
    pub(super) async fn thaw(&self) {
        loop {
            let frozen = self.machine.lock().unwrap().frozen_until.saturating_sub(self.world.now());
            if frozen.is_zero() {
                return;
            }
            self.world.sleep(frozen).await;
        }
    }
}

impl Time for Process {
    fn now(&self) -> Duration {
        // A machine has been running for a while when the story begins.
        let since = Duration::from_secs(100_000) + self.world.now();
        since.saturating_sub(self.machine.lock().unwrap().asleep)
    }

    fn wall(&self) -> Timestamp {
        let start = Timestamp::from_second(1_790_000_000).unwrap();
        start + self.machine.lock().unwrap().skew + self.world.now()
    }

    fn since(&self, then: Timestamp) -> Duration {
        Duration::try_from(self.wall().duration_since(then)).unwrap_or_default()
    }

    async fn sleep(&self, time: Duration) {
        self.world.sleep(time).await;
        self.thaw().await;
    }
}
