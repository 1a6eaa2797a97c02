//! Elementwise ops.

use super::strides::{broadcast, zip};
use crate::DType;
use crate::array::{Array, Data, round_real, wrap_int};
use crate::op::{BinaryOp, Op, UnaryOp};

type Complex = [f64; 2];

/// An elementwise op on its operands; `None` for any other.
pub(crate) fn apply(op: &Op, operands: &[Array]) -> Option<Array> {
    if let (Op::Unary(op), [x]) = (op, operands) {
        return unary(*op, x);
    }
    if let (Op::Binary(op), [a, b]) = (op, operands) {
        return binary(*op, a, b);
    }
    if let (Op::Cast(to), [x]) = (op, operands) {
        return cast(*to, x);
    }
    if let (Op::Select, [condition, a, b]) = (op, operands) { select(condition, a, b) } else { None }
}

pub(super) fn unary(op: UnaryOp, x: &Array) -> Option<Array> {
    let dtype = x.dtype();
    let (dtype, data) = match x.data() {
        Data::Real(entries) => {
            let f: fn(f64) -> f64 = match op {
                UnaryOp::Neg => |x| -x,
                UnaryOp::Exp => f64::exp,
                UnaryOp::Log => f64::ln,
                UnaryOp::Sqrt => f64::sqrt,
                UnaryOp::Rsqrt => |x| 1.0 / x.sqrt(),
                UnaryOp::Tanh => f64::tanh,
                UnaryOp::Sigmoid => |x| 1.0 / (1.0 + (-x).exp()),
                UnaryOp::Softplus => |x| if x.is_nan() { x } else { x.max(0.0) + (-x.abs()).exp().ln_1p() },
                UnaryOp::Sin => f64::sin,
                UnaryOp::Cos => f64::cos,
                UnaryOp::Erf => libm::erf,
                UnaryOp::Abs => f64::abs,
                UnaryOp::Floor => f64::floor,
                UnaryOp::Ceil => f64::ceil,
                UnaryOp::Round => f64::round_ties_even,
                UnaryOp::Detach => |x| x,
                UnaryOp::Not | UnaryOp::Re | UnaryOp::Im | UnaryOp::Conj | UnaryOp::Arg => return None,
            };
            (dtype, Data::Real(entries.iter().map(|x| f(*x)).collect()))
        }
        Data::Complex(entries) => unary_complex(op, entries)?,
        Data::Int(entries) => {
            let f: fn(i64) -> i64 = match op {
                UnaryOp::Neg => i64::wrapping_neg,
                UnaryOp::Abs => i64::wrapping_abs,
                UnaryOp::Detach => |x| x,
                UnaryOp::Not
                | UnaryOp::Exp
                | UnaryOp::Log
                | UnaryOp::Sqrt
                | UnaryOp::Rsqrt
                | UnaryOp::Tanh
                | UnaryOp::Sigmoid
                | UnaryOp::Softplus
                | UnaryOp::Sin
                | UnaryOp::Cos
                | UnaryOp::Erf
                | UnaryOp::Floor
                | UnaryOp::Ceil
                | UnaryOp::Round
                | UnaryOp::Re
                | UnaryOp::Im
                | UnaryOp::Conj
                | UnaryOp::Arg => return None,
            };
            (dtype, Data::Int(entries.iter().map(|x| wrap_int(dtype, f(*x))).collect()))
        }
        Data::Bool(entries) => {
            let flip = match op {
                UnaryOp::Not => true,
                UnaryOp::Detach => false,
                _ => return None,
            };
            (dtype, Data::Bool(entries.iter().map(|b| b ^ flip).collect()))
        }
    };
    Some(Array::of(dtype, x.shape().to_vec(), data))
}

