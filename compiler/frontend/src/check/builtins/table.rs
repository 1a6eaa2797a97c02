//! The table of built-in names.

use super::super::elaborator::{Elaborator, Res};
use super::super::value::Value;
use super::{
    Call, complex, contraction, elementwise, frequency, init, losses, making, reductions, sequence, shape,
};
use rustc_hash::FxHashMap;
use std::sync::OnceLock;

/// What a built-in is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Group {
    /// Element by element.
    Elementwise,
    /// Complex numbers.
    Complex,
    /// Along an axis, the last unless said otherwise.
    Reduction,
    /// Shape, along the leading axis unless said otherwise.
    Shape,
    /// Sums of products.
    Contraction,
    /// Fourier transforms.
    Frequency,
    /// Values from nothing.
    Making,
    /// Along time, and chains of cells.
    Sequence,
    /// What training minimises.
    Loss,
    /// Draws of an INIT.
    Draw,
    /// Checks of a test block.
    Test,
}

type Run = for<'a> fn(&mut Elaborator<'a>, &Call<'a>) -> Res<Value<'a>>;

/// A row of the table: a name that every file has.
pub struct Builtin {
    /// The name.
    pub name: &'static str,
    /// What it is about.
    pub group: Group,
    /// How it is called, with defaults.
    pub signature: &'static str,
    /// What it gives, in a line.
    pub about: &'static str,
    /// Parameters: `x`, optional `n?`, by name only `=axis`.
    pub(crate) takes: &'static [&'static str],
    /// Whether an argument may be a list of cells, so that a hyperparameter without a value may be one.
    pub(crate) takes_lists: bool,
    pub(crate) run: Run,
}

impl std::fmt::Debug for Builtin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builtin")
            .field("name", &self.name)
            .field("signature", &self.signature)
            .finish_non_exhaustive()
    }
}

impl Builtin {
    /// Name, whether it may be left out, whether it is given by name only.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = (&'static str, bool, bool)> {
        self.takes.iter().map(|text| {
            if let Some(name) = text.strip_prefix('=') {
                (name, true, true)
            } else if let Some(name) = text.strip_suffix('?') {
                (name, true, false)
            } else {
                (*text, false, false)
            }
        })
    }
}

/// Every built-in, by group.
#[must_use]
pub fn builtins() -> &'static [Builtin] {
    TABLE
}

/// Every built-in.
pub(crate) fn all() -> impl Iterator<Item = &'static Builtin> {
    TABLE.iter()
}

/// The built-in of this name.
pub(crate) fn find(name: &str) -> Option<&'static Builtin> {
    static BY_NAME: OnceLock<FxHashMap<&'static str, &'static Builtin>> = OnceLock::new();
    BY_NAME.get_or_init(|| TABLE.iter().map(|row| (row.name, row)).collect()).get(name).copied()
}

macro_rules! table {
    ($($group:ident { $($name:literal ($($takes:literal),*) $signature:literal, $about:literal => $run:expr;)* })*) => {
        &[$($(Builtin {
            name: $name,
            group: Group::$group,
            signature: $signature,
            about: $about,
            takes: &[$($takes),*],
            takes_lists: matches!($name.as_bytes(), b"len" | b"stack" | b"concat"),
            run: $run,
        },)*)*]
    };
}

fn unreachable_row<'a>(_: &mut Elaborator<'a>, _: &Call<'a>) -> Res<Value<'a>> {
    // `fold` and the assertions take their arguments as they are written: the caller runs them.
    Err(super::Reported)
}

