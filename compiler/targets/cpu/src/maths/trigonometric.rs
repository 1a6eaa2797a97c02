//! sin and cos: the argument less a multiple of pi/2 in three parts; arguments beyond 100,000 by a call for each.

#![expect(clippy::indexing_slicing, reason = "functions of one operand get exactly one")]

use super::{ROUND, all_within, polynomial};
use crate::emit::Emit;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};

/// pi/2 as a sum of three f32. A multiple of the first less the argument is exact with fused multiply-add.
const HALF_PI: [f32; 3] = [1.570_796_4, -4.371_139e-8, -1.715_127_5e-15];
const LARGE: f32 = 100_000.0;

pub(super) fn sin(emit: &mut Emit, xs: &[Value]) -> Option<Vec<Value>> {
    with_large(emit, xs, "sin_f32", 0)
}

pub(super) fn cos(emit: &mut Emit, xs: &[Value]) -> Option<Vec<Value>> {
    with_large(emit, xs, "cos_f32", 1)
}

/// The reduction needs fused multiply-add; without it every element is a call.
fn with_large(emit: &mut Emit, xs: &[Value], name: &'static str, quadrant: u32) -> Option<Vec<Value>> {
    if !emit.machine.fma {
        return None;
    }
    let all_small = all_within(emit, xs, LARGE)?;
    Some(emit.branch(
        all_small,
        |emit| xs.iter().map(|x| reduced(emit, *x, quadrant)).collect(),
        |emit| xs.iter().map(|x| emit.each(&[*x], |emit, x| emit.call(name, x).unwrap_or(x[0]))).collect(),
    ))
}

fn reduced(emit: &mut Emit, x: Value, quadrant: u32) -> Value {
    let (int, float) =
        if emit.is_vector(x) { (types::I32X4, types::F32X4) } else { (types::I32, types::F32) };
    let (round, inverse) = (emit.float(ROUND, x), emit.float(std::f32::consts::FRAC_2_PI, x));
    let shifted = emit.multiply_add(x, inverse, round);
    let n = emit.b.ins().fsub(shifted, round);
    let mut r = x;
    for part in HALF_PI {
        let part = emit.float(-part, x);
        r = emit.multiply_add(n, part, r);
    }
    // The low bits of the shifted argument count quarter turns.
    let turns = emit.reinterpret(int, shifted);
    let first = emit.word(quadrant, x);
    let turns = emit.b.ins().iadd(turns, first);

    let square = emit.b.ins().fmul(r, r);
    let p = polynomial(emit, square, &[-1.951_529_6e-4, 8.332_161e-3, -1.666_665_5e-1]);
    let cube = emit.b.ins().fmul(square, r);
    let sine = emit.multiply_add(p, cube, r);
    let q = polynomial(emit, square, &[2.443_315_7e-5, -1.388_731_6e-3, 4.166_664_6e-2, -0.5]);
    let one = emit.float(1.0, x);
    let cosine = emit.multiply_add(q, square, one);

    let (bit, zero) = (emit.word(1, x), emit.word(0, x));
    let odd = emit.b.ins().band(turns, bit);
    let odd = emit.b.ins().icmp(IntCC::NotEqual, odd, zero);
    let value = emit.pick(odd, cosine, sine);
    // The second half turn has the other sign.
    let two = emit.word(2, x);
    let half = emit.b.ins().band(turns, two);
    let shift = emit.b.ins().iconst(types::I32, 30);
    let sign = emit.b.ins().ishl(half, shift);
    let bits = emit.reinterpret(int, value);
    let bits = emit.b.ins().bxor(bits, sign);
    emit.reinterpret(float, bits)
}
