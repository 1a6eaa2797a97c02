//! What elementwise ops do to one element: the interpreter's arithmetic, and the functions that targets call where they have no code of their own.
//!
//! f32 arithmetic is IEEE binary32; f32 functions are those of binary64 rounded once.

use crate::kernel::Element;
use tensc_ir::{BinaryOp, UnaryOp};

/// One element.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar {
    /// Binary32.
    F32(f32),
    /// Binary64.
    F64(f64),
    /// 32 bits.
    I32(i32),
    /// Truth value.
    Bool(bool),
}

/// An f64 function of one argument.
#[must_use]
pub fn unary_f64(op: UnaryOp, x: f64) -> f64 {
    match op {
        UnaryOp::Neg => -x,
        UnaryOp::Exp => libm::exp(x),
        UnaryOp::Log => libm::log(x),
        UnaryOp::Sqrt => x.sqrt(),
        UnaryOp::Rsqrt => 1.0 / x.sqrt(),
        UnaryOp::Tanh => libm::tanh(x),
        UnaryOp::Sigmoid => 1.0 / (1.0 + libm::exp(-x)),
        UnaryOp::Softplus => {
            if x.is_nan() {
                x
            } else {
                x.max(0.0) + libm::log1p(libm::exp(-x.abs()))
            }
        }
        UnaryOp::Sin => libm::sin(x),
        UnaryOp::Cos => libm::cos(x),
        UnaryOp::Erf => libm::erf(x),
        UnaryOp::Abs => x.abs(),
        UnaryOp::Floor => x.floor(),
        UnaryOp::Ceil => x.ceil(),
        UnaryOp::Round => x.round_ties_even(),
        // The verifier lets none of these into a kernel.
        UnaryOp::Not | UnaryOp::Re | UnaryOp::Im | UnaryOp::Conj | UnaryOp::Arg | UnaryOp::Detach => f64::NAN,
    }
}

/// An f32 function of one argument.
#[must_use]
pub fn unary_f32(op: UnaryOp, x: f32) -> f32 {
    match op {
        UnaryOp::Sqrt => x.sqrt(),
        UnaryOp::Rsqrt => 1.0 / x.sqrt(),
        UnaryOp::Neg => -x,
        UnaryOp::Not
        | UnaryOp::Exp
        | UnaryOp::Log
        | UnaryOp::Tanh
        | UnaryOp::Sigmoid
        | UnaryOp::Softplus
        | UnaryOp::Sin
        | UnaryOp::Cos
        | UnaryOp::Erf
        | UnaryOp::Abs
        | UnaryOp::Floor
        | UnaryOp::Ceil
        | UnaryOp::Round
        | UnaryOp::Re
        | UnaryOp::Im
        | UnaryOp::Conj
        | UnaryOp::Arg
        | UnaryOp::Detach => unary_f64(op, f64::from(x)) as f32,
    }
}

/// `a % b` with the sign of b, as NumPy has it.
#[must_use]
pub fn rem_f64(a: f64, b: f64) -> f64 {
    let rest = libm::fmod(a, b);
    if rest == 0.0 {
        0.0_f64.copysign(b)
    } else if (rest < 0.0) != (b < 0.0) {
        rest + b
    } else {
        rest
    }
}

/// `a % b` with the sign of b, as NumPy has it: the remainder is exact, its shift by b is rounded once.
#[must_use]
pub fn rem_f32(a: f32, b: f32) -> f32 {
    let rest = libm::fmodf(a, b);
    if rest == 0.0 {
        0.0_f32.copysign(b)
    } else if (rest < 0.0) != (b < 0.0) {
        rest + b
    } else {
        rest
    }
}

/// `a ^ b`.
#[must_use]
pub fn pow_f32(a: f32, b: f32) -> f32 {
    libm::pow(f64::from(a), f64::from(b)) as f32
}

/// `a ^ b`.
#[must_use]
pub fn pow_f64(a: f64, b: f64) -> f64 {
    libm::pow(a, b)
}

/// `a % b` with the sign of b; 0 where b is 0.
#[must_use]
pub const fn rem_i32(a: i32, b: i32) -> i32 {
    if b == 0 {
        return 0;
    }
    let rest = a.wrapping_rem(b);
    if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest }
}

/// `a ^ b`, wrapping; a negative exponent gives 0, except for bases 1 and -1.
#[must_use]
pub const fn pow_i32(a: i32, b: i32) -> i32 {
    if b >= 0 {
        return a.wrapping_pow(b as u32);
    }
    match a {
        1 => 1,
        -1 if b % 2 == 0 => 1,
        -1 => -1,
        _ => 0,
    }
}

/// One operand.
#[must_use]
pub fn unary(op: UnaryOp, a: Scalar) -> Scalar {
    match a {
        Scalar::F32(x) => Scalar::F32(unary_f32(op, x)),
        Scalar::F64(x) => Scalar::F64(unary_f64(op, x)),
        Scalar::I32(x) => Scalar::I32(if op == UnaryOp::Abs { x.wrapping_abs() } else { x.wrapping_neg() }),
        Scalar::Bool(x) => Scalar::Bool(!x),
    }
}

