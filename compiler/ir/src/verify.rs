//! Checks that a graph is one: what every stage may rely on without asking again.
//!
//! A [`Verified<Graph>`] has its nodes in topological order, ids in range, each value's type as [`infer`] gives it, bodies that fit their
//! `rec` or `repeat`, and distinct names of outputs.

use crate::Type;
use crate::graph::{Graph, Input, NodeId, Role, ValueId};
use crate::infer::{TypeError, infer};
use crate::op::Op;
use std::collections::HashSet;
use std::ops::Deref;

/// A graph that passed [`verify`].
#[derive(Clone, Debug, PartialEq)]
pub struct Verified<G>(G);

impl<G> Verified<G> {
    /// Gives the graph back, to be changed.
    #[must_use]
    pub fn into_inner(self) -> G {
        self.0
    }
}

impl<G> Deref for Verified<G> {
    type Target = G;
    fn deref(&self) -> &G {
        &self.0
    }
}

/// Why a graph is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("graph `{graph}`, {place}: {kind}")]
pub struct VerifyError {
    /// Name of the graph or body.
    pub graph: String,
    /// Which part of it: `v3 = add`, `input x`.
    pub place: String,
    /// What is wrong.
    pub kind: Box<VerifyErrorKind>,
}

/// What can be wrong with a graph.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyErrorKind {
    /// An operand that does not come before its user.
    #[error("operand {0} is not made before it is used")]
    Order(ValueId),
    /// A value that does not exist.
    #[error("{0} does not exist")]
    Missing(ValueId),
    /// An input number that does not exist.
    #[error("input number {0} does not exist")]
    MissingInput(u32),
    /// A value that does not know where it comes from.
    #[error("{0} is not the result that it says it is")]
    Link(ValueId),
    /// A value that belongs to no node.
    #[error("{0} belongs to no node")]
    Orphan(ValueId),
    /// The op does not take its operands.
    #[error(transparent)]
    Type(#[from] TypeError),
    /// A result with another type than its op gives.
    #[error("{value} is {found}, but its op gives {expected}")]
    Result {
        /// Which value.
        value: ValueId,
        /// What its op gives.
        expected: Type,
        /// What it says.
        found: Type,
    },
    /// A number of results other than the op's.
    #[error("{found} results, but its op gives {expected}")]
    Results {
        /// The op's number.
        expected: usize,
        /// The node's number.
        found: usize,
    },
    /// Two outputs, two arguments or two states of one name.
    #[error("the name is used twice")]
    Name,
    /// A role that does not belong there.
    #[error("{0} inputs belong to {1}")]
    Role(&'static str, &'static str),
    /// A path whose `{{}}` are more than the leading axes.
    #[error("the path has {braces} `{{}}`, but the type {ty} has fewer axes")]
    Path {
        /// How many.
        braces: usize,
        /// The type.
        ty: Type,
    },
}

/// Checks a graph with its bodies.
///
/// # Errors
/// The first thing that is wrong.
pub fn verify(graph: Graph) -> Result<Verified<Graph>, VerifyError> {
    check(&graph, false)?;
    Ok(Verified(graph))
}

fn check(graph: &Graph, nested: bool) -> Result<(), VerifyError> {
    let error = |place: String, kind| VerifyError { graph: graph.name.clone(), place, kind: Box::new(kind) };
    for role in [|role: &Role| *role == Role::Argument, |role: &Role| *role == Role::State] {
        let names = graph.inputs.iter().filter(|input| role(&input.role)).map(|input| &input.name);
        check_names(names).map_err(|name| error(format!("input `{name}`"), VerifyErrorKind::Name))?;
    }
    for input in &graph.inputs {
        check_role(input, nested).map_err(|kind| error(format!("input `{}`", input.name), kind))?;
    }
    let mut made: usize = 0;
    for (n, node) in graph.nodes.iter().enumerate() {
        let place = || match node.results.first() {
            Some(first) => format!("{first} = {}", node.op.name()),
            None => node.op.name().to_owned(),
        };
        check_node(graph, n, &mut made).map_err(|kind| error(place(), kind))?;
        if let Some(body) = node.op.body() {
            check(body, true)?;
        }
    }
    if made != graph.values.len() {
        let orphan = ValueId(u32::try_from(made).unwrap_or(u32::MAX));
        return Err(error("values".to_owned(), VerifyErrorKind::Orphan(orphan)));
    }
    check_names(graph.outputs.iter().map(|(name, _)| name))
        .map_err(|name| error(format!("output `{name}`"), VerifyErrorKind::Name))?;
    for (name, value) in &graph.outputs {
        if value.0 as usize >= made {
            return Err(error(format!("output `{name}`"), VerifyErrorKind::Missing(*value)));
        }
    }
    Ok(())
}

fn check_names<'a>(names: impl Iterator<Item = &'a String>) -> Result<(), &'a String> {
    let mut seen = HashSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(name);
        }
    }
    Ok(())
}

fn check_role(input: &Input, nested: bool) -> Result<(), VerifyErrorKind> {
    match &input.role {
        Role::Local if nested => Ok(()),
        Role::Local => Err(VerifyErrorKind::Role("local", "nested bodies")),
        Role::Argument | Role::Param { .. } | Role::Buffer { .. } | Role::State if nested => {
            Err(VerifyErrorKind::Role("named", "the outermost graph"))
        }
        Role::Argument | Role::State => Ok(()),
        Role::Param { path } | Role::Buffer { path } => {
            let braces = path.matches("{}").count();
            if braces > input.ty.rank() {
                return Err(VerifyErrorKind::Path { braces, ty: input.ty.clone() });
            }
            Ok(())
        }
    }
}

/// Checks the `n`-th node, given how many values the nodes before it made.
fn check_node(graph: &Graph, n: usize, made: &mut usize) -> Result<(), VerifyErrorKind> {
    let Some(node) = graph.nodes.get(n) else { return Ok(()) };
    let mut operands = Vec::with_capacity(node.operands.len());
    for operand in &node.operands {
        let value = graph.values.get(operand.0 as usize).ok_or(VerifyErrorKind::Missing(*operand))?;
        if operand.0 as usize >= *made {
            return Err(VerifyErrorKind::Order(*operand));
        }
        operands.push(value.ty.clone());
    }
    let expected = match &node.op {
        Op::Input(number) => {
            let input = graph.inputs.get(*number as usize);
            vec![input.ok_or(VerifyErrorKind::MissingInput(*number))?.ty.clone()]
        }
        op => infer(op, &operands)?,
    };
    if expected.len() != node.results.len() {
        return Err(VerifyErrorKind::Results { expected: expected.len(), found: node.results.len() });
    }
    for (index, (value, expected)) in node.results.iter().zip(expected).enumerate() {
        let found = graph.values.get(value.0 as usize).ok_or(VerifyErrorKind::Missing(*value))?;
        let here = NodeId(u32::try_from(n).unwrap_or(u32::MAX));
        if value.0 as usize != *made || found.node != here || found.index as usize != index {
            return Err(VerifyErrorKind::Link(*value));
        }
        if found.ty != expected {
            return Err(VerifyErrorKind::Result { value: *value, expected, found: found.ty.clone() });
        }
        *made += 1;
    }
    Ok(())
}
