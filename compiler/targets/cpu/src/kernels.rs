//! The inner loop of products in panels: a few rows of a times one panel of b, all sums in registers.
//!
//! One loop, made for each kind of vector registers. `a` has the rows' entries side by side for each k, `b` a panel's 16 entries; per k that is two (or one) loads, a
//! broadcast for each row and the multiply-adds, which keep both units of a core busy.

/// With so few rows, b comes straight from memory: it is asked for this many k ahead, which hides what the processor's own prefetching leaves at the ends of pages.
const AHEAD: usize = 16;
const FEW: usize = 4;
/// Columns of a panel.
pub(crate) const WIDTH: usize = 16;
/// Rows of any kernel's tile at most.
pub(crate) const MOST_ROWS: usize = 16;

/// `run(k, rows, a, b, (c, stride of rows), fresh)`: c = (0 where fresh, else c) + a b, for `1..=Kernel::rows` rows and 16 columns.
type Run = unsafe fn(usize, usize, *const f32, *const u8, (*mut f32, isize), bool);

/// A loop for a kind of processor.
#[derive(Clone, Copy)]
pub(crate) struct Kernel {
    /// Rows of a whole tile: as many as there are registers for.
    pub(crate) rows: usize,
    /// For panels of f32.
    pub(crate) f32: Run,
    /// For panels of bf16.
    pub(crate) bf16: Run,
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    #![expect(unsafe_code, reason = "vector instructions on matrices that come as pointers")]

    use super::{AHEAD, FEW, Kernel, WIDTH};
    use std::arch::x86_64::*;

    /// A loop for vectors of one kind: lanes, what makes 16 entries of b vectors, and the instructions.
    macro_rules! kernel {
        ($name:ident, $rows:ident, $features:literal, $vectors:literal, $entry:ty, $load_b:ident, $zero:ident, $load:ident, $store:ident, $splat:ident, $fma:ident, $($n:literal)+) => {
            #[target_feature(enable = $features)]
            unsafe fn $rows<const M: usize>(
                depth: usize,
                mut a: *const f32,
                b: *const u8,
                (c, stride): (*mut f32, isize),
                fresh: bool,
            ) {
                const LANES: usize = WIDTH / $vectors;
                let mut b = b.cast::<$entry>();
                let mut sums = [[$zero(); $vectors]; M];
                // SAFETY: the caller's pointers cover `depth` entries of M rows, as many of 16 columns, and the tile of c.
                unsafe {
                    if !fresh {
                        for (i, row) in sums.iter_mut().enumerate() {
                            for (j, sum) in row.iter_mut().enumerate() {
                                *sum = $load(c.offset(i as isize * stride).add(j * LANES));
                            }
                        }
                    }
                    for _ in 0..depth {
                        if M <= FEW {
                            _mm_prefetch::<_MM_HINT_T0>(b.wrapping_add(AHEAD * WIDTH).cast());
                        }
                        let mut right = [$zero(); $vectors];
                        for (j, vector) in right.iter_mut().enumerate() {
                            *vector = $load_b(b.add(j * LANES));
                        }
                        for (i, row) in sums.iter_mut().enumerate() {
                            let left = $splat(*a.add(i));
                            for (sum, vector) in row.iter_mut().zip(right) {
                                *sum = $fma(left, vector, *sum);
                            }
                        }
                        a = a.add(M);
                        b = b.add(WIDTH);
                    }
                    for (i, row) in sums.iter().enumerate() {
                        for (j, sum) in row.iter().enumerate() {
                            $store(c.offset(i as isize * stride).add(j * LANES), *sum);
                        }
                    }
                }
            }

            #[target_feature(enable = $features)]
            unsafe fn $name(
                depth: usize,
                rows: usize,
                a: *const f32,
                b: *const u8,
                c: (*mut f32, isize),
                fresh: bool,
            ) {
                // SAFETY: the caller's promises.
                unsafe {
                    match rows {
                        $($n => $rows::<$n>(depth, a, b, c, fresh),)+
                        _ => (),
                    }
                }
            }
        };
    }

    /// Eight entries of bf16.
    #[target_feature(enable = "avx2")]
    unsafe fn widen8(place: *const u16) -> __m256 {
        // SAFETY: eight entries are there.
        let bits = unsafe { _mm_loadu_si128(place.cast()) };
        _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(bits)))
    }

    /// Sixteen entries of bf16.
    #[target_feature(enable = "avx512f")]
    unsafe fn widen16(place: *const u16) -> __m512 {
        // SAFETY: sixteen entries are there.
        let bits = unsafe { _mm256_loadu_si256(place.cast()) };
        _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(bits)))
    }

    // Two vectors a row: six rows leave four of 16 registers for b and a.
    kernel!(
        fma_f32, fma_f32_rows, "avx2,fma", 2, f32, _mm256_loadu_ps, _mm256_setzero_ps, _mm256_loadu_ps,
        _mm256_storeu_ps, _mm256_set1_ps, _mm256_fmadd_ps, 1 2 3 4 5 6
    );
    kernel!(
        fma_bf16, fma_bf16_rows, "avx2,fma", 2, u16, widen8, _mm256_setzero_ps, _mm256_loadu_ps,
        _mm256_storeu_ps, _mm256_set1_ps, _mm256_fmadd_ps, 1 2 3 4 5 6
    );
    // One vector a row, and 32 registers.
    kernel!(
        wide_f32, wide_f32_rows, "avx512f", 1, f32, _mm512_loadu_ps, _mm512_setzero_ps, _mm512_loadu_ps,
        _mm512_storeu_ps, _mm512_set1_ps, _mm512_fmadd_ps, 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16
    );
    kernel!(
        wide_bf16, wide_bf16_rows, "avx512f", 1, u16, widen16, _mm512_setzero_ps, _mm512_loadu_ps,
        _mm512_storeu_ps, _mm512_set1_ps, _mm512_fmadd_ps, 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16
    );

    /// The widest that this processor has.
    pub(super) fn kernel() -> Option<Kernel> {
        if std::arch::is_x86_feature_detected!("avx512f") {
            return Some(Kernel { rows: 16, f32: wide_f32, bf16: wide_bf16 });
        }
        let both = std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma");
        both.then_some(Kernel { rows: 6, f32: fma_f32, bf16: fma_bf16 })
    }
}

/// Asks for the cache line of a place that will be used soon; any place may be asked for.
#[inline]
pub(crate) fn prefetch(place: *const u8) {
    #[cfg(target_arch = "x86_64")]
    #[expect(unsafe_code, reason = "an instruction without effect but on caches")]
    // SAFETY: a prefetch never faults.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(place.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}

/// The loop for this processor, where there is one. To run it is safe where its pointers cover what is read and written.
pub(crate) fn kernel() -> Option<Kernel> {
    #[cfg(target_arch = "x86_64")]
    return x86::kernel();
    #[cfg(not(target_arch = "x86_64"))]
    None
}
