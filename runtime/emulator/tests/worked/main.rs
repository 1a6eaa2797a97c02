//! Every instruction of the table, with results worked out by hand from the ISA's text.
//!
//! Each file covers a part of ISA section 9.7; the comment above an example has its formula. No expected value comes from
//! the emulator.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helpers too"
)]

mod compare;
mod convert;
mod float;
mod half;
mod harness;
mod integer;
mod logic;
mod matrix;
mod memory;
mod movement;
#[path = "../ptxas/mod.rs"]
mod ptxas;
mod synchronize;

use std::collections::BTreeSet;

use tensc_emulator::isa;

#[test]
fn every_entry_of_the_table_has_a_worked_example() {
    let cases = [
        integer::CASES,
        logic::CASES,
        float::CASES,
        half::CASES,
        compare::CASES,
        convert::CASES,
        movement::CASES,
    ];
    let mut worked: BTreeSet<&str> =
        cases.iter().flat_map(|cases| cases.iter().map(|case| case.entry)).collect();
    for kernels in [movement::kernels(), memory::kernels(), synchronize::kernels(), matrix::kernels()] {
        worked.extend(kernels.iter().map(|kernel| kernel.entry));
    }
    worked.extend(matrix::ENTRIES);
    let table: BTreeSet<&str> =
        isa::families().flat_map(|(_, entries)| entries.iter().map(|entry| entry.name)).collect();
    let missing: Vec<_> = table.difference(&worked).collect();
    assert!(missing.is_empty(), "entries without a worked example: {missing:?}");
    let unknown: Vec<_> = worked.difference(&table).collect();
    assert!(unknown.is_empty(), "examples of entries that do not exist: {unknown:?}");
    let entries = isa::families().map(|(_, entries)| entries.len()).sum::<usize>();
    assert_eq!(entries, table.len(), "two entries have the same name");
}