fn unary_complex(op: UnaryOp, entries: &[Complex]) -> Option<(DType, Data)> {
    let complex = |f: fn(Complex) -> Complex| {
        Some((DType::C64, Data::Complex(entries.iter().map(|z| f(*z)).collect())))
    };
    let real =
        |f: fn(Complex) -> f64| Some((DType::F32, Data::Real(entries.iter().map(|z| f(*z)).collect())));
    match op {
        UnaryOp::Neg => complex(|[re, im]| [-re, -im]),
        UnaryOp::Exp => complex(|[re, im]| polar(re.exp(), im)),
        UnaryOp::Sqrt => complex(sqrt),
        UnaryOp::Conj => complex(|[re, im]| [re, -im]),
        UnaryOp::Detach => complex(|z| z),
        UnaryOp::Abs => real(|[re, im]| re.hypot(im)),
        UnaryOp::Re => real(|[re, _]| re),
        UnaryOp::Im => real(|[_, im]| im),
        UnaryOp::Arg => real(|[re, im]| im.atan2(re)),
        UnaryOp::Not
        | UnaryOp::Log
        | UnaryOp::Rsqrt
        | UnaryOp::Tanh
        | UnaryOp::Sigmoid
        | UnaryOp::Softplus
        | UnaryOp::Sin
        | UnaryOp::Cos
        | UnaryOp::Erf
        | UnaryOp::Floor
        | UnaryOp::Ceil
        | UnaryOp::Round => None,
    }
}

/// `r e^(i angle)`; of length 0 it is 0 whatever the angle.
fn polar(r: f64, angle: f64) -> Complex {
    if angle == 0.0 {
        return [r, angle * 0.0];
    }
    [r * angle.cos(), r * angle.sin()]
}

/// The principal root, without cancellation (Kahan, Branch cuts for complex elementary functions, 1987).
fn sqrt([re, im]: Complex) -> Complex {
    if re == 0.0 && im == 0.0 {
        return [0.0, im];
    }
    let half = (0.5 * (re.abs() + re.hypot(im))).sqrt();
    if re >= 0.0 { [half, im / (2.0 * half)] } else { [im.abs() / (2.0 * half), half.copysign(im)] }
}

fn multiply([a, b]: Complex, [c, d]: Complex) -> Complex {
    [a * c - b * d, a * d + b * c]
}

/// Smith's algorithm: no overflow where the quotient has none (Communications of the ACM 5, 1962).
fn divide([a, b]: Complex, [c, d]: Complex) -> Complex {
    if c.abs() >= d.abs() {
        let ratio = d / c;
        let scale = if d == 0.0 { c } else { c + d * ratio };
        let ratio = if d == 0.0 { 0.0 } else { ratio };
        [(a + b * ratio) / scale, (b - a * ratio) / scale]
    } else {
        let ratio = c / d;
        let scale = c * ratio + d;
        [(a * ratio + b) / scale, (b * ratio - a) / scale]
    }
}

/// Remainder with the divisor's sign, as NumPy's: a zero result takes it too.
fn remainder(a: f64, b: f64) -> f64 {
    let rest = a % b;
    if rest == 0.0 {
        0.0_f64.copysign(b)
    } else if (rest < 0.0) == (b < 0.0) {
        rest
    } else {
        rest + b
    }
}

fn remainder_int(a: i64, b: i64) -> i64 {
    if b == 0 {
        return 0;
    }
    let rest = a % b;
    if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest }
}

fn power_int(base: i64, exponent: i64) -> i64 {
    match u32::try_from(exponent) {
        // Wrapping at 64 bits keeps the low 32.
        Ok(exponent) => base.wrapping_pow(exponent),
        Err(_) if exponent >= 0 => 0,
        Err(_) => match base {
            1 => 1,
            -1 if exponent % 2 == 0 => 1,
            -1 => -1,
            _ => 0,
        },
    }
}

fn larger(a: f64, b: f64) -> f64 {
    if a.is_nan() || a > b { a } else { b }
}

fn smaller(a: f64, b: f64) -> f64 {
    if a.is_nan() || a < b { a } else { b }
}

