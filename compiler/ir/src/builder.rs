//! Builds a graph node by node, typed as it goes: an op and operands in, a value out, or why the op does not take them.
//!
//! An op that is there already, with the same operands, is not built again: the earlier value comes back. This holds for draws and masks
//! too, whose key and site are part of the op.

use crate::graph::{Graph, Input, Node, NodeId, Origin, Require, Role, Value, ValueId};
use crate::infer::{TypeError, infer};
use crate::op::{Constant, Op};
use crate::{DType, Dim, Type};
use rustc_hash::{FxHashMap, FxHasher};
use std::hash::{Hash, Hasher};

/// A graph under construction.
#[derive(Debug, Default)]
pub struct Builder {
    graph: Graph,
    // Note [Hash-consing]
    known: FxHashMap<u64, NodeId>,
}

impl Builder {
    /// Starts a graph of this name.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { graph: Graph { name: name.into(), ..Graph::default() }, ..Self::default() }
    }

    /// Adds an input and gives its value.
    pub fn input(&mut self, input: Input) -> ValueId {
        let number = u32_of(self.graph.inputs.len());
        let ty = input.ty.clone();
        self.graph.inputs.push(input);
        let results = self.append(Op::Input(number), &[], vec![ty], None);
        results.first().copied().unwrap_or(ValueId(0))
    }

    /// Adds an input of a nested body.
    pub fn local(&mut self, name: impl Into<String>, ty: Type) -> ValueId {
        self.input(Input { name: name.into(), ty, role: Role::Local })
    }

    /// Applies an op with one result.
    ///
    /// # Errors
    /// The op does not take these operands, or has not one result.
    pub fn push(
        &mut self,
        op: Op,
        operands: &[ValueId],
        origin: Option<Origin>,
    ) -> Result<ValueId, TypeError> {
        let name = op.name();
        let results = self.push_many(op, operands, origin)?;
        match results.as_slice() {
            [value] => Ok(*value),
            results => {
                Err(TypeError::malformed(name, format!("{} results where one is used", results.len())))
            }
        }
    }

    /// Applies an op and gives all its results.
    ///
    /// # Errors
    /// The op does not take these operands.
    pub fn push_many(
        &mut self,
        op: Op,
        operands: &[ValueId],
        origin: Option<Origin>,
    ) -> Result<Vec<ValueId>, TypeError> {
        let key = match self.find(key(&op, operands), &op, operands) {
            Ok(same) => return Ok(same),
            Err(free) => free,
        };
        let mut types = Vec::with_capacity(operands.len());
        for operand in operands {
            let value = self.graph.values.get(operand.0 as usize);
            let value =
                value.ok_or_else(|| TypeError::malformed(op.name(), format!("{operand} is no value")))?;
            types.push(value.ty.clone());
        }
        let results = infer(&op, &types)?;
        self.known.insert(key, NodeId(u32_of(self.graph.nodes.len())));
        Ok(self.append(op, operands, results, origin))
    }

    /// The results of the same op on the same operands, or the key under which it can be entered.
    fn find(&self, mut key: u64, op: &Op, operands: &[ValueId]) -> Result<Vec<ValueId>, u64> {
        while let Some(node) = self.known.get(&key).and_then(|id| self.graph.nodes.get(id.0 as usize)) {
            if node.operands == operands && node.op == *op {
                return Ok(node.results.clone());
            }
            key = key.wrapping_add(1);
        }
        Err(key)
    }

    fn append(
        &mut self,
        op: Op,
        operands: &[ValueId],
        types: Vec<Type>,
        origin: Option<Origin>,
    ) -> Vec<ValueId> {
        let node = NodeId(u32_of(self.graph.nodes.len()));
        let mut results = Vec::with_capacity(types.len());
        for (index, ty) in types.into_iter().enumerate() {
            results.push(ValueId(u32_of(self.graph.values.len())));
            self.graph.values.push(Value { node, index: u32_of(index), ty });
        }
        self.graph.nodes.push(Node { op, operands: operands.to_vec(), results: results.clone(), origin });
        results
    }

    /// The type of a value; of one that this builder did not make, an f32 scalar.
    pub fn ty(&self, value: ValueId) -> &Type {
        match self.graph.values.get(value.0 as usize) {
            Some(value) => &value.ty,
            None => &F32_SCALAR,
        }
    }

    /// The op that made a value.
    #[must_use]
    pub fn op(&self, value: ValueId) -> Option<&Op> {
        let node = self.graph.values.get(value.0 as usize)?.node;
        self.graph.nodes.get(node.0 as usize).map(|node| &node.op)
    }

    /// The graph so far.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Adds a condition on run-time sizes, once.
    pub fn require(&mut self, require: Require, message: impl Into<String>) {
        let condition = (require, message.into());
        if !self.graph.requires.contains(&condition) {
            self.graph.requires.push(condition);
        }
    }

    /// Ends the graph with these results.
    #[must_use]
    pub fn finish(mut self, outputs: Vec<(String, ValueId)>) -> Graph {
        self.graph.outputs = outputs;
        self.graph
    }

    /// A constant scalar of any element type: `value` as that type stores it, for integers its whole part.
    ///
    /// # Errors
    /// An integer that the type does not hold.
    pub fn constant(&mut self, dtype: DType, value: f64) -> Result<ValueId, TypeError> {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "infer refuses what the integer type does not hold"
        )]
        let constant = match dtype {
            DType::F32 | DType::F16 | DType::BF16 | DType::F64 => Constant::Float(dtype, value),
            DType::C64 => Constant::Complex(value, 0.0),
            DType::I32 | DType::U8 => Constant::Int(dtype, value as i64),
            DType::Bool => Constant::Bool(value != 0.0),
        };
        self.push(Op::Const(constant), &[], None)
    }

    /// Zeros (or `false`) of this type.
    ///
    /// # Errors
    /// A shape with a negative size.
    pub fn zeros(&mut self, ty: &Type) -> Result<ValueId, TypeError> {
        self.filled(ty, 0.0)
    }

    /// One number everywhere.
    ///
    /// # Errors
    /// A shape with a negative size, or an integer that the type does not hold.
    pub fn filled(&mut self, ty: &Type, value: f64) -> Result<ValueId, TypeError> {
        let scalar = self.constant(ty.dtype, value)?;
        self.broadcast_to(scalar, &ty.shape)
    }

    /// Stretches a value to a shape as NumPy does; the value itself where it has that shape.
    ///
    /// # Errors
    /// The shapes do not go together.
    pub fn broadcast_to(&mut self, value: ValueId, shape: &[Dim]) -> Result<ValueId, TypeError> {
        if self.ty(value).shape == shape {
            return Ok(value);
        }
        let rank = self.ty(value).rank();
        let first = shape.len().checked_sub(rank).ok_or_else(|| {
            TypeError::malformed("broadcast", format!("{} has more axes than wanted", self.ty(value)))
        })?;
        let axes = (first..shape.len()).collect();
        self.push(Op::Broadcast { shape: shape.to_vec(), axes }, &[value], None)
    }
}

