//! Elementwise ops on one element or on four: the same code for both, so that both give the same bits.
//!
//! A truth value is 0 or 1 in 8 bits, and of four elements a mask of 32 bits each.

use super::Emit;
use crate::symbols::{binary_symbol, unary_symbol};
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{Endianness, InstBuilder, MemFlagsData, Type, Value, types};
use tensc_ir::{BinaryOp, UnaryOp};
use tensc_program::Element;

impl Emit<'_, '_> {
    pub(crate) fn is_vector(&self, value: Value) -> bool {
        self.type_of(value).is_vector()
    }

    /// One of four elements; a single element is all four.
    pub(super) fn lane(&mut self, value: Value, lane: usize) -> Value {
        if self.is_vector(value) { self.b.ins().extractlane(value, lane as u8) } else { value }
    }

    /// One of four truth values.
    pub(super) fn lane_condition(&mut self, mask: Value, lane: usize) -> Value {
        if !self.is_vector(mask) {
            return mask;
        }
        let bits = self.b.ins().extractlane(mask, lane as u8);
        let zero = self.b.ins().iconst(types::I32, 0);
        self.b.ins().icmp(IntCC::NotEqual, bits, zero)
    }

    /// The mask of 32 bits of one truth value.
    pub(super) fn mask_bits(&mut self, condition: Value) -> Value {
        let wide = self.b.ins().uextend(types::I32, condition);
        self.b.ins().ineg(wide)
    }

    /// Four elements from four values.
    pub(super) fn gather_lanes(&mut self, lanes: &[Value]) -> Value {
        let lanes: Vec<Value> = lanes
            .iter()
            .map(|lane| if self.type_of(*lane) == types::I8 { self.mask_bits(*lane) } else { *lane })
            .collect();
        let ty = if self.type_of(lanes[0]) == types::F32 { types::F32X4 } else { types::I32X4 };
        let mut vector = self.b.ins().scalar_to_vector(ty, lanes[0]);
        for (n, lane) in lanes.iter().enumerate().skip(1) {
            vector = self.b.ins().insertlane(vector, *lane, n as u8);
        }
        vector
    }

    /// The same value four times, if it is one.
    pub(crate) fn widen(&mut self, value: Value) -> Value {
        match self.type_of(value) {
            types::F32 => self.b.ins().splat(types::F32X4, value),
            types::I32 => self.b.ins().splat(types::I32X4, value),
            types::I8 => {
                let bits = self.mask_bits(value);
                self.b.ins().splat(types::I32X4, bits)
            }
            _ => value,
        }
    }

    /// Widens all if one is four elements.
    pub(crate) fn align<const N: usize>(&mut self, values: [Value; N]) -> [Value; N] {
        if values.iter().any(|value| self.is_vector(*value)) {
            values.map(|value| self.widen(value))
        } else {
            values
        }
    }

    /// Whether all of four truth values hold, as one: by the sign bits of their masks.
    pub(crate) fn all(&mut self, mask: Value) -> Value {
        if !self.is_vector(mask) {
            return mask;
        }
        let bits = self.b.ins().vhigh_bits(types::I32, mask);
        let all = self.b.ins().iconst(types::I32, 0b1111);
        self.b.ins().icmp(IntCC::Equal, bits, all)
    }

    pub(crate) fn reinterpret(&mut self, ty: Type, value: Value) -> Value {
        let flags = MemFlagsData::new().with_endianness(Endianness::Little);
        self.b.ins().bitcast(ty, flags, value)
    }

    /// A float constant of the shape of `like`.
    pub(crate) fn float(&mut self, value: f32, like: Value) -> Value {
        if self.is_vector(like) {
            let bytes: Vec<u8> = [value.to_le_bytes(); 4].concat();
            let constant = self.b.func.dfg.constants.insert(bytes.into());
            self.b.ins().vconst(types::F32X4, constant)
        } else {
            self.b.ins().f32const(value)
        }
    }

    /// A 32-bit constant of the shape of `like`.
    pub(crate) fn word(&mut self, value: u32, like: Value) -> Value {
        if self.is_vector(like) {
            let bytes: Vec<u8> = [value.to_le_bytes(); 4].concat();
            let constant = self.b.func.dfg.constants.insert(bytes.into());
            self.b.ins().vconst(types::I32X4, constant)
        } else {
            self.b.ins().iconst(types::I32, i64::from(value))
        }
    }