pub(super) fn binary(op: BinaryOp, a: &Array, b: &Array) -> Option<Array> {
    let shape = broadcast(a.shape(), b.shape())?;
    let (dtype, data) = match (a.data(), b.data()) {
        (Data::Real(x), Data::Real(y)) => {
            let (x, y) = ((x.as_slice(), a.shape()), (y.as_slice(), b.shape()));
            let real = |f: fn(f64, f64) -> f64| Some((a.dtype(), Data::Real(zip(&shape, x, y, f))));
            let truth = |f: fn(f64, f64) -> bool| Some((DType::Bool, Data::Bool(zip(&shape, x, y, f))));
            let complex =
                |f: fn(f64, f64) -> Complex| Some((DType::C64, Data::Complex(zip(&shape, x, y, f))));
            match op {
                // The commonest ones by closures of their own, which the compiler turns into vector loops.
                BinaryOp::Add => Some((a.dtype(), Data::Real(zip(&shape, x, y, |x, y| x + y)))),
                BinaryOp::Sub => Some((a.dtype(), Data::Real(zip(&shape, x, y, |x, y| x - y)))),
                BinaryOp::Mul => Some((a.dtype(), Data::Real(zip(&shape, x, y, |x, y| x * y)))),
                BinaryOp::Div => Some((a.dtype(), Data::Real(zip(&shape, x, y, |x, y| x / y)))),
                BinaryOp::Rem => real(remainder),
                BinaryOp::Pow => real(f64::powf),
                BinaryOp::Max => real(larger),
                BinaryOp::Min => real(smaller),
                BinaryOp::Eq => truth(|x, y| x == y),
                BinaryOp::Ne => truth(|x, y| x != y),
                BinaryOp::Lt => truth(|x, y| x < y),
                BinaryOp::Le => truth(|x, y| x <= y),
                BinaryOp::Gt => truth(|x, y| x > y),
                BinaryOp::Ge => truth(|x, y| x >= y),
                BinaryOp::Complex => complex(|re, im| [re, im]),
                BinaryOp::Polar => complex(polar),
                BinaryOp::And | BinaryOp::Or => None,
            }?
        }
        (Data::Complex(x), Data::Complex(y)) => {
            let (x, y) = ((x.as_slice(), a.shape()), (y.as_slice(), b.shape()));
            let complex =
                |f: fn(Complex, Complex) -> Complex| Some((a.dtype(), Data::Complex(zip(&shape, x, y, f))));
            let truth =
                |f: fn(Complex, Complex) -> bool| Some((DType::Bool, Data::Bool(zip(&shape, x, y, f))));
            match op {
                BinaryOp::Add => complex(|[a, b], [c, d]| [a + c, b + d]),
                BinaryOp::Sub => complex(|[a, b], [c, d]| [a - c, b - d]),
                BinaryOp::Mul => complex(multiply),
                BinaryOp::Div => complex(divide),
                BinaryOp::Eq => truth(|x, y| x == y),
                BinaryOp::Ne => truth(|x, y| x != y),
                _ => None,
            }?
        }
        (Data::Int(x), Data::Int(y)) => {
            let (x, y) = ((x.as_slice(), a.shape()), (y.as_slice(), b.shape()));
            let dtype = a.dtype();
            let int = |f: fn(i64, i64) -> i64| {
                Some((dtype, Data::Int(zip(&shape, x, y, |x, y| wrap_int(dtype, f(x, y))))))
            };
            let truth = |f: fn(i64, i64) -> bool| Some((DType::Bool, Data::Bool(zip(&shape, x, y, f))));
            match op {
                BinaryOp::Add => int(i64::wrapping_add),
                BinaryOp::Sub => int(i64::wrapping_sub),
                BinaryOp::Mul => int(i64::wrapping_mul),
                BinaryOp::Rem => int(remainder_int),
                BinaryOp::Pow => int(power_int),
                BinaryOp::Max => int(i64::max),
                BinaryOp::Min => int(i64::min),
                BinaryOp::Eq => truth(|x, y| x == y),
                BinaryOp::Ne => truth(|x, y| x != y),
                BinaryOp::Lt => truth(|x, y| x < y),
                BinaryOp::Le => truth(|x, y| x <= y),
                BinaryOp::Gt => truth(|x, y| x > y),
                BinaryOp::Ge => truth(|x, y| x >= y),
                _ => None,
            }?
        }
        (Data::Bool(x), Data::Bool(y)) => {
            let (x, y) = ((x.as_slice(), a.shape()), (y.as_slice(), b.shape()));
            let f: fn(bool, bool) -> bool = match op {
                BinaryOp::And => |x, y| x & y,
                BinaryOp::Or => |x, y| x | y,
                BinaryOp::Eq => |x, y| x == y,
                BinaryOp::Ne => |x, y| x != y,
                BinaryOp::Lt => |x, y| !x & y,
                BinaryOp::Le => |x, y| !x | y,
                BinaryOp::Gt => |x, y| x & !y,
                BinaryOp::Ge => |x, y| x | !y,
                _ => return None,
            };
            (DType::Bool, Data::Bool(zip(&shape, x, y, f)))
        }
        _ => return None,
    };
    Some(Array::of(dtype, shape, data))
}

