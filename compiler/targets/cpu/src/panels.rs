//! Products whose right operand lies in panels of 16 columns (`tensc_program::Panels`), by code of our own: for one row as for thousands.
//!
//! Every entry of the result is one chain of fused multiply-adds from the first to the last k, whatever the number of rows, blocks and threads: the same bits for
//! a row alone and among others. A block of rows of a is laid out anew (a tile's rows interleaved, which is what a pass over a panel reads), panels of b are read
//! as they are; entries of bf16 are widened on the way into a register.

use crate::kernels::{self, Kernel, MOST_ROWS, WIDTH};
use std::ops::Range;
use tensc_ir::DType;
use tensc_program::{GemmShape, Panels};

/// Rows of a block: its part of a stays in a core's own cache while all panels pass.
const ROWS: i64 = 144;
/// k of one pass: a panel's part stays in the first-level cache while the block's rows pass.
const DEPTH: i64 = 512;
/// Blocks of a product with many rows at least, so that threads end together.
const BLOCKS: i64 = 8;
/// What a block of such a product has at least: less, and the time goes into laying out a.
const LEAST: [i64; 2] = [48, 128];
/// Bytes of a cache line.
const LINE: i64 = 64;
/// Below this many rows the time goes into reading b: more and smaller blocks keep all threads busy to the end.
const FEW_ROWS: i64 = 16;

/// Whether this product is computed here: on a processor with vector code for it, panels of our width without gaps.
pub(crate) fn fits(shape: &GemmShape) -> bool {
    let width = WIDTH as i64;
    let dense = shape.b_strides[1] == width && shape.b_strides[2] == 1;
    dense && shape.b_panels.is_some_and(|panels| panels.width == width) && kernels::kernel().is_some()
}

/// Rows and columns of a block.
fn block(shape: &GemmShape) -> (i64, i64) {
    let pieces = |size: i64, piece: i64| ((size + piece - 1) / piece).max(1);
    let width = WIDTH as i64;
    if shape.m > FEW_ROWS {
        let [rows, columns] = LEAST;
        let mut row_blocks = pieces(shape.m, ROWS);
        let column_blocks =
            pieces(BLOCKS, row_blocks).min(pieces(shape.n, columns)).max(pieces(shape.n, 4096));
        row_blocks = row_blocks.max(pieces(BLOCKS, column_blocks).min(pieces(shape.m, rows)));
        let columns = pieces(pieces(shape.n, column_blocks), width) * width;
        return (pieces(shape.m, row_blocks), columns);
    }
    // About 64 KB of b, or what makes 32 blocks of a large b.
    let panels = (1024 / shape.k.max(1)).max(pieces(shape.n / width, 32)).max(1);
    (shape.m.max(1), panels * width)
}

fn blocks(shape: &GemmShape) -> (i64, i64) {
    let (rows, columns) = block(shape);
    ((shape.m + rows - 1) / rows, (shape.n + columns - 1) / columns)
}

pub(crate) fn items(shape: &GemmShape) -> i64 {
    let (rows, columns) = blocks(shape);
    shape.batch.max(0) * rows.max(0) * columns.max(0)
}

/// One block's rows of a, up to `DEPTH` entries of each.
pub(crate) fn scratch_bytes(shape: &GemmShape) -> usize {
    let (rows, _) = block(shape);
    let depth = if shape.m > FEW_ROWS { DEPTH.min(shape.k) } else { shape.k };
    usize::try_from(4 * rows * depth.max(1)).unwrap_or(0)
}

/// Runs blocks of a product.
///
/// # Safety
/// As `Code::gemm_range`, for a shape that `fits`.
#[expect(unsafe_code, reason = "matrices come as pointers")]
pub(crate) unsafe fn run(shape: &GemmShape, [a, b, c]: [*mut u8; 3], items: Range<i64>, scratch: *mut u8) {
    let (row_blocks, column_blocks) = blocks(shape);
    let (block_rows, block_columns) = block(shape);
    let depth = if shape.m > FEW_ROWS { DEPTH } else { shape.k.max(1) };
    let Some(Panels { stride, .. }) = shape.b_panels else { return };
    let Some(kernel) = kernels::kernel() else { return };
    for item in items {
        // Blocks of rows one after the other, so that they find their columns of b in the shared cache.
        let batch = item / (row_blocks * column_blocks);
        let (row, column) =
            (item % row_blocks * block_rows, item / row_blocks % column_blocks * block_columns);
        let part = Part {
            rows: block_rows.min(shape.m - row),
            columns: block_columns.min(shape.n - column),
            accumulate: shape.accumulate,
            panel_stride: stride,
            c_strides: [shape.c_strides[1], shape.c_strides[2]],
            kernel,
            bf16: shape.b_dtype == DType::BF16,
        };
        let at = |strides: [i64; 3], i: i64, j: i64| batch * strides[0] + i * strides[1] + j * strides[2];
        let c_start = at(shape.c_strides, row, column);
        // SAFETY: the caller's pointers cover all blocks; scratch memory holds the block's rows up to `DEPTH` entries each.
        unsafe {
            let c = c.cast::<f32>().offset(c_start as isize);
            if shape.k <= 0 {
                part.clear(c);
            }
            let mut first = 0;
            while first < shape.k {
                let length = depth.min(shape.k - first);
                let a_start = at(shape.a_strides, row, first);
                let a_strides = [shape.a_strides[1], shape.a_strides[2]];
                if shape.a_dtype == DType::BF16 {
                    let a = a.cast::<half::bf16>().offset(a_start as isize);
                    interleave(
                        a,
                        a_strides,
                        [part.rows, length],
                        (scratch.cast(), kernel.rows),
                        half::bf16::to_f32,
                    );
                } else {
                    let a = a.cast::<f32>().offset(a_start as isize);
                    interleave(a, a_strides, [part.rows, length], (scratch.cast(), kernel.rows), |x| x);
                }
                let entry =
                    batch * shape.b_strides[0] + column / WIDTH as i64 * stride + first * WIDTH as i64;
                let b = b.offset((entry * shape.b_dtype.bytes() as i64) as isize);
                part.pass([first, length], scratch.cast(), b, c);
                first += length;
            }
        }
    }
}

