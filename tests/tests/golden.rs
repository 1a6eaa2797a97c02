//! Every built-in, operator, index form and shape of recurrence gives what NumPy gives, on every device.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

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
