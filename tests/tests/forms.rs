//! Whole runs in every form give what the reference device gives, whatever the length, the batch and the pieces that a stream comes in.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is how a test reports"
)]

use std::collections::BTreeMap;
use tensc_tests::array::Array;
use tensc_tests::binary::root;
use tensc_tests::compare::{RUN, close};
use tensc_tests::generate::Random;
use tensc_tests::golden::run;
use tensc_tests::parallel::check_all;

/// A model, the shape behind the time axis of each input, and forms of its recurrence.
type Case = (&'static str, &'static [(&'static str, &'static [usize])], &'static [&'static str]);

const HEADS: &[usize] = &[2, 8];
const CASES: [Case; 4] = [
    ("scan", &[("x", &[16])], &["diagonal-constant=scan(3)", "diagonal-constant=scan(16)"]),
    (
        "retention",
        &[("q", HEADS), ("k", HEADS), ("v", HEADS)],
        &["decayed-outer=chunk(4)", "decayed-outer=chunk(16)"],
    ),
    (
        "gla_core",
        &[("q", HEADS), ("k", HEADS), ("v", HEADS), ("decay", HEADS)],
        &["decayed-outer=chunk(4)", "decayed-outer=chunk(16)"],
    ),
    (
        "delta_rule",
        &[("q", HEADS), ("unit_k", HEADS), ("v", HEADS), ("beta", &[2])],
        &["rank-one=chunk(4)", "rank-one=chunk(16)"],
    ),
];

/// Numbers in -0.5 .. 0.5, decays and rates in 0 .. 1.
fn inputs(case: &Case, batch: usize, length: usize) -> BTreeMap<String, Array> {
    let mut random = Random::new(17);
    let mut of = |name: &str, rest: &[usize]| {
        let shape = [&[batch, length], rest].concat();
        let count = shape.iter().product();
        let shift = if ["decay", "beta"].contains(&name) { 0.0 } else { 0.5 };
        let values = (0..count).map(|_| random.below(1 << 20) as f32 / (1 << 20) as f32 - shift).collect();
        (name.to_owned(), Array::f32(&shape, values))
    };
    case.1.iter().map(|(name, rest)| of(name, rest)).collect()
}

fn forward(case: &Case, inputs: &BTreeMap<String, Array>, more: &[&str]) -> Result<Array, String> {
    let file = root().join(format!("bench/models/{}.seq", case.0));
    run(&file, "forward", inputs, &[&["--preset", "tiny"], more].concat())
}

#[test]
fn every_form_is_the_same_function() {
    check_all(
        &CASES,
        |case| case.0.to_owned(),
        |case| {
            for (batch, length) in [(1, 0), (1, 1), (3, 15), (1, 16), (2, 83)] {
                let inputs = inputs(case, batch, length);
                let expected = forward(case, &inputs, &["--device", "reference"])?;
                for form in case.2 {
                    let whole = forward(case, &inputs, &["--form", form])?;
                    close(&whole, &expected, RUN)
                        .map_err(|message| format!("{form}, B {batch}, T {length}: {message}"))?;
                }
            }
            Ok(())
        },
    );
}

#[test]
fn a_stream_may_be_cut_anywhere() {
    check_all(
        &CASES,
        |case| case.0.to_owned(),
        |case| {
            let inputs = inputs(case, 1, 83);
            let expected = forward(case, &inputs, &["--device", "reference"])?;
            for form in case.2 {
                for piece in ["1", "7", "16", "50"] {
                    let parts = forward(case, &inputs, &["--form", form, "--stream", piece])?;
                    close(&parts, &expected, RUN)
                        .map_err(|message| format!("{form} in pieces of {piece}: {message}"))?;
                }
            }
            Ok(())
        },
    );
}
