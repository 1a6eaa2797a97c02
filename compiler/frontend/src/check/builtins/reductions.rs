//! Reductions, along the last axis unless `axis =` says otherwise.

use super::super::elaborator::{Elaborator, Reported, Res};
use super::super::size::Size;
use super::super::value::{Tensor, Value};
use super::Call;
use crate::diagnostic::Diagnostic;
use crate::span::Span;
use tensc_ir::{BinaryOp, DType, Dim, Op, ReduceKind, UnaryOp};

type Result<'a> = Res<Value<'a>>;

/// Along which axes, and whether they stay as 1.
struct Along {
    axes: Vec<usize>,
    keep: bool,
}

impl<'a> Elaborator<'a> {
    fn along(&mut self, call: &Call<'a>, x: &Tensor, axis: usize, keep: Option<usize>) -> Res<Along> {
        let keep = match keep {
            Some(n) => self.arg_bool(call, n)?,
            None => false,
        };
        let name = call.builtin.name;
        let axes = match call.get(axis).map(|arg| (arg.value.clone(), arg.span)) {
            None => vec![self.axis(-1, x, name, call.span_of(0))?],
            Some((Value::All, _)) => (0..x.rank()).collect(),
            Some((Value::List(entries), span)) => {
                let mut axes = Vec::with_capacity(entries.len());
                for entry in entries.iter() {
                    match entry {
                        Value::Size(size) if size.as_int().is_some() => {
                            axes.push(self.axis(size.as_int().unwrap_or(0), x, name, span)?);
                        }
                        other => {
                            let fact = format!("this has {}", other.describe());
                            return Err(self.error(
                                span,
                                "`axis` is a number, a list of numbers, or `all`",
                                fact,
                            ));
                        }
                    }
                }
                axes.sort_unstable();
                let distinct = axes.windows(2).all(|pair| pair.first() != pair.last());
                if !distinct {
                    return Err(self.error(span, "an axis is named twice", format!("of {}", x.ty())));
                }
                axes
            }
            Some((Value::Size(size), span)) if size.as_int().is_some() => {
                vec![self.axis(size.as_int().unwrap_or(0), x, name, span)?]
            }
            Some((other, span)) => {
                let fact = format!("this is {}", other.describe());
                return Err(self.error(span, "`axis` is a number, a list of numbers, or `all`", fact));
            }
        };
        Ok(Along { axes, keep })
    }

    /// One reduction; the axes go or stay as 1.
    fn reduce(&mut self, kind: ReduceKind, x: &Tensor, along: &Along) -> Res<Tensor> {
        if along.axes.is_empty() {
            return Ok(x.clone());
        }
        let axes: Vec<usize> = along.axes.iter().map(|axis| axis + x.lead).collect();
        let reduced = self.emit(Op::Reduce { kind, axes }, &[x], left(x, along, false))?;
        if along.keep { self.reshape_logical(&reduced, left(x, along, true)) } else { Ok(reduced) }
    }

    /// Number of entries that a reduction combines, in the element type.
    fn entries(&mut self, x: &Tensor, along: &Along) -> Res<Tensor> {
        let mut count = Size::int(1);
        for axis in along.axes.iter().filter_map(|&axis| x.axes.get(axis)) {
            count = count.mul(axis);
        }
        let dtype = if x.dtype.is_complex() { DType::C64 } else { x.dtype };
        let count = self.tensor(&Value::Size(count), Some(dtype), self.span)?;
        self.cast(count, dtype)
    }

    fn mean_of(&mut self, x: &Tensor, along: &Along) -> Res<Tensor> {
        // The axes that stay come back last, so that a mean is one value whether it keeps them or not.
        let bare = Along { axes: along.axes.clone(), keep: false };
        let sum = self.reduce(ReduceKind::Sum, x, &bare)?;
        let count = self.entries(x, along)?;
        let mean = self.binary_op(BinaryOp::Div, &sum, &count, self.span)?;
        if along.keep { self.reshape_logical(&mean, left(x, along, true)) } else { Ok(mean) }
    }

    /// `|x|^2` of each entry, real.
    fn squared(&mut self, x: &Tensor) -> Res<Tensor> {
        if !x.dtype.is_complex() {
            return self.binary_op(BinaryOp::Mul, x, x, self.span);
        }
        let (re, im) = (self.unary_op(UnaryOp::Re, x)?, self.unary_op(UnaryOp::Im, x)?);
        let re = self.binary_op(BinaryOp::Mul, &re, &re, self.span)?;
        let im = self.binary_op(BinaryOp::Mul, &im, &im, self.span)?;
        self.binary_op(BinaryOp::Add, &re, &im, self.span)
    }

