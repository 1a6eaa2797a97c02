//! The interpreter against formulas written out a second time, naively, and numbers worked out by hand.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helpers too"
)]

mod support;

use std::cell::Cell;
use std::f64::consts::TAU;
use support::{EXACT, Make, Numbers, Recurrence, c64, difference, f32, n, run, sizes, t};
use tensc_ir::{
    Array, BinaryOp, Constant, DType, Data, Dim, Direction, Distribution, EvalErrorKind, FftKind, Graph, Op,
    Options, RecState, ReduceKind, Repeat, Require, Type, UnaryOp, ValueId, Verified, bind_sizes, interpret,
    parse_graph, verify,
};

fn reals(shape: &[usize], entries: &[f64]) -> Array {
    Array::f32(shape, entries).unwrap()
}

fn ints(entries: &[i32]) -> Array {
    Array::i32(&[entries.len()], entries).unwrap()
}

/// Applies one op to arrays of known sizes.
fn apply(op: Op, operands: &[Array]) -> Array {
    let (graph, sizes) = (applied(op, operands), sizes(&[]));
    interpret(&graph, operands, &sizes, &EXACT).unwrap().remove(0)
}

fn applied(op: Op, operands: &[Array]) -> Verified<Graph> {
    let mut make = Make::new();
    let values: Vec<ValueId> = operands
        .iter()
        .enumerate()
        .map(|(number, array)| {
            let shape = array.shape().iter().map(|size| n(i64::try_from(*size).unwrap())).collect();
            make.argument(&format!("x{number}"), Type::new(array.dtype(), shape))
        })
        .collect();
    let y = make.op(op, &values);
    make.verified(&[("y", y)])
}

fn unary(op: UnaryOp, x: &Array) -> Array {
    apply(Op::Unary(op), std::slice::from_ref(x))
}

fn binary(op: BinaryOp, a: &Array, b: &Array) -> Array {
    apply(Op::Binary(op), &[a.clone(), b.clone()])
}

fn same(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (a, b) in found.iter().zip(expected) {
        let equal = a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
        assert!(equal || (a - b).abs() <= 1e-15 * b.abs(), "{found:?} against {expected:?}");
    }
}

const RINGING: &str = r#"graph ringing {
  input 0 x : f32[T] argument
  v0 = input 0 : f32[T]
  v1 = const f32 0.5 : f32
  v2 = const f32 1.0 : f32
  v3 = polar v1, v2 : c64
  v4 = const c64 0.0, 0.0 : c64
  v5, v6 = rec c forward T axis 0 sequences(v0) constants(v3) states(line 0 depth 1) start(v4) : c64[T], c64 {
    input 0 t : i32 local
    input 1 c.1 : c64 local
    input 2 x : f32 local
    input 3 lambda : c64 local
    v0 = input 1 : c64
    v1 = input 2 : f32
    v2 = input 3 : c64
    v3 = mul v2, v0 : c64
    v4 = cast c64 v1 : c64
    v5 = add v3, v4 : c64
    output c = v5
  }
  v7 = re v5 : f32[T]
  v8 = last axis 0 v5 : c64
  output y = v7
  output end = v6
  output last = v8
}
"#;

#[test]
fn an_impulse_rings() {
    let graph = verify(parse_graph(RINGING).unwrap()).unwrap();
    assert_eq!(graph.to_string(), RINGING);
    let given = |x: Array| {
        let inputs = [x];
        interpret(&graph, &inputs, &bind_sizes(&graph, &inputs).unwrap(), &Options::default()).unwrap()
    };
    let outputs = given(reals(&[4], &[1.0, 0.0, 0.0, 0.0]));
    let ring: Vec<f64> = (0..4).map(|n| 0.5_f64.powi(n) * f64::from(n).cos()).collect();
    // The factor is an operand of the recurrence, so it is rounded to f32.
    assert!(difference(&outputs[0], &reals(&[4], &ring)) < 1e-7);
    assert_eq!(outputs[1], outputs[2]);
    let empty = given(reals(&[0], &[]));
    assert_eq!(empty[0].shape(), &[0]);
    assert_eq!(empty[1].as_complex().unwrap(), &[[0.0, 0.0]]);
}

