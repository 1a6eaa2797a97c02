//! The ops of the graph. Each docstring is the op's spec: meaning, shape rule, dtype rule, numeric contract.

use crate::form::Form;
use crate::graph::Graph;
use crate::{DType, Dim};
use std::hash::{Hash, Hasher};

/// What a node computes from its operands.
///
/// Elementwise ops broadcast as NumPy does (axes aligned from the right, size 1 stretches). Every other change of
/// shape is explicit. Batch is no axis of the graph.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// The graph's input of this number. `() -> inputs[n].ty`.
    Input(u32),
    /// A scalar known when compiling. `() -> dtype`. Floats hold the f64 value and are rounded to their dtype when stored.
    Const(Constant),
    /// A size as a number. `() -> i32`.
    DimValue(Dim),
    /// `start, start + 1, ..` of `len` entries. `() -> i32[len]`.
    Iota {
        /// Number of entries.
        len: Dim,
        /// First entry.
        start: Dim,
    },
    /// One operand, elementwise.
    Unary(UnaryOp),
    /// Two operands of equal dtype, elementwise, broadcast.
    Binary(BinaryOp),
    /// `(bool, a, b) -> a where true, else b`, all three broadcast; a and b of equal dtype.
    Select,
    /// Element conversion: to bool `x != 0`; float to integer truncates towards zero and saturates, NaN is 0; real to complex has imaginary part 0;
    /// complex to real is no cast. Shape unchanged.
    Cast(DType),
    /// Combines all entries along `axes` (sorted, distinct) and drops those axes. Sum over nothing is 0, Max is -inf, Min is +inf
    /// (integers: the type's extreme). ArgMax takes one axis and gives the first position of the largest entry as i32 (0 of an empty axis); NaN counts as largest.
    /// Max and Min return NaN if an entry is NaN.
    Reduce {
        /// How entries combine.
        kind: ReduceKind,
        /// Which axes go.
        axes: Vec<usize>,
    },
    /// Running sum along `axis`, inclusive. Shape and dtype unchanged.
    Cumsum {
        /// Along which axis.
        axis: usize,
    },
    /// Two-operand einsum. Accumulates products over labels that are absent from the result.
    Contract(Contraction),
    /// Same entries in row-major order under another shape of equal size.
    Reshape {
        /// The new shape.
        shape: Vec<Dim>,
    },
    /// Result axis `i` is operand axis `perm[i]`.
    Transpose {
        /// A permutation of the axes.
        perm: Vec<usize>,
    },
    /// Operand axis `i` becomes result axis `axes[i]` (increasing); its size equals the result's or is 1. Other result axes are new.
    Broadcast {
        /// The result's shape.
        shape: Vec<Dim>,
        /// Where each operand axis goes.
        axes: Vec<usize>,
    },
    /// Entries `start .. start + len` along `axis`. A run-time start or end out of range is an error.
    Slice {
        /// Along which axis.
        axis: usize,
        /// First entry taken.
        start: Dim,
        /// How many.
        len: Dim,
    },
    /// The operands one after the other along `axis`; other sizes equal.
    Concat {
        /// Along which axis.
        axis: usize,
    },
    /// `before` zeros, the operand, `after` zeros along `axis`.
    Pad {
        /// Along which axis.
        axis: usize,
        /// Zeros in front.
        before: Dim,
        /// Zeros behind.
        after: Dim,
    },
    /// Reverses `axis`.
    Flip {
        /// Along which axis.
        axis: usize,
    },
    /// `(table, indices[, guard])`. The first `batch` axes of both are the same; table axis `batch` is looked up: `result[b.., i.., rest..] = table[b.., indices[b.., i..], rest..]`.
    /// indices is i32. A negative or too large index is a run-time error, unless `guard` (bool, shape of indices) is false there, which then gives zeros.
    Gather {
        /// Leading axes shared by table and indices.
        batch: usize,
    },
    /// `y[t] = x[t - by]` along `axis`, zeros where that is outside. Negative `by` reads later entries.
    Shift {
        /// Along which axis.
        axis: usize,
        /// Distance.
        by: i64,
    },
    /// `(x, w)`, causal depthwise convolution along `axis` of x: `w: [J, x.shape[axis+1..]]` (or with x's leading axes `axis` in front), `y[t] = sum_j w[j] * x[t - j]`.
    Conv {
        /// Time axis of x.
        axis: usize,
    },
    /// Discrete Fourier transform of length `n` along `axis`, input cut or zero-padded to n (irfft: to n/2+1). ifft and irfft divide by n. `fft ifft: c64 -> c64`, `rfft: f32 -> c64[n/2+1]`, `irfft: c64 -> f32[n]` (f64 is not supported).
    Fft {
        /// Which transform.
        kind: FftKind,
        /// Along which axis.
        axis: usize,
        /// Transform length.
        n: Dim,
    },
    /// The final entry along `axis`, which goes; zeros of an empty axis.
    Last {
        /// Along which axis.
        axis: usize,
    },
    /// `bool` mask, true with probability `keep`. Stochastic: counter-based on (seed, site, position in the sequence, element). `() -> bool[shape]`.
    Keep {
        /// Distinguishes call sites.
        site: u32,
        /// Probability of true.
        keep: f64,
        /// Shape of the mask.
        shape: Vec<Dim>,
    },
    /// A random draw of an INIT expression; only in init graphs. `() -> f32[shape]`. Keyed by (seed, path, number of the draw within the parameter).
    Draw {
        /// From what.
        distribution: Distribution,
        /// Parameter path and number of the draw in it.
        key: (String, u32),
        /// Shape of the draw.
        shape: Vec<Dim>,
    },
    /// A recurrence, opaque: see [`Rec`].
    Rec(Box<Rec>),
    /// A body applied `count` times: see [`Repeat`].
    Repeat(Box<Repeat>),
}

