//! Kernels in text form, on compiled code and on the interpreter.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod common;

use common::{Tolerance, check, single};
use tensc_ir::Sizes;
use tensc_program::parse_kernel;

/// A kernel with parameters of these lengths, for each of these values of its one size.
fn run(text: &str, lengths: &[i64], sizes: &[i64], tolerance: Tolerance) {
    let kernel = parse_kernel(text).unwrap();
    for n in sizes {
        let program = single(kernel.clone(), lengths, &vec![*n; kernel.sizes.len()]);
        let exact = matches!(tolerance, Tolerance::Exact | Tolerance::Relative(..1e-5));
        for special in if exact { &[false, true][..] } else { &[false] } {
            check(program.clone(), &Sizes::new(), (7 + *n) as u64, *special, tolerance);
        }
    }
}

const EXTENTS: [i64; 13] = [-1, 0, 1, 2, 3, 4, 5, 7, 16, 17, 31, 33, 40];

#[test]
fn elementwise_of_any_extent() {
    let text = r#"kernel "axpy" (read x: f32, read y: f32, write z: f32) sizes(N) {
    grid i < 3
    tile c <= 40 < N
    %0 = load x[40 * i + c] : f32[c]
    %1 = load y[c] : f32[c]
    %2 = mul %0, %1 : f32[c]
    %3 = add %2, %0 : f32[c]
    store z[40 * i + c], %3
}"#;
    run(text, &[120, 40, 120], &EXTENTS, Tolerance::Exact);
}

#[test]
fn a_softmax_keeps_what_two_nests_use() {
    let text = r#"kernel "softmax" (read x: f32, write y: f32, write s: f32) sizes(N) {
    grid i < 3
    tile c <= 40 < N
    %0 = load x[40 * i + c] : f32[c]
    %1 = reduce max c %0 : f32
    %2 = sub %0, %1 : f32[c]
    %3 = exp %2 : f32[c]
    %4 = reduce sum c %3 : f32
    %5 = div %3, %4 : f32[c]
    store y[40 * i + c], %5
    store s[i], %4
}"#;
    run(text, &[120, 120, 3], &EXTENTS, Tolerance::Relative(1e-6));
}

#[test]
fn a_diagonal_recurrence() {
    for c in [16, 7] {
        let text = r#"kernel "scan" (read x: f32, read lambda: f32, write y: f32, write last: f32) sizes(N) {
    grid i < 3
    tile c <= CC < CC
    %0 = const f32 0.0 : f32
    %1 = load lambda[c] : f32[c]
    %2 = tanh %1 : f32[c]
    %3 = loop t < max(N, 0) carry(%4: f32[c] = %0) : f32[c] {
        %5 = load x[640 * i + 16 * t + c] : f32[c]
        %6 = mul %2, %4 : f32[c]
        %7 = add %6, %5 : f32[c]
        store y[640 * i + 16 * t + c], %7
        yield %7
    }
    store last[16 * i + c], %3
}"#;
        let text = text.replace("CC", &c.to_string());
        run(&text, &[1920, 16, 1920, 48], &EXTENTS, Tolerance::Relative(1e-5));
        // Extents that are known only at run time: registers where they are whole, else memory.
        let text = text.replace(&format!("{c} < {c}"), "17 < N").replace("640 * i + 16", "1000 * i + 17");
        run(&text, &[4000, 17, 4000, 64], &EXTENTS, Tolerance::Relative(1e-5));
        let text = text.replace("max(N, 0)", "max(N, 0) reverse");
        run(&text, &[4000, 17, 4000, 64], &EXTENTS, Tolerance::Relative(1e-5));
    }
}

