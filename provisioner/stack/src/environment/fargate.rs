//! Which CPU and memory Fargate takes together, for Linux tasks.
//!
//! From the ECS Developer Guide, "Task size" of the Fargate task definition differences.

/// The memory sizes, in MiB, that go with a number of CPU units; empty for a number that Fargate does not have.
#[must_use]
pub fn memories(cpu: u32) -> Vec<u32> {
    const GIB: u32 = 1024;
    let every = |from: u32, to: u32, step: u32| {
        (from..=to).step_by(step as usize).map(|gib| gib * GIB).collect()
    };
    match cpu {
        256 => vec![512, GIB, 2 * GIB],
        512 => every(1, 4, 1),
        1024 => every(2, 8, 1),
        2048 => every(4, 16, 1),
        4096 => every(8, 30, 1),
        8192 => every(16, 60, 4),
        16384 => every(32, 120, 8),
        _ => Vec::new(),
    }
}

/// The CPU units that Fargate has.
pub(crate) const CPUS: [u32; 7] = [256, 512, 1024, 2048, 4096, 8192, 16384];
