//! Products by the `gemm` crate, but those in panels that are computed in `panels`: blocks of rows, or of columns where there are few rows, each computed by one thread.
//!
//! How a product is split follows from its shape alone, so that any number of threads gives the same bits.

use crate::panels;
use std::ops::Range;
use tensc_ir::DType;
use tensc_program::GemmShape;

/// Rows of a block: fewer leave part of a core's speed unused, more leave cores without work.
const ROWS: i64 = 256;
/// Columns of a block of a product with few rows.
const COLUMNS: i64 = 512;
/// A row times a matrix is bound by reading the matrix: smaller blocks of columns keep all threads busy to the end.
const FEW_ROWS: i64 = 64;

/// Rows and columns of a block.
fn block(shape: &GemmShape) -> (i64, i64) {
    if shape.m >= 2 * ROWS || (shape.batch > 1 && shape.m > FEW_ROWS) {
        let rows = if shape.m >= 8 * ROWS { 2 * ROWS } else { ROWS };
        // What is copied is copied in parts.
        (rows, if shape.b_panels.is_some() { COLUMNS } else { shape.n.max(1) })
    } else {
        (shape.m.max(1), COLUMNS)
    }
}

fn blocks(shape: &GemmShape) -> (i64, i64) {
    let (rows, columns) = block(shape);
    let count = |size: i64, step: i64| (size + step - 1) / step;
    (count(shape.m, rows), count(shape.n, columns))
}

pub(crate) fn items(shape: &GemmShape) -> i64 {
    if panels::fits(shape) {
        return panels::items(shape);
    }
    let (rows, columns) = blocks(shape);
    shape.batch.max(0) * rows.max(0) * columns.max(0)
}

/// Where operands go that the library can't read as they are, bf16 or in panels: one block's part of each.
fn widened(shape: &GemmShape) -> (usize, usize) {
    let (rows, columns) = block(shape);
    let (rows, columns) = (rows.min(shape.m), columns.min(shape.n));
    let count = |copied: bool, entries: i64| if copied { usize::try_from(entries).unwrap_or(0) } else { 0 };
    let copied = |dtype: DType| dtype == DType::BF16;
    let b_copied = copied(shape.b_dtype) || shape.b_panels.is_some();
    (count(copied(shape.a_dtype), rows * shape.k), count(b_copied, shape.k * columns))
}

pub(crate) fn scratch_bytes(shape: &GemmShape) -> usize {
    if panels::fits(shape) {
        return panels::scratch_bytes(shape);
    }
    let (a, b) = widened(shape);
    4 * (a + b)
}

/// One operand of a block: where it starts, and its strides (row, column) in elements.
#[derive(Clone, Copy)]
pub(crate) struct Operand {
    pub(crate) pointer: *mut f32,
    pub(crate) strides: [i64; 2],
}

/// Runs blocks of a product.
///
/// # Safety
/// As `Code::gemm_range`.
#[expect(unsafe_code, reason = "matrices come as pointers")]
pub(crate) unsafe fn run(shape: &GemmShape, pointers: [*mut u8; 3], items: Range<i64>, scratch: *mut u8) {
    if panels::fits(shape) {
        // SAFETY: the caller's promises.
        return unsafe { panels::run(shape, pointers, items, scratch) };
    }
    let (row_blocks, column_blocks) = blocks(shape);
    let (block_rows, block_columns) = block(shape);
    let (a_entries, _) = widened(shape);
    for item in items {
        let batch = item / (row_blocks * column_blocks);
        let (row, column) =
            (item / column_blocks % row_blocks * block_rows, item % column_blocks * block_columns);
        let (m, n) = (block_rows.min(shape.m - row), block_columns.min(shape.n - column));
        // SAFETY: the caller's pointers cover all blocks, and scratch memory one block's widened operands.
        unsafe {
            let a = operand(
                pointers[0],
                shape.a_dtype,
                shape.a_strides,
                [batch, row, 0],
                [m, shape.k],
                scratch.cast(),
            );
            let b_scratch = scratch.cast::<f32>().add(a_entries);
            let b = if shape.b_panels.is_some() {
                let first = batch * shape.b_strides[0];
                let at = |i, j| first + i * shape.b_strides[1] + shape.b_column(column + j);
                copied(pointers[1], shape.b_dtype, at, [shape.k, n], b_scratch)
            } else {
                operand(
                    pointers[1],
                    shape.b_dtype,
                    shape.b_strides,
                    [batch, 0, column],
                    [shape.k, n],
                    b_scratch,
                )
            };
            let c = operand(
                pointers[2],
                DType::F32,
                shape.c_strides,
                [batch, row, column],
                [m, n],
                scratch.cast(),
            );
            multiply([m, shape.k, n], a, b, c, shape.accumulate);
        }
    }
}

#[expect(unsafe_code, reason = "matrices come as pointers")]
unsafe fn operand(
    pointer: *mut u8,
    dtype: DType,
    strides: [i64; 3],
    at: [i64; 3],
    [rows, columns]: [i64; 2],
    scratch: *mut f32,
) -> Operand {
    let offset = at[0] * strides[0] + at[1] * strides[1] + at[2] * strides[2];
    if dtype == DType::BF16 {
        let at = |i, j| offset + i * strides[1] + j * strides[2];
        // SAFETY: the caller's promises.
        return unsafe { copied(pointer, dtype, at, [rows, columns], scratch) };
    }
    // SAFETY: the block starts inside of the matrix.
    let pointer = unsafe { pointer.cast::<f32>().offset(offset as isize) };
    Operand { pointer, strides: [strides[1], strides[2]] }
}

/// A part of a matrix, row after row in f32.
#[expect(unsafe_code, reason = "matrices come as pointers")]
unsafe fn copied(
    pointer: *mut u8,
    dtype: DType,
    at: impl Fn(i64, i64) -> i64,
    [rows, columns]: [i64; 2],
    scratch: *mut f32,
) -> Operand {
    for i in 0..rows {
        for j in 0..columns {
            let place = at(i, j) as isize;
            // SAFETY: the places are inside of the matrix; scratch memory holds rows * columns elements.
            unsafe {
                let value = if dtype == DType::BF16 {
                    let bits = u32::from(pointer.cast::<u16>().offset(place).read_unaligned());
                    f32::from_bits(bits << 16)
                } else {
                    pointer.cast::<f32>().offset(place).read()
                };
                scratch.offset((i * columns + j) as isize).write(value);
            }
        }
    }
    Operand { pointer: scratch, strides: [columns, 1] }
}

/// One product, on this thread.
///
/// # Safety
/// The operands cover m x k, k x n and m x n elements at their strides; nothing else uses those of c.
#[expect(unsafe_code, reason = "matrices come as pointers")]
pub(crate) unsafe fn multiply([m, k, n]: [i64; 3], a: Operand, b: Operand, c: Operand, accumulate: bool) {
    if m <= 0 || n <= 0 {
        return;
    }
    // SAFETY: the operands cover m x k, k x n and m x n elements at their strides.
    unsafe {
        gemm::gemm(
            m as usize,
            n as usize,
            k.max(0) as usize,
            c.pointer,
            c.strides[1] as isize,
            c.strides[0] as isize,
            accumulate,
            a.pointer,
            a.strides[1] as isize,
            a.strides[0] as isize,
            b.pointer,
            b.strides[1] as isize,
            b.strides[0] as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}
