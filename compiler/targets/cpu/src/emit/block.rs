//! Statements in order, and sequential loops whose carried tiles lie in scratch memory.

use super::{Cell, Emit};
use crate::plan::Statement;
use crate::plan::group::carry;
use cranelift_codegen::ir::{InstBuilder, Value};
use tensc_program::{Block, Inst, Loop, TileId, TileOp};

impl Emit<'_, '_> {
    pub(super) fn block(&mut self, block: &Block) {
        let plan = self.plan;
        let Some(statements) = plan.blocks.get(&std::ptr::from_ref(block)) else { return };
        for statement in statements {
            match statement {
                Statement::Scalar(inst) => {
                    let id = inst.results[0];
                    let value = self.compute(id, &Cell::default());
                    self.scalars[id.0 as usize] = Some(value);
                }
                Statement::Nest(nest) => self.nest(nest),
                Statement::Scan(inst) => self.scan(inst),
                Statement::Solve(inst) => self.solve(inst),
                Statement::Dot(inst) => self.dot(inst),
                Statement::Loop(inst) => {
                    if let TileOp::Loop(inner) = &inst.op {
                        self.repeat(inst, inner);
                    }
                }
            }
        }
    }

    /// A sequential loop: in groups of lanes, else unrolled, else with its tiles in memory.
    fn repeat(&mut self, inst: &Inst, inner: &Loop) {
        if let Some(lanes) = self.lanes(inner) {
            return self.repeat_in_lanes(inner, &lanes);
        }
        let Some(registers) = self.registers(inst, inner) else { return self.repeat_in_memory(inst, inner) };
        let Some(whole) = registers.whole else { return self.repeat_in_registers(inst, inner, &registers) };
        let scalars: Vec<TileId> =
            inst.results.iter().copied().filter(|id| self.plan.tile(*id).axes.is_empty()).collect();
        let results = |emit: &Self| scalars.iter().filter_map(|id| emit.scalars[id.0 as usize]).collect();
        let values = self.branch(
            whole,
            |emit| {
                emit.repeat_in_registers(inst, inner, &registers);
                results(emit)
            },
            |emit| {
                emit.repeat_in_memory(inst, inner);
                results(emit)
            },
        );
        for (id, value) in scalars.iter().zip(values) {
            self.scalars[id.0 as usize] = Some(value);
        }
    }

    /// Assigns carried tiles with axes, place by place.
    pub(super) fn assign(&mut self, pairs: impl Iterator<Item = (TileId, TileId)>) {
        for mut nest in carry(pairs, self.kernel) {
            self.plan.order(&mut nest);
            self.nest(&nest);
        }
    }

    fn repeat_in_memory(&mut self, inst: &Inst, inner: &Loop) {
        let is_scalar = |emit: &Self, id: TileId| emit.plan.tile(id).axes.is_empty();
        self.assign(inner.carried.iter().copied());
        let mut start = Vec::new();
        for (inside, first) in &inner.carried {
            if is_scalar(self, *inside) {
                start.push(self.eval(*first, &Cell::default()));
            }
        }
        let count = self.size(&inner.extent, &Cell::default());
        let zero = self.int(0);
        let last = self.fold(zero, count, 1, &start, |emit, turn, values| {
            emit.enter(inner, turn, count);
            let mut values = values.iter();
            for (inside, _) in &inner.carried {
                if is_scalar(emit, *inside) {
                    emit.scalars[inside.0 as usize] = values.next().copied();
                }
            }
            emit.block(&inner.body);
            let mut next = Vec::new();
            for ((inside, _), value) in inner.carried.iter().zip(&inner.body.yields) {
                if is_scalar(emit, *inside) {
                    next.push(emit.eval(*value, &Cell::default()));
                }
            }
            let insides = inner.carried.iter().map(|(inside, _)| *inside);
            emit.assign(insides.zip(inner.body.yields.iter().copied()));
            next
        });
        self.names.remove(&inner.variable);
        let scalar_results = inst.results.iter().filter(|id| self.plan.tile(**id).axes.is_empty());
        for (id, value) in scalar_results.zip(last) {
            self.scalars[id.0 as usize] = Some(value);
        }
    }

    /// Gives the loop variable its value.
    pub(super) fn enter(&mut self, inner: &Loop, turn: Value, count: Value) {
        let position = if inner.reverse {
            let one = self.int(1);
            let last = self.b.ins().isub(count, one);
            self.b.ins().isub(last, turn)
        } else {
            turn
        };
        self.names.insert(inner.variable.clone(), position);
    }
}
