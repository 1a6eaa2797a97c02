//! Buffers and the order of launches.

use crate::Kernel;
use tensc_ir::{DType, Dim, FftKind, Origin, Require};

/// Name of the run-time size that counts the sequences of a call.
pub const BATCH: &str = "@batch";
/// Name of the seed of masks, in the sizes that an interpreter is given; without it the seed is 0.
pub const SEED: &str = "@seed";

/// Index into [`Program::buffers`]; `b3` in the text form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BufferId(pub u32);

/// Index into [`Program::kernels`]; `k3` in the text form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KernelId(pub u32);

/// A compiled entry point, target-independent.
///
/// `prepare` runs once per set of weights, and reads only parameters; `main` runs per call. Sizes in shapes, offsets and grids are [`Dim`]s over the
/// entry's named run-time sizes (`T`), [`BATCH`], `tensc_ir::dim::POSITION`, and the variables of enclosing loops.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Program {
    /// Name of the entry.
    pub name: String,
    /// All memory that is named.
    pub buffers: Vec<Buffer>,
    /// Kernels, each launched from one or more steps.
    pub kernels: Vec<Kernel>,
    /// What depends on weights alone.
    pub prepare: Vec<Step>,
    /// What runs per call.
    pub main: Vec<Step>,
    /// Places where a run-time check can fail; `TileOp::Check` names one.
    pub checks: Vec<CheckSite>,
    /// Conditions on run-time sizes with the message for the user.
    pub requires: Vec<(Require, String)>,
}

/// A named array. Row-major, 16-byte aligned (64 in our own arenas), c64 as interleaved pairs of f32.
#[derive(Clone, Debug, PartialEq)]
pub struct Buffer {
    /// For text and messages.
    pub name: String,
    /// What it is for.
    pub kind: BufferKind,
    /// Element type in memory.
    pub dtype: DType,
    /// Shape of one sequence's part.
    pub shape: Vec<Dim>,
    /// Whether there is one part per sequence: then the array has a leading axis [`BATCH`].
    pub varies: bool,
}

/// What a buffer is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum BufferKind {
    /// An argument of the call; read only.
    Argument,
    /// Weights; read only. Each `{}` of the path stands for an index of one leading axis.
    Weight {
        /// Path in weight files.
        path: String,
    },
    /// Written by prepare, read by main; lives as long as the weights.
    Prepared,
    /// State that a call starts from; read only. The first call of a stream gets what `BufferKind::StateStart` says, else zeros.
    StateIn,
    /// State that a call leaves; the n-th `StateOut` becomes the n-th `StateIn` of the next call.
    StateOut,
    /// Initial state where that is not zeros, in the order of the `StateIn` it is for; written by prepare or by main of a call at position 0.
    StateStart {
        /// Which `StateIn`, counted among them.
        state: u32,
    },
    /// A result of the call.
    Result,
    /// Lives within one call. The memory plan gives buffers with disjoint lives the same place.
    Scratch,
}

/// A place in a buffer: the element `offset` is where the kernel's pointer points.
#[derive(Clone, Debug, PartialEq)]
pub struct BufferRef {
    /// Which buffer.
    pub buffer: BufferId,
    /// In elements (a c64 counts as two f32); may mention variables of enclosing loops.
    pub offset: Dim,
}

/// One thing to do; the next begins when it has ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// All points of a kernel's grid.
    Launch(Launch),
    /// A library call.
    Call(Call),
    /// Steps repeated with a loop variable (layers, or time where a step does not fit one kernel).
    Loop {
        /// Name of the variable, unique in the program; steps inside may mention it in offsets and sizes.
        variable: String,
        /// How many times; the variable runs 0..count.
        count: Dim,
        /// From the last to the first.
        reverse: bool,
        /// What is repeated.
        body: Vec<Step>,
    },
    /// Copies elements of equal dtype, contiguous; may not overlap.
    Copy {
        /// From.
        from: BufferRef,
        /// To.
        to: BufferRef,
        /// How many elements (a c64 counts as two f32).
        count: Dim,
    },
}

/// A kernel with its arguments.
#[derive(Clone, Debug, PartialEq)]
pub struct Launch {
    /// Which kernel.
    pub kernel: KernelId,
    /// One per kernel parameter.
    pub arguments: Vec<BufferRef>,
    /// Values of the kernel's size parameters, by position of `Kernel::sizes`.
    pub sizes: Vec<Dim>,
}

/// What a library does.
#[expect(clippy::large_enum_variant, reason = "a program has few calls")]
#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    /// `c = alpha * a b (+ c)`, batched.
    Gemm(Box<Gemm>),
    /// A batch of one-dimensional transforms over contiguous memory `[batch, n]` (pairs for complex, `n / 2 + 1` pairs for the half spectrum).
    Fft {
        /// Which transform; inverse ones divide by n.
        kind: FftKind,
        /// From.
        input: BufferRef,
        /// To.
        output: BufferRef,
        /// Length.
        n: Dim,
        /// How many.
        batch: Dim,
    },
    /// A mask of `dropout`.
    Keep(Box<Keep>),
}

/// Random bools `[batch, outer, time, inner]`, true with a probability: the numbers of [`Stream::site`](tensc_ir::random::Stream::site) for the run's seed, one stream per sequence,
/// numbered with time outermost. So they depend neither on how a sequence is cut nor on threads.
#[derive(Clone, Debug, PartialEq)]
pub struct Keep {
    /// Where they go, row-major.
    pub output: BufferRef,
    /// The probability of true.
    pub keep: f64,
    /// The call site.
    pub site: u32,
    /// Iteration of each enclosing repeat and step of each enclosing recurrence, outermost first.
    pub within: Vec<Dim>,
    /// Number of the first entry along time.
    pub first: Dim,
    /// Sequences, axes in front of time as one, entries along time, axes behind it as one.
    pub sizes: [Dim; 4],
}

/// Columns in panels: column n lies `(n / width) * stride + (n % width) * column stride` behind the first, with a column stride as everywhere else.
///
/// A panel is what a product reads at once, row after row; a packed right operand is a list of them. What lies behind the last column of the last panel is
/// memory, and means nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Panels<S> {
    /// Columns of a panel; at least 1.
    pub width: i64,
    /// From one panel to the next, in elements.
    pub stride: S,
}

/// A batched matrix product in f32 (operands may be bf16: widened): `c[i, m, n] = sum_k a[i, m, k] b[i, k, n]`, plus `c` where `accumulate`. Strides in elements.
#[derive(Clone, Debug, PartialEq)]
pub struct Gemm {
    /// Left operand.
    pub a: BufferRef,
    /// Right operand.
    pub b: BufferRef,
    /// Result.
    pub c: BufferRef,
    /// How many products.
    pub batch: Dim,
    /// Sizes m, k, n.
    pub m: Dim,
    /// Contracted size.
    pub k: Dim,
    /// Columns of b.
    pub n: Dim,
    /// Strides of a: batch, row, column.
    pub a_strides: [Dim; 3],
    /// Strides of b: batch, row, column.
    pub b_strides: [Dim; 3],
    /// Where the columns of b come in panels.
    pub b_panels: Option<Panels<Dim>>,
    /// Strides of c: batch, row, column.
    pub c_strides: [Dim; 3],
    /// Adds to what c holds.
    pub accumulate: bool,
}

/// A place in the source where a run-time check can fail.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckSite {
    /// What is checked, as a message with `{value}` for the offending number and `{position}` for the flattened position in the index array.
    pub message: String,
    /// Where in the source.
    pub origin: Option<Origin>,
}
