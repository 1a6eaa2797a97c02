//! What the runtime asks of a compiled program. A target implements [`Code`]; the runtime, which knows no target, splits the work over threads.
//!
//! All methods may be called from several threads at once. Results never depend on how points or items are split over threads: each grid point and each item
//! of a product is computed alone and in one order, and items follow from shapes only.

#![expect(unsafe_code, reason = "declares the entry to machine code; nothing unsafe is done here")]

use crate::{CheckId, KernelId, Panels};
use std::ops::Range;
use tensc_ir::{DType, FftKind};

/// A failed run-time check: the one with the smallest position (then site) of all that failed so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which check.
    pub site: CheckId,
    /// The offending number.
    pub value: i32,
    /// Where, flattened.
    pub position: i32,
}

impl Failure {
    /// Keeps the one that a user is told: the first by position, then by site.
    pub fn record(slot: &mut Option<Self>, failure: Self) {
        let first = slot.is_none_or(|old| (failure.position, failure.site.0) < (old.position, old.site.0));
        if first {
            *slot = Some(failure);
        }
    }
}

/// A [`Gemm`](crate::Gemm) with its sizes evaluated. Pointers point at the element that the call's offsets name; strides are in elements: batch, row, column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GemmShape {
    /// How many products.
    pub batch: i64,
    /// Rows of a and c.
    pub m: i64,
    /// Contracted size.
    pub k: i64,
    /// Columns of b and c.
    pub n: i64,
    /// Strides of a.
    pub a_strides: [i64; 3],
    /// Strides of b.
    pub b_strides: [i64; 3],
    /// Where the columns of b come in panels.
    pub b_panels: Option<Panels<i64>>,
    /// Strides of c.
    pub c_strides: [i64; 3],
    /// Element type of a in memory: f32 or bf16.
    pub a_dtype: DType,
    /// Element type of b in memory: f32 or bf16.
    pub b_dtype: DType,
    /// Adds to what c holds.
    pub accumulate: bool,
}

impl GemmShape {
    /// Where column n of b begins, counted from its first one.
    #[must_use]
    pub const fn b_column(&self, n: i64) -> i64 {
        match self.b_panels {
            Some(Panels { width, stride }) => n / width * stride + n % width * self.b_strides[2],
            None => n * self.b_strides[2],
        }
    }
}

/// A batch of transforms with its sizes evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FftShape {
    /// Which transform; inverse ones divide by n.
    pub kind: FftKind,
    /// Length.
    pub n: usize,
}

/// A compiled program: its kernels, and the library calls.
///
/// Scratch memory is 64-byte aligned, of at least the size that the `.._scratch_bytes` method says, and used by one thread at a time.
pub trait Code: Send + Sync {
    /// Scratch that one thread needs while it runs points of this kernel.
    fn scratch_bytes(&self, kernel: KernelId) -> usize;

    /// Runs flattened grid points `points` (see [`Kernel::grid_points`](crate::Kernel::grid_points)) of a kernel.
    ///
    /// # Safety
    /// `pointers` has one entry per kernel parameter, each to memory that holds every place that these points touch, and no memory that a parameter writes is
    /// touched through another one or by other points running at the same time; `sizes` has one entry per size parameter; `points` lies in the grid.
    unsafe fn launch_range(
        &self,
        kernel: KernelId,
        pointers: &[*mut u8],
        sizes: &[i64],
        points: Range<i64>,
        scratch: *mut u8,
        failure: &mut Option<Failure>,
    );

    /// In how many independent items a product is split: by its shape only.
    fn gemm_items(&self, shape: &GemmShape) -> i64;

    /// Scratch that one thread needs while it runs items of this product.
    fn gemm_scratch_bytes(&self, shape: &GemmShape) -> usize;

    /// Runs items of a product: `pointers` are a, b and c.
    ///
    /// # Safety
    /// The pointers cover the matrices that the shape describes; c overlaps neither a nor b; `items` lies in `0..gemm_items`.
    unsafe fn gemm_range(
        &self,
        shape: &GemmShape,
        pointers: [*mut u8; 3],
        items: Range<i64>,
        scratch: *mut u8,
    );

    /// Plans this transform where it is not planned yet (this allocates, running it does not), and says what scratch one thread needs.
    fn fft_scratch_bytes(&self, shape: FftShape) -> usize;

    /// Runs transforms `rows` of a batch: contiguous rows from `input` to `output`.
    ///
    /// # Safety
    /// Both pointers cover all rows up to `rows.end` and don't overlap.
    unsafe fn fft_range(
        &self,
        shape: FftShape,
        input: *const u8,
        output: *mut u8,
        rows: Range<i64>,
        scratch: *mut u8,
    );
}
