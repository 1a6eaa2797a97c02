//! The graph: a typed SSA DAG in topological order, with nested bodies for `rec` and repeats.

use crate::dim::DimError;
use crate::{Dim, Op, Sizes, Type};
use std::fmt;

/// A value, `v12` in the text form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct ValueId(pub u32);

/// A node; its position in [`Graph::nodes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

impl fmt::Display for ValueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.0)
    }
}

/// Where in the source a node comes from: byte offsets in a file of the source map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Origin {
    /// Number of the file in the source map.
    pub file: u32,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// One op with its operands and results.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it computes.
    pub op: Op,
    /// From what.
    pub operands: Vec<ValueId>,
    /// Its results; one, except for `Rec` and `Repeat`.
    pub results: Vec<ValueId>,
    /// Where it comes from; not part of equality.
    pub origin: Option<Origin>,
}

/// Origins do not count.
impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.op == other.op && self.operands == other.operands && self.results == other.results
    }
}

/// A result of a node.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// Which node.
    pub node: NodeId,
    /// Which of its results.
    pub index: u32,
    /// Its type.
    pub ty: Type,
}

/// What an input of the graph is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// An argument of the entry point; varies from sequence to sequence.
    Argument,
    /// A trained array. Each `{}` in the path stands for an index of one leading axis of the type (layers of a repeat).
    Param {
        /// Path in weight files, e.g. `blocks.{}.flows.0.alpha`.
        path: String,
    },
    /// An array saved with the weights but not trained; path as for `Param`.
    Buffer {
        /// Path in weight files.
        path: String,
    },
    /// State carried from one call to the next when streaming; varies.
    State,
    /// Input of a nested body; what it is follows from the operand.
    Local,
}

/// An input of a graph or of a nested body.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// Name, for messages and text.
    pub name: String,
    /// Type.
    pub ty: Type,
    /// What it is.
    pub role: Role,
}

/// Something about run-time sizes that must hold when inputs arrive.
#[derive(Clone, Debug, PartialEq)]
pub enum Require {
    /// The expression is whole.
    Whole(Dim),
    /// Both are equal.
    Equal(Dim, Dim),
    /// left <= right.
    AtMost(Dim, Dim),
}

impl Require {
    /// What to say if it does not hold for these sizes: the message, with the value of the first size for `{0}` and of the second for `{1}`.
    ///
    /// # Errors
    /// A size without a value.
    pub fn failure(&self, message: &str, sizes: &Sizes) -> Result<Option<String>, DimError> {
        let filled = |first: &str, second: &str| Some(message.replace("{0}", first).replace("{1}", second));
        let (a, b, at_most) = match self {
            Self::Whole(size) => {
                return match size.eval(sizes) {
                    Ok(_) => Ok(None),
                    Err(DimError::NotWhole { numerator, denominator, .. }) => {
                        Ok(filled(&format!("{numerator} / {denominator}"), ""))
                    }
                    Err(error) => Err(error),
                };
            }
            Self::Equal(a, b) => (a.eval(sizes)?, b.eval(sizes)?, false),
            Self::AtMost(a, b) => (a.eval(sizes)?, b.eval(sizes)?, true),
        };
        let holds = if at_most { a <= b } else { a == b };
        Ok(if holds { None } else { filled(&a.to_string(), &b.to_string()) })
    }
}

/// A typed SSA DAG. Nodes are in topological order: operands come before their users.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Graph {
    /// Name of the entry or body.
    pub name: String,
    /// Inputs; `Op::Input(n)` reads the n-th.
    pub inputs: Vec<Input>,
    /// Nodes in topological order.
    pub nodes: Vec<Node>,
    /// Types of all results.
    pub values: Vec<Value>,
    /// Names and values of the results.
    pub outputs: Vec<(String, ValueId)>,
    /// Conditions on run-time sizes, each with the message that a user reads when it fails.
    pub requires: Vec<(Require, String)>,
}