    pub(super) fn zero_like(&mut self, value: Value) -> Value {
        match self.type_of(value) {
            types::F32 | types::F32X4 => self.float(0.0, value),
            types::F64 => self.b.ins().f64const(0.0),
            types::I8 => self.b.ins().iconst(types::I8, 0),
            _ => self.word(0, value),
        }
    }

    /// A constant of an element type.
    pub(super) fn constant(&mut self, element: Element, value: f64) -> Value {
        match element {
            Element::F32 => self.b.ins().f32const(value as f32),
            Element::F64 => self.b.ins().f64const(value),
            Element::I32 => self.b.ins().iconst(types::I32, i64::from((value as i32).cast_unsigned())),
            Element::Bool => self.b.ins().iconst(types::I8, i64::from(value != 0.0)),
        }
    }

    /// `x` where the condition holds, else `y`.
    pub(crate) fn pick(&mut self, condition: Value, x: Value, y: Value) -> Value {
        let [condition, x, y] = self.align([condition, x, y]);
        if !self.is_vector(condition) {
            return self.b.ins().select(condition, x, y);
        }
        let ty = self.type_of(x);
        let condition = if ty == types::I32X4 { condition } else { self.reinterpret(ty, condition) };
        self.b.ins().bitselect(condition, x, y)
    }

    pub(crate) fn compare(&mut self, condition: FloatCC, x: Value, y: Value) -> Value {
        let [x, y] = self.align([x, y]);
        self.b.ins().fcmp(condition, x, y)
    }

    /// Applies a function to each of one or four elements.
    pub(crate) fn each(
        &mut self,
        values: &[Value],
        mut apply: impl FnMut(&mut Self, &[Value]) -> Value,
    ) -> Value {
        if !values.iter().any(|value| self.is_vector(*value)) {
            return apply(self, values);
        }
        let lanes: Vec<Value> = (0..4)
            .map(|lane| {
                let operands: Vec<Value> = values.iter().map(|value| self.lane(*value, lane)).collect();
                apply(self, &operands)
            })
            .collect();
        self.gather_lanes(&lanes)
    }

    pub(super) fn unary(&mut self, op: UnaryOp, element: Element, x: Value) -> Value {
        match (op, element) {
            (UnaryOp::Not, _) => {
                if self.is_vector(x) {
                    self.b.ins().bnot(x)
                } else {
                    let one = self.b.ins().iconst(types::I8, 1);
                    self.b.ins().bxor(x, one)
                }
            }
            (UnaryOp::Neg, Element::I32) => self.b.ins().ineg(x),
            (UnaryOp::Abs, Element::I32) => self.b.ins().iabs(x),
            (UnaryOp::Neg, _) => self.b.ins().fneg(x),
            (UnaryOp::Abs, _) => self.b.ins().fabs(x),
            (UnaryOp::Sqrt, _) => self.b.ins().sqrt(x),
            (UnaryOp::Rsqrt, _) => {
                let root = self.b.ins().sqrt(x);
                let one =
                    if element == Element::F64 { self.b.ins().f64const(1.0) } else { self.float(1.0, x) };
                self.b.ins().fdiv(one, root)
            }
            (UnaryOp::Floor, _) => self.b.ins().floor(x),
            (UnaryOp::Ceil, _) => self.b.ins().ceil(x),
            (UnaryOp::Round, _) => self.b.ins().nearest(x),
            (
                UnaryOp::Exp
                | UnaryOp::Log
                | UnaryOp::Tanh
                | UnaryOp::Sigmoid
                | UnaryOp::Softplus
                | UnaryOp::Sin
                | UnaryOp::Cos
                | UnaryOp::Erf,
                _,
            ) => {
                if element == Element::F32
                    && let Some(values) = crate::maths::unary(self, op, &[x])
                    && let Some(value) = values.first()
                {
                    return *value;
                }
                let Some(name) = unary_symbol(op, element == Element::F64) else { return x };
                self.each(&[x], |emit, x| emit.call(name, x).unwrap_or(x[0]))
            }
            // The verifier lets none of these into a kernel.
            (UnaryOp::Re | UnaryOp::Im | UnaryOp::Conj | UnaryOp::Arg | UnaryOp::Detach, _) => x,
        }
    }

