//! One unit, the entry or the body of a repeat: its e-graph, saturated once, and what is extracted from it at a batch and length.

use crate::OptimizeError;
use crate::cost::{Bodies, Hint, Point, Target, price, work};
use crate::decode::decode;
use crate::encode::{Encoded, encode};
use crate::extract::{Choice, extract_forced};
use crate::facts::{Graph, Known};
use crate::language::{Head, OpId, Term};
use crate::report::Cost;
use crate::rules::Rule;
use crate::saturate::{Fired, saturate};
use egg::Id;
use std::collections::BTreeMap;
use tensc_ir::{self as ir, Op, ValueId};

/// A unit with the units that it repeats.
pub(crate) struct Unit<'g> {
    pub(crate) graph: &'g ir::Graph,
    pub(crate) known: Vec<Known>,
    /// The entry's name, or `body of ..`.
    pub(crate) name: String,
    /// How often it runs in a call.
    pub(crate) times: usize,
    /// The e-graph as written.
    pub(crate) written: Graph,
    /// The e-graph with all equals.
    pub(crate) egraph: Graph,
    pub(crate) outputs: Vec<(String, Id)>,
    pub(crate) fired: Fired,
    /// Repeats: the op, how often it repeats, its body.
    pub(crate) inner: Vec<(OpId, usize, Self)>,
}

/// What was chosen at a point, for the unit and those that it repeats.
#[derive(Clone, PartialEq)]
pub(crate) struct Extracted {
    pub(crate) choice: Choice,
    pub(crate) inner: BTreeMap<OpId, Self>,
}

/// Whose graph is meant.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Written,
    Optimized,
}

impl<'g> Unit<'g> {
    /// Encodes and saturates a graph and the bodies of its repeats.
    pub(crate) fn new(
        graph: &'g ir::Graph,
        known: &[Known],
        name: String,
        times: usize,
        rules: &[&Rule],
    ) -> Result<Self, OptimizeError> {
        let Encoded { egraph: written, classes } = encode(graph, known);
        let mut inner: Vec<(OpId, usize, Self)> = Vec::new();
        for node in &graph.nodes {
            if let Op::Repeat(repeat) = &node.op
                && let Some(id) = written.analysis.number(&node.op)
                && !inner.iter().any(|(earlier, _, _)| *earlier == id)
            {
                let known = body_known(&written, &classes, &node.operands, repeat.carried);
                let name = format!("body of `{}`", repeat.body.name);
                let unit = Self::new(&repeat.body, &known, name, times * repeat.count, rules)?;
                inner.push((id, repeat.count, unit));
            }
        }
        let outputs =
            graph.outputs.iter().filter_map(|(name, value)| Some((name.clone(), *classes.get(value)?)));
        let outputs = outputs.collect();
        let mut egraph = written.clone();
        let fired = saturate(&mut egraph, rules)
            .map_err(|bug| OptimizeError::Unsound { rule: bug.rule, conflict: bug.conflict })?;
        Ok(Self { graph, known: known.to_vec(), name, times, written, egraph, outputs, fired, inner })
    }

    pub(crate) fn stage(&self, stage: Stage) -> &Graph {
        match stage {
            Stage::Written => &self.written,
            Stage::Optimized => &self.egraph,
        }
    }

    pub(crate) fn roots(&self, stage: Stage) -> Vec<Id> {
        self.outputs.iter().map(|(_, id)| self.stage(stage).find(*id)).collect()
    }

    /// The cheapest terms at a point.
    pub(crate) fn extract(&self, target: &Target, point: Point, stage: Stage) -> Extracted {
        let inner: BTreeMap<OpId, Extracted> =
            self.inner.iter().map(|(id, _, unit)| (*id, unit.extract(target, point, stage))).collect();
        let choice = self.choose(target, point, stage, &inner, &BTreeMap::new());
        Extracted { choice, inner }
    }

    /// The cheapest terms where some are given, with the repeats as they are in `inner`.
    pub(crate) fn choose(
        &self,
        target: &Target,
        point: Point,
        stage: Stage,
        inner: &BTreeMap<OpId, Extracted>,
        forced: &BTreeMap<Id, Term>,
    ) -> Choice {
        let (hint, bodies) = (Hint::at(point), self.bodies(target, point, stage, inner));
        let price =
            |egraph: &Graph, class: Id, term: &Term| price(egraph, class, term, target, &hint, &bodies);
        extract_forced(self.stage(stage), &self.roots(stage), &price, forced)
    }

    /// Seconds of each repeat.
    fn bodies(
        &self,
        target: &Target,
        point: Point,
        stage: Stage,
        inner: &BTreeMap<OpId, Extracted>,
    ) -> Bodies {
        let body = |(id, count, unit): &(OpId, usize, Self)| {
            let seconds = unit.seconds(target, point, stage, inner.get(id)?);
            #[expect(clippy::cast_precision_loss, reason = "an estimate")]
            let times = *count as f64;
            Some((*id, seconds * times))
        };
        self.inner.iter().filter_map(body).collect()
    }

