//! The examples compute what NumPy computes from the published formulas, and are as different as their authors' versions.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is how a test reports"
)]

use std::collections::BTreeMap;
use tensc_tests::array::{Array, read_safetensors};
use tensc_tests::binary::root;
use tensc_tests::compare::{close, error};
use tensc_tests::golden::{folder, run};
use tensc_tests::parallel::check_all;

const MODELS: [&str; 6] = ["ten", "ten_v1", "ten_v2", "ten_v3", "ten_2026", "ten_2026_selective"];

/// Tighter than a run's: it has to tell the versions of TEN apart.
const TOLERANCE: f64 = 1e-5;

fn golden(model: &str) -> (Array, Array) {
    let mut file = read_safetensors(&folder().join(format!("{model}.logits.safetensors")));
    (file.remove("tokens").unwrap(), file.remove("logits").unwrap())
}

/// What the NumPy side chose beside the sizes.
fn choices(model: &str) -> &'static [&'static str] {
    if model == "ten_v3" { &["--set", "C=8"] } else { &[] }
}

fn logits(model: &str, weights: &str, more: &[&str]) -> Result<Array, String> {
    let (tokens, _) = golden(model);
    let weights = folder().join(format!("{weights}.weights.safetensors")).display().to_string();
    let sizes = ["vocab=11", "D=6", "L=2", "context=40"].map(|set| ["--set", set]).concat();
    let own: &[&str] = if model.starts_with("ten_2026") {
        &["--set", "K=4", "--set", "H=2"]
    } else {
        &["--set", "K=5", "--set", "cells=2"]
    };
    let args = [&sizes, own, &["--weights", &weights], more].concat();
    let inputs = BTreeMap::from([("tokens".to_owned(), tokens)]);
    run(&root().join(format!("examples/{model}.seq")), "forward", &inputs, &args)
}

#[test]
fn examples_agree_with_numpy() {
    let runs: Vec<(&str, &str)> =
        MODELS.into_iter().flat_map(|model| [(model, "reference"), (model, "cpu")]).collect();
    check_all(
        &runs,
        |(model, device)| format!("{model} on {device}"),
        |(model, device)| {
            let args = [choices(model), &["--device", device]].concat();
            close(&logits(model, model, &args)?, &golden(model).1, TOLERANCE)
        },
    );
}

/// The four versions share their weights here, so only the formula differs.
#[test]
fn versions_of_ten_are_four_functions() {
    let versions = ["ten", "ten_v1", "ten_v2", "ten_v3"];
    let outputs = versions.map(|model| logits(model, "ten", choices(model)).unwrap());
    for (i, one) in versions.iter().enumerate() {
        for (j, other) in versions.iter().enumerate().skip(i + 1) {
            let gap = error(&outputs[i], &outputs[j]).unwrap();
            assert!(gap > 10.0 * TOLERANCE, "{one} and {other} differ by {gap:.1e} alone");
        }
    }
}

#[test]
fn the_chunk_length_of_version_3_is_part_of_the_function() {
    let chunks = ["C=4", "C=8", "C=64"].map(|chunk| logits("ten_v3", "ten", &["--set", chunk]).unwrap());
    for (one, other) in [(0, 1), (1, 2), (0, 2)] {
        let gap = error(&chunks[one], &chunks[other]).unwrap();
        assert!(gap > 10.0 * TOLERANCE, "{one} and {other} differ by {gap:.1e} alone");
    }
    // Before the first chunk ends there is no difference at all.
    assert_eq!(chunks[1].head(8).bytes(), chunks[2].head(8).bytes());
}
