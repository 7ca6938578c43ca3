//! The process dies, or an answer is lost, at every call of `up` and of `destroy`; the next run
//! repairs everything.

use engine::Graph;
use engine::memory::{Faults, Memory};

use super::world::{End, check, converge, plan_now, prod, run};

/// Breaks the run from `before` to `after` with a fault at each call in turn, and lets the next run
/// repair it. Returns how many calls there are.
pub(crate) async fn at_every_call(
    before: &Memory,
    after: &Graph,
    fault: fn(usize) -> Faults,
) -> usize {
    let whole = before.fork();
    converge(&whole, after).await;
    check(&whole, after).await;
    let calls = whole.calls();
    for call in 0..calls {
        let memory = before.fork();
        if let End::Done(outcome) = run(&memory, after, fault(call)).await {
            let outcome = outcome.unwrap();
            assert!(outcome.is_complete(), "call {call}: {:?}", outcome.failed);
        }
        converge(&memory, after).await;
        check(&memory, after).await;
    }
    calls
}

async fn up(fault: fn(usize) -> Faults) {
    let graph = prod();
    let calls = at_every_call(&Memory::default(), &graph, fault).await;
    assert!(calls > graph.len(), "{calls} calls for {} resources", graph.len());
}

async fn destroy(fault: fn(usize) -> Faults) {
    let memory = Memory::default();
    let graph = prod();
    converge(&memory, &graph).await;
    let calls = at_every_call(&memory, &Graph::new(), fault).await;
    assert!(calls >= graph.len(), "{calls} calls for {} resources", graph.len());
}

pub(crate) fn dies_before(call: usize) -> Faults {
    Faults { crash_before: Some(call), ..Faults::default() }
}

pub(crate) fn dies_after(call: usize) -> Faults {
    Faults { crash_after: Some(call), ..Faults::default() }
}

fn loses_an_answer(call: usize) -> Faults {
    Faults { lose_answer: Some(call), ..Faults::default() }
}

fn is_slow_and_throttled(call: usize) -> Faults {
    Faults { throttle: Some(call), slow: 2, ..Faults::default() }
}

/// A test each, so that they run side by side.
macro_rules! at_every_call {
    ($($test:ident: $verb:ident($fault:ident);)*) => {
        $(#[tokio::test(start_paused = true)]
        async fn $test() {
            $verb($fault).await;
        })*
    };
}

at_every_call! {
    up_dies_before_every_call: up(dies_before);
    up_dies_after_every_call: up(dies_after);
    up_loses_every_answer: up(loses_an_answer);
    up_is_slow_and_throttled_at_every_call: up(is_slow_and_throttled);
    destroy_dies_before_every_call: destroy(dies_before);
    destroy_dies_after_every_call: destroy(dies_after);
    destroy_loses_every_answer: destroy(loses_an_answer);
    destroy_is_slow_and_throttled_at_every_call: destroy(is_slow_and_throttled);
}

#[tokio::test(start_paused = true)]
async fn slow_and_forgetful_clouds_are_waited_for() {
    let (memory, graph) = (Memory::default(), prod());
    let slow = Faults { slow: 3, ..Faults::default() };
    let End::Done(outcome) = run(&memory, &graph, slow).await else { panic!("crashed") };
    assert!(outcome.unwrap().is_complete());
    memory.restart(Faults::default());
    check(&memory, &graph).await;
    let End::Done(outcome) = run(&memory, &Graph::new(), slow).await else { panic!("crashed") };
    assert!(outcome.unwrap().is_complete());
    assert!(memory.objects().is_empty());
}

/// Others need it ready, although nothing about it is to be changed.
#[tokio::test(start_paused = true)]
async fn what_a_dead_run_left_under_way_is_waited_for() {
    let graph = prod();
    let whole = Memory::default();
    converge(&whole, &graph).await;
    for call in 0..whole.calls() {
        let memory = Memory::default();
        let _crashed = run(&memory, &graph, Faults { slow: 3, ..dies_after(call) }).await;
        converge(&memory, &graph).await;
        assert!(!plan_now(&memory, &graph).await.waits(), "call {call}");
    }
}
