//! Calls cut into blocks and pieces give what the whole gives; states, layers and failures arrive where they belong.
//!
//! The kernels are written by hand here, so that the executor is tested apart from every target.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
#![expect(unsafe_code, reason = "stands in for compiled code")]

use indexmap::IndexMap;
use std::ops::Range;
use std::sync::Arc;
use tensc_ir::dim::POSITION;
use tensc_ir::{DType, Dim, Origin, Require, Sizes};
use tensc_program::{
    Axis, AxisKind, BATCH, Buffer, BufferId, BufferKind, BufferRef, CheckId, CheckSite, Code, Failure,
    FftShape, GemmShape, Kernel, KernelId, Launch, Param, Program, Step,
};
use tensc_runtime::{Call, Cancel, ExecError, Pool, Session, State, Tensor, Weights};

fn dim(text: &str) -> Dim {
    tensc_ir::parse_dim(text).unwrap()
}

fn buffer(name: &str, kind: BufferKind, shape: &[&str], varies: bool) -> Buffer {
    let shape = shape.iter().map(|text| dim(text)).collect();
    Buffer { name: name.into(), kind, dtype: DType::F32, shape, varies }
}

fn at(buffer: u32, offset: &str) -> BufferRef {
    BufferRef { buffer: BufferId(buffer), offset: dim(offset) }
}

/// A kernel of this many read and written parameters with a grid over the batch.
fn kernel(name: &str, reads: usize, writes: usize, sizes: &[&str]) -> Kernel {
    let param = |writes| Param { name: "p".into(), dtype: DType::F32, writes };
    let params = (0..reads).map(|_| param(false)).chain((0..writes).map(|_| param(true))).collect();
    let axes = vec![Axis { name: "b".into(), kind: AxisKind::Grid { extent: dim(BATCH) } }];
    Kernel {
        name: name.into(),
        params,
        sizes: sizes.iter().map(ToString::to_string).collect(),
        axes,
        ..Kernel::default()
    }
}

const SCALE: u32 = 0; // prepared[i] = 2 * w[i]
const SUM: u32 = 1; // y[t] = running sum of x[t] * factor + position, state carried
const ADD: u32 = 2; // acc += layer, once per layer

/// `y[t, j] = s[j] + sum over u <= t of factor[j] * x[u, j]`, `last[j]` the final entry; D = 3 columns, y laid out as [2, T, 3] with a doubled copy in front.
fn program() -> Program {
    let d = 3;
    let launch = |kernel, arguments: Vec<BufferRef>, sizes: &[&str]| {
        Step::Launch(Launch {
            kernel: KernelId(kernel),
            arguments,
            sizes: sizes.iter().map(|text| dim(text)).collect(),
        })
    };
    Program {
        name: "sum".into(),
        buffers: vec![
            buffer("x", BufferKind::Argument, &["T", "3"], true),
            buffer("w", BufferKind::Weight { path: "layers.{}.w".into() }, &["2", "3"], false),
            buffer("factor", BufferKind::Prepared, &["2", "3"], false),
            buffer("s", BufferKind::StateIn, &["3"], true),
            buffer("s", BufferKind::StateOut, &["3"], true),
            buffer("y", BufferKind::Result, &["2", "T", "3"], true),
            buffer("last", BufferKind::Result, &["3"], true),
            buffer("a", BufferKind::Scratch, &["T", "3"], true),
        ],
        kernels: vec![
            Kernel {
                axes: vec![Axis { name: "i".into(), kind: AxisKind::Grid { extent: Dim::constant(2 * d) } }],
                ..kernel("scale", 1, 1, &[])
            },
            kernel("sum", 2, 4, &["T", BATCH, POSITION]),
            kernel("add", 3, 1, &["T", BATCH]),
        ],
        prepare: vec![launch(SCALE, vec![at(1, "0"), at(2, "0")], &[])],
        main: vec![
            Step::Copy { from: at(0, "0"), to: at(7, "0"), count: dim(&format!("{BATCH} * T * 3")) },
            launch(
                SUM,
                vec![at(7, "0"), at(3, "0"), at(5, "0"), at(4, "0"), at(6, "0"), at(7, "0")],
                &["T", BATCH, POSITION],
            ),
            Step::Loop {
                variable: "layer".into(),
                count: Dim::constant(2),
                reverse: false,
                body: vec![launch(
                    ADD,
                    vec![at(2, "3 * layer"), at(6, "0"), at(3, "0"), at(6, "0")],
                    &["T", BATCH],
                )],
            },
        ],
        checks: vec![CheckSite {
            message: "entry {value} at {position} is negative".into(),
            origin: Some(Origin { file: 0, start: 3, end: 5 }),
        }],
        requires: vec![(
            Require::AtMost(dim(&format!("{POSITION} + T")), Dim::constant(40)),
            "the sequence is longer than context = 40".into(),
        )],
    }
}

