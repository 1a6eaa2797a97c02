//! Compile-time exact numbers: a value that may mention run-time sizes, and how it is spelled.
//!
//! `K` of a model with `K = 128` is the number 128 spelled `K`; `T / 4` is symbolic in both. The value decides what a
//! program means, the spelling only what a message says.

use std::fmt;
use std::rc::Rc;
use tensc_ir::Dim;

/// An exact number with its spelling.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Size {
    /// The value.
    pub(crate) dim: Dim,
    /// What messages call it.
    pub(crate) spelling: Spelling,
}

/// How a number is written in messages.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Spelling {
    /// As its value prints.
    Value,
    /// A name of the scope.
    Name(Rc<str>),
    /// Two numbers with `+ - * /` between them.
    Binary(char, Rc<Size>, Rc<Size>),
    /// `floor(T / 2)` and the like.
    Call(&'static str, Rc<[Size]>),
}

impl Size {
    /// A plain number.
    pub(crate) fn int(n: i64) -> Self {
        Self { dim: Dim::constant(n), spelling: Spelling::Value }
    }

    /// A value that is spelled as it prints.
    pub(crate) fn plain(dim: Dim) -> Self {
        Self { dim, spelling: Spelling::Value }
    }

    /// A run-time size, or a hyperparameter without a value.
    pub(crate) fn var(name: &str) -> Self {
        Self { dim: Dim::var(name), spelling: Spelling::Name(name.into()) }
    }

    /// The same value under a name of the scope.
    pub(crate) fn named(&self, name: &str) -> Self {
        Self { dim: self.dim.clone(), spelling: Spelling::Name(name.into()) }
    }

    /// The whole number, if it is one.
    pub(crate) fn as_int(&self) -> Option<i64> {
        self.dim.as_constant()
    }

    /// The number, if it does not depend on a run-time size.
    pub(crate) fn as_float(&self) -> Option<f64> {
        let (numerator, denominator) = self.dim.as_fraction()?;
        #[expect(clippy::cast_precision_loss, reason = "compile-time floats are f64")]
        Some(numerator as f64 / denominator as f64)
    }

    /// Whether it is the number 1.
    pub(crate) fn is_one(&self) -> bool {
        self.as_int() == Some(1)
    }

    /// `a op b`, spelled so.
    pub(crate) fn binary(op: char, dim: Dim, left: &Self, right: &Self) -> Self {
        let literal = |size: &Self| matches!(size.spelling, Spelling::Value) && size.as_float().is_some();
        // An uneven quotient says more as it is written.
        let uneven = op == '/' && dim.as_fraction().is_some_and(|(_, denominator)| denominator != 1);
        let spelling = if literal(left) && literal(right) && !uneven {
            Spelling::Value
        } else {
            Spelling::Binary(op, Rc::new(left.clone()), Rc::new(right.clone()))
        };
        Self { dim, spelling }
    }

    /// Sum.
    pub(crate) fn add(&self, other: &Self) -> Self {
        Self::binary('+', &self.dim + &other.dim, self, other)
    }

    /// Difference.
    pub(crate) fn sub(&self, other: &Self) -> Self {
        Self::binary('-', &self.dim - &other.dim, self, other)
    }

    /// Product.
    pub(crate) fn mul(&self, other: &Self) -> Self {
        Self::binary('*', &self.dim * &other.dim, self, other)
    }

    /// Exact quotient; `None` for a zero divisor.
    pub(crate) fn div(&self, other: &Self) -> Option<Self> {
        Some(Self::binary('/', self.dim.div(&other.dim)?, self, other))
    }

    /// Remainder with the divisor's sign: `a - b * floor(a / b)`.
    pub(crate) fn rem(&self, other: &Self) -> Option<Self> {
        let quotient = self.dim.div(&other.dim)?.floor();
        Some(Self::binary('%', &self.dim - &(&other.dim * &quotient), self, other))
    }

    /// `floor`, `ceil`, `min`, `max` of sizes.
    pub(crate) fn call(name: &'static str, dim: Dim, args: &[Self]) -> Self {
        let literal = args.iter().all(|a| matches!(a.spelling, Spelling::Value) && a.as_float().is_some());
        let spelling = if literal { Spelling::Value } else { Spelling::Call(name, args.into()) };
        Self { dim, spelling }
    }

    /// `K = 128` where the spelling does not already say the value.
    pub(crate) fn described(&self) -> String {
        match (&self.spelling, self.as_float()) {
            (Spelling::Value, _) | (_, None) => self.to_string(),
            (_, Some(_)) => {
                let (text, value) = (self.to_string(), self.dim.to_string());
                if text == value { value } else { format!("{text} = {value}") }
            }
        }
    }

    /// Replaces names of a callee's scope by what the caller calls them; a name that the caller does not know becomes
    /// its value.
    pub(crate) fn respelled(&self, names: &dyn Fn(&str) -> Option<Spelling>) -> Self {
        let dim = self.dim.clone();
        let spelling = match &self.spelling {
            Spelling::Value => Spelling::Value,
            Spelling::Name(name) => names(name).unwrap_or(Spelling::Value),
            Spelling::Binary(op, a, b) => {
                return Self::binary(*op, dim, &a.respelled(names), &b.respelled(names));
            }
            Spelling::Call(name, args) => {
                let args: Vec<Self> = args.iter().map(|a| a.respelled(names)).collect();
                return Self::call(name, dim, &args);
            }
        };
        Self { dim, spelling }
    }

    /// Whether its form shows that it is at least 0; sizes are.
    pub(crate) fn is_nonnegative(&self) -> bool {
        match &self.spelling {
            _ if self.as_float().is_some_and(|n| n >= 0.0) || self.dim.as_var().is_some() => true,
            Spelling::Binary('+' | '*' | '/', a, b) => a.is_nonnegative() && b.is_nonnegative(),
            Spelling::Call(_, args) => args.iter().all(Self::is_nonnegative),
            Spelling::Value | Spelling::Name(_) | Spelling::Binary(..) => false,
        }
    }

    fn precedence(&self) -> u8 {
        match &self.spelling {
            Spelling::Value if self.as_int().is_some() || self.dim.as_var().is_some() => 3,
            Spelling::Value => 1,
            Spelling::Name(_) | Spelling::Call(..) => 3,
            Spelling::Binary('*' | '/' | '%', ..) => 2,
            Spelling::Binary(..) => 1,
        }
    }
}

/// The spelling: `4 * D`, `T / (s + 1)`.
impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.spelling {
            Spelling::Value => write!(f, "{}", self.dim),
            Spelling::Name(name) => f.write_str(name),
            Spelling::Binary(op, a, b) => {
                let level = if matches!(op, '*' | '/' | '%') { 2 } else { 1 };
                let left = if a.precedence() < level { format!("({a})") } else { a.to_string() };
                let right = if b.precedence() <= level { format!("({b})") } else { b.to_string() };
                write!(f, "{left} {op} {right}")
            }
            Spelling::Call(name, args) => {
                let args: Vec<String> = args.iter().map(ToString::to_string).collect();
                write!(f, "{name}({})", args.join(", "))
            }
        }
    }
}