static TABLE: &[Builtin] = table! {
    Elementwise {
        "exp"       ("x") "exp(x)", "e to the x" => elementwise::exp;
        "log"       ("x") "log(x)", "natural logarithm" => elementwise::log;
        "sqrt"      ("x") "sqrt(x)", "square root" => elementwise::sqrt;
        "rsqrt"     ("x") "rsqrt(x)", "1 / sqrt(x)" => elementwise::rsqrt;
        "tanh"      ("x") "tanh(x)", "hyperbolic tangent" => elementwise::tanh;
        "sigmoid"   ("x") "sigmoid(x)", "1 / (1 + exp(-x))" => elementwise::sigmoid;
        "silu"      ("x") "silu(x)", "x * sigmoid(x)" => elementwise::silu;
        "relu"      ("x") "relu(x)", "max(x, 0)" => elementwise::relu;
        "softplus"  ("x") "softplus(x)", "log(1 + exp(x))" => elementwise::softplus;
        "sin"       ("x") "sin(x)", "sine" => elementwise::sin;
        "cos"       ("x") "cos(x)", "cosine" => elementwise::cos;
        "abs"       ("x") "abs(x)", "absolute value; of a complex number its modulus" => elementwise::abs;
        "floor"     ("x") "floor(x)", "largest whole number not above" => elementwise::floor;
        "ceil"      ("x") "ceil(x)", "smallest whole number not below" => elementwise::ceil;
        "round"     ("x") "round(x)", "nearest whole number, ties to even" => elementwise::round;
        "gelu"      ("x") "gelu(x)", "x/2 (1 + erf(x / sqrt 2))" => elementwise::gelu;
        "gelu_tanh" ("x") "gelu_tanh(x)", "x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))" => elementwise::gelu_tanh;
        "where"     ("c", "a", "b") "where(c, a, b)", "a where c holds, b elsewhere" => elementwise::choose;
    }
    Complex {
        "complex" ("re", "im") "complex(re, im)", "re + i im" => complex::complex;
        "polar"   ("r", "angle") "polar(r, angle)", "r exp(i angle)" => complex::polar;
        "cis"     ("angle") "cis(angle)", "exp(i angle)" => complex::cis;
        "re"      ("z") "re(z)", "real part" => complex::re;
        "im"      ("z") "im(z)", "imaginary part" => complex::im;
        "conj"    ("z") "conj(z)", "complex conjugate" => complex::conj;
        "arg"     ("z") "arg(z)", "angle in (-pi, pi]" => complex::arg;
    }
    Reduction {
        "sum"         ("x", "=axis", "=keep") "sum(x, axis = -1, keep = false)", "sum" => reductions::sum;
        "mean"        ("x", "=axis", "=keep") "mean(x, axis = -1, keep = false)", "arithmetic mean" => reductions::mean;
        "var"         ("x", "=axis", "=keep") "var(x, axis = -1, keep = false)", "variance over n" => reductions::var;
        "max"         ("x", "b?", "=axis", "=keep") "max(x, axis = -1, keep = false) or max(a, b)", "largest entry, or the larger of two" => reductions::max;
        "min"         ("x", "b?", "=axis", "=keep") "min(x, axis = -1, keep = false) or min(a, b)", "smallest entry, or the smaller of two" => reductions::min;
        "norm"        ("x", "=axis", "=keep") "norm(x, axis = -1, keep = false)", "Euclidean norm" => reductions::norm;
        "argmax"      ("x", "=axis", "=keep") "argmax(x, axis = -1, keep = false)", "position of the first largest entry, i32" => reductions::argmax;
        "softmax"     ("x", "=axis") "softmax(x, axis = -1)", "exp(x) / sum(exp(x))" => reductions::softmax;
        "log_softmax" ("x", "=axis") "log_softmax(x, axis = -1)", "log(softmax(x))" => reductions::log_softmax;
        "logsumexp"   ("x", "=axis", "=keep") "logsumexp(x, axis = -1, keep = false)", "log(sum(exp(x)))" => reductions::logsumexp;
        "cumsum"      ("x", "=axis") "cumsum(x, axis = -1)", "running sum, inclusive" => reductions::cumsum;
    }
    Shape {
        "reshape"   ("x", "shape") "reshape(x, [a, b])", "the same entries in another shape" => shape::reshape;
        "transpose" ("x") "transpose(x)", "the last two axes exchanged" => shape::transpose;
        "permute"   ("x", "order") "permute(x, [1, 0, 2])", "the axes in another order" => shape::permute;
        "concat"    ("xs", "=axis") "concat([a, b], axis = 0)", "one after the other" => shape::concat;
        "stack"     ("xs", "=axis") "stack([a, b], axis = 0)", "on a new axis" => shape::stack;
        "split"     ("x", "n", "=axis") "split(x, n, axis = 0) or split(x, [a, b], axis = 0)", "equal pieces, or pieces of these sizes" => shape::split;
        "pad"       ("x", "before", "after", "=axis") "pad(x, before, after, axis = 0)", "zeros in front and behind" => shape::pad;
        "repeat"    ("x", "n", "=axis") "repeat(x, n, axis = 0)", "each entry n times" => shape::repeat;
        "flip"      ("x", "=axis") "flip(x, axis = 0)", "the other way round" => shape::flip;
        "shift"     ("x", "n", "=axis") "shift(x, n, axis = 0)", "y[t] = x[t-n], zeros in" => shape::shift;
        "len"       ("xs") "len(xs)", "number of entries of a list, size of the leading axis of a tensor" => shape::len;
    }
    Contraction {
        "outer"  ("a", "b") "outer(a, b)", "[m], [n] -> [m, n]" => contraction::outer;
        "einsum" ("spec", "a", "b?", "c?", "d?", "e?", "f?") "einsum(\"hd,hde->he\", q, s)", "sums of products by labels" => contraction::einsum;
    }
    Frequency {
        "fft"   ("x", "=axis", "=n") "fft(x, axis = 0, n = ..)", "discrete Fourier transform" => frequency::fft;
        "ifft"  ("x", "=axis", "=n") "ifft(x, axis = 0, n = ..)", "its inverse" => frequency::ifft;
        "rfft"  ("x", "=axis", "=n") "rfft(x, axis = 0, n = ..)", "of reals: n / 2 + 1 frequencies" => frequency::rfft;
        "irfft" ("x", "=axis", "=n") "irfft(x, axis = 0, n = ..)", "its inverse; an odd length needs n" => frequency::irfft;
    }
    Making {
        "zeros"    ("shape") "zeros([T, K])", "f32 zeros" => making::zeros;
        "ones"     ("shape") "ones([T, K])", "f32 ones" => making::ones;
        "eye"      ("n") "eye(n)", "the f32 identity matrix" => making::eye;
        "iota"     ("n") "iota(n)", "0, 1, .. as i32" => making::iota;
        "linspace" ("start", "end", "n") "linspace(start, end, n)", "n even steps from start to end, both in it" => making::linspace;
        "tril"     ("x", "k?") "tril(x, k = 0)", "zeros above the k-th diagonal of the last two axes" => making::tril;
        "triu"     ("x", "k?") "triu(x, k = 0)", "zeros below the k-th diagonal of the last two axes" => making::triu;
        "one_hot"  ("x", "n") "one_hot(x, n)", "f32: 1 at position x of a new last axis" => making::one_hot;
    }
    Sequence {
        "conv"    ("x", "w") "conv(x, w)", "causal depthwise: y[t] = sum_j w[j] * x[t-j]" => sequence::conv;
        "last"    ("x") "last(x)", "the final entry of the leading axis" => sequence::last;
        "detach"  ("x") "detach(x)", "x; its gradient is zero" => sequence::detach;
        "dropout" ("x", "p") "dropout(x, p)", "entries are zero with probability p in training, others divided by 1 - p" => sequence::dropout;
        "fold"    ("cells", "x") "fold(cells, x, a, b)", "x through each cell in turn, each also given a and b" => unreachable_row;
    }
    Loss {
        "cross_entropy" ("logits", "targets") "cross_entropy(logits, targets)", "mean of -log softmax(logits)[target]; target -100 is ignored" => losses::cross_entropy;
        "mse"           ("a", "b") "mse(a, b)", "mean of (a - b)^2" => losses::mse;
    }
    Draw {
        "uniform"    ("low?", "high?") "uniform(low, high)", "in [low, high)" => init::uniform;
        "normal"     ("mean?", "std?") "normal(mean, std)", "normally distributed" => init::normal;
        "xavier"     ("gain?") "xavier(gain = 1)", "uniform, scaled by the last two axes (Glorot and Bengio 2010)" => init::xavier;
        "orthogonal" ("gain?") "orthogonal(gain = 1)", "an orthogonal matrix on the last two axes (Saxe et al. 2013)" => init::orthogonal;
    }
    Test {
        "assert"       ("c") "assert(c)", "true everywhere" => unreachable_row;
        "assert_close" ("a", "b", "tol") "assert_close(a, b, tol)", "abs(a - b) <= tol * (1 + abs(b)) everywhere" => unreachable_row;
    }
};
