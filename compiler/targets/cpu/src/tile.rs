//! Products of tiles inside a kernel: operands are small and in cache, so nothing is packed but a right side that does not lie row by row.
//!
//! Six rows and sixteen columns of the result are held in registers along the contracted axis. Every entry is a chain of fused multiply-adds in order from 0, so its bits depend on
//! no blocking. Machines without AVX2 and FMA take the general library.

use crate::gemm::{Operand, multiply};
use std::cell::RefCell;

thread_local! {
    /// Where a right side is laid out row by row.
    static PACKED: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// `c = a b` of sizes m, k, n.
///
/// # Safety
/// The operands cover m x k, k x n and m x n elements at their strides; nothing else uses those of c.
#[expect(unsafe_code, reason = "matrices come as pointers")]
pub(crate) unsafe fn product([m, k, n]: [i64; 3], a: Operand, b: Operand, c: Operand) {
    #[cfg(target_arch = "x86_64")]
    if c.strides[1] == 1
        && std::arch::is_x86_feature_detected!("avx2")
        && std::arch::is_x86_feature_detected!("fma")
    {
        if b.strides[1] == 1 {
            // SAFETY: the machine has the instructions; the caller says that the operands cover their elements.
            unsafe { fused::rows([m, k, n], a, b, c) }
            return;
        }
        PACKED.with_borrow_mut(|packed| {
            let (height, width) = (k.max(0) as usize, n.max(0) as usize);
            packed.resize(packed.len().max(height * width), 0.0);
            // SAFETY: as above, and `packed` has k rows of n elements.
            unsafe {
                fused::transpose([k, n], b, packed.as_mut_ptr());
                let b = Operand { pointer: packed.as_mut_ptr(), strides: [n, 1] };
                fused::rows([m, k, n], a, b, c);
            }
        });
        return;
    }
    // SAFETY: as the caller says.
    unsafe { multiply([m, k, n], a, b, c, false) }
}

#[cfg(target_arch = "x86_64")]
mod fused {
    use super::Operand;
    use std::arch::x86_64::{
        _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_set1_ps, _mm256_setzero_ps, _mm256_storeu_ps,
    };

    /// All rows, in blocks of six.
    #[expect(unsafe_code, reason = "vector instructions on pointers")]
    #[target_feature(enable = "avx2,fma")]
    pub(super) unsafe fn rows([m, k, n]: [i64; 3], a: Operand, b: Operand, c: Operand) {
        let mut row = 0;
        while row < m {
            let count = (m - row).min(6);
            let at = |of: Operand| Operand {
                pointer: of.pointer.wrapping_offset((row * of.strides[0]) as isize),
                ..of
            };
            // SAFETY: `count` rows from `row` on are there.
            unsafe {
                match count {
                    6 => columns::<6>([k, n], at(a), b, at(c)),
                    5 => columns::<5>([k, n], at(a), b, at(c)),
                    4 => columns::<4>([k, n], at(a), b, at(c)),
                    3 => columns::<3>([k, n], at(a), b, at(c)),
                    2 => columns::<2>([k, n], at(a), b, at(c)),
                    _ => columns::<1>([k, n], at(a), b, at(c)),
                }
            }
            row += count;
        }
    }

    /// All columns of R rows.
    #[expect(unsafe_code, reason = "vector instructions on pointers")]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn columns<const R: usize>([k, n]: [i64; 2], a: Operand, b: Operand, c: Operand) {
        let mut column = 0;
        let at =
            |of: Operand, column: i64| Operand { pointer: of.pointer.wrapping_offset(column as isize), ..of };
        // SAFETY: so many columns from `column` on are there.
        unsafe {
            while column + 16 <= n {
                block::<R, 2>(k, a, at(b, column), at(c, column));
                column += 16;
            }
            while column + 8 <= n {
                block::<R, 1>(k, a, at(b, column), at(c, column));
                column += 8;
            }
            while column < n {
                single::<R>(k, a, at(b, column), at(c, column));
                column += 1;
            }
        }
    }

    /// R rows and V vectors of columns.
    #[expect(unsafe_code, reason = "vector instructions on pointers")]
    #[target_feature(enable = "avx2,fma")]
    #[inline]
    unsafe fn block<const R: usize, const V: usize>(k: i64, a: Operand, b: Operand, c: Operand) {
        let mut sums = [[_mm256_setzero_ps(); V]; R];
        let (mut left, mut right) = (a.pointer.cast_const(), b.pointer.cast_const());
        for _ in 0..k {
            // SAFETY: the caller says that these entries are there.
            unsafe {
                let mut vectors = [_mm256_setzero_ps(); V];
                for (v, vector) in vectors.iter_mut().enumerate() {
                    *vector = _mm256_loadu_ps(right.wrapping_add(8 * v));
                }
                for (r, row) in sums.iter_mut().enumerate() {
                    let entry = _mm256_set1_ps(*left.wrapping_offset(r as isize * a.strides[0] as isize));
                    for (sum, vector) in row.iter_mut().zip(&vectors) {
                        *sum = _mm256_fmadd_ps(entry, *vector, *sum);
                    }
                }
            }
            left = left.wrapping_offset(a.strides[1] as isize);
            right = right.wrapping_offset(b.strides[0] as isize);
        }
        for (r, row) in sums.iter().enumerate() {
            for (v, sum) in row.iter().enumerate() {
                let to = c.pointer.wrapping_offset(r as isize * c.strides[0] as isize).wrapping_add(8 * v);
                // SAFETY: as above.
                unsafe { _mm256_storeu_ps(to, *sum) }
            }
        }
    }

    /// R rows of one column.
    #[expect(unsafe_code, reason = "entries of matrices that come as pointers")]
    #[target_feature(enable = "avx2,fma")]
    #[inline]
    unsafe fn single<const R: usize>(k: i64, a: Operand, b: Operand, c: Operand) {
        for r in 0..R {
            let row = a.pointer.wrapping_offset(r as isize * a.strides[0] as isize);
            let mut sum = 0.0_f32;
            // SAFETY: the caller says that these entries are there.
            unsafe {
                for p in 0..k as isize {
                    let left = *row.wrapping_offset(p * a.strides[1] as isize);
                    let right = *b.pointer.wrapping_offset(p * b.strides[0] as isize);
                    sum = left.mul_add(right, sum);
                }
                *c.pointer.wrapping_offset(r as isize * c.strides[0] as isize) = sum;
            }
        }
    }

    /// Lays k rows of n entries out one after the other.
    #[expect(unsafe_code, reason = "entries of matrices that come as pointers")]
    #[target_feature(enable = "avx2,fma")]
    pub(super) unsafe fn transpose([k, n]: [i64; 2], b: Operand, to: *mut f32) {
        let (row, column) = (b.strides[0] as isize, b.strides[1] as isize);
        // Blocks of eight by eight touch few lines of cache at a time.
        let mut first = 0;
        while first < n as isize {
            let width = (n as isize - first).min(8);
            for p in 0..k as isize {
                for j in first..first + width {
                    // SAFETY: the caller says that these entries are there.
                    unsafe {
                        *to.wrapping_offset(p * n as isize + j) =
                            *b.pointer.wrapping_offset(p * row + j * column);
                    }
                }
            }
            first += width;
        }
    }
}

