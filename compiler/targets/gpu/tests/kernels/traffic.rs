//! What kernels must be like: vector loads in the text, no more bytes moved than they have to.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use crate::common::{Ran, random_bytes, run, translator};
use tensc_ir::{DType, Sizes};
use tensc_program::{Program, parse_kernel};

/// Runs a kernel on f32 arrays of these lengths, and says how its bytes compare with those of all arrays once.
fn ratio(text: &str, lengths: &[i64], sizes: &[i64]) -> (Ran, f64) {
    let kernel = parse_kernel(text).unwrap_or_else(|error| panic!("{error:?}"));
    let program: Program = crate::common::single(kernel, lengths, sizes);
    let mut random = crate::common::Random(3);
    let mut arrays: Vec<Vec<u8>> =
        lengths.iter().map(|len| random_bytes(&mut random, DType::F32, *len as usize, false)).collect();
    let ran = run(&program, &mut arrays, &Sizes::new(), 1).unwrap();
    let counters = &ran.reports[0].1.counters;
    let moved = counters.global_loads.sectors * 32 + counters.global_stores.sectors * 32;
    let floor: i64 = lengths.iter().map(|len| 4 * len).sum();
    let ratio = moved as f64 / floor as f64;
    (ran, ratio)
}

const SCAN: &str = "kernel \"scan\" (read x: f32, read a: f32, write y: f32) sizes(T, B) {
    grid b < B
    tile c <= 256 < 256
    %0 = const f32 0.0 : f32
    %1 = load a[c] : f32[c]
    %6 = loop t < T carry(%2: f32[c] = %0) : f32[c] {
        %3 = load x[256 * T * b + 256 * t + c] : f32[c]
        %4 = mul %1, %2 : f32[c]
        %5 = add %4, %3 : f32[c]
        store y[256 * T * b + 256 * t + c], %5
        yield %5
    }
}
";

const NORM: &str = "kernel \"norm\" (read x: f32, write y: f32) sizes(T) {
    grid t < T
    tile c <= 512 < 512
    %0 = load x[512 * t + c] : f32[c]
    %1 = mul %0, %0 : f32[c]
    %2 = reduce sum c %1 : f32
    %3 = rsqrt %2 : f32
    %4 = mul %0, %3 : f32[c]
    store y[512 * t + c], %4
}
";

const PRODUCT: &str = "kernel \"gate\" (read x: f32, read g: f32, write y: f32) sizes(N) {
    grid j < N
    tile r <= 16 < 16
    tile c <= 1024 < 1024
    %0 = load x[16384 * j + 1024 * r + c] : f32[r, c]
    %1 = load g[16384 * j + 1024 * r + c] : f32[r, c]
    %2 = sigmoid %1 : f32[r, c]
    %3 = mul %0, %2 : f32[r, c]
    store y[16384 * j + 1024 * r + c], %3
}
";

#[test]
fn scans_norms_and_elementwise_kernels_move_each_byte_once() {
    if translator().is_none() {
        return;
    }
    for (name, text, lengths, sizes) in [
        ("scan", SCAN, vec![2 * 64 * 256, 256, 2 * 64 * 256], vec![64, 2]),
        ("norm", NORM, vec![33 * 512, 33 * 512], vec![33]),
        ("gate", PRODUCT, vec![3 * 16384, 3 * 16384, 3 * 16384], vec![3]),
    ] {
        let (ran, ratio) = ratio(text, &lengths, &sizes);
        assert!(ratio <= 1.1, "{name} moves {ratio:.2} times its arrays");
        for word in ["ld.global.nc.v4", "st.global.v4"] {
            assert!(ran.ptx.contains(word), "{name} has no {word}:\n{}", ran.ptx);
        }
    }
}

#[test]
fn a_norm_of_one_warp_needs_no_shared_memory() {
    if translator().is_none() {
        return;
    }
    let (ran, _) = ratio(NORM, &[33 * 512, 33 * 512], &[33]);
    assert!(ran.ptx.contains("shfl.sync.bfly"), "{}", ran.ptx);
    assert!(!ran.ptx.contains(".shared"), "{}", ran.ptx);
}