    /// `x - max(x)` and `sum(exp(x - max(x)))`, kept as 1; rows of -inf alone stay -inf.
    fn shifted(&mut self, x: &Tensor, along: &Along) -> Res<(Tensor, Tensor, Tensor)> {
        let kept = Along { axes: along.axes.clone(), keep: true };
        let span = self.span;
        let max = self.reduce(ReduceKind::Max, x, &kept)?;
        let max = self.unary_op(UnaryOp::Detach, &max)?;
        let lowest = self.constant(x.dtype, f64::NEG_INFINITY)?;
        let zero = self.constant(x.dtype, 0.0)?;
        let empty = self.binary_op(BinaryOp::Eq, &max, &lowest, span)?;
        let max = self.select_op(&empty, &zero, &max, span)?;
        let shifted = self.binary_op(BinaryOp::Sub, x, &max, span)?;
        let exp = self.unary_op(UnaryOp::Exp, &shifted)?;
        let sum = self.reduce(ReduceKind::Sum, &exp, &kept)?;
        Ok((shifted, sum, max))
    }

    /// `log(sum(exp(x)))` along axes.
    pub(super) fn log_sum_exp(&mut self, x: &Tensor, axes: Vec<usize>) -> Res<Tensor> {
        let (_, sum, max) = self.shifted(x, &Along { axes: axes.clone(), keep: true })?;
        let log = self.unary_op(UnaryOp::Log, &sum)?;
        let kept = self.binary_op(BinaryOp::Add, &log, &max, self.span)?;
        let left: Vec<Size> = x
            .axes
            .iter()
            .enumerate()
            .filter(|(n, _)| !axes.contains(n))
            .map(|(_, axis)| axis.clone())
            .collect();
        self.reshape_logical(&kept, left)
    }

    /// The sum over all axes that the program sees.
    pub(super) fn sum_all(&mut self, x: &Tensor) -> Res<Tensor> {
        self.reduce(ReduceKind::Sum, x, &Along { axes: (0..x.rank()).collect(), keep: false })
    }

    /// The mean over all axes that the program sees.
    pub(super) fn mean_all(&mut self, x: &Tensor) -> Res<Tensor> {
        self.mean_of(x, &Along { axes: (0..x.rank()).collect(), keep: false })
    }

    /// The entries of a comprehension, combined one after the other.
    fn combined(&mut self, entries: &[Value<'a>], op: BinaryOp, span: Span) -> Result<'a> {
        if entries.iter().all(Value::is_literal) {
            return self.combined_numbers(entries, op, span);
        }
        let (tensors, dtype) = self.common(entries, None, span)?;
        let mut tensors = tensors.into_iter();
        let mut total = tensors.next().ok_or(Reported)?;
        if dtype == DType::Bool {
            return Err(self.no_bools("this", &total, span));
        }
        for tensor in tensors {
            total = self.binary_op(op, &total, &tensor, span)?;
        }
        Ok(total.into())
    }

    fn combined_numbers(&mut self, entries: &[Value<'a>], op: BinaryOp, span: Span) -> Result<'a> {
        let mut total: Option<Value<'a>> = None;
        for entry in entries {
            total = Some(match (total, entry) {
                (None, entry) => entry.clone(),
                (Some(Value::Size(a)), Value::Size(b)) => Value::Size(match op {
                    BinaryOp::Max => Size::plain(a.dim.maximum(&b.dim)),
                    BinaryOp::Min => Size::plain(a.dim.minimum(&b.dim)),
                    _ => a.add(b),
                }),
                (Some(a), b) => match (number(&a), number(b)) {
                    (Some(a), Some(b)) => Value::Float(match op {
                        BinaryOp::Max => a.max(b),
                        BinaryOp::Min => a.min(b),
                        _ => a + b,
                    }),
                    _ => {
                        let (tensors, _) = self.common(&[a, b.clone()], None, span)?;
                        let [a, b] = tensors.as_slice() else { return Err(Reported) };
                        self.binary_op(op, a, b, span)?.into()
                    }
                },
            });
        }
        total.ok_or(Reported)
    }
}

fn number(value: &Value<'_>) -> Option<f64> {
    match value {
        Value::Size(size) => size.as_float(),
        Value::Float(number) => Some(*number),
        _ => None,
    }
}

/// The axes that a reduction leaves.
fn left(x: &Tensor, along: &Along, keep: bool) -> Vec<Size> {
    let each = x.axes.iter().enumerate();
    let left = each.filter_map(|(n, axis)| match along.axes.contains(&n) {
        true if keep => Some(Size::int(1)),
        true => None,
        false => Some(axis.clone()),
    });
    left.collect()
}

/// The entries, where the argument is `e for x in xs` without brackets.
fn entries<'a>(call: &Call<'a>) -> Option<Vec<Value<'a>>> {
    let arg = call.get(0).filter(|arg| arg.comprehension)?;
    match &arg.value {
        Value::List(entries) => Some(entries.to_vec()),
        _ => None,
    }
}

fn nothing<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Reported {
    let title = format!("`{}` of nothing", call.builtin.name);
    cx.error(call.span_of(0), title, "there are no entries")
}

pub(super) fn sum<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    if let Some(entries) = entries(call) {
        return if entries.is_empty() {
            Ok(Value::int(0))
        } else {
            cx.combined(&entries, BinaryOp::Add, call.span)
        };
    }
    let x = cx.arg_tensor(call, 0)?;
    let x = match x.dtype {
        DType::Bool => return Err(cx.no_bools("sum", &x, call.span_of(0))),
        DType::U8 => cx.cast(x, DType::I32)?,
        _ => x,
    };
    let along = cx.along(call, &x, 1, Some(2))?;
    Ok(cx.reduce(ReduceKind::Sum, &x, &along)?.into())
}

pub(super) fn mean<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    if let Some(entries) = entries(call) {
        if entries.is_empty() {
            return Err(nothing(cx, call));
        }
        let count = i64::try_from(entries.len()).unwrap_or(i64::MAX);
        let total = cx.combined(&entries, BinaryOp::Add, call.span)?;
        if let Value::Size(total) = &total {
            return Ok(total.div(&Size::int(count)).map_or(Value::Error, Value::Size));
        }
        #[expect(clippy::cast_precision_loss, reason = "a number of entries")]
        if let Value::Float(total) = total {
            return Ok(Value::Float(total / count as f64));
        }
        let total = cx.tensor(&total, None, call.span)?;
        let total = cx.as_float(total, "mean", call.span)?;
        #[expect(clippy::cast_precision_loss, reason = "a number of entries")]
        let count = cx.constant(total.dtype, count as f64)?;
        return Ok(cx.binary_op(BinaryOp::Div, &total, &count, call.span)?.into());
    }
    let x = cx.arg_float(call, 0)?;
    let along = cx.along(call, &x, 1, Some(2))?;
    Ok(cx.mean_of(&x, &along)?.into())
}