macro_rules! float_binary {
    ($op:expr, $x:expr, $y:expr, $wrap:path, $rem:path, $pow:path) => {{
        let (x, y) = ($x, $y);
        match $op {
            BinaryOp::Add => $wrap(x + y),
            BinaryOp::Sub => $wrap(x - y),
            BinaryOp::Mul => $wrap(x * y),
            BinaryOp::Div => $wrap(x / y),
            BinaryOp::Rem => $wrap($rem(x, y)),
            BinaryOp::Pow => $wrap($pow(x, y)),
            BinaryOp::Max => $wrap(if x > y || x.is_nan() { x } else { y }),
            BinaryOp::Min => $wrap(if x < y || x.is_nan() { x } else { y }),
            BinaryOp::Eq => Scalar::Bool(x == y),
            BinaryOp::Ne => Scalar::Bool(x != y),
            BinaryOp::Lt => Scalar::Bool(x < y),
            BinaryOp::Le => Scalar::Bool(x <= y),
            BinaryOp::Gt => Scalar::Bool(x > y),
            BinaryOp::Ge => Scalar::Bool(x >= y),
            // The verifier lets none of these into a kernel.
            BinaryOp::And | BinaryOp::Or | BinaryOp::Complex | BinaryOp::Polar => Scalar::Bool(false),
        }
    }};
}

/// Two operands of one element type.
#[must_use]
pub fn binary(op: BinaryOp, a: Scalar, b: Scalar) -> Scalar {
    match (a, b) {
        (Scalar::F32(x), Scalar::F32(y)) => float_binary!(op, x, y, Scalar::F32, rem_f32, pow_f32),
        (Scalar::F64(x), Scalar::F64(y)) => float_binary!(op, x, y, Scalar::F64, rem_f64, pow_f64),
        (Scalar::I32(x), Scalar::I32(y)) => match op {
            BinaryOp::Add => Scalar::I32(x.wrapping_add(y)),
            BinaryOp::Sub => Scalar::I32(x.wrapping_sub(y)),
            BinaryOp::Mul => Scalar::I32(x.wrapping_mul(y)),
            BinaryOp::Rem => Scalar::I32(rem_i32(x, y)),
            BinaryOp::Pow => Scalar::I32(pow_i32(x, y)),
            BinaryOp::Max => Scalar::I32(x.max(y)),
            BinaryOp::Min => Scalar::I32(x.min(y)),
            BinaryOp::Eq => Scalar::Bool(x == y),
            BinaryOp::Ne => Scalar::Bool(x != y),
            BinaryOp::Lt => Scalar::Bool(x < y),
            BinaryOp::Le => Scalar::Bool(x <= y),
            BinaryOp::Gt => Scalar::Bool(x > y),
            BinaryOp::Ge => Scalar::Bool(x >= y),
            // The verifier lets none of these into a kernel.
            BinaryOp::Div | BinaryOp::And | BinaryOp::Or | BinaryOp::Complex | BinaryOp::Polar => {
                Scalar::I32(0)
            }
        },
        (Scalar::Bool(x), Scalar::Bool(y)) => Scalar::Bool(match op {
            BinaryOp::And => x && y,
            BinaryOp::Or => x || y,
            BinaryOp::Eq => x == y,
            BinaryOp::Ne => x != y,
            // The verifier lets none of these into a kernel.
            BinaryOp::Add
            | BinaryOp::Sub
            | BinaryOp::Mul
            | BinaryOp::Div
            | BinaryOp::Rem
            | BinaryOp::Pow
            | BinaryOp::Max
            | BinaryOp::Min
            | BinaryOp::Lt
            | BinaryOp::Le
            | BinaryOp::Gt
            | BinaryOp::Ge
            | BinaryOp::Complex
            | BinaryOp::Polar => false,
        }),
        // The verifier lets no pair of different types into a kernel.
        (Scalar::F32(_) | Scalar::F64(_) | Scalar::I32(_) | Scalar::Bool(_), _) => a,
    }
}

/// Conversion: to bool `x != 0`; float to integer truncates and saturates, NaN is 0.
#[must_use]
pub fn cast(to: Element, a: Scalar) -> Scalar {
    match to {
        Element::F32 => Scalar::F32(match a {
            Scalar::F32(x) => x,
            Scalar::F64(x) => x as f32,
            Scalar::I32(x) => x as f32,
            Scalar::Bool(x) => f32::from(u8::from(x)),
        }),
        Element::F64 => Scalar::F64(match a {
            Scalar::F32(x) => f64::from(x),
            Scalar::F64(x) => x,
            Scalar::I32(x) => f64::from(x),
            Scalar::Bool(x) => f64::from(u8::from(x)),
        }),
        Element::I32 => Scalar::I32(match a {
            Scalar::F32(x) => x as i32,
            Scalar::F64(x) => x as i32,
            Scalar::I32(x) => x,
            Scalar::Bool(x) => i32::from(x),
        }),
        Element::Bool => Scalar::Bool(match a {
            Scalar::F32(x) => x != 0.0,
            Scalar::F64(x) => x != 0.0,
            Scalar::I32(x) => x != 0,
            Scalar::Bool(x) => x,
        }),
    }
}

/// A constant of a kernel.
#[must_use]
pub fn constant(element: Element, value: f64) -> Scalar {
    match element {
        Element::F32 => Scalar::F32(value as f32),
        Element::F64 => Scalar::F64(value),
        Element::I32 => Scalar::I32(value as i32),
        Element::Bool => Scalar::Bool(value != 0.0),
    }
}
