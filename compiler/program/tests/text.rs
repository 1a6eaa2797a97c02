//! Programs printed, parsed and verified; and small ones run whose results are known.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use tensc_ir::Sizes;
use tensc_program::{Part, RunError, interpret, parse_program, poisoned_arrays, verify};

const SCAN: &str = r#"program "scan"
require at_most T, 64 "T is at most 64"
require whole T / 2 "T is even, \"really\""
check "index {value} at {position}" at 0 12 15
b0 "x" argument f32[T, 6] varies
b1 "lambda" weight "cells.{}.lambda" f32[6]
b2 "y" result f32[T, 6] varies
b3 "last" state_out f32[6] varies
b4 "spare" scratch c64[2 * T]
kernel k0 "scan c" (read x: f32, read lambda: f32, write y: f32, write last: f32) sizes(T, @batch) {
    grid b < @batch
    grid j < 2
    tile c <= 4 < min(4, -4 * j + 6)
    tile d <= 4 < min(4, -4 * j + 6)
    local buffer: f32[4]
    %0 = const f32 0.0 : f32
    %1 = load lambda[c + 4 * j] : f32[c]
    %2 = loop t < T reverse carry(%3: f32[c] = %0) : f32[c] {
        %4 = load x[6 * T * b + c + 4 * j + 6 * t] : f32[c]
        %5 = mul %1, %3 : f32[c]
        %6 = add %5, %4 : f32[c]
        store y[6 * T * b + c + 4 * j + 6 * t], %6
        yield %6
    }
    %7 = iota c : i32[c]
    %8 = const i32 3.0 : i32
    %9 = le %7, %8 : bool[c]
    check 0 %9 value %7 position %8
    %10 = rename %2 c to d : f32[d]
    store buffer[d], %10 mask %9
    %11 = load buffer[0; %7 * 1] mask %9 : f32[c]
    %12 = reduce max c %11 : f32
    %13 = const f32 -inf : f32
    %14 = max %12, %13 : f32
    %15 = scan c factor %11 term %11 start %14 : f32[c]
    %16 = dot c %15, %11 : f32
    store last[6 * b + c + 4 * j], %11
}
prepare {
}
main {
    launch k0(b0 + 0, b1 + 0, b2 + 0, b3 + 0) sizes(T, @batch)
    loop layer < 3 reverse {
        copy (b0 + layer) to (b4 + 0) count(1)
        gemm accumulate a(b0 + 0 [0, 6, 1]) b(b1 + 0 [0, 1, 1]) c(b4 + 0 [0, 1, 1]) batch(1) m(1) k(6) n(1)
    }
    rfft (b0 + 0) to (b4 + 0) n(4) batch(1)
}
"#;

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}

#[test]
fn text_is_read_back_as_it_was_printed() {
    let program = parse_program(SCAN).unwrap();
    assert_eq!(program.to_string(), SCAN);
    assert_eq!(parse_program(&program.to_string()).unwrap(), program);
}

#[test]
fn a_mask_must_have_axes_of_the_place() {
    let error = verify(parse_program(SCAN).unwrap()).unwrap_err();
    assert!(error.to_string().contains("`store` can't take a tile with axis `c` here"), "{error}");
}

#[test]
fn a_backward_scan_runs() {
    let text = SCAN.replace(" mask %9", "");
    let program = verify(parse_program(&text).unwrap()).unwrap();
    let sizes = Sizes::from([("T".into(), 2), ("@batch".into(), 1)]);
    let mut arrays = poisoned_arrays(&program, &sizes).unwrap();
    let x: Vec<f32> = (0..12).map(|n| n as f32).collect();
    arrays[0] = bytes(&x);
    arrays[1] = bytes(&[0.5; 6]);
    interpret(&program, Part::Main, &mut arrays, &sizes).unwrap();
    let y = floats(&arrays[2]);
    assert_eq!(y[6..], [6.0, 7.0, 8.0, 9.0, 10.0, 11.0]);
    assert_eq!(y[..6], [3.0, 4.5, 6.0, 7.5, 9.0, 10.5]);
    assert_eq!(floats(&arrays[3]), y[..6]);
}

#[test]
fn the_first_failed_check_is_reported() {
    let text = SCAN.replace(" mask %9", "").replace("%8 = const i32 3.0", "%8 = const i32 1.0");
    let program = verify(parse_program(&text).unwrap()).unwrap();
    let sizes = Sizes::from([("T".into(), 2), ("@batch".into(), 1)]);
    let mut arrays = poisoned_arrays(&program, &sizes).unwrap();
    match interpret(&program, Part::Main, &mut arrays, &sizes) {
        Err(RunError::Check(failure)) => assert_eq!((failure.value, failure.position), (2, 1)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_place_outside_is_an_error() {
    let text = SCAN.replace(" mask %9", "").replace("load x[6 * T * b", "load x[1 + 6 * T * b");
    let program = verify(parse_program(&text).unwrap()).unwrap();
    let sizes = Sizes::from([("T".into(), 2), ("@batch".into(), 1)]);
    let mut arrays = poisoned_arrays(&program, &sizes).unwrap();
    match interpret(&program, Part::Main, &mut arrays, &sizes) {
        Err(RunError::OutOfBounds { index: 12, len: 12, .. }) => {}
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn refused(from: &str, to: &str, message: &str) {
    let text = SCAN.replace(" mask %9", "");
    assert!(text.contains(from), "{from}");
    let error = match parse_program(&text.replace(from, to)) {
        Err(error) => error.to_string(),
        Ok(program) => verify(program).map(|_| ()).unwrap_err().to_string(),
    };
    assert!(error.contains(message), "{error}");
}

#[test]
fn mistakes_are_named_with_their_place() {
    refused("mul %1, %3", "mul %1, %30", "there is no tile of number 30");
    refused("mul %1, %3", "mul %1, %6", "%6 is used before its definition");
    refused("%12 = reduce max c %11", "%12 = reduce max d %11", "needs a tile with axis `d`");
    refused("load lambda[c + 4 * j]", "load lambda[c * c + 4 * j]", "not affine");
    refused("load lambda[c + 4 * j]", "load lambda[c + 4 * t]", "`t` is no size, axis or loop variable here");
    refused("load lambda[", "load y[", "declared write");
    refused("check 0 %9", "check 1 %9", "there is no check of number 1");
    refused("loop t < T", "loop j < T", "declared twice");
    refused("sizes(T, @batch) {", "sizes(T) {", "`@batch` is no size");
    refused("launch k0(b0 + 0, ", "launch k0(", "expected 4 arguments, found 3");
    refused(
        "copy (b0 + layer) to (b4 + 0)",
        "copy (b4 + layer) to (b0 + 0)",
        "`x` must not be written in main",
    );
    refused("rfft (b0 + 0)", "rfft (b0 + layer)", "`layer` has no value here");
    refused(
        "prepare {\n",
        "prepare {\n    copy (b0 + 0) to (b4 + 0) count(1)\n",
        "`x` must not be read in prepare",
    );
    refused("yield %6", "yield %1, %6", "2 yielded");
    refused("%6 = add", "%5 = add", "defined twice");
}

#[test]
fn broken_text_is_an_error_and_never_a_panic() {
    for end in 0..SCAN.len() {
        if let Some(part) = SCAN.get(..end) {
            let _ = parse_program(part);
        }
        if let (Some(head), Some(tail)) = (SCAN.get(..end), SCAN.get(end + 1..)) {
            let _ = parse_program(&format!("{head}{tail}")).map(verify);
            let _ = parse_program(&format!("{head}%{tail}")).map(verify);
        }
    }
}
