//! Operators: exact on compile-time numbers, element by element on tensors.

use super::elaborator::{Elaborator, Reported, Res};
use super::size::Size;
use super::tensor::has_fraction;
use super::value::{TimeIndex, Value};
use crate::ast::{self, Expr};
use crate::diagnostic::Diagnostic;
use crate::span::Span;
use tensc_ir::{BinaryOp, DType, Dim, UnaryOp};

/// An operator where it is written.
pub(crate) struct Site<'a> {
    pub(crate) op: ast::BinaryOp,
    pub(crate) op_span: Span,
    pub(crate) left: &'a Expr,
    pub(crate) right: &'a Expr,
}

impl<'a> Elaborator<'a> {
    /// `-x`, `!x`
    pub(crate) fn unary(&mut self, op: ast::UnaryOp, value: &Value<'a>, span: Span) -> Res<Value<'a>> {
        if value.has_error() {
            return Err(Reported);
        }
        if value.has_hole() {
            return Ok(Value::Hole);
        }
        match (op, value) {
            (ast::UnaryOp::Neg, Value::Size(size)) => Ok(Value::Size(if size.as_float().is_some() {
                Size::plain(-&size.dim)
            } else {
                Size::int(0).sub(size)
            })),
            (ast::UnaryOp::Neg, Value::Float(number)) => Ok(Value::Float(-number)),
            (ast::UnaryOp::Not, Value::Bool(truth)) => Ok(Value::Bool(!truth)),
            (ast::UnaryOp::Neg, value) => {
                let x = self.tensor(value, None, span)?;
                if x.dtype == DType::Bool {
                    return Err(self.bool_arithmetic("-", span, &x.ty()));
                }
                Ok(self.unary_op(UnaryOp::Neg, &x)?.into())
            }
            (ast::UnaryOp::Not, value) => {
                let x = self.tensor(value, None, span)?;
                if x.dtype != DType::Bool {
                    let diagnostic =
                        Diagnostic::error("`!` is defined on bools", span, format!("this is {}", x.ty()));
                    return Err(self.report(diagnostic.hint("compare first: `!(x > 0)`")));
                }
                Ok(self.unary_op(UnaryOp::Not, &x)?.into())
            }
        }
    }

    fn bool_arithmetic(&mut self, symbol: &str, span: Span, ty: &str) -> Reported {
        let title = format!("`{symbol}` is not defined on bools");
        self.report(Diagnostic::error(title, span, format!("this is {ty}")).hint("convert it: `f32(mask)`"))
    }

    /// `a op b`
    pub(crate) fn binary(&mut self, site: &Site<'a>, a: &Value<'a>, b: &Value<'a>) -> Res<Value<'a>> {
        use ast::BinaryOp as B;
        if a.has_error() || b.has_error() {
            return Err(Reported);
        }
        if let (Value::Time(time), Value::Size(n)) | (Value::Size(n), Value::Time(time)) = (a, b)
            && let Some(offset) = n.as_int()
            && (site.op == B::Add || (site.op == B::Sub && matches!(a, Value::Time(_))))
        {
            let by = if site.op == B::Sub { offset.checked_neg() } else { Some(offset) };
            let offset = by.and_then(|by| time.offset.checked_add(by)).filter(|n| i32::try_from(*n).is_ok());
            return match offset {
                Some(offset) => Ok(Value::Time(TimeIndex { offset, ..*time })),
                None => Err(self.error(site.op_span, "an offset does not fit into 32 bits", "")),
            };
        }
        if a.has_hole() || b.has_hole() {
            return Ok(hole(site.op, a, b));
        }
        if let Some(value) = self.exact(site, a, b)? {
            return Ok(value);
        }
        if site.op == B::MatMul {
            let x = self.tensor(a, None, site.left.span)?;
            let y = self.tensor(b, None, site.right.span)?;
            return Ok(self.matmul(site, &x, &y)?.into());
        }
        self.elementwise(site, a, b)
    }

    fn elementwise(&mut self, site: &Site<'a>, a: &Value<'a>, b: &Value<'a>) -> Res<Value<'a>> {
        use ast::BinaryOp as B;
        let values = [a.clone(), b.clone()];
        let logic = matches!(site.op, B::And | B::Or);
        let compares = matches!(site.op, B::Eq | B::Ne | B::Lt | B::Le | B::Gt | B::Ge);
        for (value, expr) in [(a, site.left), (b, site.right)] {
            let is_bool = matches!(value, Value::Bool(_))
                || matches!(value, Value::Tensor(tensor) if tensor.dtype == DType::Bool);
            if is_bool && !logic && !matches!(site.op, B::Eq | B::Ne) {
                return Err(self.bool_arithmetic(site.op.symbol(), expr.span, &value.describe()));
            }
            if logic && !is_bool {
                let title = format!("`{}` is defined on bools", site.op.symbol());
                let diagnostic = Diagnostic::error(title, expr.span, format!("this is {}", value.describe()));
                return Err(self.report(diagnostic.hint("compare first: `x > 0`")));
            }
        }
        if site.op == B::Pow {
            return self.power(site, a, b);
        }
        let (mut tensors, mut dtype) = self.common(&values, None, site.op_span)?;
        if site.op == B::Div && dtype.is_integer() {
            dtype = DType::F32;
            tensors = tensors.into_iter().map(|x| self.cast(x, dtype)).collect::<Res<_>>()?;
        }
        let [x, y] = tensors.as_slice() else { return Err(Reported) };
        if dtype.is_complex() && compares && !matches!(site.op, B::Eq | B::Ne) {
            let title = format!("`{}` is not defined on complex numbers", site.op.symbol());
            let diagnostic = Diagnostic::error(title, site.op_span, format!("{} and {}", x.ty(), y.ty()));
            return Err(self.report(diagnostic.hint("compare moduli: `abs(a) < abs(b)`")));
        }
        if dtype.is_complex() && site.op == B::Rem {
            return Err(self.error(
                site.op_span,
                "`%` is not defined on complex numbers",
                format!("{} and {}", x.ty(), y.ty()),
            ));
        }
        let op = match site.op {
            B::Add => BinaryOp::Add,
            B::Sub => BinaryOp::Sub,
            B::Mul => BinaryOp::Mul,
            B::Div => BinaryOp::Div,
            B::Rem => BinaryOp::Rem,
            B::Eq => BinaryOp::Eq,
            B::Ne => BinaryOp::Ne,
            B::Lt => BinaryOp::Lt,
            B::Le => BinaryOp::Le,
            B::Gt => BinaryOp::Gt,
            B::Ge => BinaryOp::Ge,
            B::And => BinaryOp::And,
            B::Or => BinaryOp::Or,
            B::Pow | B::MatMul => return Err(Reported),
        };
        self.line_up(site, x, y)?;
        Ok(self.binary_op(op, x, y, site.op_span)?.into())
    }

    /// Reports shapes that do not broadcast, with both operands' types under them.
    fn line_up(&mut self, site: &Site<'a>, x: &super::value::Tensor, y: &super::value::Tensor) -> Res<()> {
        for (n, (a, b)) in x.axes.iter().rev().zip(y.axes.iter().rev()).enumerate() {
            if a.dim == b.dim || a.is_one() || b.is_one() {
                continue;
            }
            let which = match n {
                0 => "its last axis is".to_owned(),
                n => format!("its axis -{} is", n + 1),
            };
            let title = format!("shapes do not line up in `{}`", site.op.symbol());
            let mut diagnostic =
                Diagnostic::error(title, site.left.span, format!("{}: {which} {}", x.ty(), a.described()))
                    .label(site.right.span, format!("{}: {which} {}", y.ty(), b.described()));
            let texts = (self.short(site.left), self.short(site.right));
            if let (Some(left), Some(right)) = texts {
                let column = |x: &super::value::Tensor, y: &super::value::Tensor| {
                    x.rank() == 1
                        && y.axes.iter().rev().nth(1).is_some_and(|axis| {
                            axis.dim == x.axes.last().map_or_else(Dim::default, |a| a.dim.clone())
                        })
                };
                if column(x, y) {
                    diagnostic = diagnostic.hint(format!("`{left}[.., none] {} {right}`", site.op.symbol()));
                } else if column(y, x) {
                    diagnostic = diagnostic.hint(format!("`{left} {} {right}[.., none]`", site.op.symbol()));
                }
            }
            return Err(self.report(diagnostic));
        }
        Ok(())
    }

    /// The text of an operand that may be repeated in a hint.
    pub(crate) fn short(&self, expr: &Expr) -> Option<String> {
        match &expr.peel().kind {
            ast::ExprKind::Name(name) => Some(name.clone()),
            ast::ExprKind::Call { callee, args } => match (callee.as_name(), args.as_slice()) {
                (Some(name), [arg]) => Some(format!("{name}({})", self.short(&arg.value)?)),
                _ => None,
            },
            ast::ExprKind::Field { base, name } => Some(format!("{}.{}", self.short(base)?, name.text)),
            _ => None,
        }
    }

    fn power(&mut self, site: &Site<'a>, a: &Value<'a>, b: &Value<'a>) -> Res<Value<'a>> {
        let base =
            self.tensor(a, if let Value::Tensor(b) = b { Some(b.dtype) } else { None }, site.left.span)?;
        let exponent = if let Value::Size(size) = b { size.as_int() } else { None };
        if base.dtype.is_complex() {
            return match exponent {
                Some(n @ 1..=64) => {
                    let mut power = base.clone();
                    for _ in 1..n {
                        power = self.binary_op(BinaryOp::Mul, &power, &base, site.op_span)?;
                    }
                    Ok(power.into())
                }
                _ => {
                    let diagnostic = Diagnostic::error(
                        "a complex number takes a whole exponent from 1 to 64",
                        site.right.span,
                        format!("this is {}", b.describe()),
                    )
                    .label(site.left.span, base.ty());
                    Err(self.report(diagnostic.hint("polar(abs(z) ^ p, p * arg(z))")))
                }
            };
        }
        if base.dtype.is_integer() && exponent.is_some_and(|n| n < 0) {
            let diagnostic = Diagnostic::error(
                "a whole number takes no negative exponent",
                site.right.span,
                format!("this is {}", b.describe()),
            )
            .label(site.left.span, base.ty());
            return Err(self.report(diagnostic.hint("convert it: `f32(x) ^ -1`")));
        }
        if exponent == Some(2) {
            return Ok(self.binary_op(BinaryOp::Mul, &base, &base, site.op_span)?.into());
        }
        let (tensors, _) = self.common(&[base.into(), b.clone()], None, site.op_span)?;
        let [x, y] = tensors.as_slice() else { return Err(Reported) };
        self.line_up(site, x, y)?;
        Ok(self.binary_op(BinaryOp::Pow, x, y, site.op_span)?.into())
    }

    /// The result where both sides are known when compiling (or exact in run-time sizes).
    fn exact(&mut self, site: &Site<'a>, a: &Value<'a>, b: &Value<'a>) -> Res<Option<Value<'a>>> {
        use ast::BinaryOp as B;
        if let (Value::Bool(x), Value::Bool(y)) = (a, b) {
            return Ok(match site.op {
                B::And => Some(Value::Bool(*x && *y)),
                B::Or => Some(Value::Bool(*x || *y)),
                B::Eq => Some(Value::Bool(x == y)),
                B::Ne => Some(Value::Bool(x != y)),
                _ => None,
            });
        }
        match (a, b) {
            (Value::Size(x), Value::Size(y)) => self.exact_sizes(site, x, y),
            (Value::Size(_) | Value::Float(_), Value::Size(_) | Value::Float(_)) => {
                let number = |value: &Value<'a>| match value {
                    Value::Size(size) => size.as_float(),
                    Value::Float(number) => Some(*number),
                    _ => None,
                };
                let (Some(x), Some(y)) = (number(a), number(b)) else { return Ok(None) };
                Ok(Some(match site.op {
                    B::Add => Value::Float(x + y),
                    B::Sub => Value::Float(x - y),
                    B::Mul => Value::Float(x * y),
                    B::Div => Value::Float(x / y),
                    B::Rem => Value::Float(x - y * (x / y).floor()),
                    B::Pow => Value::Float(x.powf(y)),
                    #[expect(clippy::float_cmp, reason = "the user compares exactly")]
                    B::Eq => Value::Bool(x == y),
                    #[expect(clippy::float_cmp, reason = "the user compares exactly")]
                    B::Ne => Value::Bool(x != y),
                    B::Lt => Value::Bool(x < y),
                    B::Le => Value::Bool(x <= y),
                    B::Gt => Value::Bool(x > y),
                    B::Ge => Value::Bool(x >= y),
                    B::And | B::Or | B::MatMul => return Ok(None),
                }))
            }
            _ => Ok(None),
        }
    }

    fn exact_sizes(&mut self, site: &Site<'a>, x: &Size, y: &Size) -> Res<Option<Value<'a>>> {
        use ast::BinaryOp as B;
        let size = match site.op {
            B::Add => x.add(y),
            B::Sub => x.sub(y),
            B::Mul => x.mul(y),
            B::Div | B::Rem => {
                let result = if site.op == B::Div { x.div(y) } else { x.rem(y) };
                match result {
                    Some(size) => size,
                    None => return Err(self.error(site.op_span, "division by zero", zero_text(y))),
                }
            }
            B::Pow => match self.exact_power(site, x, y)? {
                Some(value) => return Ok(Some(value)),
                None => return Ok(None),
            },
            B::Eq | B::Ne if x.dim == y.dim => return Ok(Some(Value::Bool(site.op == B::Eq))),
            B::Eq | B::Ne | B::Lt | B::Le | B::Gt | B::Ge => {
                let Some((n, _)) = (&x.dim - &y.dim).as_fraction() else {
                    return if self.generic && self.opaque(x, y) { Err(Reported) } else { Ok(None) };
                };
                return Ok(Some(Value::Bool(match site.op {
                    B::Eq => n == 0,
                    B::Ne => n != 0,
                    B::Lt => n < 0,
                    B::Le => n <= 0,
                    B::Gt => n > 0,
                    _ => n >= 0,
                })));
            }
            B::And | B::Or | B::MatMul => return Ok(None),
        };
        if size.as_float().is_some() && out_of_range(&size) || overflowed(&size) {
            let fact = format!("{} {} {}", x.described(), site.op.symbol(), y.described());
            return Err(self.error(site.op_span, "a compile-time number does not fit into 64 bits", fact));
        }
        Ok(Some(Value::Size(size)))
    }

    /// Whether a comparison is about a hyperparameter without a value.
    fn opaque(&self, x: &Size, y: &Size) -> bool {
        x.as_float().is_none() || y.as_float().is_none()
    }

    fn exact_power(&mut self, site: &Site<'a>, x: &Size, y: &Size) -> Res<Option<Value<'a>>> {
        let Some(exponent) = y.as_int() else {
            return Ok(match (x.as_float(), y.as_float()) {
                (Some(x), Some(y)) => Some(Value::Float(x.powf(y))),
                _ => None,
            });
        };
        let overflow = |this: &mut Self| {
            let fact = format!("{} ^ {}", x.described(), y.described());
            this.error(site.op_span, "a compile-time number does not fit into 64 bits", fact)
        };
        if exponent.unsigned_abs() > 1024 || (x.as_float().is_none() && exponent.unsigned_abs() > 16) {
            return match x.as_float() {
                Some(base) if base == 0.0 || base.abs() == 1.0 => {
                    let value = if exponent % 2 == 0 { base.abs() } else { base };
                    #[expect(clippy::cast_possible_truncation, reason = "it is -1, 0 or 1")]
                    Ok(Some(Value::int(value as i64)))
                }
                _ => Err(overflow(self)),
            };
        }
        let mut power = Dim::constant(1);
        for _ in 0..exponent.unsigned_abs() {
            power = &power * &x.dim;
            if out_of_range(&Size::plain(power.clone())) && power.as_fraction().is_some()
                || overflowed(&Size::plain(power.clone()))
            {
                return Err(overflow(self));
            }
        }
        if exponent < 0 {
            power = match Dim::constant(1).div(&power) {
                Some(power) => power,
                None => return Err(self.error(site.op_span, "division by zero", zero_text(x))),
            };
        }
        Ok(Some(Value::Size(Size::binary('^', power, x, y))))
    }
}

fn zero_text(size: &Size) -> String {
    match size.spelling {
        super::size::Spelling::Value => "the divisor is 0".into(),
        _ => format!("the divisor {} is 0", size),
    }
}

/// Whether a known number leaves 64 bits.
fn out_of_range(size: &Size) -> bool {
    size.dim.as_fraction().is_some_and(|(n, d)| i64::try_from(n).is_err() || i64::try_from(d).is_err())
}

/// Whether the exact arithmetic itself gave up.
fn overflowed(size: &Size) -> bool {
    size.dim.names().is_empty() && size.as_float().is_none()
}

/// What an operator gives beside an earlier entry of unknown type: the other side's type, as far as that is known.
fn hole<'a>(op: ast::BinaryOp, a: &Value<'a>, b: &Value<'a>) -> Value<'a> {
    use ast::BinaryOp as B;
    match op {
        B::Add | B::Sub | B::Mul | B::Div | B::Pow | B::Rem => match (a, b) {
            (Value::Tensor(tensor), _) | (_, Value::Tensor(tensor)) if tensor.dtype != DType::Bool => {
                Value::Tensor(tensor.clone())
            }
            _ => Value::Hole,
        },
        B::MatMul | B::Eq | B::Ne | B::Lt | B::Le | B::Gt | B::Ge | B::And | B::Or => Value::Hole,
    }
}

/// Whether a value is a number with a fraction, kept for lists.
pub(crate) fn fractional(value: &Value<'_>) -> bool {
    value.is_literal() && has_fraction(value)
}
