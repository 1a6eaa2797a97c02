//! Ops that see one entry of each operand.

use super::{Emit, ty_of};
use crate::maths;
use crate::text::{Ty, Value};
use tensc_ir::{BinaryOp, UnaryOp};
use tensc_program::{Element, TileId, TileOp};

impl Emit<'_> {
    pub(super) fn elementwise(&mut self, op: &TileOp, id: TileId) {
        let operands = op.operands();
        let layout = self.layout_of(id, &operands);
        let axes = self.axes(id);
        let slots: Vec<Vec<Value>> = operands.iter().map(|operand| self.slots_in(*operand, layout)).collect();
        let made = (0..self.plan.layouts[layout].tile_slots(axes))
            .map(|slot| {
                let of: Vec<Value> = operands
                    .iter()
                    .zip(&slots)
                    .map(|(operand, slots)| {
                        slots[self.plan.layouts[layout].project(axes, slot, self.axes(*operand))]
                    })
                    .collect();
                match (op, of.as_slice()) {
                    (TileOp::Unary(op, _), [a]) => self.unary(*op, *a),
                    (TileOp::Binary(op, ..), [a, b]) => self.binary(*op, *a, *b),
                    (TileOp::Fma(..), [a, b, c]) => self.text.fma(*a, *b, *c),
                    (TileOp::Select(..), [condition, a, b]) => self.text.select(*condition, *a, *b),
                    (TileOp::Cast(to, _), [a]) => self.cast(*to, *a),
                    // `op` is one of these, with its operands.
                    _ => of[0],
                }
            })
            .collect();
        self.define(id, layout, made);
    }

    fn float(&mut self, x: f64, like: Value) -> Value {
        if like.ty == Ty::F64 { self.text.f64(x) } else { self.text.f32(x as f32) }
    }

    fn unary(&mut self, op: UnaryOp, a: Value) -> Value {
        match op {
            UnaryOp::Neg => self.text.neg(a),
            UnaryOp::Not => {
                let yes = self.text.int(Ty::I1, 1);
                self.text.integer("xori", a, yes)
            }
            UnaryOp::Abs if a.ty == Ty::I32 => {
                let minus = self.text.neg(a);
                let zero = self.text.int(Ty::I32, 0);
                let negative = self.text.compare("slt", a, zero);
                self.text.select(negative, minus, a)
            }
            UnaryOp::Abs => self.text.intrinsic("fabs", a),
            UnaryOp::Sqrt => self.text.intrinsic("sqrt", a),
            UnaryOp::Rsqrt => {
                let one = self.float(1.0, a);
                let root = self.text.intrinsic("sqrt", a);
                self.text.div(one, root)
            }
            UnaryOp::Floor => self.text.intrinsic("floor", a),
            UnaryOp::Ceil => self.text.intrinsic("ceil", a),
            UnaryOp::Round => self.text.intrinsic("roundeven", a),
            UnaryOp::Exp
            | UnaryOp::Log
            | UnaryOp::Tanh
            | UnaryOp::Sigmoid
            | UnaryOp::Softplus
            | UnaryOp::Sin
            | UnaryOp::Cos
            | UnaryOp::Erf => match maths::unary(&mut self.text, op, a) {
                Some(value) => value,
                None => {
                    self.unsupported(format!("`{}` of f64", op.name()));
                    a
                }
            },
            UnaryOp::Re | UnaryOp::Im | UnaryOp::Conj | UnaryOp::Arg | UnaryOp::Detach => {
                self.unsupported(format!("`{}` of tiles", op.name()));
                a
            }
        }
    }

    fn binary(&mut self, op: BinaryOp, a: Value, b: Value) -> Value {
        let float = a.ty.is_float();
        match op {
            BinaryOp::Add => self.text.add(a, b),
            BinaryOp::Sub => self.text.sub(a, b),
            BinaryOp::Mul => self.text.mul(a, b),
            BinaryOp::Div => self.text.div(a, b),
            BinaryOp::Max => self.extreme(float, "maximumf", "maxsi", a, b),
            BinaryOp::Min => self.extreme(float, "minimumf", "minsi", a, b),
            BinaryOp::Rem | BinaryOp::Pow => match maths::binary(&mut self.text, op, a, b) {
                Some(value) => value,
                None => {
                    self.unsupported(format!("`{}` of f64", op.name()));
                    a
                }
            },
            BinaryOp::Eq => self.text.compare(if float { "oeq" } else { "eq" }, a, b),
            BinaryOp::Ne => self.text.compare(if float { "une" } else { "ne" }, a, b),
            BinaryOp::Lt => self.text.compare(if float { "olt" } else { "slt" }, a, b),
            BinaryOp::Le => self.text.compare(if float { "ole" } else { "sle" }, a, b),
            BinaryOp::Gt => self.text.compare(if float { "ogt" } else { "sgt" }, a, b),
            BinaryOp::Ge => self.text.compare(if float { "oge" } else { "sge" }, a, b),
            BinaryOp::And => self.text.integer("andi", a, b),
            BinaryOp::Or => self.text.integer("ori", a, b),
            BinaryOp::Complex | BinaryOp::Polar => {
                self.unsupported(format!("`{}` of tiles", op.name()));
                a
            }
        }
    }

    /// The larger or smaller one; NaN where one is NaN.
    pub(super) fn extreme(
        &mut self,
        float: bool,
        of_floats: &str,
        of_ints: &str,
        a: Value,
        b: Value,
    ) -> Value {
        match (float, a.ty) {
            (false, _) => self.text.integer(of_ints, a, b),
            (true, Ty::F64) => {
                // There is no such instruction for 64 bits.
                let predicate = if of_floats == "maximumf" { "ogt" } else { "olt" };
                let first = self.text.compare(predicate, a, b);
                let nan = self.text.compare("une", a, a);
                let first = self.text.integer("ori", first, nan);
                self.text.select(first, a, b)
            }
            (true, _) => self.text.integer(of_floats, a, b),
        }
    }

    fn cast(&mut self, to: Element, a: Value) -> Value {
        let ty = ty_of(to);
        match (a.ty, ty) {
            (from, to) if from == to => a,
            (Ty::I1, Ty::I32) => self.text.convert("extui", a, ty),
            (Ty::I1, _) => self.text.convert("uitofp", a, ty),
            (from, Ty::I1) => {
                let zero = if from.is_float() { self.float(0.0, a) } else { self.text.int(Ty::I32, 0) };
                self.binary(BinaryOp::Ne, a, zero)
            }
            (Ty::I32, _) => self.text.convert("sitofp", a, ty),
            (_, Ty::I32) => {
                // Truncates and saturates; NaN is 0.
                let text =
                    format!("llvm.call_intrinsic \"llvm.fptosi.sat.i32.{0}\"({a}) : ({0}) -> i32", a.ty);
                self.text.pure(Ty::I32, &text)
            }
            (Ty::F32, _) => self.text.convert("extf", a, ty),
            _ => self.text.convert("truncf", a, ty),
        }
    }
}
