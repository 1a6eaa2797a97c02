//! Terms: one node of a graph as the e-graph sees it.
//!
//! Ops that rules speak about by name have a head of their own; any other op is a handle into the table of ops that the facts hold, since egg patterns cannot look inside a
//! node's data. There is no catch-all symbol: a misspelt head in a rule is an error when the rules are built.

use egg::{FromOp, FromOpError, Id, Language};
use std::fmt;
use tensc_ir::{BinaryOp, DType, UnaryOp};

/// Index into the table of ops (`Facts`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OpId(pub u32);

/// What a term applies to its children.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Head {
    /// `x @ w`: the last axis of x with the first of the matrix w.
    Proj,
    /// One operand, elementwise.
    Unary(UnaryOp),
    /// Two operands, elementwise.
    Binary(BinaryOp),
    /// `(condition, a, b)`.
    Select,
    /// Conversion to this element type.
    Cast(DType),
    /// Any other op.
    Op(OpId),
    /// A result of an op that has several.
    Get(u32),
}

/// A head with its children.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Term {
    /// What is applied.
    pub head: Head,
    /// To what.
    pub children: Vec<Id>,
}

impl Term {
    /// A term.
    #[must_use]
    pub fn new(head: Head, children: Vec<Id>) -> Self {
        Self { head, children }
    }
}

impl Language for Term {
    type Discriminant = Head;

    fn discriminant(&self) -> Head {
        self.head
    }

    fn matches(&self, other: &Self) -> bool {
        self.head == other.head && self.children.len() == other.children.len()
    }

    fn children(&self) -> &[Id] {
        &self.children
    }

    fn children_mut(&mut self) -> &mut [Id] {
        &mut self.children
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.head)
    }
}

/// The word that a pattern uses.
impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Proj => f.write_str("proj"),
            Self::Unary(op) => f.write_str(op.name()),
            Self::Binary(op) => f.write_str(op.name()),
            Self::Select => f.write_str("select"),
            Self::Cast(dtype) => write!(f, "to-{dtype}"),
            Self::Op(OpId(n)) => write!(f, "op#{n}"),
            Self::Get(n) => write!(f, "get-{n}"),
        }
    }
}

impl FromOp for Term {
    type Error = FromOpError;

    fn from_op(op: &str, children: Vec<Id>) -> Result<Self, FromOpError> {
        let head = match (op, children.len()) {
            ("proj", 2) => Some(Head::Proj),
            ("select", 3) => Some(Head::Select),
            (name, 1) => match name.strip_prefix("to-") {
                Some(dtype) => DType::from_name(dtype).map(Head::Cast),
                None => UnaryOp::from_name(name).map(Head::Unary),
            },
            (name, 2) => BinaryOp::from_name(name).map(Head::Binary),
            _ => None,
        };
        match head {
            Some(head) => Ok(Self { head, children }),
            None => Err(FromOpError::new(op, children)),
        }
    }
}
