//! Random well-typed programs: Cranelift and the interpreter agree, and pieces agree with the whole.
//!
//! `TENSC_PROGRAMS=1000 cargo test -p tensc-tests --test random -- --nocapture` tries more and prints what they were made of.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is how a test reports"
)]

use std::collections::BTreeMap;
use std::path::Path;
use tensc_tests::array::Array;
use tensc_tests::binary::tensc_in;
use tensc_tests::compare;
use tensc_tests::generate::{Program, labels, program};
use tensc_tests::parallel::check_all;

fn count() -> u64 {
    std::env::var("TENSC_PROGRAMS").map_or(160, |count| count.parse().expect("TENSC_PROGRAMS is a number"))
}

/// Results by name; the error is what the binary said.
fn run(
    folder: &Path,
    program: &Program,
    seed: u64,
    more: &[&str],
) -> Result<BTreeMap<String, Array>, String> {
    let seed = seed.to_string();
    let mut args: Vec<String> = ["run", "random.seq", "--seed", &seed, "--quiet"].map(str::to_owned).to_vec();
    for name in program.inputs.keys() {
        args.extend(["--input".to_owned(), format!("{name}={name}.npy")]);
    }
    for (name, _) in &program.results {
        args.extend(["--output".to_owned(), format!("{name}={name}.out.npy")]);
    }
    args.extend(more.iter().map(|&arg| arg.to_owned()));
    tensc_in(folder, args).success()?;
    let read = |name: &String| Array::read_npy(&folder.join(format!("{name}.out.npy")));
    program.results.iter().map(|(name, _)| Ok((name.clone(), read(name)?))).collect()
}

fn write(folder: &Path, program: &Program) {
    std::fs::write(folder.join("random.seq"), &program.text).unwrap();
    for (name, array) in &program.inputs {
        array.write_npy(&folder.join(format!("{name}.npy")));
    }
}

/// RMS of the difference against that of the expected, which counts as 0.1 at least: intermediate values are of size 1, and
/// their rounding stays where they cancel.
fn agree(actual: &BTreeMap<String, Array>, expected: &BTreeMap<String, Array>) -> Result<(), String> {
    for (name, expected) in expected {
        let actual = &actual[name];
        let (difference, size) =
            compare::distance(actual, expected).map_err(|message| format!("{name}: {message}"))?;
        if difference.is_nan() || difference > compare::RUN * size.max(0.1) {
            let values = format!("  {:?}\n  {:?}", actual.data, expected.data);
            return Err(format!("{name}: {difference:.2e} apart at a size of {size:.2e}\n{values}"));
        }
    }
    Ok(())
}

#[test]
fn cpu_agrees_with_the_interpreter() {
    let seeds: Vec<u64> = (0..count()).collect();
    check_all(
        &seeds,
        |seed| format!("program {seed}"),
        |&seed| {
            let program = program(seed);
            let folder = tempfile::tempdir().unwrap();
            write(folder.path(), &program);
            let with_text = |message| format!("{message}\nof T = {}\n{}", program.length, program.text);
            let expected =
                run(folder.path(), &program, seed, &["--device", "reference"]).map_err(with_text)?;
            let actual = run(folder.path(), &program, seed, &["--device", "cpu"]).map_err(with_text)?;
            agree(&actual, &expected).map_err(with_text)
        },
    );
}

#[test]
fn programs_are_made_of_everything() {
    let mut counts: BTreeMap<&str, usize> = labels().into_iter().map(|label| (label, 0)).collect();
    for seed in 0..count() {
        for label in program(seed).used {
            *counts.get_mut(label).unwrap_or_else(|| panic!("{label} is not in the list of labels")) += 1;
        }
    }
    for (label, count) in &counts {
        println!("{count:5} {label}");
    }
    let never: Vec<_> = counts.iter().filter(|(_, count)| **count == 0).map(|(label, _)| label).collect();
    assert!(never.is_empty(), "never generated: {never:?}");
}

/// A program of causal results alone must run in pieces of any length, and give what it gives on the whole.
#[test]
fn pieces_agree_with_the_whole() {
    let seeds: Vec<u64> =
        (0..count()).filter(|&seed| program(seed).results.iter().all(|(_, causal)| *causal)).collect();
    check_all(
        &seeds,
        |seed| format!("program {seed}"),
        |&seed| {
            let program = program(seed);
            let folder = tempfile::tempdir().unwrap();
            write(folder.path(), &program);
            let with_text = |message| format!("{message}\nof T = {}\n{}", program.length, program.text);
            let whole = run(folder.path(), &program, seed, &[]).map_err(with_text)?;
            for piece in ["1", "2", "7", "64"] {
                let parts = run(folder.path(), &program, seed, &["--stream", piece]).map_err(with_text)?;
                agree(&parts, &whole)
                    .map_err(|message| with_text(format!("in pieces of {piece}: {message}")))?;
            }
            Ok(())
        },
    );
}
