//! Functions that compiled code calls: what has no code of its own, for one element.

use crate::gemm::Operand;
use crate::tile::product;
use tensc_ir::{BinaryOp, UnaryOp};
use tensc_program::scalar;
use tensc_program::{CheckId, Failure};

/// Types of arguments and result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Signature {
    /// f32 to f32.
    F32,
    /// Two f32 to f32.
    F32x2,
    /// Three f32 to f32.
    F32x3,
    /// f64 to f64.
    F64,
    /// Two f64 to f64.
    F64x2,
    /// Three f64 to f64.
    F64x3,
    /// Two i32 to i32.
    I32x2,
    /// f32 to i32: half precision bits.
    F32ToI32,
    /// Sizes m, n, k; then for each of the three matrices its address and its strides along rows and columns.
    Product,
    /// Status, site, value, position.
    Record,
}

/// What a call of compiled code leaves: the failed check that a user is told.
pub(crate) type Status = Option<Failure>;

extern "C" fn record(status: *mut Status, site: i32, value: i32, position: i32) {
    let failure = Failure { site: CheckId(site.cast_unsigned()), value, position };
    // SAFETY: compiled code passes on the pointer that `launch_range` gave it, to a status that lives as long as the call.
    #[expect(unsafe_code, reason = "the pointer comes through compiled code")]
    let status = unsafe { &mut *status };
    Failure::record(status, failure);
}

macro_rules! unary {
    ($name:ident, $name64:ident, $op:ident) => {
        extern "C" fn $name(x: f32) -> f32 {
            scalar::unary_f32(UnaryOp::$op, x)
        }
        extern "C" fn $name64(x: f64) -> f64 {
            scalar::unary_f64(UnaryOp::$op, x)
        }
    };
}

unary!(exp_f32, exp_f64, Exp);
unary!(log_f32, log_f64, Log);
unary!(tanh_f32, tanh_f64, Tanh);
unary!(sigmoid_f32, sigmoid_f64, Sigmoid);
unary!(softplus_f32, softplus_f64, Softplus);
unary!(sin_f32, sin_f64, Sin);
unary!(cos_f32, cos_f64, Cos);
unary!(erf_f32, erf_f64, Erf);
unary!(floor_f32, floor_f64, Floor);
unary!(ceil_f32, ceil_f64, Ceil);
unary!(round_f32, round_f64, Round);

extern "C" fn rem_f32(a: f32, b: f32) -> f32 {
    scalar::rem_f32(a, b)
}
extern "C" fn rem_f64(a: f64, b: f64) -> f64 {
    scalar::rem_f64(a, b)
}
extern "C" fn pow_f32(a: f32, b: f32) -> f32 {
    scalar::pow_f32(a, b)
}
extern "C" fn pow_f64(a: f64, b: f64) -> f64 {
    scalar::pow_f64(a, b)
}
extern "C" fn rem_i32(a: i32, b: i32) -> i32 {
    scalar::rem_i32(a, b)
}
extern "C" fn pow_i32(a: i32, b: i32) -> i32 {
    scalar::pow_i32(a, b)
}
extern "C" fn fma_f32(a: f32, b: f32, c: f32) -> f32 {
    a.mul_add(b, c)
}
extern "C" fn fma_f64(a: f64, b: f64, c: f64) -> f64 {
    a.mul_add(b, c)
}
extern "C" fn half_bits(x: f32) -> i32 {
    i32::from(half::f16::from_f32(x).to_bits())
}

extern "C" fn tile_product(
    m: i64,
    n: i64,
    k: i64,
    a: *mut f32,
    a_row: i64,
    a_column: i64,
    b: *mut f32,
    b_row: i64,
    b_column: i64,
    c: *mut f32,
    c_row: i64,
    c_column: i64,
) {
    let operand = |pointer, row, column| Operand { pointer, strides: [row, column] };
    let (a, b) = (operand(a, a_row, a_column), operand(b, b_row, b_column));
    // SAFETY: compiled code passes tiles of a verified kernel: they cover these entries, and the result is none of the operands.
    #[expect(unsafe_code, reason = "matrices come as pointers")]
    unsafe {
        product([m, k, n], a, b, operand(c, c_row, c_column));
    }
}

/// Where a function is; asked for only when code is linked.
pub(crate) type Address = fn() -> *const u8;

