//! Products and transforms against the interpreter's definitions, split in several ways.

#![allow(
    unsafe_code,
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod common;

use common::{Random, Scratch, Tolerance, assert_close, random_bytes};
use tensc_cpu::{CpuOptions, CpuProgram, compile};
use tensc_ir::{DType, Dim, FftKind, Sizes};
use tensc_program::{
    Buffer, BufferId, BufferKind, BufferRef, Call, Code, FftShape, Gemm, GemmShape, Panels, Part, Program,
    Step, Verified, interpret, verify,
};

fn program(lengths: &[(DType, usize)], call: Call) -> Verified<Program> {
    let buffers = lengths.iter().enumerate().map(|(n, (dtype, len))| Buffer {
        name: format!("b{n}"),
        kind: if n + 1 == lengths.len() { BufferKind::Result } else { BufferKind::Argument },
        dtype: *dtype,
        shape: vec![(*len as i64).into()],
        varies: false,
    });
    let program = Program {
        name: "call".to_owned(),
        buffers: buffers.collect(),
        main: vec![Step::Call(call)],
        ..Program::default()
    };
    verify(program).unwrap()
}

fn code() -> CpuProgram {
    compile(&verify(Program::default()).unwrap(), &CpuOptions::default()).unwrap()
}

fn place(n: u32) -> BufferRef {
    BufferRef { buffer: BufferId(n), offset: 0.into() }
}

fn check_gemm(code: &CpuProgram, shape: GemmShape, lengths: [usize; 3]) {
    let dims = |strides: [i64; 3]| strides.map(Dim::constant);
    let gemm = Gemm {
        a: place(0),
        b: place(1),
        c: place(2),
        batch: shape.batch.into(),
        m: shape.m.into(),
        k: shape.k.into(),
        n: shape.n.into(),
        a_strides: dims(shape.a_strides),
        b_strides: dims(shape.b_strides),
        b_panels: shape.b_panels.map(|panels| Panels { width: panels.width, stride: panels.stride.into() }),
        c_strides: dims(shape.c_strides),
        accumulate: shape.accumulate,
    };
    let dtypes = [shape.a_dtype, shape.b_dtype, DType::F32];
    let typed: Vec<(DType, usize)> = dtypes.into_iter().zip(lengths).collect();
    let program = program(&typed, Call::Gemm(Box::new(gemm)));
    let mut random = Random(shape.m as u64 * 1000 + shape.n as u64);
    let start: Vec<Vec<u8>> =
        typed.iter().map(|(dtype, len)| random_bytes(&mut random, *dtype, *len, false)).collect();
    let mut expected = start.clone();
    interpret(&program, Part::Main, &mut expected, &Sizes::new()).unwrap();
    let mut first: Option<Vec<u8>> = None;
    for parts in [1, 2, 5] {
        let mut arrays = start.clone();
        let pointers: Vec<*mut u8> = arrays.iter_mut().map(|array| array.as_mut_ptr()).collect();
        let mut scratch = Scratch::new(code.gemm_scratch_bytes(&shape));
        let items = code.gemm_items(&shape);
        for part in 0..parts {
            let range = items * part / parts..items * (part + 1) / parts;
            // SAFETY: the interpreter has checked every place of these arrays.
            unsafe {
                code.gemm_range(&shape, [pointers[0], pointers[1], pointers[2]], range, scratch.pointer())
            };
        }
        let bound = Tolerance::Relative(1e-5 * (shape.k as f64).sqrt().max(1.0));
        assert_close("c", DType::F32, &expected[2], &arrays[2], bound, &format!("{shape:?}"));
        let first = first.get_or_insert_with(|| arrays[2].clone());
        assert_eq!(*first, arrays[2], "{parts} parts differ from 1: {shape:?}");
    }
}

#[test]
fn products_of_any_shape() {
    let code = code();
    for (m, k, n) in [
        (0, 3, 4),
        (3, 0, 4),
        (1, 1, 1),
        (1, 300, 700),
        (2, 5, 3),
        (7, 33, 5),
        (63, 64, 65),
        (513, 20, 9),
        (700, 8, 3),
        (2100, 3, 2),
        (65, 7, 1100),
    ] {
        for (dtype, accumulate, batch) in
            [(DType::F32, false, 1), (DType::F32, true, 3), (DType::BF16, false, 2)]
        {
            let shape = GemmShape {
                batch,
                m,
                k,
                n,
                a_strides: [m * k, k, 1],
                b_strides: [k * n, n, 1],
                b_panels: None,
                c_strides: [m * n, n, 1],
                a_dtype: DType::F32,
                b_dtype: dtype,
                accumulate,
            };
            check_gemm(&code, shape, [batch * m * k, batch * k * n, batch * m * n].map(|n| n as usize));
            // Both factors transposed, the second one shared by all products.
            let transposed =
                GemmShape { a_strides: [m * k, 1, m], b_strides: [0, 1, k], a_dtype: dtype, ..shape };
            check_gemm(&code, transposed, [batch * m * k, k * n, batch * m * n].map(|n| n as usize));
        }
    }
}