/// A scalar known when compiling. Equality is of bits: 0.0 and -0.0 are two constants, NaN is one.
#[derive(Clone, Copy, Debug)]
pub enum Constant {
    /// A real number of a float dtype.
    Float(DType, f64),
    /// A c64.
    Complex(f64, f64),
    /// A whole number of an integer dtype.
    Int(DType, i64),
    /// A truth value.
    Bool(bool),
}

impl Constant {
    fn bits(self) -> (DType, u64, u64) {
        match self {
            Self::Float(dtype, x) => (dtype, x.to_bits(), 0),
            Self::Complex(re, im) => (DType::C64, re.to_bits(), im.to_bits()),
            Self::Int(dtype, n) => (dtype, n.cast_unsigned(), 1),
            Self::Bool(b) => (DType::Bool, u64::from(b), 0),
        }
    }
}

impl PartialEq for Constant {
    fn eq(&self, other: &Self) -> bool {
        self.bits() == other.bits()
    }
}

impl Eq for Constant {}

impl Hash for Constant {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bits().hash(state);
    }
}

/// Elementwise ops of one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum UnaryOp {
    /// `-x`, any number.
    Neg,
    /// Boolean `!x`.
    Not,
    /// `e^x`, float or complex.
    Exp,
    /// Natural logarithm, float. `log(0) = -inf`, negative is NaN.
    Log,
    /// Square root, float or complex (principal).
    Sqrt,
    /// `1 / sqrt(x)`, float.
    Rsqrt,
    /// Hyperbolic tangent, float.
    Tanh,
    /// `1 / (1 + e^-x)`, float.
    Sigmoid,
    /// `log(1 + e^x)`, float; no overflow.
    Softplus,
    /// Sine, float, any argument.
    Sin,
    /// Cosine, float, any argument.
    Cos,
    /// Gauss error function, float.
    Erf,
    /// Absolute value; of a complex number its modulus (f32).
    Abs,
    /// Largest whole number not above, float.
    Floor,
    /// Smallest whole number not below, float.
    Ceil,
    /// Nearest whole number, ties to even, float.
    Round,
    /// Real part, complex to f32.
    Re,
    /// Imaginary part, complex to f32.
    Im,
    /// Complex conjugate.
    Conj,
    /// Angle in (-pi, pi], complex to f32.
    Arg,
    /// The operand; its gradient is zero.
    Detach,
}

/// Elementwise ops of two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BinaryOp {
    /// Sum. Integers wrap.
    Add,
    /// Difference. Integers wrap.
    Sub,
    /// Product. Integers wrap.
    Mul,
    /// True division, float or complex.
    Div,
    /// Remainder with the divisor's sign, as NumPy's `%`. Integer division by 0 gives 0.
    Rem,
    /// Power, float; integers by repeated product with exponent >= 0 (a negative exponent gives 0, except for bases 1 and -1).
    Pow,
    /// Larger operand; NaN if one is NaN. Not complex.
    Max,
    /// Smaller operand; NaN if one is NaN. Not complex.
    Min,
    /// Equality, to bool.
    Eq,
    /// Inequality, to bool.
    Ne,
    /// To bool, not complex.
    Lt,
    /// To bool, not complex.
    Le,
    /// To bool, not complex.
    Gt,
    /// To bool, not complex.
    Ge,
    /// Both, bool.
    And,
    /// Either, bool.
    Or,
    /// `(re, im)` f32 to c64.
    Complex,
    /// `(r, angle)` f32 to c64, `r e^(i angle)`.
    Polar,
}

