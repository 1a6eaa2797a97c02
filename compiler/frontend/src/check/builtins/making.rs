//! Values from nothing: zeros, counts, masks.

use super::super::elaborator::{Elaborator, Reported, Res};
use super::super::size::Size;
use super::super::value::{Tensor, Value};
use super::Call;
use crate::diagnostic::Diagnostic;
use tensc_ir::{BinaryOp, DType, Dim, Op};

type Result<'a> = Res<Value<'a>>;

impl<'a> Elaborator<'a> {
    /// `0, 1, .. n - 1` as i32.
    pub(super) fn iota(&mut self, n: &Size) -> Res<Tensor> {
        let op = Op::Iota { len: n.dim.clone(), start: Dim::constant(0) };
        self.emit(op, &[], vec![n.clone()])
    }

    /// Row and column numbers of the last two axes: `[m, 1]` and `[n]`.
    fn rows_and_columns(&mut self, rows: &Size, columns: &Size) -> Res<(Tensor, Tensor)> {
        let row = self.iota(rows)?;
        let row = self.reshape_logical(&row, vec![rows.clone(), Size::int(1)])?;
        Ok((row, self.iota(columns)?))
    }
}

pub(super) fn zeros<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    let axes = cx.arg_shape(call, 0)?;
    Ok(cx.filled(DType::F32, 0.0, &axes)?.into())
}

pub(super) fn ones<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    let axes = cx.arg_shape(call, 0)?;
    Ok(cx.filled(DType::F32, 1.0, &axes)?.into())
}

pub(super) fn eye<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    let n = cx.arg_dim(call, 0)?;
    let (row, column) = cx.rows_and_columns(&n, &n)?;
    let on = cx.binary_op(BinaryOp::Eq, &row, &column, call.span)?;
    Ok(cx.cast(on, DType::F32)?.into())
}

pub(super) fn iota<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    let n = cx.arg_dim(call, 0)?;
    Ok(cx.iota(&n)?.into())
}

/// `start + i (end - start) / (n - 1)`; of one step, the start.
pub(super) fn linspace<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    let (start, end) = (cx.arg_float(call, 0)?, cx.arg_float(call, 1)?);
    let n = cx.arg_dim(call, 2)?;
    for (at, tensor) in [(0, &start), (1, &end)] {
        cx.no_complex("linspace", tensor, call.span_of(at))?;
        if tensor.rank() > 0 {
            return Err(cx.error(
                call.span_of(at),
                "`linspace` runs between two scalars",
                format!("this is {}", tensor.ty()),
            ));
        }
    }
    let span = call.span;
    let (tensors, dtype) = cx.common(&[start.into(), end.into()], None, span)?;
    let [start, end] = tensors.as_slice() else { return Err(Reported) };
    let index = cx.iota(&n)?;
    let index = cx.cast(index, dtype)?;
    let steps = Size::plain((&n.dim - &Dim::constant(1)).maximum(&Dim::constant(1)));
    let steps = cx.tensor(&Value::Size(steps), Some(dtype), span)?;
    let steps = cx.cast(steps, dtype)?;
    let share = cx.binary_op(BinaryOp::Div, &index, &steps, span)?;
    // (1 - s) start + s end hits both ends exactly.
    let one = cx.constant(dtype, 1.0)?;
    let rest = cx.binary_op(BinaryOp::Sub, &one, &share, span)?;
    let low = cx.binary_op(BinaryOp::Mul, &rest, start, span)?;
    let high = cx.binary_op(BinaryOp::Mul, &share, end, span)?;
    let line = cx.binary_op(BinaryOp::Add, &low, &high, span)?;
    Ok(line.into())
}

fn triangle<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>, op: BinaryOp) -> Result<'a> {
    let x = cx.arg_tensor(call, 0)?;
    let k = cx.arg_int(call, 1)?.unwrap_or(0);
    let [.., rows, columns] = x.axes.as_slice() else {
        let title = format!("`{}` takes a matrix or more axes", call.builtin.name);
        return Err(cx.error(call.span_of(0), title, format!("this is {}", x.ty())));
    };
    let (row, column) = cx.rows_and_columns(rows, columns)?;
    #[expect(clippy::cast_precision_loss, reason = "the constant is checked to be an i32")]
    let k = match i32::try_from(k) {
        Ok(k) => cx.constant(DType::I32, f64::from(k))?,
        Err(_) => cx.constant(DType::I32, (k.signum() * i64::from(i32::MAX / 2)) as f64)?,
    };
    let diagonal = cx.binary_op(BinaryOp::Add, &row, &k, call.span)?;
    let inside = cx.binary_op(op, &column, &diagonal, call.span)?;
    let zero = cx.constant(x.dtype, 0.0)?;
    Ok(cx.select_op(&inside, &x, &zero, call.span)?.into())
}

pub(super) fn tril<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    triangle(cx, call, BinaryOp::Le)
}

pub(super) fn triu<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    triangle(cx, call, BinaryOp::Ge)
}

pub(super) fn one_hot<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    let x = cx.arg_tensor(call, 0)?;
    if !x.dtype.is_integer() {
        let diagnostic = Diagnostic::error(
            "`one_hot` takes whole numbers",
            call.span_of(0),
            format!("this is {}", x.ty()),
        );
        return Err(cx.report(diagnostic.hint("convert it: `i32(x)`")));
    }
    let n = cx.arg_dim(call, 1)?;
    let x = cx.cast(x, DType::I32)?;
    let mut column = x.axes.clone();
    column.push(Size::int(1));
    let x = cx.reshape_logical(&x, column)?;
    let classes = cx.iota(&n)?;
    let on = cx.binary_op(BinaryOp::Eq, &x, &classes, call.span)?;
    Ok(cx.cast(on, DType::F32)?.into())
}
