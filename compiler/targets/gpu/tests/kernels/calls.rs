//! Products and transforms, which are kernels here, against their definitions.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use crate::common::{Tolerance, check};
use tensc_ir::{DType, Dim, FftKind, Sizes};
use tensc_program::{Buffer, BufferId, BufferKind, BufferRef, Call, Gemm, Program, Step};

fn program(lengths: &[(DType, i64)], call: Call) -> Program {
    let buffers = lengths.iter().enumerate().map(|(n, (dtype, len))| Buffer {
        name: format!("b{n}"),
        kind: if n + 1 == lengths.len() { BufferKind::Result } else { BufferKind::Argument },
        dtype: *dtype,
        shape: vec![(*len).into()],
        varies: false,
    });
    Program {
        name: "call".to_owned(),
        buffers: buffers.collect(),
        main: vec![Step::Call(call)],
        ..Program::default()
    }
}

fn place(n: u32) -> BufferRef {
    BufferRef { buffer: BufferId(n), offset: 0.into() }
}

/// Sizes that are known when the kernel is made, or only when it runs.
fn gemm([batch, m, k, n]: [i64; 4], dtype: DType, transposed: bool, known: bool) {
    let strides = |[a, b, c]: [i64; 3]| [a, b, c].map(Dim::constant);
    let (a_strides, b_strides) =
        if transposed { ([m * k, 1, m], [0, 1, k]) } else { ([m * k, k, 1], [k * n, n, 1]) };
    let size = |name: &str, value: i64| if known { value.into() } else { Dim::var(name) };
    let call = Call::Gemm(Box::new(Gemm {
        a: place(0),
        b: place(1),
        c: place(2),
        batch: batch.into(),
        m: size("M", m),
        k: size("K", k),
        n: size("N", n),
        a_strides: strides(a_strides),
        b_strides: strides(b_strides),
        b_panels: None,
        c_strides: strides([m * n, n, 1]),
        accumulate: false,
    }));
    let lengths = [(DType::F32, batch * m * k), (dtype, batch * k * n), (DType::F32, batch * m * n)];
    let sizes = Sizes::from([("M".into(), m), ("K".into(), k), ("N".into(), n)]);
    let bound = 2e-6 * (k.max(1) as f64).sqrt().max(1.0);
    check(program(&lengths, call), &sizes, (m * 1000 + n) as u64, false, Tolerance::Relative(bound));
}

#[test]
fn products_of_any_shape() {
    for [m, k, n] in
        [[1, 1, 1], [1, 300, 70], [2, 5, 3], [7, 33, 5], [63, 64, 65], [130, 16, 64], [64, 48, 128]]
    {
        gemm([1, m, k, n], DType::F32, false, true);
        gemm([2, m, k, n], DType::BF16, true, true);
        gemm([1, m, k, n], DType::F32, false, false);
    }
    gemm([1, 0, 3, 4], DType::F32, false, false);
    gemm([1, 3, 0, 4], DType::F32, false, false);
}

#[test]
fn transforms_of_any_length() {
    for kind in FftKind::ALL {
        for n in [1_i64, 2, 3, 8, 30, 97, 130] {
            let half = n / 2 + 1;
            let (input, output) = match kind {
                FftKind::Fft | FftKind::Ifft => ((DType::C64, n), (DType::C64, n)),
                FftKind::Rfft => ((DType::F32, n), (DType::C64, half)),
                FftKind::Irfft => ((DType::C64, half), (DType::F32, n)),
            };
            let call =
                Call::Fft { kind, input: place(0), output: place(1), n: Dim::var("n"), batch: 3.into() };
            let lengths = [(input.0, 3 * input.1), (output.0, 3 * output.1)];
            let sizes = Sizes::from([("n".into(), n)]);
            check(program(&lengths, call), &sizes, n as u64, false, Tolerance::Relative(1e-5));
        }
    }
}
