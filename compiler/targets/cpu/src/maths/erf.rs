//! erf: an odd polynomial near 0, `1 - e^p(|x|)` elsewhere.

use super::exponential::exp;
use super::{polynomial, with_sign_of};
use crate::emit::Emit;
use cranelift_codegen::ir::condcodes::FloatCC;
use cranelift_codegen::ir::{InstBuilder, Value};

pub(super) fn erf(emit: &mut Emit, xs: &[Value]) -> Vec<Value> {
    let exponents: Vec<Value> = xs.iter().map(|x| exponent(emit, *x)).collect();
    let powers = exp(emit, &exponents);
    xs.iter().zip(powers).map(|(x, e)| erf_from(emit, *x, e)).collect()
}

/// The exponent p(|x|).
fn exponent(emit: &mut Emit, x: Value) -> Value {
    let magnitude = emit.b.ins().fabs(x);
    let square = emit.b.ins().fmul(x, x);
    let p = polynomial(emit, magnitude, &[-1.728_534_7e-5, 3.831_971_3e-4]);
    let q = polynomial(emit, magnitude, &[-3.883_964_4e-3, 2.425_462_2e-2]);
    let mut sum = emit.multiply_add(p, square, q);
    for coefficient in [-1.067_778_77e-1, -6.348_467e-1, -1.287_175_1e-1] {
        let constant = emit.float(coefficient, x);
        sum = emit.multiply_add(sum, magnitude, constant);
    }
    let negative = emit.b.ins().fneg(magnitude);
    emit.multiply_add(sum, magnitude, negative)
}

/// The error function from `e^p(|x|)`.
fn erf_from(emit: &mut Emit, x: Value, e: Value) -> Value {
    let square = emit.b.ins().fmul(x, x);
    let p = polynomial(
        emit,
        square,
        &[-5.967_617e-4, 4.991_194_2e-3, -2.676_813_5e-2, 1.128_199_25e-1, -3.761_253_4e-1, 1.283_791_66e-1],
    );
    let near = emit.multiply_add(p, x, x);

    let one = emit.float(1.0, x);
    let far = emit.b.ins().fsub(one, e);
    let far = with_sign_of(emit, far, x);

    let (limit, magnitude) = (emit.float(0.927_734_4, x), emit.b.ins().fabs(x));
    let is_far = emit.compare(FloatCC::GreaterThan, magnitude, limit);
    emit.pick(is_far, far, near)
}