#[test]
fn products_in_panels_of_any_shape() {
    let code = code();
    for (m, k, n) in [
        (0, 3, 40),
        (3, 0, 40),
        (1, 1, 1),
        (1, 300, 700),
        (2, 5, 16),
        (7, 33, 50),
        (17, 64, 65),
        (150, 350, 33),
        (513, 20, 90),
        (3, 700, 5000),
    ] {
        // Panels of 16 columns have code of their own, others do not.
        for (width, dtype, accumulate) in
            [(16, DType::F32, false), (16, DType::F32, true), (16, DType::BF16, true), (8, DType::F32, false)]
        {
            let panels = (n + width - 1) / width;
            let shape = GemmShape {
                batch: 1,
                m,
                k,
                n,
                a_strides: [0, k, 1],
                b_strides: [0, width, 1],
                b_panels: Some(Panels { width, stride: k * width }),
                c_strides: [0, n, 1],
                a_dtype: DType::F32,
                b_dtype: dtype,
                accumulate,
            };
            check_gemm(&code, shape, [m * k, panels * k * width, m * n].map(|n| n as usize));
            let transposed =
                GemmShape { a_strides: [0, 1, m], c_strides: [0, 1, m], a_dtype: DType::BF16, ..shape };
            check_gemm(&code, transposed, [m * k, panels * k * width, m * n].map(|n| n as usize));
        }
    }
}

/// The bits of a row are those that it has alone.
#[test]
fn a_row_in_panels_has_the_same_bits_in_every_product() {
    let code = code();
    let (m, k, n) = (150_i64, 700, 100);
    let shape = |m| GemmShape {
        batch: 1,
        m,
        k,
        n,
        a_strides: [0, k, 1],
        b_strides: [0, 16, 1],
        b_panels: Some(Panels { width: 16, stride: k * 16 }),
        c_strides: [0, n, 1],
        a_dtype: DType::F32,
        b_dtype: DType::F32,
        accumulate: false,
    };
    let mut random = Random(5);
    let mut a = random_bytes(&mut random, DType::F32, (m * k) as usize, false);
    let mut b = random_bytes(&mut random, DType::F32, (7 * k * 16) as usize, false);
    let mut product = |m: i64, row: i64| {
        let mut c = vec![0_u8; (4 * m * n) as usize];
        let mut scratch = Scratch::new(code.gemm_scratch_bytes(&shape(m)));
        let pointers = [a[(4 * row * k) as usize..].as_mut_ptr(), b.as_mut_ptr(), c.as_mut_ptr()];
        // SAFETY: the matrices have the sizes that the shape says.
        unsafe { code.gemm_range(&shape(m), pointers, 0..code.gemm_items(&shape(m)), scratch.pointer()) };
        c
    };
    let all = product(m, 0);
    for (row, count) in [(0, 1), (7, 2), (149, 1), (30, 33)] {
        let some = product(count, row);
        assert_eq!(some, all[(4 * row * n) as usize..][..some.len()], "{count} rows from {row}");
    }
}

#[test]
fn transforms_of_any_length() {
    let code = code();
    for kind in FftKind::ALL {
        for n in [1_usize, 2, 3, 4, 5, 8, 13, 16, 30, 97, 100, 257] {
            let half = n / 2 + 1;
            let (input, output) = match kind {
                FftKind::Fft | FftKind::Ifft => ((DType::C64, n), (DType::C64, n)),
                FftKind::Rfft => ((DType::F32, n), (DType::C64, half)),
                FftKind::Irfft => ((DType::C64, half), (DType::F32, n)),
            };
            const ROWS: usize = 5;
            let lengths = [(input.0, input.1 * ROWS), (output.0, output.1 * ROWS)];
            let call = Call::Fft {
                kind,
                input: place(0),
                output: place(1),
                n: (n as i64).into(),
                batch: (ROWS as i64).into(),
            };
            let program = program(&lengths, call);
            let mut random = Random(n as u64);
            let bytes = random_bytes(&mut random, input.0, lengths[0].1, false);
            let mut expected = vec![bytes, vec![0xFF; lengths[1].1 * output.0.bytes()]];
            let mut found = expected.clone();
            interpret(&program, Part::Main, &mut expected, &Sizes::new()).unwrap();
            let shape = FftShape { kind, n };
            let mut scratch = Scratch::new(code.fft_scratch_bytes(shape));
            let [from, to] = [0, 1].map(|n| found[n].as_mut_ptr());
            for rows in [0..2, 2..5] {
                // SAFETY: the arrays hold all rows.
                unsafe { code.fft_range(shape, from, to, rows, scratch.pointer()) };
            }
            assert_close(
                "out",
                output.0,
                &expected[1],
                &found[1],
                Tolerance::Relative(1e-5),
                &format!("{shape:?}"),
            );
            assert_eq!(expected[0], found[0], "{kind:?} changes its input");
        }
    }
}
