//! The tile language.
//!
//! A kernel has parallel axes (its grid), and a body in SSA form over *tiles*. A tile's axes have names, declared once per kernel with a static bound and the actual
//! run-time extent, so a tile is masked by its axes: entries beyond the actual extent are not there (not loaded, not stored, not reduced). Elementwise ops align
//! operands by axis, and broadcast along the axes that one lacks; so there is no reshape, and a transpose is only an order of axes.
//!
//! ```text
//! kernel k0 "scan c" (read x: f32, read lambda: f32, write y: f32) sizes(T, @batch) {
//!     grid b < @batch
//!     grid j < 4
//!     tile c <= 16 < 16
//!     %0 = const f32 0.0 : f32
//!     %1 = load lambda[16 * j + c] : f32[c]
//!     %2 = loop t < T carry(%3: f32[c] = %0) : f32[c] {
//!         %4 = load x[64 * T * b + 64 * t + 16 * j + c] : f32[c]
//!         %5 = mul %1, %3 : f32[c]
//!         %6 = add %5, %4 : f32[c]
//!         store y[64 * T * b + 64 * t + 16 * j + c], %6
//!         yield %6
//!     }
//! }
//! ```

use tensc_ir::{BinaryOp, DType, Dim, UnaryOp};

/// Index into [`Kernel::params`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ParamId(pub u32);

/// Index into [`Kernel::axes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AxisId(pub u32);

/// Index into [`Kernel::tiles`]; `%3` in the text form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TileId(pub u32);

/// Index into [`Kernel::locals`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LocalId(pub u32);

/// Index into `Program::checks`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CheckId(pub u32);

/// Element type of a tile in registers. Memory of other types converts at load and store (`f16 bf16` to F32; `u8 i32` to I32; c64 is two f32 in memory).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Element {
    /// IEEE binary32.
    F32,
    /// IEEE binary64 (prepare, and f64 models).
    F64,
    /// 32-bit two's complement.
    I32,
    /// Truth value.
    Bool,
}

/// A tile kernel.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Kernel {
    /// Named after what it computes.
    pub name: String,
    /// Pointers, in launch order.
    pub params: Vec<Param>,
    /// Names of the size parameters that index expressions, extents and loops may mention.
    pub sizes: Vec<String>,
    /// All axes: grid axes first, outermost first, then tile axes.
    pub axes: Vec<Axis>,
    /// Memory of one grid point that tiles are stored to and loaded from under other axes.
    pub locals: Vec<Local>,
    /// Types of all tiles.
    pub tiles: Vec<Tile>,
    /// What one grid point does.
    pub body: Block,
}

/// A pointer parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Param {
    /// Name in index expressions.
    pub name: String,
    /// Element type in memory (c64 is f32 here, indices count f32).
    pub dtype: DType,
    /// Whether the kernel stores to it. A kernel never loads from a parameter that it writes.
    pub writes: bool,
}

/// An axis of a kernel.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// Name in index expressions; unique in the kernel, also among sizes and loop variables.
    pub name: String,
    /// Grid or tile.
    pub kind: AxisKind,
}

/// Grid or tile.
#[derive(Clone, Debug, PartialEq)]
pub enum AxisKind {
    /// Parallel: one grid point per value in 0..extent.
    Grid {
        /// How many points, over sizes.
        extent: Dim,
    },
    /// An axis of tiles.
    Tile {
        /// Static upper bound of the extent.
        bound: usize,
        /// Entries that are there: over sizes, grid axes and loop variables; never above `bound`, may be <= 0.
        extent: Dim,
    },
}

/// Memory of one grid point; shared by the threads of a block on a GPU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Local {
    /// Name in index expressions.
    pub name: String,
    /// Element type.
    pub element: Element,
    /// Number of elements.
    pub len: usize,
}

/// Type of a tile: element type and axes in order (outermost first); the order fixes the layout, not the meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tile {
    /// Element type.
    pub element: Element,
    /// Tile axes, distinct.
    pub axes: Vec<AxisId>,
}

/// A sequence of instructions. A loop's block ends by yielding its carried tiles.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Block {
    /// In order.
    pub insts: Vec<Inst>,
    /// The carried tiles anew, in the order of `Loop::carried`; empty for the kernel's own block.
    pub yields: Vec<TileId>,
}

/// An instruction with the tiles it defines (none for a store; one per carried tile for a loop; otherwise one).
#[derive(Clone, Debug, PartialEq)]
pub struct Inst {
    /// What.
    pub op: TileOp,
    /// Results.
    pub results: Vec<TileId>,
}

/// Where a load or store goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Memory {
    /// A parameter.
    Param(ParamId),
    /// Local memory.
    Local(LocalId),
}

