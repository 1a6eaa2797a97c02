//! The word for each op: in the text form, in messages and in statistics.

use crate::op::{BinaryOp, FftKind, Op, ReduceKind, UnaryOp};

impl Op {
    /// The op's word, without its attributes: `add`, `contract`, `rec`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Input(_) => "input",
            Self::Const(_) => "const",
            Self::DimValue(_) => "dim",
            Self::Iota { .. } => "iota",
            Self::Unary(op) => op.name(),
            Self::Binary(op) => op.name(),
            Self::Select => "select",
            Self::Cast(_) => "cast",
            Self::Reduce { .. } => "reduce",
            Self::Cumsum { .. } => "cumsum",
            Self::Contract(_) => "contract",
            Self::Reshape { .. } => "reshape",
            Self::Transpose { .. } => "transpose",
            Self::Broadcast { .. } => "broadcast",
            Self::Slice { .. } => "slice",
            Self::Concat { .. } => "concat",
            Self::Pad { .. } => "pad",
            Self::Flip { .. } => "flip",
            Self::Gather { .. } => "gather",
            Self::Shift { .. } => "shift",
            Self::Conv { .. } => "conv",
            Self::Fft { kind, .. } => kind.name(),
            Self::Last { .. } => "last",
            Self::Keep { .. } => "keep",
            Self::Draw { .. } => "draw",
            Self::Rec(_) => "rec",
            Self::Repeat(_) => "repeat",
        }
    }

    /// Computes each entry of the result from the entries of the operands at that place.
    #[must_use]
    pub const fn is_elementwise(&self) -> bool {
        matches!(self, Self::Unary(_) | Self::Binary(_) | Self::Select | Self::Cast(_))
    }
}

impl UnaryOp {
    /// Every op, in the order of the declaration.
    pub const ALL: [Self; 21] = [
        Self::Neg,
        Self::Not,
        Self::Exp,
        Self::Log,
        Self::Sqrt,
        Self::Rsqrt,
        Self::Tanh,
        Self::Sigmoid,
        Self::Softplus,
        Self::Sin,
        Self::Cos,
        Self::Erf,
        Self::Abs,
        Self::Floor,
        Self::Ceil,
        Self::Round,
        Self::Re,
        Self::Im,
        Self::Conj,
        Self::Arg,
        Self::Detach,
    ];

    /// Its word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Neg => "neg",
            Self::Not => "not",
            Self::Exp => "exp",
            Self::Log => "log",
            Self::Sqrt => "sqrt",
            Self::Rsqrt => "rsqrt",
            Self::Tanh => "tanh",
            Self::Sigmoid => "sigmoid",
            Self::Softplus => "softplus",
            Self::Sin => "sin",
            Self::Cos => "cos",
            Self::Erf => "erf",
            Self::Abs => "abs",
            Self::Floor => "floor",
            Self::Ceil => "ceil",
            Self::Round => "round",
            Self::Re => "re",
            Self::Im => "im",
            Self::Conj => "conj",
            Self::Arg => "arg",
            Self::Detach => "detach",
        }
    }

    /// The op of this word.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|op| op.name() == name)
    }
}

impl BinaryOp {
    /// Every op, in the order of the declaration.
    pub const ALL: [Self; 18] = [
        Self::Add,
        Self::Sub,
        Self::Mul,
        Self::Div,
        Self::Rem,
        Self::Pow,
        Self::Max,
        Self::Min,
        Self::Eq,
        Self::Ne,
        Self::Lt,
        Self::Le,
        Self::Gt,
        Self::Ge,
        Self::And,
        Self::Or,
        Self::Complex,
        Self::Polar,
    ];

    /// Its word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Sub => "sub",
            Self::Mul => "mul",
            Self::Div => "div",
            Self::Rem => "rem",
            Self::Pow => "pow",
            Self::Max => "max",
            Self::Min => "min",
            Self::Eq => "eq",
            Self::Ne => "ne",
            Self::Lt => "lt",
            Self::Le => "le",
            Self::Gt => "gt",
            Self::Ge => "ge",
            Self::And => "and",
            Self::Or => "or",
            Self::Complex => "complex",
            Self::Polar => "polar",
        }
    }

    /// The op of this word.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|op| op.name() == name)
    }

    /// Gives a truth value for numbers.
    #[must_use]
    pub const fn is_comparison(self) -> bool {
        matches!(self, Self::Eq | Self::Ne | Self::Lt | Self::Le | Self::Gt | Self::Ge)
    }
}

impl ReduceKind {
    /// Every kind, in the order of the declaration.
    pub const ALL: [Self; 4] = [Self::Sum, Self::Max, Self::Min, Self::ArgMax];

    /// Its word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Max => "max",
            Self::Min => "min",
            Self::ArgMax => "argmax",
        }
    }

    /// The kind of this word.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl FftKind {
    /// Every kind, in the order of the declaration.
    pub const ALL: [Self; 4] = [Self::Fft, Self::Ifft, Self::Rfft, Self::Irfft];

    /// Its word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fft => "fft",
            Self::Ifft => "ifft",
            Self::Rfft => "rfft",
            Self::Irfft => "irfft",
        }
    }

    /// The kind of this word.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}