#[test]
fn operands_of_recurrences_are_rounded_only_on_request() {
    let text = RINGING.replace("v1 = const f32 0.5 : f32\n", "v1 = const f32 0.1 : f32\n");
    let graph = verify(parse_graph(&text).unwrap()).unwrap();
    let lambda = |round_recurrences| {
        let options = Options { round_recurrences, ..Options::default() };
        let x = [reals(&[2], &[1.0, 0.0])];
        let outputs = interpret(&graph, &x, &sizes(&[("T", 2)]), &options).unwrap();
        outputs[0].as_real().unwrap()[1]
    };
    let exact = f64::from(0.1_f32) * 1.0_f64.cos();
    assert_eq!(lambda(false), exact);
    assert_eq!(lambda(true), f64::from(exact as f32));
}

#[test]
fn remainders_take_the_divisors_sign() {
    let (a, b) =
        (reals(&[6], &[5.0, -5.0, 5.0, -5.0, 6.0, 1.0]), reals(&[6], &[3.0, 3.0, -3.0, -3.0, -3.0, 0.0]));
    let found = binary(BinaryOp::Rem, &a, &b);
    same(found.as_real().unwrap(), &[2.0, 1.0, -1.0, -2.0, -0.0, f64::NAN]);
    let found = binary(BinaryOp::Rem, &ints(&[5, -5, 5, -5, 7]), &ints(&[3, 3, -3, -3, 0]));
    assert_eq!(found.as_int().unwrap(), &[2, 1, -1, -2, 0]);
}

#[test]
fn integers_wrap_and_have_powers() {
    let found = binary(BinaryOp::Add, &ints(&[i32::MAX]), &ints(&[1]));
    assert_eq!(found.as_int().unwrap(), &[i64::from(i32::MIN)]);
    let found = binary(BinaryOp::Mul, &ints(&[65536, -3]), &ints(&[65536, 7]));
    assert_eq!(found.as_int().unwrap(), &[0, -21]);
    let bases = ints(&[2, 3, -2, 2, 1, -1, -1, 0]);
    let found = binary(BinaryOp::Pow, &bases, &ints(&[10, 40, 31, -1, -5, -3, -4, 0]));
    let three = 3_i64.wrapping_pow(40) as i32;
    assert_eq!(found.as_int().unwrap(), &[1024, i64::from(three), -2_147_483_648, 0, 1, -1, 1, 1]);
    let bytes = Array::new(DType::U8, vec![2], Data::Int(vec![200, 3])).unwrap();
    assert_eq!(binary(BinaryOp::Add, &bytes, &bytes).as_int().unwrap(), &[144, 6]);
    assert_eq!(unary(UnaryOp::Neg, &bytes).as_int().unwrap(), &[56, 253]);
}

#[test]
fn casts_saturate_truncate_and_round() {
    let x = reals(&[6], &[-2.7, 2.7, f64::NAN, 1e20, f64::NEG_INFINITY, 300.0]);
    let cast = |to| apply(Op::Cast(to), std::slice::from_ref(&x));
    assert_eq!(
        cast(DType::I32).as_int().unwrap(),
        &[-2, 2, 0, i64::from(i32::MAX), i64::from(i32::MIN), 300]
    );
    assert_eq!(cast(DType::U8).as_int().unwrap(), &[0, 2, 0, 255, 0, 255]);
    assert_eq!(cast(DType::Bool).as_bool().unwrap(), &[true; 6]);
    let exact = Array::new(DType::F64, vec![3], Data::Real(vec![0.1, 65519.9, 1.0 + 1.0 / 256.0])).unwrap();
    let cast = |to| apply(Op::Cast(to), std::slice::from_ref(&exact));
    same(cast(DType::F32).as_real().unwrap(), &[f64::from(0.1_f32), f64::from(65519.9_f32), 1.003_906_25]);
    same(cast(DType::F16).as_real().unwrap(), &[0.099_975_585_937_5, 65504.0, 1.003_906_25]);
    // Halfway between two bf16 numbers: to the even one.
    same(cast(DType::BF16).as_real().unwrap(), &[0.100_097_656_25, 65536.0, 1.0]);
    let whole = apply(Op::Cast(DType::F32), &[ints(&[16_777_217])]);
    same(whole.as_real().unwrap(), &[16_777_216.0]);
}

