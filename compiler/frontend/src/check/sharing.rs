//! What a check of a whole file does once: cells that are alike, and calls whose arguments have the same types.
//!
//! A graph needs every cell with arrays of its own and every call with its own ops. Whether a file is right depends on neither, so while a
//! file is checked, `[Block(D); 24]` makes one block, and its second call is known by its type: what comes back is a value without ops.
//! Nothing is kept of what reported a problem, so that trials that forget their reports find them again.

use super::call::ArgValue;
use super::elaborator::{Elaborator, Res};
use super::size::Size;
use super::value::{Decl, Function, InstanceId, Tensor, Value};
use crate::ast;
use rustc_hash::{FxHashMap, FxHashSet};
use std::rc::Rc;
use tensc_ir::{DType, Input, Role, Type};

/// Cells and calls of a check.
#[derive(Default)]
pub(crate) struct Sharing<'a> {
    cells: FxHashMap<CellKey<'a>, SharedCell>,
    calls: FxHashMap<CallKey<'a>, SharedCall<'a>>,
    /// Arrays whose INIT has been checked.
    pub(crate) inits: u32,
    /// Cells whose functions have been elaborated as entry points.
    pub(crate) entered: FxHashSet<InstanceId>,
}

/// What a value is to whoever gets it.
#[derive(PartialEq, Eq, Hash)]
enum Key<'a> {
    Size(Size),
    Float(u64),
    Bool(bool),
    Str(&'a str),
    List(Vec<Self>),
    Tensor(DType, Vec<Size>, usize),
    Cell(InstanceId),
    Plan(*const ast::Name, Vec<Option<Self>>),
    /// A function, by where it is defined.
    Function(*const (), Option<InstanceId>),
    Convert(DType),
}

/// A cell's declaration, its hyperparameters, and whether they may be names without a value.
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct CellKey<'a>(*const ast::Name, Vec<Option<Key<'a>>>, bool);

/// A function, the cell whose it is, its arguments, the axes over which its caller is mapped, and whether sizes may be names.
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct CallKey<'a>(*const ast::Fn, Option<InstanceId>, Vec<Option<Key<'a>>>, Vec<Size>, bool);

struct SharedCell {
    id: InstanceId,
    cost: Cost,
}

struct SharedCall<'a> {
    value: Value<'a>,
    /// Types of its tensors in the graph.
    types: Vec<Type>,
    cost: Cost,
}

/// What something used up: the limits are those of the graph, in which nothing is shared.
#[derive(Clone, Copy)]
struct Cost {
    fuel: u64,
    cells: usize,
}

/// Where an elaboration stood.
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    fuel: u64,
    cells: usize,
    reports: u64,
}

impl<'a> Elaborator<'a> {
    pub(crate) fn sharing_mark(&self) -> Mark {
        Mark { fuel: self.fuel(), cells: self.cells, reports: self.reports() }
    }

    fn cost_since(&self, mark: Mark) -> Cost {
        Cost { fuel: mark.fuel.saturating_sub(self.fuel()), cells: self.cells.saturating_sub(mark.cells) }
    }

    fn pay(&mut self, cost: Cost) -> Res<()> {
        self.cells += cost.cells;
        self.spend(cost.fuel)
    }