    pub(super) fn binary(&mut self, op: BinaryOp, element: Element, x: Value, y: Value) -> Value {
        let [x, y] = self.align([x, y]);
        let float = element.is_float();
        if let Some(name) = binary_symbol(op, float, element == Element::F64) {
            return self.each(&[x, y], |emit, operands| emit.call(name, operands).unwrap_or(x));
        }
        match op {
            BinaryOp::Add if float => self.b.ins().fadd(x, y),
            BinaryOp::Sub if float => self.b.ins().fsub(x, y),
            BinaryOp::Mul if float => self.b.ins().fmul(x, y),
            BinaryOp::Div => self.b.ins().fdiv(x, y),
            BinaryOp::Add => self.b.ins().iadd(x, y),
            BinaryOp::Sub => self.b.ins().isub(x, y),
            BinaryOp::Mul => self.b.ins().imul(x, y),
            BinaryOp::Max if float => self.extreme(FloatCC::GreaterThan, x, y),
            BinaryOp::Min if float => self.extreme(FloatCC::LessThan, x, y),
            BinaryOp::Max => self.b.ins().smax(x, y),
            BinaryOp::Min => self.b.ins().smin(x, y),
            BinaryOp::And => self.b.ins().band(x, y),
            BinaryOp::Or => self.b.ins().bor(x, y),
            BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge => {
                let (float_cc, int_cc) = match op {
                    BinaryOp::Eq => (FloatCC::Equal, IntCC::Equal),
                    BinaryOp::Lt => (FloatCC::LessThan, IntCC::SignedLessThan),
                    BinaryOp::Le => (FloatCC::LessThanOrEqual, IntCC::SignedLessThanOrEqual),
                    BinaryOp::Gt => (FloatCC::GreaterThan, IntCC::SignedGreaterThan),
                    BinaryOp::Ge => (FloatCC::GreaterThanOrEqual, IntCC::SignedGreaterThanOrEqual),
                    BinaryOp::Ne
                    | BinaryOp::Add
                    | BinaryOp::Sub
                    | BinaryOp::Mul
                    | BinaryOp::Div
                    | BinaryOp::Rem
                    | BinaryOp::Pow
                    | BinaryOp::Max
                    | BinaryOp::Min
                    | BinaryOp::And
                    | BinaryOp::Or
                    | BinaryOp::Complex
                    | BinaryOp::Polar => (FloatCC::NotEqual, IntCC::NotEqual),
                };
                if float { self.b.ins().fcmp(float_cc, x, y) } else { self.b.ins().icmp(int_cc, x, y) }
            }
            // The first two are calls, the verifier lets none of the others into a kernel.
            BinaryOp::Rem | BinaryOp::Pow | BinaryOp::Complex | BinaryOp::Polar => x,
        }
    }

    /// The operand on one side of the other, or the one that is NaN.
    fn extreme(&mut self, side: FloatCC, x: Value, y: Value) -> Value {
        let beyond = self.b.ins().fcmp(side, x, y);
        let nan = self.b.ins().fcmp(FloatCC::Unordered, x, x);
        let first = self.b.ins().bor(beyond, nan);
        self.pick(first, x, y)
    }

    /// `a * b + c` with one rounding.
    pub(super) fn fma(&mut self, a: Value, b: Value, c: Value) -> Value {
        let [a, b, c] = self.align([a, b, c]);
        if self.machine.fma {
            return self.b.ins().fma(a, b, c);
        }
        let name = if self.type_of(a) == types::F64 { "fma" } else { "fmaf" };
        self.each(&[a, b, c], |emit, operands| emit.call(name, operands).unwrap_or(a))
    }

    /// `a * b + c`, with one rounding where the machine has an instruction for it.
    pub(crate) fn multiply_add(&mut self, a: Value, b: Value, c: Value) -> Value {
        let [a, b, c] = self.align([a, b, c]);
        if self.machine.fma {
            return self.b.ins().fma(a, b, c);
        }
        let product = self.b.ins().fmul(a, b);
        self.b.ins().fadd(product, c)
    }