/// How [`Op::Reduce`] combines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ReduceKind {
    /// Sum; of any number type (f16 and bf16 accumulate in f32).
    Sum,
    /// Largest.
    Max,
    /// Smallest.
    Min,
    /// Position of the largest.
    ArgMax,
}

/// Labels of a two-operand einsum, one small number per axis.
///
/// Example: `x @ w` of `[T, D] @ [D, K]` is `left = [0, 1], right = [1, 2], result = [0, 2]`, printed `ab,bc->ac`. A label occurs at most once in a list; each result
/// label occurs in an operand. dtypes equal (float or complex or integer); bf16 and f16 accumulate in f32 and give f32.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Contraction {
    /// Labels of the left operand's axes.
    pub left: Vec<u8>,
    /// Labels of the right operand's axes.
    pub right: Vec<u8>,
    /// Labels of the result's axes.
    pub result: Vec<u8>,
}

/// Which Fourier transform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FftKind {
    /// Complex forward.
    Fft,
    /// Complex inverse.
    Ifft,
    /// Real forward.
    Rfft,
    /// Real inverse.
    Irfft,
}

/// What a draw of an INIT expression draws from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Distribution {
    /// Uniform in [low, high).
    Uniform(f64, f64),
    /// Normal with mean and standard deviation.
    Normal(f64, f64),
    /// Uniform in +-gain * sqrt(6 / (fan_in + fan_out)) of the last two axes (Glorot and Bengio 2010).
    Xavier(f64),
    /// A (semi-)orthogonal matrix on the last two axes times gain (Saxe et al. 2013).
    Orthogonal(f64),
}

/// Direction of a recurrence in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Reads earlier entries.
    Forward,
    /// Reads later entries; runs from the last entry to the first.
    Backward,
}

/// `rec`: the body once per entry of a sequence.
///
/// Operands: the sequences (length at `axis`), then the constants, then for each state and each lag 1..=depth the entry that precedes the sequence (`c[-1]`, `c[-2]`, ..; backward `c[T]`, `c[T+1]`, ..).
///
/// Body inputs, in this order: `t` (i32, counted from the start of the stream where `length` is a run-time size, else from 0), for each state and each lag 1..=depth that
/// earlier entry, the sequences' entries at t (axis `axis` gone), the constants. Body outputs: one per line.
///
/// Results: for each line its whole sequence (the entry's type with `length` inserted at `axis`), then for each state and each lag the
/// entry that would precede a continuation (`c[T-1]`, `c[T-2]`, ..).
#[derive(Clone, Debug, PartialEq)]
pub struct Rec {
    /// Number of entries.
    pub length: Dim,
    /// Position of the sequence axis in sequence operands and results.
    pub axis: usize,
    /// Which way.
    pub direction: Direction,
    /// How it is computed; no part of the meaning.
    pub form: Form,
    /// Number of sequence operands.
    pub sequences: usize,
    /// Number of constant operands.
    pub constants: usize,
    /// The lines that are read at earlier entries.
    pub states: Vec<RecState>,
    /// One step.
    pub body: Graph,
}

/// A line of a `rec` that is read at earlier entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecState {
    /// Index of the line among the body's outputs.
    pub line: usize,
    /// The furthest lag that is read (`c[t-2]`: 2).
    pub depth: usize,
}

/// The same body `count` times: `fold` over cells of one kind, and the layers of a model.
///
/// Operands: carried values, constants, stacked values (leading axis `count`). Body inputs in the same order, stacked values without that axis. Body outputs: the carried values anew, then `collected`
/// values. Results: the carried values at the end, then the collected ones stacked on a new leading axis `count`.
#[derive(Clone, Debug, PartialEq)]
pub struct Repeat {
    /// How many times.
    pub count: usize,
    /// Number of carried values.
    pub carried: usize,
    /// Number of constant operands.
    pub constants: usize,
    /// Number of stacked operands.
    pub stacked: usize,
    /// One application.
    pub body: Graph,
}