struct Fake;

unsafe fn read(pointer: *mut u8, i: usize) -> f32 {
    // SAFETY: tests only reach inside the buffers that the program above declares.
    unsafe { pointer.cast::<f32>().add(i).read() }
}

unsafe fn write(pointer: *mut u8, i: usize, value: f32) {
    // SAFETY: as `read`.
    unsafe { pointer.cast::<f32>().add(i).write(value) }
}

impl Code for Fake {
    fn scratch_bytes(&self, _: KernelId) -> usize {
        64
    }

    unsafe fn launch_range(
        &self,
        kernel: KernelId,
        pointers: &[*mut u8],
        sizes: &[i64],
        points: Range<i64>,
        _: *mut u8,
        failure: &mut Option<Failure>,
    ) {
        for point in points {
            let p = point as usize;
            // SAFETY: see `read`.
            unsafe {
                match kernel.0 {
                    SCALE => write(pointers[1], p, 2.0 * read(pointers[0], p)),
                    SUM => {
                        let t_len = sizes[0] as usize;
                        for j in 0..3 {
                            let mut sum = read(pointers[1], 3 * p + j);
                            for t in 0..t_len {
                                let x = read(pointers[0], (p * t_len + t) * 3 + j);
                                if x < 0.0 {
                                    let position = (sizes[2] as usize + t) as i32;
                                    Failure::record(
                                        failure,
                                        Failure { site: CheckId(0), value: x as i32, position },
                                    );
                                }
                                sum += x;
                                write(pointers[2], ((2 * p) * t_len + t) * 3 + j, 2.0 * sum);
                                write(pointers[2], ((2 * p + 1) * t_len + t) * 3 + j, sum);
                            }
                            write(pointers[3], 3 * p + j, sum);
                            write(pointers[4], 3 * p + j, sum);
                        }
                    }
                    _ => {
                        for j in 0..3 {
                            let value = read(pointers[1], 3 * p + j) + read(pointers[0], j);
                            write(pointers[3], 3 * p + j, value);
                        }
                    }
                }
            }
        }
    }

    fn gemm_items(&self, _: &GemmShape) -> i64 {
        0
    }

    fn gemm_scratch_bytes(&self, _: &GemmShape) -> usize {
        0
    }

    unsafe fn gemm_range(&self, _: &GemmShape, _: [*mut u8; 3], _: Range<i64>, _: *mut u8) {}

    fn fft_scratch_bytes(&self, _: FftShape) -> usize {
        0
    }

    unsafe fn fft_range(&self, _: FftShape, _: *const u8, _: *mut u8, _: Range<i64>, _: *mut u8) {}
}

fn array(shape: &[usize], values: &[f32]) -> Tensor {
    let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_ne_bytes()).collect();
    Tensor::from_bytes(DType::F32, shape.to_vec(), &bytes).unwrap()
}

fn values(tensor: &Tensor) -> Vec<f64> {
    (0..tensor.len()).map(|i| tensor.entry(i).unwrap().0).collect()
}

fn session(threads: usize, rows: usize) -> Session {
    let weights = IndexMap::from([
        ("layers.0.w".to_owned(), array(&[3], &[1.0, 2.0, 3.0])),
        ("layers.1.w".to_owned(), array(&[3], &[10.0, 20.0, 30.0])),
    ]);
    let pool = Arc::new(Pool::new(threads).unwrap());
    let mut session = Session::new(
        Arc::new(program()),
        Arc::new(Fake),
        &Weights::new(weights),
        pool,
        Cancel::new(),
        Some("T"),
    )
    .unwrap();
    session.set_rows(rows);
    session
}

fn counted(batch: usize, length: usize) -> Tensor {
    let values: Vec<f32> = (0..batch * length * 3).map(|i| (i % 17) as f32).collect();
    array(&[batch, length, 3], &values)
}

fn call(session: &mut Session, x: &Tensor, state: Option<&State>) -> Result<(Vec<Tensor>, State), ExecError> {
    let (batch, length) = (x.shape()[0], x.shape()[1]);
    let sizes = Sizes::from([("T".into(), length as i64)]);
    let arguments = [(x.clone(), true)];
    let call = Call { arguments: &arguments, batch, sizes: &sizes, state, progress: &|_| () };
    session.run(&call).map(|outcome| (outcome.results, outcome.state))
}

/// The results computed here, in plain loops.
fn expected(x: &Tensor) -> (Vec<f64>, Vec<f64>) {
    let (batch, length) = (x.shape()[0], x.shape()[1]);
    let entries = values(x);
    let (mut y, mut last) = (vec![0.0; batch * 2 * length * 3], vec![0.0; batch * 3]);
    for b in 0..batch {
        for j in 0..3 {
            let mut sum = 0.0;
            for t in 0..length {
                sum += entries[(b * length + t) * 3 + j];
                y[((2 * b) * length + t) * 3 + j] = 2.0 * sum;
                y[((2 * b + 1) * length + t) * 3 + j] = sum;
            }
            last[3 * b + j] = sum + 2.0 * 11.0 * (j + 1) as f64;
        }
    }
    (y, last)
}