#[test]
fn a_large_carried_tile_lies_in_memory() {
    let text = r#"kernel "rotation" (read x: f32, write y: f32, write last: f32) sizes(N) {
    tile c <= 400 < 10 * N
    %0 = const f32 0.0 : f32
    %1 = const f32 1.0 : f32
    %2 = const f32 0.5 : f32
    %3, %4, %20 = loop t < 3 carry(%5: f32[c] = %0, %6: f32[c] = %1, %21: i32 = %22) : f32[c], f32[c], i32 {
        %7 = load x[400 * t + c] : f32[c]
        %8 = mul %5, %2 : f32[c]
        %9 = add %8, %7 : f32[c]
        %10 = sub %6, %8 : f32[c]
        %11 = reduce sum c %9 : f32
        %12 = add %10, %11 : f32[c]
        store y[400 * t + c], %12
        %23 = iota t : i32
        %24 = add %21, %23 : i32
        yield %10, %9, %24
    }
    %13 = cast f32 %20 : f32
    %14 = add %3, %4 : f32[c]
    %15 = add %14, %13 : f32[c]
    store last[c], %15
}"#;
    let text = text.replace("    %1 = const", "    %22 = const i32 7.0 : i32\n    %1 = const");
    let mut kept = String::new();
    // Numbers of tiles must have no holes.
    let mut numbers = std::collections::BTreeMap::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find('%') {
        kept.push_str(&rest[..=at]);
        rest = &rest[at + 1..];
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap();
        let next = numbers.len();
        kept.push_str(&numbers.entry(rest[..end].to_owned()).or_insert(next).to_string());
        rest = &rest[end..];
    }
    kept.push_str(rest);
    run(&kept, &[1200, 1200, 400], &[-1, 0, 1, 2, 3, 40], Tolerance::Relative(1e-4));
}

#[test]
fn products_of_any_extent() {
    let text = r#"kernel "products" (read a: f32, read b: f32, write c: f32, write d: f32, write e: f32) sizes(N) {
    tile m <= 18 < min(N, 18)
    tile k <= 40 < N
    tile n <= 40 < N
    %0 = load a[40 * m + k] : f32[m, k]
    %1 = load b[40 * k + n] : f32[k, n]
    %2 = dot k %0, %1 : f32[m, n]
    store c[40 * m + n], %2
    %3 = load b[40 * n + k] : f32[n, k]
    %4 = dot k %0, %3 : f32[n, m]
    store d[18 * n + m], %4
    %5 = load b[k] : f32[k]
    %6 = dot k %5, %5 : f32
    %7 = dot k %0, %5 : f32[m]
    %8 = add %7, %6 : f32[m]
    store e[m], %8
}"#;
    run(text, &[720, 1600, 720, 720, 18], &EXTENTS, Tolerance::Relative(1e-5));
}

#[test]
fn scans_and_solves() {
    let text = r#"kernel "chunk" (read a: f32, read b: f32, write c: f32, write d: f32, write e: f32) sizes(N) {
    tile r <= 17 < min(N, 17)
    tile s <= 17 < min(N, 17)
    tile n <= 40 < N
    %0 = load a[r] : f32[r]
    %1 = load b[40 * r + n] : f32[r, n]
    %2 = load b[n] : f32[n]
    %3 = scan r factor %0 term %1 start %2 : f32[r, n]
    store c[40 * r + n], %3
    %4 = scan n reverse term %1 : f32[n, r]
    store d[40 * r + n], %4
    %5 = load a[r + s] : f32[r, s]
    %6 = solve %5 rows r columns s right %1 : f32[r, n]
    store e[40 * r + n], %6
}"#;
    run(text, &[34, 680, 680, 680, 680], &EXTENTS, Tolerance::Relative(1e-3));
}

#[test]
fn checks_report_the_first_position() {
    let text = r#"kernel "lookup" (read table: f32, read index: i32, write y: f32) sizes(N) {
    grid i < 4
    tile c <= 10 < N
    tile d <= 5 < 5
    %0 = load index[10 * i + c] : i32[c]
    %1 = const i32 0.0 : i32
    %2 = ge %0, %1 : bool[c]
    %3 = iota 10 * i + c : i32[c]
    check 2 %2 value %0 position %3
    %4 = const i32 20.0 : i32
    %5 = max %0, %1 : i32[c]
    %6 = min %5, %4 : i32[c]
    %7 = load table[d; %6 * 5] mask %2 : f32[c, d]
    store y[50 * i + 5 * c + d], %7
    store y[50 * i + 5 * c + d], %7 mask %2
}"#;
    run(text, &[105, 40, 200], &[0, 1, 5, 10], Tolerance::Exact);
}

