//! Shapes, along the leading axis unless `axis =` says otherwise.

use super::super::elaborator::{Elaborator, Reported, Res};
use super::super::size::Size;
use super::super::value::{Tensor, Value};
use super::Call;
use crate::diagnostic::Diagnostic;
use crate::span::Span;
use tensc_ir::{Dim, Op, Require};

type Result<'a> = Res<Value<'a>>;

fn product(axes: &[Size]) -> Size {
    axes.iter().skip(1).fold(axes.first().cloned().unwrap_or_else(|| Size::int(1)), |a, b| a.mul(b))
}

/// One size may be -1: what the others leave.
pub(super) fn reshape<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    let x = cx.arg_tensor(call, 0)?;
    let total = product(&x.axes);
    let axes = match call.get(1).map(|arg| (arg.value.clone(), arg.span)) {
        Some((Value::List(entries), span)) => inferred(cx, &entries, &total, span)?,
        Some((value, span)) => inferred(cx, &[value], &total, span)?,
        None => return Err(Reported),
    };
    let new = product(&axes);
    if total.dim != new.dim {
        let apart = (&total.dim - &new.dim).as_fraction().is_some();
        let ratio = total.dim.div(&new.dim).is_some_and(|ratio| ratio.as_fraction().is_some());
        if cx.generic && !apart && !ratio {
            // Hyperparameters without a value may have the relation that makes these equal.
            return Err(Reported);
        }
        if apart || ratio || total.as_int().is_some() == new.as_int().is_some() {
            let shape: Vec<String> = axes.iter().map(ToString::to_string).collect();
            let title = "a reshape keeps the number of entries";
            let wanted = format!("[{}] has {}", shape.join(", "), total_text(&new));
            let diagnostic =
                Diagnostic::error(title, call.span_of(0), format!("{} has {}", x.ty(), total_text(&total)))
                    .label(call.span_of(1), wanted);
            return Err(cx.report(diagnostic));
        }
        let message = format!("a reshape to {} entries needs as many as `{}` is", new.described(), total);
        cx.require(Require::Equal(total.dim.clone(), new.dim.clone()), message);
    }
    Ok(cx.reshape_logical(&x, axes)?.into())
}

fn total_text(size: &Size) -> String {
    match size.as_int() {
        Some(n) => format!("{n} entries"),
        None => format!("{size} entries"),
    }
}

fn inferred<'a>(cx: &mut Elaborator<'a>, entries: &[Value<'a>], total: &Size, span: Span) -> Res<Vec<Size>> {
    let is_open = |value: &Value<'a>| matches!(value, Value::Size(size) if size.as_int() == Some(-1));
    let open = entries.iter().filter(|entry| is_open(entry)).count();
    if open > 1 {
        return Err(cx.error(span, "one size of a reshape may be -1", format!("here {open} are")));
    }
    let mut axes = Vec::with_capacity(entries.len());
    let mut known = Size::int(1);
    for entry in entries {
        if is_open(entry) {
            axes.push(None);
        } else {
            let size = cx.dim_of(entry, span)?;
            known = known.mul(&size);
            axes.push(Some(size));
        }
    }
    let mut result = Vec::with_capacity(axes.len());
    for axis in axes {
        result.push(match axis {
            Some(axis) => axis,
            None => match total.div(&known) {
                Some(size) => cx.dim_of(&Value::Size(size), span)?,
                None => return Err(cx.error(span, "division by zero", "the other sizes have no entries")),
            },
        });
    }
    Ok(result)
}

fn two_axes<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>, x: &Tensor) -> Res<()> {
    if x.rank() >= 2 {
        return Ok(());
    }
    let title = format!("`{}` takes a matrix or more axes", call.builtin.name);
    Err(cx.error(call.span_of(0), title, format!("this is {}", x.ty())))
}

pub(super) fn transpose<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    let x = cx.arg_tensor(call, 0)?;
    two_axes(cx, call, &x)?;
    let mut order: Vec<usize> = (0..x.rank()).collect();
    order.swap(x.rank() - 2, x.rank() - 1);
    Ok(cx.permute(&x, &order)?.into())
}

