//! Chosen terms -> graph.

use crate::extract::Choice;
use crate::facts::Graph;
use crate::language::{Head, OpId};
use egg::Id;
use std::collections::BTreeMap;
use tensc_ir::builder::Builder;
use tensc_ir::infer::TypeError;
use tensc_ir::{self as ir, Op, Origin, Repeat, ValueId};

/// Builds the graph of the chosen terms, with the inputs and outputs of the original, and repeats with the bodies given.
///
/// # Errors
/// A chosen term without a type, which is a bug of a rule.
pub(crate) fn decode(
    original: &ir::Graph,
    outputs: &[(String, Id)],
    egraph: &Graph,
    choice: &Choice,
    bodies: &BTreeMap<OpId, ir::Graph>,
) -> Result<ir::Graph, TypeError> {
    let mut builder = Builder::new(original.name.clone());
    let inputs: Vec<ValueId> = original.inputs.iter().map(|input| builder.input(input.clone())).collect();
    for (require, message) in &original.requires {
        builder.require(require.clone(), message.clone());
    }
    let mut values: BTreeMap<Id, Vec<ValueId>> = BTreeMap::new();
    let roots: Vec<Id> = outputs.iter().map(|(_, id)| egraph.find(*id)).collect();
    let order = choice.in_order(egraph, &roots);
    let origins = origins(egraph, choice, &order);
    for class in order {
        let Some(term) = choice.term(class) else { continue };
        let children: Vec<Vec<ValueId>> =
            term.children.iter().filter_map(|id| values.get(&egraph.find(*id)).cloned()).collect();
        if let Head::Get(n) = term.head {
            let value = children.first().and_then(|results| results.get(n as usize)).copied();
            values.insert(class, value.into_iter().collect());
            continue;
        }
        let operands: Vec<ValueId> = children.iter().filter_map(|results| results.first().copied()).collect();
        let rank = operands.first().map_or(0, |value| builder.ty(*value).rank());
        let Some(op) = egraph.analysis.head_op(term.head, rank) else { continue };
        let results = match op {
            Op::Input(n) => inputs.get(n as usize).copied().into_iter().collect(),
            op => builder.push_many(
                with_body(op, term.head, bodies),
                &operands,
                origins.get(&class).copied(),
            )?,
        };
        values.insert(class, results);
    }
    let outputs = outputs
        .iter()
        .filter_map(|(name, id)| Some((name.clone(), *values.get(&egraph.find(*id))?.first()?)))
        .collect();
    Ok(builder.finish(outputs))
}

fn with_body(op: Op, head: Head, bodies: &BTreeMap<OpId, ir::Graph>) -> Op {
    match (op, head) {
        (Op::Repeat(repeat), Head::Op(id)) => match bodies.get(&id) {
            Some(body) => Op::Repeat(Box::new(Repeat { body: body.clone(), ..*repeat })),
            None => Op::Repeat(repeat),
        },
        (op, _) => op,
    }
}

/// Where each class comes from. What a rule made comes from where its user does, so that a failed lookup still names a line.
fn origins(egraph: &Graph, choice: &Choice, order: &[Id]) -> BTreeMap<Id, Origin> {
    let mut origins: BTreeMap<Id, Origin> = BTreeMap::new();
    for class in order.iter().rev() {
        let own = egraph[*class].data.origin.or_else(|| origins.get(class).copied());
        let Some(own) = own else { continue };
        origins.insert(*class, own);
        for child in choice.term(*class).into_iter().flat_map(|term| &term.children) {
            origins.entry(egraph.find(*child)).or_insert(own);
        }
    }
    origins
}