#[cfg(test)]
#[expect(unsafe_code, reason = "calls with arrays that are large enough")]
#[allow(clippy::indexing_slicing, reason = "a test stops where it fails")]
mod tests {
    use super::*;

    #[test]
    fn every_size_and_layout_is_the_sum_of_products() {
        for (m, k, n) in [(1, 1, 1), (6, 8, 16), (7, 5, 25), (13, 64, 31), (32, 3, 8), (5, 0, 9)] {
            for (transposed_a, transposed_b) in [(false, false), (true, false), (false, true), (true, true)] {
                let number = |x: usize| ((x * 37 + 11) % 29) as f32 - 14.0;
                let mut a: Vec<f32> = (0..m * k).map(number).collect();
                let mut b: Vec<f32> = (0..k * n).map(|x| number(x + 5)).collect();
                let mut c = vec![f32::NAN; m * n];
                let of = |array: &mut Vec<f32>, rows: usize, columns: usize, transposed: bool| Operand {
                    pointer: array.as_mut_ptr(),
                    strides: if transposed { [1, rows as i64] } else { [columns as i64, 1] },
                };
                let (left, right) = (of(&mut a, m, k, transposed_a), of(&mut b, k, n, transposed_b));
                let result = of(&mut c, m, n, false);
                // SAFETY: the arrays have these sizes.
                unsafe { product([m as i64, k as i64, n as i64], left, right, result) }
                for i in 0..m {
                    for j in 0..n {
                        let a_at = |p: usize| if transposed_a { a[p * m + i] } else { a[i * k + p] };
                        let b_at = |p: usize| if transposed_b { b[j * k + p] } else { b[p * n + j] };
                        let sum: f32 = (0..k).map(|p| a_at(p) * b_at(p)).sum();
                        assert_eq!(c[i * n + j], sum, "{m} {k} {n} at {i}, {j}");
                    }
                }
            }
        }
    }
}
