//! How a value runs along time: what can be computed piece by piece, and with which memory.
//!
//! Time is named by the size of the streamed axis, usually `T`. `x @ w` of `x: f32[T, D]` is pointwise along axis 0, a `rec` of length T is causal, `mean(x, axis = 0)` needs the whole, and the
//! reason says why. A value with an entry for each pair of entries, `q @ transpose(k)`, is neither until it is masked and summed. `last(x)` is of the end: known when the piece ends, and only then.

mod affine; // positions and numbers
mod pairs; // two time axes
mod regions; // recurrences and repeats
mod rules; // every other op

use crate::graph::{Graph, Origin, Role};
use crate::op::Op;
use crate::{Dim, Type};
use affine::Affine;
pub use pairs::Pairs;
use std::rc::Rc;

/// Why a value needs the whole sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// A sentence without a full stop: "`flip` reverses the sequence".
    pub message: String,
    /// Where.
    pub origin: Option<Origin>,
}

/// How a value runs along time.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// The same for the whole stream; no axis is time.
    Constant,
    /// Entry t depends on entries t of the inputs.
    Pointwise {
        /// The axis that is time.
        axis: usize,
    },
    /// Entry t depends on entries up to t, through a state whose size does not grow.
    Causal {
        /// The axis that is time.
        axis: usize,
    },
    /// An entry for each pair of entries.
    Pairs(Rc<Pairs>),
    /// Without a time axis, of the last entry so far.
    End,
    /// Needs later entries, or all.
    Whole(Rc<Reason>),
}

impl Fact {
    /// The axis that is time.
    #[must_use]
    pub const fn axis(&self) -> Option<usize> {
        match self {
            Self::Pointwise { axis } | Self::Causal { axis } => Some(*axis),
            Self::Constant | Self::Pairs(_) | Self::End | Self::Whole(_) => None,
        }
    }

    /// Its two time axes, where it has two.
    #[must_use]
    pub fn pairs(&self) -> Option<&Rc<Pairs>> {
        if let Self::Pairs(pairs) = self { Some(pairs) } else { None }
    }

    /// Why it needs the whole sequence, where it does.
    #[must_use]
    pub fn reason(&self) -> Option<&Reason> {
        if let Self::Whole(reason) = self { Some(reason) } else { None }
    }

    fn whole(message: impl Into<String>, origin: Option<Origin>) -> Self {
        Self::Whole(Rc::new(Reason { message: message.into(), origin }))
    }

    /// The same, its one time axis at another place.
    fn at(&self, axis: usize) -> Self {
        match self {
            Self::Pointwise { .. } => Self::Pointwise { axis },
            Self::Causal { .. } => Self::Causal { axis },
            Self::Constant | Self::Pairs(_) | Self::End | Self::Whole(_) => self.clone(),
        }
    }
}

/// The facts of a graph's values.
#[derive(Clone, Debug)]
pub struct TimeFacts {
    /// By value number.
    pub values: Vec<Fact>,
}

impl TimeFacts {
    /// The first value that needs the whole sequence.
    #[must_use]
    pub fn first_whole(&self) -> Option<&Reason> {
        self.values.iter().find_map(Fact::reason)
    }
}

/// The facts of an outermost graph whose streamed size is `time`.
#[must_use]
pub fn time_facts(graph: &Graph, time: &str) -> TimeFacts {
    let inputs: Vec<Fact> = graph
        .inputs
        .iter()
        .map(|input| match &input.role {
            Role::Param { .. } | Role::Buffer { .. } if !mentions(&input.ty, time) => Fact::Constant,
            Role::Param { .. } | Role::Buffer { .. } => {
                Fact::whole(format!("the size of `{}` depends on {time}", input.name), None)
            }
            Role::Argument | Role::State | Role::Local => along(&input.ty.shape, time).unwrap_or_else(|| {
                Fact::whole(format!("`{}` is {}, where {time} is no plain axis", input.name, input.ty), None)
            }),
        })
        .collect();
    time_facts_with(graph, &inputs, time)
}

/// The facts of a body whose inputs have the facts given.
#[must_use]
pub fn time_facts_with(graph: &Graph, inputs: &[Fact], time: &str) -> TimeFacts {
    let mut values = vec![Fact::Constant; graph.values.len()];
    let mut affines: Vec<Option<Affine>> = vec![None; graph.values.len()];
    let unknown = Type::scalar(crate::DType::F32);
    for node in &graph.nodes {
        let operands: Vec<rules::Operand<'_>> = node
            .operands
            .iter()
            .map(|value| rules::Operand {
                fact: values.get(value.0 as usize).cloned().unwrap_or(Fact::Constant),
                ty: graph.values.get(value.0 as usize).map_or(&unknown, |value| &value.ty),
                affine: affines.get(value.0 as usize).cloned().flatten(),
            })
            .collect();
        let rule = rules::Rule { op: &node.op, operands: &operands, time, origin: node.origin };
        let facts = match &node.op {
            Op::Input(number) => vec![inputs.get(*number as usize).cloned().unwrap_or(Fact::Constant)],
            Op::Rec(rec) => regions::rec(&rule, rec),
            Op::Repeat(repeat) => regions::repeat(&rule, repeat),
            _ => vec![rule.result()],
        };
        if let ([value], Some(affine)) = (node.results.as_slice(), rule.affine())
            && let Some(slot) = affines.get_mut(value.0 as usize)
        {
            *slot = Some(affine);
        }
        for (value, fact) in node.results.iter().zip(facts) {
            if let Some(slot) = values.get_mut(value.0 as usize) {
                *slot = fact;
            }
        }
    }
    TimeFacts { values }
}

/// The facts of the inputs of a body, given those of the operands of its `rec` or repeat.
#[must_use]
pub fn body_inputs(op: &Op, operands: &[Fact], time: &str) -> Vec<Fact> {
    regions::body_inputs(op, operands, time)
}

/// Whether a type's shape depends on time.
fn mentions(ty: &Type, time: &str) -> bool {
    ty.shape.iter().any(|dim| dim.mentions(time))
}

/// The fact of something made with this shape: constant, pointwise along its one plain time axis, or `None` where time occurs otherwise.
fn along(shape: &[Dim], time: &str) -> Option<Fact> {
    let mut found = Fact::Constant;
    for (axis, dim) in shape.iter().enumerate() {
        if !dim.mentions(time) {
            continue;
        }
        if dim.as_var() != Some(time) || found != Fact::Constant {
            return None;
        }
        found = Fact::Pointwise { axis };
    }
    Some(found)
}