#[test]
fn nan_wins_in_max_and_min() {
    let (a, b) = (reals(&[4], &[1.0, f64::NAN, 2.0, f64::NAN]), reals(&[4], &[f64::NAN, 1.0, 3.0, f64::NAN]));
    same(binary(BinaryOp::Max, &a, &b).as_real().unwrap(), &[f64::NAN, f64::NAN, 3.0, f64::NAN]);
    same(binary(BinaryOp::Min, &a, &b).as_real().unwrap(), &[f64::NAN, f64::NAN, 2.0, f64::NAN]);
    let reduce = |kind, x: &Array| apply(Op::Reduce { kind, axes: vec![0] }, std::slice::from_ref(x));
    same(reduce(ReduceKind::Max, &a).as_real().unwrap(), &[f64::NAN]);
    assert_eq!(reduce(ReduceKind::ArgMax, &a).as_int().unwrap(), &[1]);
    assert_eq!(reduce(ReduceKind::ArgMax, &reals(&[4], &[1.0, 7.0, 7.0, 2.0])).as_int().unwrap(), &[1]);
}

#[test]
fn reductions_of_nothing_are_neutral() {
    let empty = reals(&[0, 2], &[]);
    let reduce = |kind, x: &Array| apply(Op::Reduce { kind, axes: vec![0] }, std::slice::from_ref(x));
    same(reduce(ReduceKind::Sum, &empty).as_real().unwrap(), &[0.0, 0.0]);
    same(reduce(ReduceKind::Max, &empty).as_real().unwrap(), &[f64::NEG_INFINITY; 2]);
    same(reduce(ReduceKind::Min, &empty).as_real().unwrap(), &[f64::INFINITY; 2]);
    assert_eq!(reduce(ReduceKind::ArgMax, &empty).as_int().unwrap(), &[0, 0]);
    assert_eq!(reduce(ReduceKind::Min, &ints(&[])).as_int().unwrap(), &[i64::from(i32::MAX)]);
}

#[test]
fn elementwise_functions_are_careful() {
    let x = Array::new(DType::F64, vec![5], Data::Real(vec![-800.0, -1.0, 0.0, 2.5, 800.0])).unwrap();
    let softplus = unary(UnaryOp::Softplus, &x);
    let one = (1.0 + (-1.0_f64).exp()).ln();
    assert!((softplus.as_real().unwrap()[1] - one).abs() < 1e-15);
    assert_eq!(softplus.as_real().unwrap()[4], 800.0);
    assert_eq!(unary(UnaryOp::Sigmoid, &x).as_real().unwrap()[4], 1.0);
    same(unary(UnaryOp::Round, &x).as_real().unwrap(), &[-800.0, -1.0, 0.0, 2.0, 800.0]);
    // Abramowitz and Stegun, table 7.1: erf(1).
    assert!((unary(UnaryOp::Erf, &x).as_real().unwrap()[1] + 0.842_700_792_949_715).abs() < 1e-15);
}

#[test]
fn complex_functions_take_the_principal_values() {
    let z = Array::c64(&[4], &[[-4.0, 0.0], [0.0, 2.0], [3.0, 4.0], [-4.0, -0.0]]).unwrap();
    let roots = unary(UnaryOp::Sqrt, &z);
    let roots = roots.as_complex().unwrap();
    for (root, expected) in roots.iter().zip([[0.0, 2.0], [1.0, 1.0], [2.0, 1.0], [0.0, -2.0]]) {
        assert!((root[0] - expected[0]).abs() < 1e-15 && (root[1] - expected[1]).abs() < 1e-15, "{root:?}");
    }
    same(unary(UnaryOp::Abs, &z).as_real().unwrap(), &[4.0, 2.0, 5.0, 4.0]);
    same(unary(UnaryOp::Arg, &z).as_real().unwrap(), &[TAU / 2.0, TAU / 4.0, 4.0_f64.atan2(3.0), -TAU / 2.0]);
    let big = Array::new(DType::C64, vec![1], Data::Complex(vec![[1e200, 1e200]])).unwrap();
    assert_eq!(binary(BinaryOp::Div, &big, &big).as_complex().unwrap(), &[[1.0, 0.0]]);
    let mut numbers = Numbers(1);
    let (a, b) = (numbers.array(DType::C64, &[9]), numbers.array(DType::C64, &[9]));
    let back = binary(BinaryOp::Mul, &binary(BinaryOp::Div, &a, &b), &b);
    assert!(difference(&back, &a) < 1e-14);
}

