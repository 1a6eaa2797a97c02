//! Chosen terms -> graph.

use crate::extract::Choice;
use crate::facts::Graph;
use crate::language::Head;
use egg::Id;
use std::collections::BTreeMap;
use tensc_ir::builder::Builder;
use tensc_ir::infer::TypeError;
use tensc_ir::{self as ir, Op, Origin, ValueId};

/// Builds the graph of the chosen terms, with the inputs and outputs of the original.
///
/// # Errors
/// A chosen term without a type, which is a bug of a rule.
pub(crate) fn decode(
    original: &ir::Graph,
    outputs: &[(String, Id)],
    egraph: &Graph,
    choice: &Choice,
    origins: &BTreeMap<Id, Origin>,
) -> Result<ir::Graph, TypeError> {
    let mut builder = Builder::new(original.name.clone());
    let inputs: Vec<ValueId> = original.inputs.iter().map(|input| builder.input(input.clone())).collect();
    for (require, message) in &original.requires {
        builder.require(require.clone(), message.clone());
    }
    let mut values: BTreeMap<Id, Vec<ValueId>> = BTreeMap::new();
    let roots: Vec<Id> = outputs.iter().map(|(_, id)| egraph.find(*id)).collect();
    for class in choice.in_order(egraph, &roots) {
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
            op => builder.push_many(op, &operands, origins.get(&class).copied())?,
        };
        values.insert(class, results);
    }
    let outputs = outputs
        .iter()
        .filter_map(|(name, id)| Some((name.clone(), *values.get(&egraph.find(*id))?.first()?)))
        .collect();
    Ok(builder.finish(outputs))
}