/// An element's place: `affine + sum(tile * stride)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Index {
    /// Over sizes, grid axes, loop variables and tile axes; affine in tile axes with coefficients that no tile axis enters. In elements of the memory.
    pub affine: Dim,
    /// Data-dependent parts: an I32 tile and its stride.
    pub gathered: Vec<(TileId, Dim)>,
}

/// What an instruction does. Elementwise ops have all axes of their operands.
#[derive(Clone, Debug, PartialEq)]
pub enum TileOp {
    /// A number (bools as 0 and 1), no axes.
    Const {
        /// Its type.
        element: Element,
        /// Its value (f32: the nearest f32 is used).
        value: f64,
    },
    /// The value of a size expression over sizes, grid axes, loop variables and tile axes, as I32 (wrapping).
    Iota(Dim),
    /// Entries of memory. The tile has the axes that the index mentions (in affine part or in gathered tiles), in the order that the result's type states.
    /// With a mask (bool), entries where it is false are not read and are 0.
    Load {
        /// From where.
        memory: Memory,
        /// Which place.
        index: Index,
        /// Which entries.
        mask: Option<TileId>,
    },
    /// Stores a tile; the index mentions every axis of it, or the same place is written by several entries, which is illegal. Entries where the mask is false are not written.
    Store {
        /// To where.
        memory: Memory,
        /// Which place.
        index: Index,
        /// What.
        value: TileId,
        /// Which entries.
        mask: Option<TileId>,
    },
    /// One operand. Real ops only.
    Unary(UnaryOp, TileId),
    /// Two operands of equal element type. Real ops only.
    Binary(BinaryOp, TileId, TileId),
    /// Fused multiply-add `a * b + c`, one rounding; f32 or f64.
    Fma(TileId, TileId, TileId),
    /// `(condition, a, b)`.
    Select(TileId, TileId, TileId),
    /// Conversion; same rules as the graph's Cast.
    Cast(Element, TileId),
    /// Combines along an axis, which goes. Over no entries: 0, -inf, +inf; ArgMax 0.
    Reduce {
        /// How.
        op: ReduceOp,
        /// Along which axis.
        axis: AxisId,
        /// What.
        value: TileId,
    },
    /// Inclusive affine scan along an axis: `h = a * h' + b` with `h'` the entry before, `start` before the first. `a` absent means 1 (running sum).
    Scan {
        /// Along which axis.
        axis: AxisId,
        /// Factors.
        a: Option<TileId>,
        /// Terms.
        b: TileId,
        /// Before the first entry; absent means 0.
        start: Option<TileId>,
        /// From the last entry to the first.
        reverse: bool,
    },
    /// Product summed over an axis of both, f32 accumulator: result axes are those of both without it.
    Dot {
        /// Contracted axis.
        axis: AxisId,
        /// Left.
        a: TileId,
        /// Right.
        b: TileId,
    },
    /// The same entries with axis `from` called `to` (equal bound and extent).
    Rename {
        /// What.
        value: TileId,
        /// Axis to replace.
        from: AxisId,
        /// By which.
        to: AxisId,
    },
    /// Solves `(I + strictly lower part of l) x = b` along `row`: l has axes row and column (equal bounds), b has row; the result is as b.
    TriangularSolve {
        /// The matrix; only entries with column < row are read.
        l: TileId,
        /// Its row axis, also of b.
        row: AxisId,
        /// Its column axis.
        column: AxisId,
        /// Right sides.
        b: TileId,
    },
    /// Reports a failed run-time check: where the condition is false, `value` (I32) and `position` (I32, flattened position to tell the user) are recorded; the first by position wins.
    Check {
        /// Must be true.
        condition: TileId,
        /// Which check.
        site: CheckId,
        /// Offending number.
        value: TileId,
        /// Where.
        position: TileId,
    },
    /// The sequential axis: results are the carried tiles at the end.
    Loop(Box<Loop>),
}

/// How [`TileOp::Reduce`] combines; as the graph's `ReduceKind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReduceOp {
    /// Sum in index order.
    Sum,
    /// Largest; NaN if one is NaN.
    Max,
    /// Smallest; NaN if one is NaN.
    Min,
    /// First position of the largest, I32; NaN counts as largest.
    ArgMax,
    /// All true.
    And,
    /// Any true.
    Or,
}

/// A sequential loop with carried tiles.
#[derive(Clone, Debug, PartialEq)]
pub struct Loop {
    /// Name of the variable in index expressions; unique in the kernel.
    pub variable: String,
    /// How many times; the variable runs 0..extent.
    pub extent: Dim,
    /// From the last to the first.
    pub reverse: bool,
    /// Carried tiles: the name inside and the initial value. Same type but for axis order; the initial value may lack axes (broadcast).
    pub carried: Vec<(TileId, TileId)>,
    /// What is repeated.
    pub body: Block,
}