#[test]
fn broadcasting_is_numpys() {
    let mut numbers = Numbers(2);
    for (a_shape, b_shape) in [
        (vec![4, 1, 3], vec![2, 3]),
        (vec![2, 3], vec![]),
        (vec![1], vec![3, 0]),
        (vec![5, 1], vec![1, 7]),
        (vec![2, 1, 3, 1], vec![4, 1, 5]),
    ] {
        let (a, b) = (numbers.array(DType::F32, &a_shape), numbers.array(DType::F32, &b_shape));
        let found = binary(BinaryOp::Sub, &a, &b);
        let shape = found.shape().to_vec();
        let at = |array: &Array, place: &[usize]| {
            let skipped = place.len() - array.shape().len();
            let index = array
                .shape()
                .iter()
                .zip(&place[skipped..])
                .fold(0, |index, (size, i)| index * size + if *size == 1 { 0 } else { *i });
            array.as_real().unwrap()[index]
        };
        for (flat, value) in found.as_real().unwrap().iter().enumerate() {
            let place = coordinates(flat, &shape);
            assert_eq!(*value, at(&a, &place) - at(&b, &place));
        }
    }
}

fn coordinates(mut flat: usize, shape: &[usize]) -> Vec<usize> {
    let mut place = vec![0; shape.len()];
    for (axis, size) in shape.iter().enumerate().rev() {
        place[axis] = flat % size;
        flat /= size;
    }
    place
}

#[test]
fn contractions_are_sums_over_labels() {
    let mut numbers = Numbers(3);
    let extent = |label: u8| [3, 2, 5, 4, 0, 1][usize::from(label - b'a')];
    for labels in [
        "ab,bc->ac",
        "ab,bc->ca",
        "abc,acd->abd",
        "a,a->",
        "a,b->ab",
        "a,b->ba",
        "ab,ab->ab",
        "ab,ab->",
        "abc,cb->a",
        "ab,c->c",
        "abd,c->ac",
        ",a->a",
        "a,->a",
        "ae,eb->ab",
        "ab,be->ae",
        "af,fb->ba",
        "cab,dbc->dac",
        "ab,b->a",
        "b,ba->a",
    ] {
        for dtype in [DType::F32, DType::C64, DType::I32] {
            let (operands, result) = labels.split_once("->").unwrap();
            let (left, right) = operands.split_once(',').unwrap();
            let shape = |word: &str| word.bytes().map(extent).collect::<Vec<usize>>();
            let (a, b) = (numbers.array(dtype, &shape(left)), numbers.array(dtype, &shape(right)));
            let mut make = Make::new();
            let dims = |word: &str| word.bytes().map(|l| n(extent(l) as i64)).collect();
            let x = make.argument("a", Type::new(dtype, dims(left)));
            let y = make.argument("b", Type::new(dtype, dims(right)));
            let z = make.contract(labels, x, y);
            let found = run(&make.verified(&[("z", z)]), &[a.clone(), b.clone()], &sizes(&[])).remove(0);
            // All assignments of all labels, one after the other.
            let mut all: Vec<u8> = left.bytes().chain(right.bytes()).collect();
            all.sort_unstable();
            all.dedup();
            let extents: Vec<usize> = all.iter().map(|l| extent(*l)).collect();
            let mut sums = vec![[0.0; 2]; found.len()];
            for flat in 0..extents.iter().product() {
                let place = coordinates(flat, &extents);
                let index = |word: &str| {
                    word.bytes().fold(0, |index, label| {
                        index * extent(label) + place[all.iter().position(|l| *l == label).unwrap()]
                    })
                };
                let ([p, q], [r, s]) = (entry(&a, index(left)), entry(&b, index(right)));
                sums[index(result)][0] += p * r - q * s;
                sums[index(result)][1] += p * s + q * r;
            }
            for (place, sum) in sums.iter().enumerate() {
                let value = entry(&found, place);
                let apart = (value[0] - sum[0]).abs() + (value[1] - sum[1]).abs();
                assert!(apart < 1e-12, "{labels} {dtype}: {value:?} against {sum:?}");
            }
        }
    }
}

