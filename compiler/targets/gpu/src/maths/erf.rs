//! erf: an odd polynomial near 0, `1 - e^p(|x|)` elsewhere.

use super::exponential::exp;
use super::{polynomial, with_sign_of};
use crate::text::{Text, Value};

pub(super) fn erf(text: &mut Text, x: Value) -> Value {
    let magnitude = text.intrinsic("fabs", x);
    let square = text.mul(x, x);
    let p = polynomial(
        text,
        square,
        &[-5.967_617e-4, 4.991_194_2e-3, -2.676_813_5e-2, 1.128_199_25e-1, -3.761_253_4e-1, 1.283_791_66e-1],
    );
    let near = text.fma(p, x, x);

    let p = polynomial(text, magnitude, &[-1.728_534_7e-5, 3.831_971_3e-4]);
    let q = polynomial(text, magnitude, &[-3.883_964_4e-3, 2.425_462_2e-2]);
    let mut sum = text.fma(p, square, q);
    for coefficient in [-1.067_778_77e-1, -6.348_467e-1, -1.287_175_1e-1] {
        let constant = text.f32(coefficient);
        sum = text.fma(sum, magnitude, constant);
    }
    let negative = text.neg(magnitude);
    let exponent = text.fma(sum, magnitude, negative);
    let e = exp(text, exponent);
    let one = text.f32(1.0);
    let far = text.sub(one, e);
    let far = with_sign_of(text, far, x);

    let limit = text.f32(0.927_734_4);
    let is_far = text.compare("ogt", magnitude, limit);
    text.select(is_far, far, near)
}
