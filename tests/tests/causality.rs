//! What an output may depend on: nothing later, and nothing of its batch mates.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is how a test reports"
)]

use std::collections::BTreeMap;
use tensc_tests::array::{Array, Data};
use tensc_tests::binary::root;
use tensc_tests::compare::{KERNEL, close};
use tensc_tests::generate::Random;
use tensc_tests::golden::run;
use tensc_tests::parallel::check_all;

/// Examples that map `tokens: i32[T]` to a row of logits per token, and what makes them small.
const MODELS: [&str; 6] = ["ten", "ten_v1", "ten_v2", "ten_v3", "ten_2026", "ten_2026_selective"];
const SMALL: [&str; 12] =
    ["--preset", "tiny", "--set", "D=12", "--set", "K=8", "--set", "vocab=17", "--set", "L=2", "--seed", "5"];

fn tokens(length: usize) -> Vec<i32> {
    let mut random = Random::new(3);
    (0..length).map(|_| random.below(17) as i32).collect()
}

fn logits(model: &str, tokens: Array, more: &[&str]) -> Result<Array, String> {
    let file = root().join(format!("examples/{model}.seq"));
    run(&file, "forward", &BTreeMap::from([("tokens".to_owned(), tokens)]), &[&SMALL, more].concat())
}

#[test]
fn a_changed_entry_leaves_every_earlier_output_bit_identical() {
    let length = 70;
    check_all(
        &MODELS,
        |model| (*model).to_owned(),
        |model| {
            let before = tokens(length);
            let whole = logits(model, Array::i32(&[length], before.clone()), &[])?;
            for at in [0, 1, 31, 63, 64, length - 1] {
                let mut after = before.clone();
                after[at] = (after[at] + 1) % 17;
                let changed = logits(model, Array::i32(&[length], after), &[])?;
                if changed.head(at).bytes() != whole.head(at).bytes() {
                    return Err(format!("entry {at} reaches an earlier output"));
                }
                if changed.head(at + 1).bytes() == whole.head(at + 1).bytes() {
                    return Err(format!("entry {at} does not reach its own output"));
                }
            }
            Ok(())
        },
    );
}

#[test]
fn pieces_of_any_length_give_the_whole() {
    let length = 70;
    check_all(
        &MODELS,
        |model| (*model).to_owned(),
        |model| {
            let input = Array::i32(&[length], tokens(length));
            let whole = logits(model, input.clone(), &[])?;
            for piece in ["1", "2", "3", "17", "64", "69", "70", "1000"] {
                let parts = logits(model, input.clone(), &["--stream", piece])?;
                close(&parts, &whole, KERNEL)
                    .map_err(|message| format!("in pieces of {piece}: {message}"))?;
            }
            Ok(())
        },
    );
}

#[test]
fn a_sequence_does_not_depend_on_its_batch_mates() {
    let (batch, length) = (3, 20);
    check_all(
        &MODELS,
        |model| (*model).to_owned(),
        |model| {
            let all = tokens(batch * length);
            let together = logits(model, Array::i32(&[batch, length], all.clone()), &[])?;
            let Data::F32(values) = &together.data else { return Err("logits are f32".to_owned()) };
            for (row, mine) in all.chunks(length).enumerate() {
                let alone = logits(model, Array::i32(&[length], mine.to_vec()), &[])?;
                let width = values.len() / batch;
                let part = values[row * width..(row + 1) * width].to_vec();
                close(&Array::f32(&alone.shape, part), &alone, KERNEL)
                    .map_err(|message| format!("sequence {row}: {message}"))?;
            }
            Ok(())
        },
    );
}

#[test]
fn sequences_of_no_entries_and_of_one() {
    check_all(
        &MODELS,
        |model| (*model).to_owned(),
        |model| {
            let none = logits(model, Array::i32(&[0], vec![]), &[])?;
            let one = logits(model, Array::i32(&[1], vec![3]), &[])?;
            if none.shape == [0, 17] && one.shape == [1, 17] {
                Ok(())
            } else {
                Err(format!("shapes {:?} and {:?}", none.shape, one.shape))
            }
        },
    );
}