fn entry(array: &Array, place: usize) -> [f64; 2] {
    match array.data() {
        Data::Real(x) => [x[place], 0.0],
        Data::Complex(x) => x[place],
        Data::Int(x) => [x[place] as f64, 0.0],
        Data::Bool(_) => unreachable!(),
    }
}

#[test]
fn fourier_transforms_follow_the_definition() {
    let mut numbers = Numbers(4);
    for size in [0_usize, 1, 2, 5, 8] {
        for length in [0_usize, 1, 2, 3, 5, 8, 12] {
            let root = |k: usize, t: usize, sign: f64| {
                let angle = sign * TAU * (k * t) as f64 / length as f64;
                [angle.cos(), angle.sin()]
            };
            let z = numbers.array(DType::C64, &[size, 2]);
            let padded = |t: usize, c: usize| if t < size { entry(&z, t * 2 + c) } else { [0.0; 2] };
            let fft = |kind, x: &Array| {
                apply(Op::Fft { kind, axis: 0, n: n(length as i64) }, std::slice::from_ref(x))
            };
            for (kind, sign, scale) in [(FftKind::Fft, -1.0, 1.0), (FftKind::Ifft, 1.0, 1.0 / length as f64)]
            {
                let found = fft(kind, &z);
                for (k, c) in (0..length).flat_map(|k| [(k, 0), (k, 1)]) {
                    let mut sum = [0.0; 2];
                    for t in 0..length {
                        let ([p, q], [r, s]) = (padded(t, c), root(k, t, sign));
                        sum[0] += (p * r - q * s) * scale;
                        sum[1] += (p * s + q * r) * scale;
                    }
                    let value = entry(&found, k * 2 + c);
                    assert!((value[0] - sum[0]).abs() + (value[1] - sum[1]).abs() < 1e-12);
                }
            }
            let x = numbers.array(DType::F32, &[size, 2]);
            let spectrum = fft(FftKind::Rfft, &x);
            assert_eq!(spectrum.shape(), &[length / 2 + 1, 2]);
            if length > 0 {
                let full = fft(FftKind::Fft, &apply(Op::Cast(DType::C64), std::slice::from_ref(&x)));
                let half = apply(Op::Slice { axis: 0, start: n(0), len: n(length as i64 / 2 + 1) }, &[full]);
                assert!(difference(&spectrum, &half) < 1e-12);
            }
            // The inverse gives the signal back, cut or padded to the length.
            let back = fft(FftKind::Irfft, &spectrum);
            for (t, c) in (0..length).flat_map(|t| [(t, 0), (t, 1)]) {
                let expected = if t < size { x.as_real().unwrap()[t * 2 + c] } else { 0.0 };
                assert!((back.as_real().unwrap()[t * 2 + c] - expected).abs() < 1e-12);
            }
        }
    }
}

#[test]
fn convolution_is_causal_and_by_channel() {
    let mut numbers = Numbers(5);
    for (lead, taps) in [(None, 3), (Some(2), 3), (None, 9), (None, 0)] {
        let x = numbers.array(DType::F32, &[2, 5, 3]);
        let shape: Vec<usize> = lead.into_iter().chain([taps, 3]).collect();
        let w = numbers.array(DType::F32, &shape);
        let found = apply(Op::Conv { axis: 1 }, &[x.clone(), w.clone()]);
        for (flat, value) in found.as_real().unwrap().iter().enumerate() {
            let [b, t, c] = coordinates(flat, &[2, 5, 3])[..] else { unreachable!() };
            let mut sum = 0.0;
            for j in 0..taps.min(t + 1) {
                let own = if lead.is_some() { b * taps * 3 } else { 0 };
                sum += w.as_real().unwrap()[own + j * 3 + c] * x.as_real().unwrap()[(b * 5 + t - j) * 3 + c];
            }
            assert!((value - sum).abs() < 1e-14);
        }
    }
}

