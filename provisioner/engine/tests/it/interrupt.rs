//! The user interrupts: nothing new begins, what was made is known, the next run goes on.

use engine::Graph;
use engine::memory::{Faults, Memory};
use tokio_util::sync::CancellationToken;

use super::world::{check, converge, process, prod};

#[tokio::test(start_paused = true)]
async fn an_interrupt_loses_nothing() {
    for milliseconds in [1, 5, 20, 100, 400, 1000, 3000] {
        let (memory, graph) = (Memory::default(), prod());
        memory.restart(Faults { slow: 2, ..Faults::default() });
        let stop = CancellationToken::new();
        let run = process(&memory, &graph, &stop);
        let interrupt = async {
            tokio::time::sleep(std::time::Duration::from_millis(milliseconds)).await;
            stop.cancel();
        };
        let (outcome, ()) = tokio::join!(run, interrupt);
        let outcome = outcome.unwrap();
        assert!(outcome.interrupted && !outcome.is_complete());
        memory.restart(Faults::default());
        converge(&memory, &graph).await;
        check(&memory, &graph).await;
        converge(&memory, &Graph::new()).await;
        assert!(memory.objects().is_empty());
    }
}
