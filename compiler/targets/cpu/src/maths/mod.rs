//! Elementary functions of f32, for one or four elements alike.

use crate::emit::Emit;
use cranelift_codegen::ir::Value;
use tensc_ir::UnaryOp;

/// The function's value, or `None` where it has no code here.
pub(crate) fn unary(_emit: &mut Emit, _op: UnaryOp, _x: Value) -> Option<Value> {
    None
}
