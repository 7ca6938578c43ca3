//! The process dies, or an answer is lost, at every call of `up` and of `destroy`; the next run
//! repairs everything.

use engine::Graph;
use engine::memory::{Faults, Memory};

use super::world::{End, check, converge, prod, run};

/// Makes `before` hold, breaks the run towards `after` with each fault in turn, and lets the next
/// run repair it.
async fn at_every_call(before: Option<&Graph>, after: &Graph, fault: fn(usize) -> Faults) -> usize {
    let calls = {
        let memory = Memory::default();
        prepare(&memory, before).await;
        converge(&memory, after).await;
        check(&memory, after).await;
        memory.calls()
    };
    for call in 0..calls {
        let memory = Memory::default();
        prepare(&memory, before).await;
        if let End::Done(outcome) = run(&memory, after, fault(call)).await {
            let outcome = outcome.unwrap();
            assert!(outcome.is_complete(), "call {call}: {:?}", outcome.failed);
        }
        converge(&memory, after).await;
        check(&memory, after).await;
    }
    calls
}

async fn prepare(memory: &Memory, before: Option<&Graph>) {
    if let Some(graph) = before {
        converge(memory, graph).await;
    }
}

const FAULTS: [fn(usize) -> Faults; 4] = [
    |call| Faults { crash_before: Some(call), ..Faults::default() },
    |call| Faults { crash_after: Some(call), ..Faults::default() },
    |call| Faults { lose_answer: Some(call), ..Faults::default() },
    |call| Faults { throttle: Some(call), slow: 2, ..Faults::default() },
];

#[tokio::test(start_paused = true)]
async fn up_survives_every_call() {
    let graph = prod();
    for fault in FAULTS {
        let calls = at_every_call(None, &graph, fault).await;
        assert!(calls > graph.len(), "{calls} calls for {} resources", graph.len());
    }
}

#[tokio::test(start_paused = true)]
async fn destroy_survives_every_call() {
    let (graph, nothing) = (prod(), Graph::new());
    for fault in FAULTS {
        let calls = at_every_call(Some(&graph), &nothing, fault).await;
        assert!(calls >= graph.len(), "{calls} calls for {} resources", graph.len());
    }
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