    /// What tells this cell from others, where cells are shared.
    pub(crate) fn cell_key(&self, decl: Decl<'a>, given: &[Option<Value<'a>>]) -> Option<CellKey<'a>> {
        self.sharing.as_ref()?;
        Some(CellKey(std::ptr::from_ref(decl.name), keys(given)?, self.generic))
    }

    /// A cell of this kind that is there.
    pub(crate) fn shared_cell(&mut self, key: Option<&CellKey<'a>>) -> Res<Option<InstanceId>> {
        let found = self.sharing.as_ref().zip(key).and_then(|(sharing, key)| sharing.cells.get(key));
        let Some(&SharedCell { id, cost }) = found else { return Ok(None) };
        self.pay(cost)?;
        Ok(Some(id))
    }

    /// Keeps a cell that was made since `mark`, unless something is wrong with it.
    pub(crate) fn share_cell(&mut self, key: Option<CellKey<'a>>, id: InstanceId, mark: Mark) {
        let cost = self.cost_since(mark);
        let key = key.filter(|_| self.reports() == mark.reports);
        if let (Some(key), Some(sharing)) = (key, &mut self.sharing) {
            sharing.cells.insert(key, SharedCell { id, cost });
        }
    }

    /// What tells this call from others, where calls are shared: outside bodies and conditions, which see more than types.
    pub(crate) fn call_key(
        &self,
        function: &'a ast::Fn,
        instance: Option<InstanceId>,
        args: &[Option<ArgValue<'a>>],
    ) -> Option<CallKey<'a>> {
        self.sharing.as_ref()?;
        let guarded = self.frames.last().is_some_and(|frame| !frame.guards.is_empty());
        if self.regions.len() != 1 || self.lenient > 0 || self.init.is_some() || guarded {
            return None;
        }
        let values = args.iter().map(|arg| arg.as_ref().map(|arg| arg.value.clone()));
        let values: Vec<Option<Value<'a>>> = values.collect();
        let function = std::ptr::from_ref(function);
        Some(CallKey(function, instance, keys(&values)?, self.lead().to_vec(), self.generic))
    }

    /// The result of a call like this one, as a value of the open graph.
    pub(crate) fn shared_call(&mut self, key: Option<&CallKey<'a>>) -> Res<Option<Value<'a>>> {
        let found = self.sharing.as_ref().zip(key).and_then(|(sharing, key)| sharing.calls.get(key));
        let Some(SharedCall { value, types, cost }) = found else { return Ok(None) };
        let (value, types, cost) = (value.clone(), types.clone(), *cost);
        self.pay(cost)?;
        let mut types = types.into_iter();
        let mut fresh = |tensor: &Tensor| -> Value<'a> {
            let (Some(ty), Some(root)) = (types.next(), self.regions.first_mut()) else {
                return Value::Error;
            };
            let id = root.builder.input(Input { name: String::new(), ty, role: Role::Local });
            Tensor { id, region: 0, ..tensor.clone() }.into()
        };
        Ok(Some(match &value {
            Value::Tensor(tensor) => fresh(tensor),
            Value::Tuple(entries) => {
                let entries = entries.iter().map(|(name, entry)| match entry {
                    Value::Tensor(tensor) => (*name, fresh(tensor)),
                    other => (*name, other.clone()),
                });
                Value::Tuple(Rc::new(entries.collect()))
            }
            other => other.clone(),
        }))
    }

    /// Keeps the result of a call since `mark`, unless something is wrong with it.
    pub(crate) fn share_call(&mut self, key: Option<CallKey<'a>>, value: &Value<'a>, mark: Mark) {
        let Some(key) = key.filter(|_| self.reports() == mark.reports) else { return };
        let tensors: Option<Vec<&Tensor>> = match value {
            Value::Tensor(tensor) => Some(vec![tensor]),
            Value::Tuple(entries) => entries.iter().map(|(_, entry)| entry.as_tensor()).collect(),
            _ => None,
        };
        let Some(tensors) = tensors else { return };
        let types = tensors.into_iter().map(|tensor| self.physical(tensor)).collect();
        let cost = self.cost_since(mark);
        if let Some(sharing) = &mut self.sharing {
            sharing.calls.insert(key, SharedCall { value: value.clone(), types, cost });
        }
    }
}

fn keys<'a>(values: &[Option<Value<'a>>]) -> Option<Vec<Option<Key<'a>>>> {
    let key = |value: &Option<Value<'a>>| match value {
        Some(value) => key(value).map(Some),
        None => Some(None),
    };
    values.iter().map(key).collect()
}

/// What a value is; `None` where it is not to be kept.
fn key<'a>(value: &Value<'a>) -> Option<Key<'a>> {
    Some(match value {
        Value::Size(size) => Key::Size(size.clone()),
        Value::Float(number) => Key::Float(number.to_bits()),
        Value::Bool(truth) => Key::Bool(*truth),
        Value::Str(text) => Key::Str(text),
        Value::List(entries) => Key::List(entries.iter().map(key).collect::<Option<_>>()?),
        Value::Tensor(tensor) => Key::Tensor(tensor.dtype, tensor.axes.clone(), tensor.lead),
        Value::Cell(id) => Key::Cell(*id),
        Value::Plan(plan) if plan.inits.is_empty() => {
            Key::Plan(std::ptr::from_ref(plan.decl.name), keys(&plan.hypers)?)
        }
        Value::Function(function) => match function {
            Function::Builtin(builtin) => Key::Function(std::ptr::from_ref(*builtin).cast(), None),
            Function::Convert(dtype) => Key::Convert(*dtype),
            Function::Item(_, function) => Key::Function(std::ptr::from_ref(*function).cast(), None),
            Function::Method(id, function) => Key::Function(std::ptr::from_ref(*function).cast(), Some(*id)),
            Function::Kind(decl) => Key::Function(std::ptr::from_ref(decl.name).cast(), None),
        },
        Value::Error
        | Value::None
        | Value::All
        | Value::Tuple(_)
        | Value::Hole
        | Value::Time(_)
        | Value::Line(..)
        | Value::Plan(_) => return None,
    })
}

/// Whether two results of calls are the same to whoever gets them.
pub(crate) fn same_type(a: &Value<'_>, b: &Value<'_>) -> bool {
    match (a, b) {
        (Value::Tensor(a), Value::Tensor(b)) => a.dtype == b.dtype && a.axes == b.axes && a.lead == b.lead,
        (Value::Tuple(a), Value::Tuple(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|((_, a), (_, b))| same_type(a, b))
        }
        _ => false,
    }
}
