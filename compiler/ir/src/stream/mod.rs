//! Makes the memory of a graph explicit, so that a sequence can be run in pieces.
//!
//! In goes a graph over a whole sequence, out comes one over a piece: the time size is the piece's length, [`Dim::position`](crate::Dim::position) the number of entries before
//! it, and what must be remembered goes in as inputs `state.0`, `state.1`, .. of role [`Role::State`] and comes out as outputs of the same names. Running the pieces one after
//! the other, each with the states that the one before gave, gives what the whole gives; the first piece gets zeros, at position 0. Pieces of length 0 and 1 are no exception.
//!
//! | op along time | what is remembered |
//! |---|---|
//! | `rec` | each state's earlier entries; at position 0 the `rec`'s own start stands in for them |
//! | `shift` by n | the last n entries |
//! | `conv` with J weights | the last J - 1 entries |
//! | `cumsum` | the sum so far |
//! | `last` | the last entry so far |
//! | causal attention | every entry so far of what stands on the side of the keys; such a state grows with the stream |
//!
//! Inside a repeat each application remembers for itself: the state has a leading axis. `iota(T)`, `t` and `pos[0..T]` count from the position on.
//!
//! What needs later entries or all of them (a backward `rec`, `fft`, `flip`, a reduction or reshape over time, T as a number) is refused, with the reason that [`crate::analyse::time`] gives.

mod accumulate; // sums over time as running sums
mod memory; // ops along time over a piece
mod pairs; // values with two time axes
mod rewrite; // node by node

pub use accumulate::accumulate;

use crate::analyse::time::{Fact, Reason, time_facts};
use crate::dim::POSITION;
use crate::graph::{Graph, Input, Origin, Require, Role};
use crate::op::Op;
use crate::prune::prune;
use crate::verify::Verified;
use crate::{Dim, Type, TypeError};
use rewrite::Rewrite;

/// A graph that runs a sequence in pieces.
#[derive(Clone, Debug)]
pub struct Streaming {
    /// The graph over a piece.
    pub graph: Graph,
    /// What it remembers, in the order of the inputs and outputs `state.0`, `state.1`, ..
    pub states: Vec<StateInfo>,
}

/// One thing that is remembered from piece to piece. It is zeros before the first piece.
#[derive(Clone, Debug, PartialEq)]
pub struct StateInfo {
    /// Name of its input and of its output.
    pub name: String,
    /// Its type: without time, or with as many entries as came before where it keeps them all.
    pub ty: Type,
    /// Number of its input.
    pub input: usize,
    /// Number of its output.
    pub output: usize,
    /// What remembers it: `rec c`, `conv`.
    pub what: String,
    /// Where in the source.
    pub origin: Option<Origin>,
}

/// Why a graph runs on whole sequences only.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{reason}")]
pub struct NotStreamable {
    /// A sentence without a full stop.
    pub reason: String,
    /// Where in the source.
    pub origin: Option<Origin>,
}

impl From<&Reason> for NotStreamable {
    fn from(reason: &Reason) -> Self {
        Self { reason: reason.message.clone(), origin: reason.origin }
    }
}

impl From<TypeError> for NotStreamable {
    fn from(error: TypeError) -> Self {
        Self { reason: format!("its state cannot be made explicit: {error}"), origin: None }
    }
}

/// Makes the memory along the size named `time` explicit.
///
/// # Errors
/// The first reason why the graph needs the whole sequence.
pub fn stream(graph: &Verified<Graph>, time: &str) -> Result<Streaming, NotStreamable> {
    let graph = prune(graph);
    let facts = time_facts(&graph, time);
    if let Some(reason) = facts.first_whole() {
        return Err(reason.into());
    }
    for (_, value) in &graph.outputs {
        if let Some(pairs) = facts.values.get(value.0 as usize).and_then(Fact::pairs) {
            let reason = "a result couples each entry with every other".to_owned();
            return Err(NotStreamable { reason, origin: pairs.origin });
        }
    }
    refuse_other_steps(&graph, time)?;
    let rewritten = Rewrite::new(&graph, &facts.values, time)?.run(&Role::State)?;
    let mut builder = rewritten.builder;
    for (require, message) in &graph.requires {
        builder.require(for_piece(require, message, time)?, message.clone());
    }
    let first = graph.inputs.len();
    let mut outputs = rewritten.outputs;
    let mut states = Vec::with_capacity(rewritten.memories.len());
    for (n, memory) in rewritten.memories.into_iter().enumerate() {
        let name = state_name(n);
        states.push(StateInfo {
            name: name.clone(),
            ty: memory.ty,
            input: first + n,
            output: outputs.len(),
            what: memory.what,
            origin: memory.origin,
        });
        outputs.push((name, memory.next));
    }
    Ok(Streaming { graph: builder.finish(outputs), states })
}

fn state_name(n: usize) -> String {
    format!("state.{n}")
}

fn state_input(n: usize, ty: Type, role: &Role) -> Input {
    Input { name: state_name(n), ty, role: role.clone() }
}

/// A bound on the length holds for the whole up to here; a length that must be a certain one cannot be known from a piece.
fn for_piece(require: &Require, message: &str, time: &str) -> Result<Require, NotStreamable> {
    let so_far =
        |dim: &Dim| dim.substitute(&|name| (name == time).then(|| &Dim::position() + &Dim::var(time)));
    let fixed = match require {
        Require::Whole(a) => a.mentions(time),
        Require::Equal(a, b) => a.mentions(time) || b.mentions(time),
        Require::AtMost(a, b) => return Ok(Require::AtMost(so_far(a), so_far(b))),
    };
    if fixed {
        return Err(NotStreamable { reason: format!("not every length will do: {message}"), origin: None });
    }
    Ok(require.clone())
}

/// `t` counts from the position on where a length is a run-time size; a recurrence along another such size would count wrongly.
fn refuse_other_steps(graph: &Graph, time: &str) -> Result<(), NotStreamable> {
    for node in &graph.nodes {
        if let Op::Rec(rec) = &node.op
            && rec.length.as_fraction().is_none()
            && rec.length.as_var() != Some(time)
            && reads(&rec.body, 0)
        {
            let reason =
                format!("a `rec` of length {} counts its steps while {time} is streamed", rec.length);
            return Err(NotStreamable { reason, origin: node.origin });
        }
        if let Some(body) = node.op.body() {
            refuse_other_steps(body, time)?;
        }
    }
    Ok(())
}

/// Whether a body uses its input of this number.
fn reads(body: &Graph, number: u32) -> bool {
    let inputs = body.nodes.iter().filter(|node| node.op == Op::Input(number));
    let values: Vec<_> = inputs.flat_map(|node| &node.results).collect();
    let mut read =
        body.nodes.iter().flat_map(|node| &node.operands).chain(body.outputs.iter().map(|(_, v)| v));
    read.any(|value| values.contains(&value))
}

/// Whether the position itself is among the sizes of a graph: then it has been made explicit before.
#[must_use]
pub fn is_streaming(graph: &Graph) -> bool {
    graph.inputs.iter().any(|input| input.role == Role::State)
        || graph.size_names().iter().any(|name| &**name == POSITION)
}
