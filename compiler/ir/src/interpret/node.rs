//! One node without a body: its result from its operands.

use super::frame::Context;
use super::{EvalErrorKind, contract, draw, elementwise, movement, reduce, sequence};
use crate::DType;
use crate::array::{Array, Data, round_real, wrap_int};
use crate::op::{Constant, Op};
use std::rc::Rc;

pub(super) fn run(
    context: &Context<'_>,
    op: &Op,
    operands: &[Rc<Array>],
    within: &[u64],
) -> Result<Rc<Array>, EvalErrorKind> {
    let unverified = || EvalErrorKind::Unverified(op.name());
    let result = match (op, operands) {
        (Op::Const(constant), []) => Some(scalar(*constant)),
        (Op::DimValue(dim), []) => {
            let value = wrap_int(DType::I32, context.value(dim)?);
            Some(Array::of(DType::I32, Vec::new(), Data::Int(vec![value])))
        }
        (Op::Iota { len, start }, []) => {
            let (shape, start) = (context.shape(std::slice::from_ref(len))?, context.value(start)?);
            let len = shape.first().copied().unwrap_or(0);
            let entries = (start..).take(len).map(|n| wrap_int(DType::I32, n)).collect();
            Some(Array::of(DType::I32, shape, Data::Int(entries)))
        }
        (Op::Keep { site, keep, shape }, []) => Some(draw::keep(context, *site, *keep, shape, within)?),
        (Op::Draw { distribution, key, shape }, []) => {
            Some(draw::draw(context.options.seed, *distribution, key, context.shape(shape)?))
        }
        (Op::Unary(unary), [x]) => elementwise::unary(*unary, x),
        (Op::Binary(binary), [a, b]) => elementwise::binary(*binary, a, b),
        (Op::Select, [condition, a, b]) => elementwise::select(condition, a, b),
        (Op::Cast(dtype), [x]) => elementwise::cast(*dtype, x),
        (Op::Reduce { kind, axes }, [x]) => reduce::reduce(*kind, axes, x),
        (Op::Cumsum { axis }, [x]) => reduce::cumsum(*axis, x),
        (Op::Contract(contraction), [left, right]) => contract::contract(contraction, left, right)?,
        (Op::Reshape { shape }, [x]) => {
            let shape = context.shape(shape)?;
            let (expected, found) = (x.len(), shape.iter().product());
            if expected != found {
                let what = "entries of a reshape".to_owned();
                return Err(EvalErrorKind::Mismatch { what, expected, found });
            }
            Array::new(x.dtype(), shape, x.data().clone())
        }
        (Op::Transpose { perm }, [x]) => movement::transpose(perm, x),
        (Op::Broadcast { shape, axes }, [x]) => movement::broadcast(&context.shape(shape)?, axes, x)?,
        (Op::Slice { axis, start, len }, [x]) => {
            movement::slice(*axis, context.value(start)?, context.value(len)?, x)?
        }
        (Op::Concat { axis }, [_, ..]) => movement::concat(*axis, operands)?,
        (Op::Pad { axis, before, after }, [x]) => {
            movement::pad(*axis, context.size(before)?, context.size(after)?, x)
        }
        (Op::Flip { axis }, [x]) => movement::flip(*axis, x),
        (Op::Gather { batch }, [table, indices, guard @ ..]) => {
            movement::gather(*batch, table, indices, guard.first().map(Rc::as_ref))?
        }
        (Op::Shift { axis, by }, [x]) => sequence::shift(*axis, *by, x),
        (Op::Conv { axis }, [x, w]) => sequence::conv(*axis, x, w),
        (Op::Fft { kind, axis, n }, [x]) => sequence::fft(*kind, *axis, context.size(n)?, x),
        (Op::Last { axis }, [x]) => sequence::last(*axis, x),
        _ => None,
    };
    result.map(Rc::new).ok_or_else(unverified)
}

fn scalar(constant: Constant) -> Array {
    let (dtype, data) = match constant {
        Constant::Float(dtype, x) => (dtype, Data::Real(vec![round_real(dtype, x)])),
        Constant::Complex(re, im) => {
            (DType::C64, Data::Complex(vec![[round_real(DType::F32, re), round_real(DType::F32, im)]]))
        }
        Constant::Int(dtype, n) => (dtype, Data::Int(vec![wrap_int(dtype, n)])),
        Constant::Bool(b) => (DType::Bool, Data::Bool(vec![b])),
    };
    Array::of(dtype, Vec::new(), data)
}
