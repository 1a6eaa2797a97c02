//! Every built-in, operator, index form and shape of recurrence gives what NumPy gives, on every device.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is how a test reports"
)]

use tensc_frontend::check::{Group, builtins};
use tensc_tests::compare::{KERNEL, close};
use tensc_tests::golden::{cases, run};
use tensc_tests::parallel::check_all;

fn agrees(device: &str) {
    check_all(
        &cases(),
        |case| case.name.clone(),
        |case| {
            // A file for each, so that one that does not check fails alone.
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("case.seq");
            std::fs::write(&file, &case.source).unwrap();
            let result = run(&file, &case.name, &case.inputs, &["--device", device])?;
            close(&result, &case.result, KERNEL)
        },
    );
}

#[test]
fn reference_agrees_with_numpy() {
    agrees("reference");
}

#[test]
fn cpu_agrees_with_numpy() {
    agrees("cpu");
}
/// The words of a text.
fn words(text: &str) -> std::collections::BTreeSet<&str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').collect()
}

#[test]
fn every_built_in_has_a_golden_case_and_a_line_in_the_docs() {
    let bodies: String =
        cases().iter().map(|case| case.source.split_once('{').unwrap().1.to_owned() + "\n").collect();
    let docs = std::fs::read_to_string(tensc_tests::binary::root().join("docs/language.md")).unwrap();
    let (tested, documented) = (words(&bodies), words(&docs));
    let mut missing = Vec::new();
    for builtin in builtins() {
        let name = builtin.name;
        // Draws, assertions and chains of cells stand in no function by itself: distributions are tested where they are made,
        // assertions by every test block, `fold` by every model.
        let called = !matches!(builtin.group, Group::Draw | Group::Test) && name != "fold";
        if called && !tested.contains(name) {
            missing.push(format!("{name} has no golden case"));
        }
        if !documented.contains(name) {
            missing.push(format!("{name} is not in docs/language.md"));
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}