    pub(super) fn cast(&mut self, from: Element, to: Element, x: Value) -> Value {
        let vector = self.is_vector(x);
        match (from, to) {
            (Element::F32, Element::F64) => self.b.ins().fpromote(types::F64, x),
            (Element::F64, Element::F32) => self.b.ins().fdemote(types::F32, x),
            (Element::F32 | Element::F64, Element::I32) => {
                self.b.ins().fcvt_to_sint_sat(if vector { types::I32X4 } else { types::I32 }, x)
            }
            (Element::I32, Element::F32) => {
                self.b.ins().fcvt_from_sint(if vector { types::F32X4 } else { types::F32 }, x)
            }
            (Element::I32, Element::F64) => self.b.ins().fcvt_from_sint(types::F64, x),
            (Element::Bool, Element::I32) if vector => {
                let one = self.word(1, x);
                self.b.ins().band(x, one)
            }
            (Element::Bool, Element::I32) => self.b.ins().uextend(types::I32, x),
            (Element::Bool, Element::F32 | Element::F64) => {
                let number = self.cast(Element::Bool, Element::I32, x);
                self.cast(Element::I32, to, number)
            }
            (Element::F32 | Element::F64, Element::Bool) => {
                let zero = self.zero_like(x);
                self.b.ins().fcmp(FloatCC::NotEqual, x, zero)
            }
            (Element::I32, Element::Bool) => {
                let zero = self.zero_like(x);
                self.b.ins().icmp(IntCC::NotEqual, x, zero)
            }
            (Element::F32, Element::F32)
            | (Element::F64, Element::F64)
            | (Element::I32, Element::I32)
            | (Element::Bool, Element::Bool) => x,
        }
    }

    /// The f32 whose upper half these bits are.
    pub(super) fn bf16_to_f32(&mut self, bits: Value) -> Value {
        let shift = self.b.ins().iconst(types::I32, 16);
        let bits = self.b.ins().ishl(bits, shift);
        let ty = if self.is_vector(bits) { types::F32X4 } else { types::F32 };
        self.reinterpret(ty, bits)
    }

    /// The upper half of an f32, rounded to nearest even, NaN kept.
    pub(super) fn f32_to_bf16(&mut self, x: Value) -> Value {
        let ty = if self.is_vector(x) { types::I32X4 } else { types::I32 };
        let bits = self.reinterpret(ty, x);
        let sixteen = self.b.ins().iconst(types::I32, 16);
        let high = self.b.ins().ushr(bits, sixteen);
        let one = self.word(1, bits);
        let odd = self.b.ins().band(high, one);
        let half = self.word(0x7fff, bits);
        let rounded = self.b.ins().iadd(bits, half);
        let rounded = self.b.ins().iadd(rounded, odd);
        let rounded = self.b.ins().ushr(rounded, sixteen);
        let quiet = self.word(0x40, bits);
        let quiet = self.b.ins().bor(high, quiet);
        let nan = self.b.ins().fcmp(FloatCC::Unordered, x, x);
        self.pick(nan, quiet, rounded)
    }

    /// The f32 of a half-precision number: its exponent is moved by a product with 2^112, which makes denormals right.
    pub(super) fn f16_to_f32(&mut self, bits: Value) -> Value {
        let float = if self.is_vector(bits) { types::F32X4 } else { types::F32 };
        let int = self.type_of(bits);
        let magnitude_mask = self.word(0x7fff, bits);
        let magnitude = self.b.ins().band(bits, magnitude_mask);
        let thirteen = self.b.ins().iconst(types::I32, 13);
        let sixteen = self.b.ins().iconst(types::I32, 16);
        let shifted = self.b.ins().ishl(magnitude, thirteen);
        let shifted_float = self.reinterpret(float, shifted);
        let scale = self.float(f32::from_bits((127 + 112) << 23), bits);
        let scaled = self.b.ins().fmul(shifted_float, scale);
        let scaled = self.reinterpret(int, scaled);
        let largest = self.word(0x7bff, bits);
        let special = self.b.ins().icmp(IntCC::SignedGreaterThan, magnitude, largest);
        let exponent = self.word(0x7f80_0000, bits);
        let infinite = self.b.ins().bor(shifted, exponent);
        let value = self.pick(special, infinite, scaled);
        let sign_mask = self.word(0x8000, bits);
        let sign = self.b.ins().band(bits, sign_mask);
        let sign = self.b.ins().ishl(sign, sixteen);
        let whole = self.b.ins().bor(value, sign);
        self.reinterpret(float, whole)
    }
}