/// Over n: the mean of `|x - mean(x)|^2`.
pub(super) fn var<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    let x = cx.arg_float(call, 0)?;
    let along = cx.along(call, &x, 1, Some(2))?;
    let kept = Along { axes: along.axes.clone(), keep: true };
    let mean = cx.mean_of(&x, &kept)?;
    let centred = cx.binary_op(BinaryOp::Sub, &x, &mean, call.span)?;
    let squared = cx.squared(&centred)?;
    Ok(cx.mean_of(&squared, &along)?.into())
}

pub(super) fn norm<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    let x = cx.arg_float(call, 0)?;
    let along = cx.along(call, &x, 1, Some(2))?;
    let squared = cx.squared(&x)?;
    let sum = cx.reduce(ReduceKind::Sum, &squared, &along)?;
    Ok(cx.unary_op(UnaryOp::Sqrt, &sum)?.into())
}

fn extreme<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>, op: BinaryOp, kind: ReduceKind) -> Result<'a> {
    let name = call.builtin.name;
    if let (Some(a), Some(b)) = (call.get(0), call.get(1)) {
        if let (Value::Hole, other) | (other, Value::Hole) = (&a.value, &b.value) {
            return Ok(if matches!(other, Value::Tensor(_)) { other.clone() } else { Value::Hole });
        }
        if let (Value::Size(x), Value::Size(y)) = (&a.value, &b.value) {
            let (word, dim): (&'static str, Dim) = match op {
                BinaryOp::Max => ("max", x.dim.maximum(&y.dim)),
                _ => ("min", x.dim.minimum(&y.dim)),
            };
            return Ok(Value::Size(Size::call(word, dim, &[x.clone(), y.clone()])));
        }
        if let (Some(x), Some(y)) = (number(&a.value), number(&b.value)) {
            return Ok(Value::Float(if op == BinaryOp::Max { x.max(y) } else { x.min(y) }));
        }
        let (tensors, dtype) = cx.common(&[a.value.clone(), b.value.clone()], None, call.span)?;
        let [x, y] = tensors.as_slice() else { return Err(Reported) };
        cx.no_complex(name, x, call.span)?;
        if dtype == DType::Bool {
            return Err(cx.no_bools(name, x, call.span));
        }
        return Ok(cx.binary_op(op, x, y, call.span)?.into());
    }
    if let Some(entries) = entries(call) {
        return if entries.is_empty() {
            Err(nothing(cx, call))
        } else {
            cx.combined(&entries, op, call.span)
        };
    }
    if call.get(0).is_some_and(|arg| arg.value.has_hole()) {
        return Ok(Value::Hole);
    }
    let x = cx.arg_tensor(call, 0)?;
    cx.no_complex(name, &x, call.span_of(0))?;
    if x.dtype == DType::Bool {
        return Err(cx.no_bools(name, &x, call.span_of(0)));
    }
    let along = cx.along(call, &x, 2, Some(3))?;
    Ok(cx.reduce(kind, &x, &along)?.into())
}