#[test]
fn any_cut_gives_the_whole() {
    for threads in [1, 3] {
        for rows in [1, 2, 5, 7, 512] {
            for batch in [0, 1, 3, 4] {
                for length in [0, 1, 2, 5, 13] {
                    let mut session = session(threads, rows);
                    let x = counted(batch, length);
                    let (results, state) = call(&mut session, &x, None).unwrap();
                    let (y, last) = expected(&x);
                    assert_eq!(results[0].shape(), [batch, 2, length, 3]);
                    assert_eq!(values(&results[0]), y, "rows {rows} batch {batch} length {length}");
                    assert_eq!(values(&results[1]), last, "rows {rows} batch {batch} length {length}");
                    assert_eq!(state.position, length as i64);
                    assert_eq!(state.tensors[0].shape(), [batch, 3]);
                }
            }
        }
    }
}

#[test]
fn a_stream_goes_on_where_it_ended() {
    let x = counted(3, 13);
    let (_, last) = expected(&x);
    for cut in 0..=13 {
        let mut session = session(2, 4);
        let part = |from, len| tensc_runtime::tensor::piece(&x, 1, from, len).unwrap().unwrap();
        let (_, state) = call(&mut session, &part(0, cut), None).unwrap();
        let (results, state) = call(&mut session, &part(cut, 13 - cut), Some(&state)).unwrap();
        assert_eq!(values(&results[1]), last, "cut at {cut}");
        assert_eq!(state.position, 13);
    }
}

#[test]
fn an_argument_without_batch_serves_all_sequences() {
    let mut session = session(1, 4);
    let x = array(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let sizes = Sizes::from([("T".into(), 2)]);
    let arguments = [(x, false)];
    let call = Call { arguments: &arguments, batch: 3, sizes: &sizes, state: None, progress: &|_| () };
    let results = session.run(&call).unwrap().results;
    assert_eq!(values(&results[1]), [27., 51., 75., 27., 51., 75., 27., 51., 75.]);
}

#[test]
fn a_failed_check_names_value_place_and_source() {
    let mut session = session(2, 4);
    let mut entries = values(&counted(1, 9)).iter().map(|x| *x as f32).collect::<Vec<_>>();
    entries[3 * 6 + 1] = -5.0;
    let error = call(&mut session, &array(&[1, 9, 3], &entries), None).unwrap_err();
    let origin = Some(Origin { file: 0, start: 3, end: 5 });
    assert_eq!(error, ExecError::Check { message: "entry -5 at 6 is negative".into(), origin });
}

#[test]
fn conditions_on_sizes_hold_for_the_whole_stream() {
    let mut session = session(1, 4);
    assert!(call(&mut session, &counted(1, 40), None).is_ok());
    let error = call(&mut session, &counted(1, 41), None).unwrap_err();
    assert_eq!(error.to_string(), "the sequence is longer than context = 40");
    let (_, state) = call(&mut session, &counted(1, 39), None).unwrap();
    assert!(call(&mut session, &counted(1, 1), Some(&state)).is_ok());
    assert!(call(&mut session, &counted(1, 2), Some(&state)).is_err());
}

#[test]
fn arrays_of_another_shape_and_missing_weights_are_errors() {
    let mut session = session(1, 4);
    let error = call(&mut session, &array(&[1, 2, 4], &[0.0; 8]), None).unwrap_err();
    assert_eq!(error.to_string(), "`x` is f32[1, 2, 4], and the program takes f32[1, 2, 3]");
    let pool = Arc::new(Pool::new(1).unwrap());
    let none = Weights::default();
    let missing = Session::new(Arc::new(program()), Arc::new(Fake), &none, pool, Cancel::new(), Some("T"));
    assert_eq!(missing.err().unwrap().to_string(), "the weights have no `layers.0.w`");
}

#[test]
fn ctrl_c_ends_a_run() {
    let cancel = Cancel::new();
    let weights =
        IndexMap::from(["layers.0.w", "layers.1.w"].map(|path| (path.to_owned(), array(&[3], &[1.0; 3]))));
    let pool = Arc::new(Pool::new(1).unwrap());
    let mut session = Session::new(
        Arc::new(program()),
        Arc::new(Fake),
        &Weights::new(weights),
        pool,
        cancel.clone(),
        Some("T"),
    )
    .unwrap();
    cancel.request();
    assert_eq!(call(&mut session, &counted(1, 3), None).unwrap_err(), ExecError::Cancelled);
}
