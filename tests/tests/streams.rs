//! What runs in pieces beyond recurrences: causal attention, and the masks of dropout.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is how a test reports"
)]

use std::collections::BTreeMap;
use tensc_tests::array::Array;
use tensc_tests::binary::{root, tensc};
use tensc_tests::compare::{RUN, close};
use tensc_tests::generate::Random;
use tensc_tests::golden::run;
use tensc_tests::parallel::check_all;

const LENGTH: usize = 70;

fn x(shape: &[usize]) -> Array {
    let mut random = Random::new(11);
    let entries = (0..shape.iter().product()).map(|_| random.below(2001) as f32 / 1000.0 - 1.0);
    Array::f32(shape, entries.collect())
}

fn result(file: &str, function: &str, input: &Array, more: &[&str]) -> Result<Array, String> {
    let file = root().join("tests/streams").join(file);
    run(&file, function, &BTreeMap::from([("x".to_owned(), input.clone())]), more)
}

#[test]
fn causal_attention_runs_in_pieces() {
    let functions: [(&str, &[&str]); 4] = [
        ("forward", &["--model", "att"]),
        ("forward", &["--model", "heads"]),
        ("alibi", &[]),
        ("linear", &[]),
    ];
    check_all(
        &functions,
        |(function, more)| format!("{function} {}", more.join(" ")),
        |(function, more)| {
            let input = x(&[LENGTH, 8]);
            let meant =
                result("attention.seq", function, &input, &[more, &["--device", "reference"][..]].concat())?;
            for piece in ["1", "2", "17", "69", "1000"] {
                let parts =
                    result("attention.seq", function, &input, &[more, &["--stream", piece][..]].concat())?;
                close(&parts, &meant, RUN).map_err(|message| format!("in pieces of {piece}: {message}"))?;
            }
            let batch = x(&[3, LENGTH, 8]);
            let whole = result("attention.seq", function, &batch, more)?;
            let parts = result("attention.seq", function, &batch, &[more, &["--stream", "16"][..]].concat())?;
            close(&parts, &whole, RUN).map_err(|message| format!("a batch in pieces: {message}"))
        },
    );
}

#[test]
fn attention_that_sees_later_entries_is_named() {
    let file = root().join("tests/streams/attention.seq");
    for (function, reason) in [("later", "not masked with -inf"), ("finite", "not masked with -inf")] {
        let args = ["--fn", function, "--input", "x=random", "--hint", "T=9", "--stream", "4"];
        let said = tensc([&["run", file.to_str().unwrap()][..], &args].concat());
        assert_eq!(said.code, Some(1), "{}", said.stderr);
        assert!(
            said.stderr.contains("cannot run in pieces") && said.stderr.contains(reason),
            "{}",
            said.stderr
        );
    }
}

#[test]
fn masks_are_the_same_on_every_device_for_every_split_and_number_of_threads() {
    let input = x(&[2, LENGTH, 8]);
    for function in ["forward", "stepwise"] {
        let of = |more: &[&str]| {
            result("dropout.seq", function, &input, &[&["--train", "--seed", "7"], more].concat())
        };
        let meant = of(&["--device", "reference"]).unwrap();
        let zeros = |array: &Array| -> Vec<bool> { array.numbers().iter().map(|x| *x == 0.0).collect() };
        assert!(zeros(&meant).contains(&true) && zeros(&meant).contains(&false));
        for more in [&[][..], &["--threads", "3"], &["--stream", "1"], &["--stream", "23", "--threads", "2"]]
        {
            let found = of(more).unwrap();
            assert_eq!(zeros(&found), zeros(&meant), "{function} {more:?}");
            close(&found, &meant, RUN).unwrap();
        }
        let zero = zeros(&meant);
        assert_ne!(zero[..LENGTH * 8], zero[LENGTH * 8..], "each sequence has masks of its own");
        let other = result("dropout.seq", function, &input, &["--train", "--seed", "8"]).unwrap();
        assert_ne!(zeros(&other), zeros(&meant), "the seed matters");
    }
}

#[test]
fn a_failed_lookup_names_its_sequence() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let source = "fn look(i: i32[T]) -> f32[T] { let table = [1.0, 2.0, 3.0]\n    table[i] }\n";
    std::fs::write(path("look.seq"), source).unwrap();
    Array::i32(&[3, 2], vec![0, 1, 2, 0, 1, 7]).write_npy(path("i.npy").as_ref());
    let input = format!("i={}", path("i.npy"));
    for more in [&[][..], &["--threads", "3"], &["--stream", "1"], &["--device", "reference"]] {
        let said = tensc([&["run", &path("look.seq"), "--fn", "look", "--input", &input][..], more].concat());
        assert_eq!(said.code, Some(1));
        assert!(said.stderr.contains("index 7") && said.stderr.contains("of sequence 2"), "{}", said.stderr);
    }
}