pub(super) fn max<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    extreme(cx, call, BinaryOp::Max, ReduceKind::Max)
}

pub(super) fn min<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    extreme(cx, call, BinaryOp::Min, ReduceKind::Min)
}

pub(super) fn argmax<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    let x = cx.arg_tensor(call, 0)?;
    cx.no_complex("argmax", &x, call.span_of(0))?;
    if x.dtype == DType::Bool {
        return Err(cx.no_bools("argmax", &x, call.span_of(0)));
    }
    let along = cx.along(call, &x, 1, Some(2))?;
    if along.axes.len() == 1 {
        return Ok(cx.reduce(ReduceKind::ArgMax, &x, &along)?.into());
    }
    if along.axes.len() != x.rank() || along.axes.is_empty() {
        let diagnostic = Diagnostic::error(
            "`argmax` takes one axis, or `all`",
            call.span,
            format!("{} axes are given", along.axes.len()),
        );
        return Err(cx.report(diagnostic.hint("argmax(x, axis = -1)")));
    }
    let mut count = Size::int(1);
    for axis in &x.axes {
        count = count.mul(axis);
    }
    let rank = x.rank();
    let flat = cx.reshape_logical(&x, vec![count])?;
    let found = cx.reduce(ReduceKind::ArgMax, &flat, &Along { axes: vec![0], keep: false })?;
    let found = if along.keep { cx.reshape_logical(&found, vec![Size::int(1); rank])? } else { found };
    Ok(found.into())
}

fn real<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Res<Tensor> {
    let x = cx.arg_float(call, 0)?;
    cx.no_complex(call.builtin.name, &x, call.span_of(0))?;
    Ok(x)
}

/// Rows of -inf alone give zeros.
pub(super) fn softmax<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    let x = real(cx, call)?;
    let along = cx.along(call, &x, 1, None)?;
    let (shifted, sum, _) = cx.shifted(&x, &along)?;
    let exp = cx.unary_op(UnaryOp::Exp, &shifted)?;
    let (zero, one) = (cx.constant(x.dtype, 0.0)?, cx.constant(x.dtype, 1.0)?);
    let empty = cx.binary_op(BinaryOp::Eq, &sum, &zero, call.span)?;
    let sum = cx.select_op(&empty, &one, &sum, call.span)?;
    Ok(cx.binary_op(BinaryOp::Div, &exp, &sum, call.span)?.into())
}

pub(super) fn log_softmax<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    let x = real(cx, call)?;
    let along = cx.along(call, &x, 1, None)?;
    let (shifted, sum, _) = cx.shifted(&x, &along)?;
    let (zero, one) = (cx.constant(x.dtype, 0.0)?, cx.constant(x.dtype, 1.0)?);
    let empty = cx.binary_op(BinaryOp::Eq, &sum, &zero, call.span)?;
    let sum = cx.select_op(&empty, &one, &sum, call.span)?;
    let log = cx.unary_op(UnaryOp::Log, &sum)?;
    Ok(cx.binary_op(BinaryOp::Sub, &shifted, &log, call.span)?.into())
}

pub(super) fn logsumexp<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    let x = real(cx, call)?;
    let along = cx.along(call, &x, 1, Some(2))?;
    let result = cx.log_sum_exp(&x, along.axes.clone())?;
    if !along.keep {
        return Ok(result.into());
    }
    let each = x.axes.iter().enumerate();
    let kept =
        each.map(|(n, axis)| if along.axes.contains(&n) { Size::int(1) } else { axis.clone() }).collect();
    Ok(cx.reshape_logical(&result, kept)?.into())
}

pub(super) fn cumsum<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    let x = cx.arg_tensor(call, 0)?;
    let x = match x.dtype {
        DType::Bool => return Err(cx.no_bools("cumsum", &x, call.span_of(0))),
        DType::U8 => cx.cast(x, DType::I32)?,
        _ => x,
    };
    let axis = cx.arg_axis(call, 1, &x, -1)?;
    let axes = x.axes.clone();
    Ok(cx.emit(Op::Cumsum { axis: axis + x.lead }, &[&x], axes)?.into())
}
