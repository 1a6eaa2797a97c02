//! Loops and branches.

use super::Emit;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, BlockArg, InstBuilder, Value, types};
use std::collections::HashMap;

impl Emit<'_, '_> {
    pub(super) fn int(&mut self, n: i64) -> Value {
        self.b.ins().iconst(types::I64, n)
    }

    /// The number, where a value is an integer constant.
    pub(super) fn known(&self, value: Value) -> Option<i64> {
        let inst = self.b.func.dfg.value_def(value).inst()?;
        match self.b.func.dfg.insts[inst] {
            cranelift_codegen::ir::InstructionData::UnaryImm { imm, .. } => Some(imm.bits()),
            _ => None,
        }
    }

    /// Runs `body` for each of `from, from + step, ..` below `to`.
    pub(super) fn for_each(
        &mut self,
        from: Value,
        to: Value,
        step: i64,
        body: impl FnOnce(&mut Self, Value),
    ) {
        self.fold(from, to, step, &[], |emit, position, _| {
            body(emit, position);
            Vec::new()
        });
    }

    /// Runs `body` for each of `from, from + step, ..` below `to` with carried values; returns them at the end. What `body` computes is forgotten after it.
    pub(super) fn fold(
        &mut self,
        from: Value,
        to: Value,
        step: i64,
        start: &[Value],
        body: impl FnOnce(&mut Self, Value, &[Value]) -> Vec<Value>,
    ) -> Vec<Value> {
        let (inside, after) = (self.b.create_block(), self.b.create_block());
        let position = self.b.append_block_param(inside, types::I64);
        let carried = self.append_params(inside, start);
        let results = self.append_params(after, start);
        let any = self.b.ins().icmp(IntCC::SignedLessThan, from, to);
        let mut arguments = vec![BlockArg::Value(from)];
        arguments.extend(start.iter().map(|value| BlockArg::Value(*value)));
        self.b.ins().brif(any, inside, &arguments, after, &arguments[1..]);
        self.b.switch_to_block(inside);
        self.memo.push(HashMap::new());
        let next = body(self, position, &carried);
        self.memo.pop();
        let step = self.int(step);
        let position = self.b.ins().iadd(position, step);
        let more = self.b.ins().icmp(IntCC::SignedLessThan, position, to);
        let mut arguments = vec![BlockArg::Value(position)];
        arguments.extend(next.iter().map(|value| BlockArg::Value(*value)));
        self.b.ins().brif(more, inside, &arguments, after, &arguments[1..]);
        self.b.seal_block(inside);
        self.b.switch_to_block(after);
        self.b.seal_block(after);
        results
    }

    fn append_params(&mut self, block: Block, like: &[Value]) -> Vec<Value> {
        let types: Vec<_> = like.iter().map(|value| self.b.func.dfg.value_type(*value)).collect();
        types.into_iter().map(|ty| self.b.append_block_param(block, ty)).collect()
    }

    /// Runs one of two branches, which give values of the same types. What they compute besides is forgotten after them.
    pub(crate) fn branch(
        &mut self,
        condition: Value,
        then: impl FnOnce(&mut Self) -> Vec<Value>,
        otherwise: impl FnOnce(&mut Self) -> Vec<Value>,
    ) -> Vec<Value> {
        let [yes, no, after] = [0; 3].map(|_| self.b.create_block());
        self.b.ins().brif(condition, yes, &[], no, &[]);
        let enter = |emit: &mut Self, block| {
            emit.b.switch_to_block(block);
            emit.b.seal_block(block);
            emit.memo.push(HashMap::new());
        };
        enter(self, yes);
        let values = then(self);
        let results = self.append_params(after, &values);
        self.leave(after, &values);
        enter(self, no);
        let values = otherwise(self);
        self.leave(after, &values);
        self.b.switch_to_block(after);
        self.b.seal_block(after);
        results
    }

    fn leave(&mut self, after: Block, values: &[Value]) {
        self.memo.pop();
        let arguments: Vec<BlockArg> = values.iter().map(|value| BlockArg::Value(*value)).collect();
        self.b.ins().jump(after, &arguments);
    }

    /// Runs `body` where a condition holds.
    pub(super) fn when(&mut self, condition: Value, body: impl FnOnce(&mut Self)) {
        self.branch(
            condition,
            |emit| {
                body(emit);
                Vec::new()
            },
            |_| Vec::new(),
        );
    }
}
