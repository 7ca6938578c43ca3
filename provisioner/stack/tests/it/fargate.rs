//! The table of Fargate's sizes, against the one in the ECS Developer Guide written out in full.

use std::collections::BTreeSet;

use stack::environment::memories;

use crate::files::{prod, service};

fn guide() -> BTreeSet<(u32, u32)> {
    let rows: [(u32, Vec<u32>); 7] = [
        (256, vec![512, 1024, 2048]),
        (512, vec![1024, 2048, 3072, 4096]),
        (1024, vec![2048, 3072, 4096, 5120, 6144, 7168, 8192]),
        (2048, (4..=16).map(|gib| gib * 1024).collect()),
        (4096, (8..=30).map(|gib| gib * 1024).collect()),
        (
            8192,
            [16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60].iter().map(|gib| gib * 1024).collect(),
        ),
        (
            16384,
            [32, 40, 48, 56, 64, 72, 80, 88, 96, 104, 112, 120]
                .iter()
                .map(|gib| gib * 1024)
                .collect(),
        ),
    ];
    rows.into_iter()
        .flat_map(|(cpu, sizes)| sizes.into_iter().map(move |memory| (cpu, memory)))
        .collect()
}

#[test]
fn the_table_is_the_guides() {
    let sizes: BTreeSet<(u32, u32)> = (0..=20_000)
        .flat_map(|cpu| memories(cpu).into_iter().map(move |memory| (cpu, memory)))
        .collect();
    assert_eq!(sizes, guide());
}

/// Every CPU size with every half GiB up to beyond the largest, through a file.
#[test]
fn a_file_takes_exactly_these_pairs() {
    let guide = guide();
    for cpu in [256, 512, 1024, 2048, 4096, 8192, 16384, 300, 768] {
        for memory in (512..=122_880).step_by(2048).chain(guide.iter().map(|(_, memory)| *memory)) {
            let text = service(&format!("cpu: {cpu}\nmemory: {memory}"));
            let loaded = prod(&[("prod", &text)]);
            assert_eq!(loaded.is_ok(), guide.contains(&(cpu, memory)), "{cpu} with {memory}");
        }
    }
}
