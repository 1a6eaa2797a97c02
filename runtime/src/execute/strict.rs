//! `--strict`: products in one fixed order, so that a row's bits depend on that row alone.
//!
//! The library that usually computes products chooses its order by the shape, and a row's last bits then differ between a call of one row and a call of many. Here each
//! row is summed over k from the first to the last entry, whatever the number of rows, sequences and threads; several times slower.

#![expect(unsafe_code, reason = "computes on the matrices that compiled code hands over by pointer")]

use std::ops::Range;
use std::sync::Arc;
use tensc_ir::DType;
use tensc_program::{Code, Failure, FftShape, GemmShape, KernelId};

/// A target's code with products of our own.
pub struct Strict(pub Arc<dyn Code>);

impl Code for Strict {
    fn scratch_bytes(&self, kernel: KernelId) -> usize {
        self.0.scratch_bytes(kernel)
    }

    unsafe fn launch_range(
        &self,
        kernel: KernelId,
        pointers: &[*mut u8],
        sizes: &[i64],
        points: Range<i64>,
        scratch: *mut u8,
        failure: &mut Option<Failure>,
    ) {
        // SAFETY: the caller's promises are those that the target asks for.
        unsafe { self.0.launch_range(kernel, pointers, sizes, points, scratch, failure) }
    }

    /// One item per row.
    fn gemm_items(&self, shape: &GemmShape) -> i64 {
        shape.batch.max(0).saturating_mul(shape.m.max(0))
    }

    /// A row of sums.
    fn gemm_scratch_bytes(&self, shape: &GemmShape) -> usize {
        usize::try_from(shape.n).unwrap_or(0).saturating_mul(size_of::<f32>())
    }

    unsafe fn gemm_range(
        &self,
        shape: &GemmShape,
        [a, b, c]: [*mut u8; 3],
        items: Range<i64>,
        scratch: *mut u8,
    ) {
        let n = usize::try_from(shape.n).unwrap_or(0);
        // SAFETY: scratch is aligned, and has room for n sums, as `gemm_scratch_bytes` asked.
        let sums = unsafe { std::slice::from_raw_parts_mut(scratch.cast::<f32>(), n) };
        for item in items {
            let (batch, row) = (item / shape.m.max(1), item % shape.m.max(1));
            let at = |strides: [i64; 3], i: i64, j: i64| {
                let [by_batch, by_row, by_column] = strides;
                isize::try_from(batch * by_batch + i * by_row + j * by_column).unwrap_or(0)
            };
            let offset = |column: i64| isize::try_from(shape.b_column(column)).unwrap_or(0);
            sums.fill(0.0);
            for k in 0..shape.k {
                // SAFETY: row and k lie in a, as the caller promises of the shape.
                let x = unsafe { read(a, shape.a_dtype, at(shape.a_strides, row, k)) };
                for (column, sum) in (0_i64..).zip(sums.iter_mut()) {
                    // SAFETY: k and the column lie in b.
                    *sum += x * unsafe { read(b, shape.b_dtype, at(shape.b_strides, k, 0) + offset(column)) };
                }
            }
            for (column, sum) in (0_i64..).zip(sums.iter()) {
                // SAFETY: row and column lie in c, which overlaps neither a nor b, and this row is no other item's.
                unsafe {
                    let place = c.cast::<f32>().offset(at(shape.c_strides, row, column));
                    *place = if shape.accumulate { *place + sum } else { *sum };
                }
            }
        }
    }

    fn fft_scratch_bytes(&self, shape: FftShape) -> usize {
        self.0.fft_scratch_bytes(shape)
    }

    unsafe fn fft_range(
        &self,
        shape: FftShape,
        input: *const u8,
        output: *mut u8,
        rows: Range<i64>,
        scratch: *mut u8,
    ) {
        // SAFETY: the caller's promises are those that the target asks for.
        unsafe { self.0.fft_range(shape, input, output, rows, scratch) }
    }
}

/// An entry of a matrix, widened.
///
/// # Safety
/// The matrix has an entry of this type at this index.
unsafe fn read(matrix: *const u8, dtype: DType, index: isize) -> f32 {
    // SAFETY: promised by the caller.
    unsafe {
        if dtype == DType::BF16 {
            return half::bf16::from_bits(matrix.cast::<u16>().offset(index).read()).to_f32();
        }
        matrix.cast::<f32>().offset(index).read()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nothing;

    impl Code for Nothing {
        fn scratch_bytes(&self, _: KernelId) -> usize {
            0
        }
        unsafe fn launch_range(
            &self,
            _: KernelId,
            _: &[*mut u8],
            _: &[i64],
            _: Range<i64>,
            _: *mut u8,
            _: &mut Option<Failure>,
        ) {
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

    #[test]
    fn products_are_those_of_plain_loops_with_any_strides() {
        let (batch, m, k, n) = (2_i64, 3_i64, 4_i64, 5_i64);
        let shape = GemmShape {
            batch,
            m,
            k,
            n,
            a_strides: [m * k, k, 1],
            b_strides: [k * n, 1, k],
            b_panels: None,
            c_strides: [m * n, 1, m],
            a_dtype: DType::F32,
            b_dtype: DType::F32,
            accumulate: true,
        };
        let mut a: Vec<f32> = (0..batch * m * k).map(|i| (i % 7) as f32 - 3.0).collect();
        let mut b: Vec<f32> = (0..batch * k * n).map(|i| (i % 5) as f32 - 2.0).collect();
        let mut c = vec![1.0_f32; (batch * m * n) as usize];
        let strict = Strict(Arc::new(Nothing));
        let mut sums = vec![0.0_f32; n as usize];
        assert_eq!(strict.gemm_scratch_bytes(&shape), 20);
        let pointers = [a.as_mut_ptr().cast(), b.as_mut_ptr().cast(), c.as_mut_ptr().cast()];
        // SAFETY: the matrices have the sizes that the shape says.
        unsafe {
            strict.gemm_range(&shape, pointers, 0..strict.gemm_items(&shape), sums.as_mut_ptr().cast())
        };
        for s in 0..batch {
            for i in 0..m {
                for j in 0..n {
                    let sum: f32 = (0..k)
                        .map(|l| a[(s * m * k + i * k + l) as usize] * b[(s * k * n + j * k + l) as usize])
                        .sum();
                    assert_eq!(c[(s * m * n + j * m + i) as usize], 1.0 + sum);
                }
            }
        }
    }
}