#[test]
fn entries_move_where_they_should() {
    let x = reals(&[3, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let moved = |op| apply(op, std::slice::from_ref(&x)).into_data();
    let of = |entries: &[f64]| Data::Real(entries.to_vec());
    assert_eq!(moved(Op::Transpose { perm: vec![1, 0] }), of(&[1.0, 3.0, 5.0, 2.0, 4.0, 6.0]));
    assert_eq!(moved(Op::Flip { axis: 0 }), of(&[5.0, 6.0, 3.0, 4.0, 1.0, 2.0]));
    assert_eq!(moved(Op::Shift { axis: 0, by: 1 }), of(&[0.0, 0.0, 1.0, 2.0, 3.0, 4.0]));
    assert_eq!(moved(Op::Shift { axis: 0, by: -2 }), of(&[5.0, 6.0, 0.0, 0.0, 0.0, 0.0]));
    assert_eq!(moved(Op::Shift { axis: 1, by: 9 }), of(&[0.0; 6]));
    let padded = of(&[0.0, 1.0, 2.0, 0.0, 3.0, 4.0, 0.0, 5.0, 6.0]);
    assert_eq!(moved(Op::Pad { axis: 1, before: n(1), after: n(0) }), padded);
    assert_eq!(moved(Op::Slice { axis: 0, start: n(1), len: n(2) }), of(&[3.0, 4.0, 5.0, 6.0]));
    assert_eq!(moved(Op::Cumsum { axis: 0 }), of(&[1.0, 2.0, 4.0, 6.0, 9.0, 12.0]));
    assert_eq!(moved(Op::Last { axis: 1 }), of(&[2.0, 4.0, 6.0]));
    let broadcast = Op::Broadcast { shape: vec![n(2), n(3), n(2)], axes: vec![1, 2] };
    assert_eq!(moved(broadcast), of(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
    let twice = apply(Op::Concat { axis: 1 }, &[x.clone(), x.clone()]);
    assert_eq!(twice.as_real().unwrap(), &[1.0, 2.0, 1.0, 2.0, 3.0, 4.0, 3.0, 4.0, 5.0, 6.0, 5.0, 6.0]);
}

#[test]
fn gathers_share_leading_axes_and_heed_their_guard() {
    // Two tables of three rows; each has its own indices.
    let table = reals(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let indices = Array::i32(&[2, 2], &[2, 0, 1, 9]).unwrap();
    let guard = Array::bool(&[2, 2], &[true, true, true, false]).unwrap();
    let found = apply(Op::Gather { batch: 1 }, &[table.clone(), indices.clone(), guard]);
    assert_eq!(found.as_real().unwrap(), &[3.0, 1.0, 5.0, 0.0]);
    let graph = applied(Op::Gather { batch: 1 }, &[table.clone(), indices.clone()]);
    let error = interpret(&graph, &[table, indices], &sizes(&[]), &EXACT).unwrap_err();
    assert_eq!(error.kind, EvalErrorKind::Index { index: 9, position: vec![1, 1], size: 3 });
}

#[test]
fn a_backward_recurrence_runs_from_the_end() {
    let mut make = Make::new();
    let x = make.argument("x", f32(&[t()]));
    let states = vec![(RecState { line: 0, depth: 2 }, f32(&[]))];
    let rec = Recurrence { length: t(), axis: 0, direction: Direction::Backward, states };
    // b[t] = x[t] + 10 b[t+1] + t, and b[t+2] unused but carried.
    let op = rec.op(&[f32(&[])], &[], |body, step| {
        let (ten, time) = (body.real(10.0), body.cast(DType::F32, step.t));
        let later = body.mul(ten, step.earlier[0][0]);
        let sum = body.add(step.sequences[0], later);
        vec![body.add(sum, time)]
    });
    let (one, two) = (make.real(7.0), make.real(8.0));
    let results = make.many(op, &[x, one, two]);
    let graph = make.verified(&[("b", results[0]), ("first", results[1]), ("second", results[2])]);
    let of = |entries: &[f64]| {
        let found = run(&graph, &[reals(&[entries.len()], entries)], &sizes(&[("T", entries.len())]));
        found.iter().map(|array| array.as_real().unwrap().to_vec()).collect::<Vec<_>>()
    };
    assert_eq!(of(&[1.0, 2.0]), [vec![731.0 + 1.0 - 1.0, 73.0], vec![731.0], vec![73.0]]);
    assert_eq!(of(&[1.0]), [vec![71.0], vec![71.0], vec![7.0]]);
    assert_eq!(of(&[]), [vec![], vec![7.0], vec![8.0]]);
}

#[test]
fn repeats_carry_and_collect() {
    let mut body = Make::new();
    let (x, k, w) = (body.local("x", f32(&[])), body.local("k", f32(&[])), body.local("w", f32(&[])));
    let scaled = body.mul(x, w);
    let y = body.add(scaled, k);
    let inner = body.finish(&[("y", y), ("before", x)]);
    let mut make = Make::new();
    let (x, k, w) =
        (make.argument("x", f32(&[])), make.param("k", f32(&[])), make.param("w.{}", f32(&[n(3)])));
    let repeat = Op::Repeat(Box::new(Repeat { count: 3, carried: 1, constants: 1, stacked: 1, body: inner }));
    let results = make.many(repeat, &[x, k, w]);
    let graph = make.verified(&[("y", results[0]), ("all", results[1])]);
    let inputs = [reals(&[], &[1.0]), reals(&[], &[0.5]), reals(&[3], &[2.0, 3.0, 4.0])];
    let found = run(&graph, &inputs, &sizes(&[]));
    // 1 -> 2.5 -> 8 -> 32.5.
    assert_eq!(found[0].as_real().unwrap(), &[32.5]);
    assert_eq!(found[1].as_real().unwrap(), &[1.0, 2.5, 8.0]);
}

#[test]
fn draws_have_their_distributions() {
    let draw = |distribution, shape: &[i64]| {
        let key = ("w".to_owned(), 0);
        let shape = shape.iter().map(|size| n(*size)).collect();
        apply(Op::Draw { distribution, key, shape }, &[]).as_real().unwrap().to_vec()
    };
    let mean = |x: &[f64], f: &dyn Fn(f64) -> f64| x.iter().map(|x| f(*x)).sum::<f64>() / x.len() as f64;
    let x = draw(Distribution::Uniform(2.0, 5.0), &[100_000]);
    assert!(x.iter().all(|x| (2.0..5.0).contains(x)));
    assert!(
        (mean(&x, &|x| x) - 3.5).abs() < 0.014 && (mean(&x, &|x| (x - 3.5).powi(2)) - 0.75).abs() < 0.011
    );
    let x = draw(Distribution::Normal(-1.0, 2.0), &[100_000]);
    assert!((mean(&x, &|x| x) + 1.0).abs() < 0.032 && (mean(&x, &|x| (x + 1.0).powi(2)) - 4.0).abs() < 0.09);
    let x = draw(Distribution::Xavier(2.0), &[3, 100, 200]);
    let limit = 2.0 * (6.0_f64 / 300.0).sqrt();
    assert!(x.iter().all(|x| x.abs() <= limit) && x.iter().any(|x| x.abs() > 0.999 * limit));
    for (rows, columns) in [(5, 5), (7, 3), (3, 7), (1, 4), (4, 1)] {
        let x = draw(Distribution::Orthogonal(2.0), &[2, rows, columns]);
        let (rows, columns) = (rows as usize, columns as usize);
        for q in x.chunks(rows * columns) {
            let short = rows.min(columns);
            for (a, b) in (0..short).flat_map(|a| (0..short).map(move |b| (a, b))) {
                let dot: f64 = (0..rows.max(columns))
                    .map(|i| {
                        if rows >= columns {
                            [i * columns + a, i * columns + b]
                        } else {
                            [a * columns + i, b * columns + i]
                        }
                    })
                    .map(|[p, r]| q[p] * q[r])
                    .sum();
                let expected = if a == b { 4.0 } else { 0.0 };
                assert!((dot - expected).abs() < 1e-13, "{rows} x {columns}: {dot}");
            }
        }
    }
    // Uniformly distributed: each entry of a 3 x 3 one has mean 0 and variance 1 / 3.
    let x = draw(Distribution::Orthogonal(1.0), &[20_000, 3, 3]);
    for place in 0..9 {
        let entries: Vec<f64> = x.iter().skip(place).step_by(9).copied().collect();
        assert!(mean(&entries, &|x| x).abs() < 0.021, "{place}");
        assert!((mean(&entries, &|x| x * x) - 1.0 / 3.0).abs() < 0.011, "{place}");
    }
}

#[test]
fn masks_keep_with_their_probability() {
    let mask = apply(Op::Keep { site: 2, keep: 0.3, shape: vec![n(100_000)] }, &[]);
    let kept = mask.as_bool().unwrap().iter().filter(|kept| **kept).count();
    assert!((kept as i64 - 30_000).abs() < 730, "{kept}");
    for (keep, expected) in [(0.0, false), (1.0, true)] {
        let mask = apply(Op::Keep { site: 2, keep, shape: vec![n(1000)] }, &[]);
        assert!(mask.as_bool().unwrap().iter().all(|kept| *kept == expected));
    }
}

#[test]
fn wrong_sizes_are_errors_with_their_numbers() {
    let mut make = Make::new();
    let x = make.argument("x", f32(&[t(), n(2)]));
    let table = make.param("pos", f32(&[n(4), n(2)]));
    let here = make.op(Op::Slice { axis: 0, start: n(0), len: t() }, &[table]);
    let y = make.add(x, here);
    make.0.require(Require::Whole(t().div(&n(2)).unwrap()), "T = 3 is odd");
    let graph = make.verified(&[("y", y)]);
    let of = |length: usize, columns: usize| {
        let inputs = [Array::zeros(DType::F32, &[length, columns]), Array::zeros(DType::F32, &[4, 2])];
        let sizes = bind_sizes(&graph, &inputs)?;
        interpret(&graph, &inputs, &sizes, &EXACT)
    };
    assert!(of(4, 2).is_ok());
    assert_eq!(of(6, 2).unwrap_err().kind, EvalErrorKind::Slice { start: 0, end: 6, size: 4 });
    assert_eq!(of(3, 2).unwrap_err().to_string(), "T = 3 is odd");
    let error = of(4, 3).unwrap_err().to_string();
    assert_eq!(error, "the input `x` should be f32[T, 2] with T = 4, found f32[4, 3]");
    let missing = interpret(&graph, &[], &sizes(&[]), &EXACT).unwrap_err();
    assert!(matches!(missing.kind, EvalErrorKind::Size(_)));
    let huge = Op::Iota { len: Dim::constant(i64::MAX), start: n(0) };
    let error = interpret(&applied(huge, &[]), &[], &sizes(&[]), &EXACT).unwrap_err();
    assert!(matches!(error.kind, EvalErrorKind::TooLarge(_)));
}

#[test]
fn a_run_can_be_stopped() {
    let asked = Cell::new(0);
    let stop = || {
        asked.set(asked.get() + 1);
        asked.get() > 20
    };
    let graph = verify(parse_graph(RINGING).unwrap()).unwrap();
    let options = Options { cancelled: Some(&stop), ..Options::default() };
    let x = [Array::zeros(DType::F32, &[1000])];
    let error = interpret(&graph, &x, &sizes(&[("T", 1000)]), &options).unwrap_err();
    assert_eq!((error.kind, asked.get()), (EvalErrorKind::Cancelled, 21));
}

#[test]
fn constants_are_stored_in_their_type() {
    let mut make = Make::new();
    let third = make.op(Op::Const(Constant::Float(DType::F32, 1.0 / 3.0)), &[]);
    let z = make.op(Op::Const(Constant::Complex(0.1, f64::INFINITY)), &[]);
    let found = run(&make.verified(&[("a", third), ("z", z)]), &[], &sizes(&[]));
    assert_eq!(found[0].as_real().unwrap(), &[f64::from(1.0_f32 / 3.0)]);
    assert_eq!(found[1].as_complex().unwrap(), &[[f64::from(0.1_f32), f64::INFINITY]]);
    assert_eq!(c64(&[]).to_string(), "c64");
}