static F32_SCALAR: Type = Type { dtype: DType::F32, shape: Vec::new() };

fn u32_of(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

// Note [Hash-consing]: `Op` holds floats and whole bodies, so the key is a hash over what tells ops apart cheaply, and
// candidates are compared with `==`. Constants compare by their bits: 0.0 and -0.0 are two constants, NaN is one.
fn key(op: &Op, operands: &[ValueId]) -> u64 {
    let mut hasher = FxHasher::default();
    std::mem::discriminant(op).hash(&mut hasher);
    operands.hash(&mut hasher);
    match op {
        Op::Input(n) => n.hash(&mut hasher),
        Op::Const(constant) => constant.hash(&mut hasher),
        Op::DimValue(dim) => dim.hash(&mut hasher),
        Op::Iota { len, start } => (len, start).hash(&mut hasher),
        Op::Unary(op) => op.hash(&mut hasher),
        Op::Binary(op) => op.hash(&mut hasher),
        Op::Select => {}
        Op::Cast(dtype) => dtype.hash(&mut hasher),
        Op::Reduce { kind, axes } => (kind, axes).hash(&mut hasher),
        Op::Cumsum { axis }
        | Op::Concat { axis }
        | Op::Flip { axis }
        | Op::Conv { axis }
        | Op::Last { axis } => {
            axis.hash(&mut hasher);
        }
        Op::Contract(contraction) => contraction.hash(&mut hasher),
        Op::Reshape { shape } => shape.hash(&mut hasher),
        Op::Transpose { perm } => perm.hash(&mut hasher),
        Op::Broadcast { shape, axes } => (shape, axes).hash(&mut hasher),
        Op::Slice { axis, start, len } => (axis, start, len).hash(&mut hasher),
        Op::Pad { axis, before, after } => (axis, before, after).hash(&mut hasher),
        Op::Gather { batch } => batch.hash(&mut hasher),
        Op::Shift { axis, by } => (axis, by).hash(&mut hasher),
        Op::Fft { kind, axis, n } => (kind, axis, n).hash(&mut hasher),
        Op::Keep { site, shape, .. } => (site, shape).hash(&mut hasher),
        Op::Draw { key, shape, .. } => (key, shape).hash(&mut hasher),
        Op::Rec(rec) => (&rec.length, rec.axis, rec.sequences, rec.body.nodes.len()).hash(&mut hasher),
        Op::Repeat(repeat) => (repeat.count, repeat.carried, repeat.body.nodes.len()).hash(&mut hasher),
    }
    hasher.finish()
}