/// A block of the result.
struct Part {
    rows: i64,
    columns: i64,
    accumulate: bool,
    panel_stride: i64,
    /// Row, column.
    c_strides: [i64; 2],
    kernel: Kernel,
    /// Whether b is.
    bf16: bool,
}

impl Part {
    /// Adds the products of entries `first .. first + length` of k.
    ///
    /// # Safety
    /// `a` holds the block's rows interleaved, `b` points at entry `first` of the block's first panel, `c` at the block's first entry.
    #[expect(unsafe_code, reason = "matrices come as pointers")]
    unsafe fn pass(&self, [first, length]: [i64; 2], a: *const f32, b: *const u8, c: *mut f32) {
        let (width, most) = (WIDTH as i64, self.kernel.rows as i64);
        let (kernel, bytes) = if self.bf16 { (self.kernel.bf16, 2) } else { (self.kernel.f32, 4) };
        let fresh = first == 0 && !self.accumulate;
        let [c_row, c_column] = self.c_strides;
        // While a panel is multiplied, the next one comes into the cache, a share of it with each tile.
        let lines = length * width * bytes / LINE;
        let share = if self.rows > most { (lines * most + self.rows - 1) / self.rows } else { 0 };
        let mut column = 0;
        while column < self.columns {
            let wide = (self.columns - column).min(width);
            let mut next = b.wrapping_offset(((column / width + 1) * self.panel_stride * bytes) as isize);
            let mut row = 0;
            while row < self.rows {
                let high = (self.rows - row).min(most);
                for _ in 0..share {
                    kernels::prefetch(next);
                    next = next.wrapping_offset(LINE as isize);
                }
                if !fresh {
                    // The sums begin with what c holds: the next tile's.
                    for i in row + high..row + 2 * high {
                        let place = c.wrapping_offset((i * c_row + column * c_column) as isize);
                        kernels::prefetch(place.cast());
                        kernels::prefetch(place.wrapping_add(WIDTH - 1).cast());
                    }
                }
                // SAFETY: the places are inside of the block's part of each matrix; a tile of less than a panel's columns goes through memory of our own.
                unsafe {
                    let a = a.offset((row * length) as isize);
                    let b = b.offset((column / width * self.panel_stride * bytes) as isize);
                    let c = c.offset((row * c_row + column * c_column) as isize);
                    if wide == width && c_column == 1 {
                        kernel(length as usize, high as usize, a, b, (c, c_row as isize), fresh);
                    } else {
                        let mut tile = [0.0_f32; MOST_ROWS * WIDTH];
                        let place = |i: i64, j: i64| (i * c_row + j * c_column) as isize;
                        let entries = || (0..high).flat_map(|i| (0..wide).map(move |j| (i, j)));
                        if !fresh {
                            for (i, j) in entries() {
                                if let Some(slot) = tile.get_mut((i * width + j) as usize) {
                                    *slot = *c.offset(place(i, j));
                                }
                            }
                        }
                        kernel(
                            length as usize,
                            high as usize,
                            a,
                            b,
                            (tile.as_mut_ptr(), WIDTH as isize),
                            fresh,
                        );
                        for (i, j) in entries() {
                            if let Some(value) = tile.get((i * width + j) as usize) {
                                *c.offset(place(i, j)) = *value;
                            }
                        }
                    }
                }
                row += high;
            }
            column += wide;
        }
    }

    /// The product over no entries of k.
    ///
    /// # Safety
    /// `c` points at the block's first entry.
    #[expect(unsafe_code, reason = "matrices come as pointers")]
    unsafe fn clear(&self, c: *mut f32) {
        if self.accumulate {
            return;
        }
        for i in 0..self.rows {
            for j in 0..self.columns {
                // SAFETY: inside of the block.
                unsafe { *c.offset((i * self.c_strides[0] + j * self.c_strides[1]) as isize) = 0.0 };
            }
        }
    }
}

/// Lays rows out in groups of `most` (the last one may be smaller): for each k the group's entries side by side.
///
/// # Safety
/// `from` points at `rows x length` entries at these strides, `to` at as many places.
#[expect(unsafe_code, reason = "matrices come as pointers")]
unsafe fn interleave<T: Copy>(
    from: *const T,
    [by_row, by_k]: [i64; 2],
    [rows, length]: [i64; 2],
    (mut to, most): (*mut f32, usize),
    widen: impl Fn(T) -> f32,
) {
    let mut row = 0;
    while row < rows {
        let high = (rows - row).min(most as i64);
        for i in 0..high {
            // SAFETY: row and k are inside of the matrix, the place inside of the group's part of scratch memory.
            unsafe {
                let mut source = from.offset(((row + i) * by_row) as isize);
                let mut place = to.offset(i as isize);
                for _ in 0..length {
                    *place = widen(*source);
                    source = source.wrapping_offset(by_k as isize);
                    place = place.wrapping_offset(high as isize);
                }
            }
        }
        // SAFETY: at most one past the group's part.
        to = unsafe { to.offset((high * length) as isize) };
        row += high;
    }
}