pub(super) fn permute<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    let x = cx.arg_tensor(call, 0)?;
    let span = call.span_of(1);
    let Some(Value::List(entries)) = call.get(1).map(|arg| arg.value.clone()) else {
        return Err(cx.error(span, "`permute` takes a list of axes", "such as [1, 0, 2]"));
    };
    let mut order = Vec::with_capacity(entries.len());
    for entry in entries.iter() {
        match entry {
            Value::Size(size) if size.as_int().is_some() => {
                order.push(cx.axis(size.as_int().unwrap_or(0), &x, "permute", span)?);
            }
            other => {
                let fact = format!("this has {}", other.describe());
                return Err(cx.error(span, "an axis is a whole number", fact));
            }
        }
    }
    let mut sorted = order.clone();
    sorted.sort_unstable();
    if !sorted.iter().copied().eq(0..x.rank()) {
        let fact = format!("{} has {}", x.ty(), super::counted(x.rank(), "axis"));
        return Err(cx.error(span, "`permute` names each axis once", fact));
    }
    Ok(cx.permute(&x, &order)?.into())
}

fn entries<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Res<Vec<Value<'a>>> {
    match call.get(0).map(|arg| arg.value.clone()) {
        Some(Value::List(entries)) if !entries.is_empty() => Ok(entries.to_vec()),
        Some(Value::Tuple(entries)) if !entries.is_empty() => {
            Ok(entries.iter().map(|(_, value)| value.clone()).collect())
        }
        Some(Value::List(_)) => Err(cx.error(
            call.span_of(0),
            format!("`{}` of nothing", call.builtin.name),
            "this list has no entries",
        )),
        Some(other) => {
            let title = format!("`{}` takes a list", call.builtin.name);
            let diagnostic =
                Diagnostic::error(title, call.span_of(0), format!("this is {}", other.describe()));
            Err(cx.report(diagnostic.hint(call.builtin.signature)))
        }
        None => Err(Reported),
    }
}

pub(super) fn concat<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    let entries = entries(cx, call)?;
    let span = call.span_of(0);
    let (tensors, _) = cx.common(&entries, None, span)?;
    let first = tensors.first().cloned().ok_or(Reported)?;
    if first.rank() == 0 {
        let diagnostic = Diagnostic::error(
            "scalars have no axis to join along",
            span,
            format!("the first is {}", first.ty()),
        );
        return Err(cx.report(diagnostic.hint("stack([a, b])")));
    }
    let axis = cx.arg_axis(call, 1, &first, 0)?;
    let mapped = tensors.iter().any(|tensor| tensor.lead > 0);
    let mut length: Option<Size> = None;
    let mut parts = Vec::with_capacity(tensors.len());
    for tensor in tensors {
        let fits = tensor.rank() == first.rank()
            && tensor.axes.iter().zip(&first.axes).enumerate().all(|(n, (a, b))| n == axis || a.dim == b.dim);
        if !fits {
            let title = format!("`concat` along axis {axis} needs the other axes equal");
            return Err(cx.error(span, title, format!("{} and {}", first.ty(), tensor.ty())));
        }
        let own = tensor.axes.get(axis).cloned().ok_or(Reported)?;
        length = Some(match length {
            Some(length) => length.add(&own),
            None => own,
        });
        parts.push(if mapped { cx.map_over_lead(tensor)? } else { tensor });
    }
    let mut axes = first.axes.clone();
    if let (Some(slot), Some(length)) = (axes.get_mut(axis), length) {
        *slot = length;
    }
    Ok(cx.concat_parts(&parts, axis, axes)?.into())
}

pub(super) fn stack<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    let entries = entries(cx, call)?;
    let span = call.span_of(0);
    let (tensors, _) = cx.common(&entries, None, span)?;
    let rank = tensors.first().map_or(0, Tensor::rank);
    let axis = cx.arg_int(call, 1)?.unwrap_or(0);
    let Some(axis) = super::super::index::position(axis, rank + 1) else {
        let fact = format!("the result has {}", super::counted(rank + 1, "axis"));
        return Err(cx.error(call.span_of(1), format!("`stack` along axis {axis}"), fact));
    };
    let values: Vec<Value<'a>> = tensors.into_iter().map(Value::Tensor).collect();
    Ok(cx.stack(&values, axis, None, span)?.into())
}