#[test]
fn locals_transpose_and_shift() {
    let text = r#"kernel "local" (read x: f32, read m: bool, write y: f32, write z: f32) sizes(N) {
    grid i < 2
    tile r <= 8 < 8
    tile c <= 9 < min(N, 9)
    local buffer: f32[80]
    local flags: bool[80]
    %0 = load x[100 * i + 10 * r + c] : f32[r, c]
    %1 = load m[c] : bool[c]
    store buffer[c * 8 + r], %0
    store flags[8 * c], %1
    %2 = load buffer[8 * c + r] : f32[c, r]
    %3 = load buffer[-8 * c + 8 * min(N, 9) - 8 + r] : f32[r, c]
    %4 = add %2, %3 : f32[r, c]
    store buffer[c * 8 + r], %4
    %5 = load buffer[c * 8 + r] : f32[r, c]
    %6 = load flags[8 * c] : bool[c]
    %7 = select %6, %5, %0 : f32[r, c]
    store y[100 * i + 10 * r + c], %7
    %8 = reduce sum r %5 : f32[c]
    store z[10 * i + c], %8 mask %6
}"#;
    run(text, &[200, 9, 200, 20], &[0, 1, 4, 5, 9, 12], Tolerance::Relative(1e-5));
}

#[test]
fn a_small_state_per_lane() {
    // Independent lanes with a state of 4 numbers each, reduced every turn.
    for reverse in ["", " reverse"] {
        let text = r#"kernel "state per lane" (read dt: f32, read a: f32, read b: f32, read first: f32, write y: f32, write last: f32) sizes(N) {
    grid i < 2
    tile n <= 4 < 4
    tile d <= 40 < N
    %0 = load first[160 * i + 4 * d + n] : f32[n, d]
    %1 = load a[4 * d + n] : f32[n, d]
    %2 = loop t < max(N, 0)REVERSE carry(%3: f32[n, d] = %0) : f32[n, d] {
        %4 = load dt[1600 * i + 40 * t + d] : f32[d]
        %5 = softplus %4 : f32[d]
        %6 = mul %5, %1 : f32[n, d]
        %7 = sigmoid %6 : f32[n, d]
        %8 = mul %7, %3 : f32[n, d]
        %9 = load b[4 * t + n] : f32[n]
        %10 = mul %5, %9 : f32[n, d]
        %11 = add %8, %10 : f32[n, d]
        %12 = dot n %11, %9 : f32[d]
        %13 = reduce max n %11 : f32[d]
        %14 = add %12, %13 : f32[d]
        %15 = lt %14, %5 : bool[d]
        store y[1600 * i + 40 * t + d], %14
        yield %11
    }
    store last[160 * i + 4 * d + n], %2
}"#;
        let text = text.replace("REVERSE", reverse);
        run(
            &text,
            &[3200, 160, 160, 320, 3200, 320],
            &[-1, 0, 1, 2, 3, 4, 5, 9, 16, 31, 40],
            Tolerance::Relative(1e-4),
        );
    }
}

#[test]
fn exponentials_of_a_fixed_factor_in_and_out_of_range() {
    // Decays from 1 over the smallest numbers to 0, some lanes of a turn in the normal range and some not; two powers share the step size.
    let text = r#"kernel "decays" (read dt: f32, read a: f32, read x: f32, write y: f32, write last: f32) sizes(N) {
    grid i < 2
    tile n <= 6 < 6
    tile d <= 40 < N
    %0 = const f32 0.0 : f32
    %1 = load a[6 * d + n] : f32[n, d]
    %2 = const f32 -60.0 : f32
    %3 = abs %1 : f32[n, d]
    %4 = mul %3, %2 : f32[n, d]
    %5 = load a[n] : f32[n]
    %6 = abs %5 : f32[n]
    %7 = neg %6 : f32[n]
    %8 = loop t < max(N, 0) carry(%9: f32[n, d] = %0) : f32[n, d] {
        %10 = load dt[1600 * i + 40 * t + d] : f32[d]
        %11 = abs %10 : f32[d]
        %12 = mul %11, %4 : f32[n, d]
        %13 = exp %12 : f32[n, d]
        %14 = mul %13, %9 : f32[n, d]
        %15 = mul %7, %11 : f32[n, d]
        %16 = exp %15 : f32[n, d]
        %17 = load x[40 * t + d] : f32[d]
        %18 = mul %16, %17 : f32[n, d]
        %19 = sub %14, %18 : f32[n, d]
        %20 = reduce sum n %19 : f32[d]
        store y[1600 * i + 40 * t + d], %20
        yield %19
    }
    store last[240 * i + 6 * d + n], %8
}"#;
    run(
        text,
        &[3200, 240, 1600, 3200, 480],
        &[-1, 0, 1, 2, 3, 4, 5, 9, 16, 31, 40],
        Tolerance::Relative(9e-6),
    );
}