    /// Seconds of what was chosen, at any point.
    pub(crate) fn seconds(&self, target: &Target, point: Point, stage: Stage, chosen: &Extracted) -> f64 {
        let (hint, bodies) = (Hint::at(point), self.bodies(target, point, stage, &chosen.inner));
        let price =
            |egraph: &Graph, class: Id, term: &Term| price(egraph, class, term, target, &hint, &bodies);
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let picoseconds = chosen.choice.total(self.stage(stage), &self.roots(stage), &price) as f64;
        picoseconds * 1e-12
    }

    /// The graph of what was chosen.
    pub(crate) fn graph(&self, chosen: &Extracted) -> Result<ir::Graph, OptimizeError> {
        let mut bodies = BTreeMap::new();
        for (id, _, unit) in &self.inner {
            if let Some(inner) = chosen.inner.get(id) {
                bodies.insert(*id, unit.graph(inner)?);
            }
        }
        Ok(decode(self.graph, &self.outputs, &self.egraph, &chosen.choice, &bodies)?)
    }

    /// What was chosen costs, work on weights alone left out.
    pub(crate) fn cost(&self, target: &Target, point: Point, stage: Stage, chosen: &Extracted) -> Cost {
        let (egraph, hint) = (self.stage(stage), Hint::at(point));
        let mut cost = Cost { seconds: self.seconds(target, point, stage, chosen), ..Cost::default() };
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let batch = point.batch as f64;
        for class in chosen.choice.in_order(egraph, &self.roots(stage)) {
            let Some(term) = chosen.choice.term(class) else { continue };
            if egraph[class].data.known.weights_only {
                continue;
            }
            if let Some((id, count, unit)) = self.repeat(term)
                && let Some(inner) = chosen.inner.get(&id)
            {
                let body = unit.cost(target, point, stage, inner);
                #[expect(clippy::cast_precision_loss, reason = "an estimate")]
                let times = count as f64;
                cost.flops += body.flops * times;
                cost.bytes += body.bytes * times;
                cost.kernels += body.kernels * times;
            } else if let Some(work) = work(egraph, class, term, &hint) {
                let factor = if egraph[class].data.known.varies { batch } else { 1.0 };
                cost.flops += (work.matrix_flops + work.vector_flops) * factor;
                cost.bytes += work.bytes * factor;
                cost.kernels += work.launches;
            }
        }
        cost
    }

    /// The unit that a term repeats.
    pub(crate) fn repeat(&self, term: &Term) -> Option<(OpId, usize, &Self)> {
        let Head::Op(id) = term.head else { return None };
        self.inner.iter().find(|(op, _, _)| *op == id).map(|(_, count, unit)| (id, *count, unit))
    }

    /// Every chosen term that is not a repeat, with its unit's place in the order of units and how often it runs.
    pub(crate) fn terms<'a>(&'a self, chosen: &Extracted, place: &mut usize, all: &mut Vec<Priced<'a, 'g>>) {
        let own = *place;
        for class in chosen.choice.in_order(&self.egraph, &self.roots(Stage::Optimized)) {
            if let Some(term) = chosen.choice.term(class)
                && self.repeat(term).is_none()
            {
                all.push(Priced { unit: self, place: own, class, term: term.clone() });
            }
        }
        for (id, _, unit) in &self.inner {
            *place += 1;
            if let Some(inner) = chosen.inner.get(id) {
                unit.terms(inner, place, all);
            }
        }
    }
}

/// A chosen term.
pub(crate) struct Priced<'a, 'g> {
    unit: &'a Unit<'g>,
    place: usize,
    class: Id,
    term: Term,
}

impl Priced<'_, '_> {
    /// Equal for the same term of the same unit.
    pub(crate) fn key(&self) -> (usize, Id, &Term) {
        (self.place, self.class, &self.term)
    }

    /// What it costs in a call.
    pub(crate) fn seconds(&self, target: &Target, hint: &Hint) -> f64 {
        let price = price(&self.unit.egraph, self.class, &self.term, target, hint, &Bodies::new());
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let seconds = price as f64 * 1e-12 * self.unit.times as f64;
        seconds
    }
}

/// What is known of a repeat's body inputs. A carried value is whatever the previous application left, so nothing is taken as known of it.
fn body_known(
    egraph: &Graph,
    classes: &BTreeMap<ValueId, Id>,
    operands: &[ValueId],
    carried: usize,
) -> Vec<Known> {
    operands
        .iter()
        .enumerate()
        .map(|(n, value)| match classes.get(value) {
            Some(class) if n >= carried => egraph[*class].data.known,
            Some(_) | None => Known { weights_only: false, varies: true },
        })
        .collect()
}
