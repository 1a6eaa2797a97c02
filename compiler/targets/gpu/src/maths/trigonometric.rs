//! sin and cos: the argument less a multiple of pi/2 in three parts, in f64 where the argument is large.

use super::polynomial;
use crate::text::{Text, Ty, Value};

/// pi/2 as a sum of three f32. A multiple of the first less the argument is exact with fused multiply-add.
const HALF_PI: [f32; 3] = [1.570_796_4, -4.371_139e-8, -1.715_127_5e-15];

/// pi/2 as a sum of two f64.
const HALF_PI_DOUBLE: [f64; 2] = [std::f64::consts::FRAC_PI_2, 6.123_233_995_736_766e-17];

/// Above this the f32 parts no longer suffice.
const LARGE: f32 = 100_000.0;

pub(super) fn sin(text: &mut Text, x: Value) -> Value {
    of_quadrant(text, x, 0)
}

pub(super) fn cos(text: &mut Text, x: Value) -> Value {
    of_quadrant(text, x, 1)
}

fn of_quadrant(text: &mut Text, x: Value, quadrant: i64) -> Value {
    let magnitude = text.intrinsic("fabs", x);
    let limit = text.f32(LARGE);
    let large = text.compare("ogt", magnitude, limit);
    // A region of its own: few arguments are as large, and 64-bit arithmetic is slow.
    let (r, turns) = (text.value(Ty::F32), text.value(Ty::I32));
    text.open(&format!("{r}, {turns} = scf.if {large} -> (f32, i32) {{"));
    let far = reduced_double(text, x);
    text.line(&format!("scf.yield {}, {} : f32, i32", far.0, far.1));
    text.middle("} else {");
    let near = reduced(text, x);
    text.line(&format!("scf.yield {}, {} : f32, i32", near.0, near.1));
    text.close("}");
    let first = text.int(Ty::I32, quadrant);
    let turns = text.add(turns, first);

    let square = text.mul(r, r);
    let p = polynomial(text, square, &[-1.951_529_6e-4, 8.332_161e-3, -1.666_665_5e-1]);
    let cube = text.mul(square, r);
    let sine = text.fma(p, cube, r);
    let q = polynomial(text, square, &[2.443_315_7e-5, -1.388_731_6e-3, 4.166_664_6e-2, -0.5]);
    let one = text.f32(1.0);
    let cosine = text.fma(q, square, one);

    let (bit, zero) = (text.int(Ty::I32, 1), text.int(Ty::I32, 0));
    let odd = text.integer("andi", turns, bit);
    let odd = text.compare("ne", odd, zero);
    let value = text.select(odd, cosine, sine);
    // The second half turn has the other sign.
    let two = text.int(Ty::I32, 2);
    let half = text.integer("andi", turns, two);
    let second = text.compare("ne", half, zero);
    let minus = text.neg(value);
    text.select(second, minus, value)
}

/// What is left of x, and how many quarter turns were taken off.
fn reduced(text: &mut Text, x: Value) -> (Value, Value) {
    let inverse = text.f32(std::f32::consts::FRAC_2_PI);
    let n = text.mul(x, inverse);
    let n = text.intrinsic("roundeven", n);
    let mut r = x;
    for part in HALF_PI {
        let part = text.f32(-part);
        r = text.fma(n, part, r);
    }
    (r, text.convert("fptosi", n, Ty::I32))
}

fn reduced_double(text: &mut Text, x: Value) -> (Value, Value) {
    let mut r = text.convert("extf", x, Ty::F64);
    let inverse = text.f64(std::f64::consts::FRAC_2_PI);
    let n = text.mul(r, inverse);
    let n = text.intrinsic("roundeven", n);
    for part in HALF_PI_DOUBLE {
        let part = text.f64(-part);
        r = text.fma(n, part, r);
    }
    let r = text.convert("truncf", r, Ty::F32);
    let turns =
        text.pure(Ty::I64, &format!("llvm.call_intrinsic \"llvm.fptosi.sat.i64.f64\"({n}) : (f64) -> i64"));
    (r, text.convert("trunci", turns, Ty::I32))
}