pub(super) fn select(condition: &Array, a: &Array, b: &Array) -> Option<Array> {
    let Data::Bool(chosen) = condition.data() else { return None };
    let sides = broadcast(a.shape(), b.shape())?;
    let shape = broadcast(condition.shape(), &sides)?;
    let chosen = (chosen.as_slice(), condition.shape());
    macro_rules! choose {
        ($variant:ident, $x:ident, $y:ident) => {{
            let pairs = zip(&sides, ($x, a.shape()), ($y, b.shape()), |x, y| (x, y));
            let pick = |c: bool, (x, y)| if c { x } else { y };
            Data::$variant(zip(&shape, chosen, (&pairs, &sides), pick))
        }};
    }
    let data = match (a.data(), b.data()) {
        (Data::Real(x), Data::Real(y)) => choose!(Real, x, y),
        (Data::Complex(x), Data::Complex(y)) => choose!(Complex, x, y),
        (Data::Int(x), Data::Int(y)) => choose!(Int, x, y),
        (Data::Bool(x), Data::Bool(y)) => choose!(Bool, x, y),
        _ => return None,
    };
    Some(Array::of(a.dtype(), shape, data))
}

pub(super) fn cast(to: DType, x: &Array) -> Option<Array> {
    if to == DType::Bool {
        let entries = match x.data() {
            Data::Real(x) => x.iter().map(|x| *x != 0.0).collect(),
            Data::Complex(x) => x.iter().map(|x| *x != [0.0, 0.0]).collect(),
            Data::Int(x) => x.iter().map(|x| *x != 0).collect(),
            Data::Bool(x) => x.clone(),
        };
        return Some(Array::of(to, x.shape().to_vec(), Data::Bool(entries)));
    }
    #[expect(clippy::cast_precision_loss, reason = "32 bits fit")]
    let real = |n: i64| round_real(to, n as f64);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "casts of floats saturate, NaN gives 0"
    )]
    let whole = |x: f64| if to == DType::U8 { i64::from(x as u8) } else { i64::from(x as i32) };
    let data = match (x.data(), to) {
        (Data::Real(x), DType::I32 | DType::U8) => Data::Int(x.iter().map(|x| whole(*x)).collect()),
        (Data::Int(x), DType::I32 | DType::U8) => Data::Int(x.iter().map(|n| wrap_int(to, *n)).collect()),
        (Data::Bool(x), DType::I32 | DType::U8) => Data::Int(x.iter().map(|b| i64::from(*b)).collect()),
        (Data::Real(x), DType::C64) => Data::Complex(x.iter().map(|x| [round_real(to, *x), 0.0]).collect()),
        (Data::Int(x), DType::C64) => Data::Complex(x.iter().map(|n| [real(*n), 0.0]).collect()),
        (Data::Bool(x), DType::C64) => {
            Data::Complex(x.iter().map(|b| [f64::from(u8::from(*b)), 0.0]).collect())
        }
        (Data::Complex(x), DType::C64) => {
            Data::Complex(x.iter().map(|z| z.map(|x| round_real(DType::F32, x))).collect())
        }
        (Data::Real(x), _) => Data::Real(x.iter().map(|x| round_real(to, *x)).collect()),
        (Data::Int(x), _) => Data::Real(x.iter().map(|n| real(*n)).collect()),
        (Data::Bool(x), _) => Data::Real(x.iter().map(|b| f64::from(u8::from(*b))).collect()),
        (Data::Complex(_), _) => return None,
    };
    Some(Array::of(to, x.shape().to_vec(), data))
}