/// Every function by name. The names without suffix are those that Cranelift itself calls where the machine lacks an instruction.
pub(crate) const SYMBOLS: &[(&str, Signature, Address)] = &[
    ("exp_f32", Signature::F32, || exp_f32 as *const u8),
    ("log_f32", Signature::F32, || log_f32 as *const u8),
    ("tanh_f32", Signature::F32, || tanh_f32 as *const u8),
    ("sigmoid_f32", Signature::F32, || sigmoid_f32 as *const u8),
    ("softplus_f32", Signature::F32, || softplus_f32 as *const u8),
    ("sin_f32", Signature::F32, || sin_f32 as *const u8),
    ("cos_f32", Signature::F32, || cos_f32 as *const u8),
    ("erf_f32", Signature::F32, || erf_f32 as *const u8),
    ("exp_f64", Signature::F64, || exp_f64 as *const u8),
    ("log_f64", Signature::F64, || log_f64 as *const u8),
    ("tanh_f64", Signature::F64, || tanh_f64 as *const u8),
    ("sigmoid_f64", Signature::F64, || sigmoid_f64 as *const u8),
    ("softplus_f64", Signature::F64, || softplus_f64 as *const u8),
    ("sin_f64", Signature::F64, || sin_f64 as *const u8),
    ("cos_f64", Signature::F64, || cos_f64 as *const u8),
    ("erf_f64", Signature::F64, || erf_f64 as *const u8),
    ("rem_f32", Signature::F32x2, || rem_f32 as *const u8),
    ("rem_f64", Signature::F64x2, || rem_f64 as *const u8),
    ("pow_f32", Signature::F32x2, || pow_f32 as *const u8),
    ("pow_f64", Signature::F64x2, || pow_f64 as *const u8),
    ("rem_i32", Signature::I32x2, || rem_i32 as *const u8),
    ("pow_i32", Signature::I32x2, || pow_i32 as *const u8),
    ("half_bits", Signature::F32ToI32, || half_bits as *const u8),
    ("tile_product", Signature::Product, || tile_product as *const u8),
    ("record", Signature::Record, || record as *const u8),
    ("fmaf", Signature::F32x3, || fma_f32 as *const u8),
    ("fma", Signature::F64x3, || fma_f64 as *const u8),
    ("floorf", Signature::F32, || floor_f32 as *const u8),
    ("floor", Signature::F64, || floor_f64 as *const u8),
    ("ceilf", Signature::F32, || ceil_f32 as *const u8),
    ("ceil", Signature::F64, || ceil_f64 as *const u8),
    ("nearbyintf", Signature::F32, || round_f32 as *const u8),
    ("nearbyint", Signature::F64, || round_f64 as *const u8),
];

/// The function for an op that has no code of its own.
pub(crate) const fn unary_symbol(op: UnaryOp, wide: bool) -> Option<&'static str> {
    Some(match (op, wide) {
        (UnaryOp::Exp, false) => "exp_f32",
        (UnaryOp::Log, false) => "log_f32",
        (UnaryOp::Tanh, false) => "tanh_f32",
        (UnaryOp::Sigmoid, false) => "sigmoid_f32",
        (UnaryOp::Softplus, false) => "softplus_f32",
        (UnaryOp::Sin, false) => "sin_f32",
        (UnaryOp::Cos, false) => "cos_f32",
        (UnaryOp::Erf, false) => "erf_f32",
        (UnaryOp::Exp, true) => "exp_f64",
        (UnaryOp::Log, true) => "log_f64",
        (UnaryOp::Tanh, true) => "tanh_f64",
        (UnaryOp::Sigmoid, true) => "sigmoid_f64",
        (UnaryOp::Softplus, true) => "softplus_f64",
        (UnaryOp::Sin, true) => "sin_f64",
        (UnaryOp::Cos, true) => "cos_f64",
        (UnaryOp::Erf, true) => "erf_f64",
        (
            UnaryOp::Neg
            | UnaryOp::Not
            | UnaryOp::Sqrt
            | UnaryOp::Rsqrt
            | UnaryOp::Abs
            | UnaryOp::Floor
            | UnaryOp::Ceil
            | UnaryOp::Round
            | UnaryOp::Re
            | UnaryOp::Im
            | UnaryOp::Conj
            | UnaryOp::Arg
            | UnaryOp::Detach,
            _,
        ) => return None,
    })
}

/// The function for an op that has no code of its own.
pub(crate) const fn binary_symbol(op: BinaryOp, float: bool, wide: bool) -> Option<&'static str> {
    match (op, float, wide) {
        (BinaryOp::Rem, true, false) => Some("rem_f32"),
        (BinaryOp::Rem, true, true) => Some("rem_f64"),
        (BinaryOp::Rem, false, _) => Some("rem_i32"),
        (BinaryOp::Pow, true, false) => Some("pow_f32"),
        (BinaryOp::Pow, true, true) => Some("pow_f64"),
        (BinaryOp::Pow, false, _) => Some("pow_i32"),
        (
            BinaryOp::Add
            | BinaryOp::Sub
            | BinaryOp::Mul
            | BinaryOp::Div
            | BinaryOp::Max
            | BinaryOp::Min
            | BinaryOp::Eq
            | BinaryOp::Ne
            | BinaryOp::Lt
            | BinaryOp::Le
            | BinaryOp::Gt
            | BinaryOp::Ge
            | BinaryOp::And
            | BinaryOp::Or
            | BinaryOp::Complex
            | BinaryOp::Polar,
            _,
            _,
        ) => None,
    }
}