pub(super) fn split<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    let x = cx.arg_tensor(call, 0)?;
    let axis = cx.arg_axis(call, 2, &x, 0)?;
    let length = x.axes.get(axis).cloned().ok_or(Reported)?;
    let span = call.span_of(1);
    let sizes: Vec<Size> = match call.get(1).map(|arg| arg.value.clone()) {
        Some(Value::List(entries)) => {
            let sizes: Vec<Size> = entries.iter().map(|entry| cx.dim_of(entry, span)).collect::<Res<_>>()?;
            let total = sizes.iter().fold(Size::int(0), |a, b| Size::plain(&a.dim + &b.dim));
            if total.dim != length.dim {
                let fact = format!("they sum to {}, the axis is {}", total, length.described());
                return Err(cx.error(span, "the sizes of a split fill the axis", fact));
            }
            sizes
        }
        Some(Value::Size(n)) => {
            let Some(count) = n.as_int().filter(|n| (1..=4096).contains(n)) else {
                let fact = format!("this is {}", n.described());
                return Err(cx.error(span, "a split gives between 1 and 4096 pieces", fact));
            };
            let piece = length.div(&n).ok_or(Reported)?;
            if let Some((_, d)) = piece.dim.as_fraction()
                && d != 1
            {
                let fact = format!("{} in {count} pieces", length.described());
                let diagnostic =
                    Diagnostic::error("a split into equal pieces does not come out even", span, fact);
                return Err(cx.report(diagnostic.hint("give the sizes: `split(x, [a, b])`")));
            }
            let piece = cx.dim_of(&Value::Size(piece), span)?;
            vec![piece; usize::try_from(count).unwrap_or(1)]
        }
        Some(other) => {
            let fact = format!("this is {}", other.describe());
            return Err(cx.error(span, "`split` takes a number of pieces, or a list of sizes", fact));
        }
        None => return Err(Reported),
    };
    let mut start = Dim::constant(0);
    let mut pieces = Vec::with_capacity(sizes.len());
    for size in sizes {
        let mut axes = x.axes.clone();
        if let Some(slot) = axes.get_mut(axis) {
            *slot = size.clone();
        }
        let op = Op::Slice { axis: axis + x.lead, start: start.clone(), len: size.dim.clone() };
        pieces.push(cx.emit(op, &[&x], axes)?.into());
        start = &start + &size.dim;
    }
    Ok(Value::list(pieces))
}

pub(super) fn pad<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    let x = cx.arg_tensor(call, 0)?;
    let (before, after) = (cx.arg_dim(call, 1)?, cx.arg_dim(call, 2)?);
    let axis = cx.arg_axis(call, 3, &x, 0)?;
    let mut axes = x.axes.clone();
    if let Some(slot) = axes.get_mut(axis) {
        *slot = Size::plain(&(&slot.dim + &before.dim) + &after.dim);
    }
    let op = Op::Pad { axis: axis + x.lead, before: before.dim, after: after.dim };
    Ok(cx.emit(op, &[&x], axes)?.into())
}

pub(super) fn repeat<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    let x = cx.arg_tensor(call, 0)?;
    let count = cx.arg_dim(call, 1)?;
    let axis = cx.arg_axis(call, 2, &x, 0)?;
    let mut split = x.axes.clone();
    split.insert(axis + 1, Size::int(1));
    let column = cx.reshape_logical(&x, split.clone())?;
    if let Some(slot) = split.get_mut(axis + 1) {
        *slot = count.clone();
    }
    let wide = cx.broadcast_to(&column, &split)?;
    let mut axes = x.axes.clone();
    if let Some(slot) = axes.get_mut(axis) {
        *slot = slot.mul(&count);
    }
    Ok(cx.reshape_logical(&wide, axes)?.into())
}

pub(super) fn flip<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    let x = cx.arg_tensor(call, 0)?;
    let axis = cx.arg_axis(call, 1, &x, 0)?;
    let axes = x.axes.clone();
    Ok(cx.emit(Op::Flip { axis: axis + x.lead }, &[&x], axes)?.into())
}

pub(super) fn shift<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    let x = cx.arg_tensor(call, 0)?;
    let by = cx.arg_int(call, 1)?.unwrap_or(0);
    let axis = cx.arg_axis(call, 2, &x, 0)?;
    if by == 0 {
        return Ok(x.into());
    }
    let axes = x.axes.clone();
    Ok(cx.emit(Op::Shift { axis: axis + x.lead, by }, &[&x], axes)?.into())
}

pub(super) fn len<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    match call.get(0).map(|arg| &arg.value) {
        Some(Value::List(entries)) => Ok(Value::int(i64::try_from(entries.len()).unwrap_or(i64::MAX))),
        Some(Value::Tensor(tensor)) if tensor.rank() > 0 => {
            Ok(tensor.axes.first().cloned().map_or(Value::Error, Value::Size))
        }
        Some(other) => {
            let fact = format!("this is {}", other.describe());
            Err(cx.error(call.span_of(0), "`len` takes a list", fact))
        }
        None => Err(Reported),
    }
}
