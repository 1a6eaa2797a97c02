//! Graph -> terms.

use crate::facts::{Facts, Graph, Known, projection};
use crate::language::{Head, Term};
use egg::Id;
use std::collections::{BTreeMap, BTreeSet};
use tensc_ir::{self as ir, Op, Role, ValueId};

/// A unit as an e-graph, with the classes of its values.
pub(crate) struct Encoded {
    pub(crate) egraph: Graph,
    /// Class of each value of the graph.
    pub(crate) classes: BTreeMap<ValueId, Id>,
}

/// What is known of a graph's input by its role; `Local` ones are told by the enclosing graph.
pub(crate) fn known_by_role(role: &Role) -> Known {
    match role {
        Role::Param { .. } | Role::Buffer { .. } => Known { weights_only: true, varies: false },
        Role::Argument | Role::State | Role::Local => Known { weights_only: false, varies: true },
    }
}

/// The head of an op and rank of its first operand.
fn head(facts: &mut Facts, op: &Op, rank: usize) -> Head {
    match op {
        Op::Contract(contraction) if *contraction == projection(rank) && rank > 0 => Head::Proj,
        Op::Unary(unary) => Head::Unary(*unary),
        Op::Binary(binary) => Head::Binary(*binary),
        Op::Select => Head::Select,
        Op::Cast(dtype) => Head::Cast(*dtype),
        other => Head::Op(facts.intern(&canonical(other))),
    }
}

/// Contractions with the labels of first use, so that equal ones are equal ops.
fn canonical(op: &Op) -> Op {
    let Op::Contract(contraction) = op else { return op.clone() };
    let mut names: BTreeMap<u8, u8> = BTreeMap::new();
    let mut rename = |labels: &[u8]| -> Vec<u8> {
        labels
            .iter()
            .map(|label| {
                let next = u8::try_from(names.len()).unwrap_or(u8::MAX);
                *names.entry(*label).or_insert(next)
            })
            .collect()
    };
    let left = rename(&contraction.left);
    let right = rename(&contraction.right);
    let result = rename(&contraction.result);
    Op::Contract(ir::Contraction { left, right, result })
}

/// Adds a term for an op; equal to what the encoder itself makes.
pub(crate) fn add(egraph: &mut Graph, op: &Op, children: Vec<Id>) -> Id {
    let op = canonical(op);
    let rank = children.first().and_then(|id| egraph[*id].data.ty()).map_or(0, ir::Type::rank);
    let head = head(&mut egraph.analysis, &op, rank);
    egraph.add(Term::new(head, children))
}

/// Encodes a graph whose inputs are known so.
pub(crate) fn encode(graph: &ir::Graph, known: &[Known]) -> Encoded {
    let inputs = graph.inputs.iter().cloned().zip(known.iter().copied()).collect();
    let mut egraph = Graph::new(Facts::new(inputs));
    let mut classes = BTreeMap::new();
    let operands = graph.nodes.iter().flat_map(|node| &node.operands);
    let used: BTreeSet<&ValueId> = operands.chain(graph.outputs.iter().map(|(_, value)| value)).collect();
    for node in &graph.nodes {
        let children = node.operands.iter().filter_map(|value| classes.get(value).copied()).collect();
        let class = add(&mut egraph, &node.op, children);
        let origin = egraph[class].data.origin.or(node.origin);
        egraph[class].data.origin = origin;
        match node.results.as_slice() {
            [only] => {
                classes.insert(*only, class);
            }
            several => {
                // Results that nobody reads are no terms: rules may ask what is read.
                for (n, value) in (0..).zip(several).filter(|(_, value)| used.contains(value)) {
                    classes.insert(*value, egraph.add(Term::new(Head::Get(n), vec![class])));
                }
            }
        }
    }
    egraph.rebuild();
    Encoded { egraph, classes }
}
