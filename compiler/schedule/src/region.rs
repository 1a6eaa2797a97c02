//! The steps of a graph or body: node by node, each value that is stored into its place, what prepare computes first.

use crate::ScheduleError;
use crate::index::dim;
use crate::place::{Parts, Place, Spot};
use crate::plan::{Plan, Role, plan};
use crate::product;
use crate::schedule::Scheduler;
use crate::scope::{Binding, Fact, Position, ScopeId};
use tensc_ir::{DType, Dim, Node, Op, UnaryOp, ValueId};
use tensc_program::{BufferId, BufferKind, Step};

/// Steps of both programs.
#[derive(Default)]
pub(crate) struct Steps {
    pub(crate) prepare: Vec<Step>,
    pub(crate) main: Vec<Step>,
}

impl<'g> Scheduler<'g> {
    /// Steps that compute these values of a scope into these places.
    pub(crate) fn region(
        &mut self,
        at: ScopeId,
        targets: &[(ValueId, Place)],
    ) -> Result<Steps, ScheduleError> {
        let values: Vec<ValueId> = targets.iter().map(|(value, _)| *value).collect();
        let plan = plan(self, at, &values);
        let mut steps = Steps { prepare: self.prepare(at, &plan)?, main: Vec::new() };
        let homes = self.adopt(at, &plan, targets);
        let graph = self.scope(at).graph;
        for node in &graph.nodes {
            let made: Vec<ValueId> =
                node.results.iter().copied().filter(|v| plan.role(*v) == Role::Stored).collect();
            if made.is_empty() || matches!(node.op, Op::Input(_)) {
                continue;
            }
            self.node(at, &plan, node, &made, &mut steps)?;
        }
        for (n, (value, place)) in targets.iter().enumerate() {
            if !homes.contains(&n) {
                steps.main.extend(self.compute_elsewhere(at, *value, place)?);
            }
        }
        Ok(steps)
    }

    /// Gives stored values the place of the target that they are; returns the targets that need no further step.
    fn adopt(&mut self, at: ScopeId, plan: &Plan, targets: &[(ValueId, Place)]) -> Vec<usize> {
        let mut adopted = Vec::new();
        for (n, (value, place)) in targets.iter().enumerate() {
            let scope = self.scope(at);
            let is_input = scope.node_of(*value).is_some_and(|node| matches!(node.op, Op::Input(_)));
            let alike = place.batch.is_some() == scope.fact(*value).varies;
            if plan.role(*value) == Role::Stored && !is_input && alike && scope.home(*value).is_none() {
                self.scope_mut(at).set_home(*value, place.clone());
                adopted.push(n);
            } else if let Some((whole, home)) = self.whole_of_part(at, plan, *value, place) {
                self.scope_mut(at).set_home(whole, home);
                adopted.push(n);
            }
        }
        adopted
    }

    /// Where a target is a part of a stored complex value: that value, and a home for it with this part in the target's place.
    fn whole_of_part(
        &mut self,
        at: ScopeId,
        plan: &Plan,
        value: ValueId,
        place: &Place,
    ) -> Option<(ValueId, Place)> {
        let scope = self.scope(at);
        let node = scope.node_of(value)?;
        let Op::Unary(part @ (UnaryOp::Re | UnaryOp::Im)) = &node.op else { return None };
        let imaginary = *part == UnaryOp::Im;
        let whole = node.operands.first().copied()?;
        let ty = scope.ty(whole).clone();
        let is_input = scope.node_of(whole).is_some_and(|node| matches!(node.op, Op::Input(_)));
        let alike = place.batch.is_some() == scope.fact(whole).varies && place.memory == DType::F32;
        let free = plan.role(whole) == Role::Stored && scope.home(whole).is_none() && !is_input;
        let Parts::Real(spot) = &place.parts else { return None };
        if !free || !alike || scope.wide || !ty.dtype.is_complex() || !place.is_contiguous() {
            return None;
        }
        // The other part, where somebody reads it, lies by itself.
        let [re, im] = plan.parts(whole);
        let varies = scope.fact(whole).varies;
        let name = self.value_name(at, whole);
        let other = if imaginary { [re, false] } else { [false, im] };
        let rest = self.scratch(&name, (ty.dtype, false), &ty.shape, varies, other);
        let Parts::Complex(re, im) = rest.parts else { return None };
        let parts = if imaginary {
            Parts::Complex(re, Some(spot.clone()))
        } else {
            Parts::Complex(Some(spot.clone()), im)
        };
        Some((whole, Place { parts, ..place.clone() }))
    }

    /// Places for what prepare computes, and the steps that do.
    pub(crate) fn prepare(&mut self, at: ScopeId, plan: &Plan) -> Result<Vec<Step>, ScheduleError> {
        let Some(prepare) = self.scope(at).prepare else { return Ok(Vec::new()) };
        let mut targets = Vec::new();
        let count = self.scope(at).graph.values.len();
        for value in (0..count as u32).map(ValueId) {
            if plan.role(value) != Role::Prepared || self.scope(at).home(value).is_some() {
                continue;
            }
            let ty = self.scope(at).ty(value);
            let name = format!("prepared {}", self.value_name(at, value));
            let [here, there] =
                self.prepared_places([at, prepare], &name, ty.dtype, &ty.shape, plan.parts(value));
            self.scope_mut(at).set_home(value, here);
            targets.push((value, there));
        }
        if targets.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.region(prepare, &targets)?.main)
    }

    /// Memory that prepare writes and main reads: an array for each layer, as a scope and its prepare scope see it.
    pub(crate) fn prepared_places(
        &mut self,
        scopes: [ScopeId; 2],
        name: &str,
        dtype: DType,
        shape: &[Dim],
        parts: [bool; 2],
    ) -> [Place; 2] {
        let [at, _] = scopes;
        let layers = self.scope(at).layers.iter().map(|layer| dim(layer.count));
        let stacked: Vec<Dim> = layers.chain(shape.iter().cloned()).collect();
        let kind = BufferKind::Prepared;
        let place = self.inner_place(name, &kind, dtype, &stacked, false, parts);
        scopes.map(|scope| {
            let layers = &self.scope(scope).layers;
            layers.iter().fold(place.clone(), |place, layer| place.index(0, &layer.variable))
        })
    }

    /// The word of the op that makes a value, for names of buffers.
    pub(crate) fn value_name(&self, at: ScopeId, value: ValueId) -> String {
        let scope = self.scope(at);
        scope.node_of(value).map_or_else(|| "value".to_owned(), |node| node.op.name().to_owned())
    }

    /// The place of a value that is being made.
    pub(crate) fn home_for(&mut self, at: ScopeId, plan: &Plan, value: ValueId) -> Place {
        if let Some(place) = self.scope(at).home(value) {
            return place.clone();
        }
        let scope = self.scope(at);
        let (ty, wide, varies) = (scope.ty(value), scope.wide, scope.fact(value).varies);
        let name = self.value_name(at, value);
        let place = self.scratch(&name, (ty.dtype, wide), &ty.shape, varies, plan.parts(value));
        self.scope_mut(at).set_home(value, place.clone());
        place
    }

    fn node(
        &mut self,
        at: ScopeId,
        plan: &Plan,
        node: &'g Node,
        made: &[ValueId],
        steps: &mut Steps,
    ) -> Result<(), ScheduleError> {
        match &node.op {
            Op::Rec(rec) => self.recurrence(at, plan, node, rec, made, steps),
            Op::Repeat(repeat) => self.repeat(at, plan, node, repeat, made, steps),
            Op::Fft { kind, axis, n } => {
                for value in made {
                    let more = self.transform(at, node, (*kind, *axis, n), *value)?;
                    steps.main.extend(more);
                }
                Ok(())
            }
            Op::Keep { site, keep, shape } => {
                for value in made {
                    let more = self.mask(at, (*site, *keep), shape, *value);
                    steps.main.extend(more);
                }
                Ok(())
            }
            Op::Contract(contraction) if product::fits(self.scope(at), node) => {
                for value in made {
                    let place = self.home_for(at, plan, *value);
                    self.product(at, contraction, &node.operands, &place, steps)?;
                }
                Ok(())
            }
            Op::Input(_)
            | Op::Const(_)
            | Op::DimValue(_)
            | Op::Iota { .. }
            | Op::Unary(_)
            | Op::Binary(_)
            | Op::Select
            | Op::Cast(_)
            | Op::Reduce { .. }
            | Op::Cumsum { .. }
            | Op::Contract(_)
            | Op::Reshape { .. }
            | Op::Transpose { .. }
            | Op::Broadcast { .. }
            | Op::Slice { .. }
            | Op::Concat { .. }
            | Op::Pad { .. }
            | Op::Flip { .. }
            | Op::Gather { .. }
            | Op::Shift { .. }
            | Op::Conv { .. }
            | Op::Last { .. }
            | Op::Draw { .. } => {
                for value in made {
                    let place = self.home_for(at, plan, *value);
                    steps.main.extend(self.compute(at, &[(*value, place)])?);
                }
                Ok(())
            }
        }
    }

    /// The array of a value without computing anything, if there is one. With `assume`, values that are not stored yet count as row-major arrays.
    pub(crate) fn view(&self, at: ScopeId, value: ValueId, assume: bool) -> Option<Place> {
        let scope = self.scope(at);
        if let Some(home) = scope.home(value) {
            return Some(home.clone());
        }
        let node = scope.node_of(value)?;
        let operand = |n: usize| node.operands.get(n).and_then(|x| self.view(at, *x, assume));
        let seen = match &node.op {
            Op::Input(_) => match (scope.binding(value)?, scope.parent) {
                (Binding::Outer(outer, position), Some(parent)) => {
                    let place = self.view(parent, *outer, assume)?;
                    match position {
                        Some((axis, Position::Program(position))) => Some(place.index(*axis, position)),
                        Some((_, Position::Kernel(_) | Position::Piece { .. })) => None,
                        None => Some(place),
                    }
                }
                _ => None,
            },
            Op::Transpose { perm } => operand(0).map(|place| place.transpose(perm)),
            Op::Broadcast { shape, axes } => operand(0).map(|place| place.broadcast(shape, axes)),
            Op::Reshape { shape } => operand(0).and_then(|place| place.reshape(shape)),
            Op::Slice { axis, start, len } => operand(0).map(|place| place.slice(*axis, start, len)),
            Op::Unary(UnaryOp::Re) => operand(0).and_then(|place| place.part(false)),
            Op::Unary(UnaryOp::Im) => operand(0).and_then(|place| place.part(true)),
            Op::Unary(UnaryOp::Detach) => operand(0),
            Op::Unary(_)
            | Op::Const(_)
            | Op::DimValue(_)
            | Op::Iota { .. }
            | Op::Binary(_)
            | Op::Select
            | Op::Cast(_)
            | Op::Reduce { .. }
            | Op::Cumsum { .. }
            | Op::Contract(_)
            | Op::Concat { .. }
            | Op::Pad { .. }
            | Op::Flip { .. }
            | Op::Gather { .. }
            | Op::Shift { .. }
            | Op::Conv { .. }
            | Op::Fft { .. }
            | Op::Last { .. }
            | Op::Keep { .. }
            | Op::Draw { .. }
            | Op::Rec(_)
            | Op::Repeat(_) => None,
        };
        if seen.is_some() || !assume || crate::plan::is_view(&node.op) {
            return seen;
        }
        let ty = scope.ty(value);
        let nowhere = BufferId(u32::MAX);
        let varies = scope.fact(value).varies;
        Some(if ty.dtype.is_complex() {
            let spot = Some(Spot::start(nowhere));
            let place = Place::planar(Some(nowhere), Some(nowhere), ty.dtype, &ty.shape, varies);
            Place { parts: Parts::Complex(spot.clone(), spot), ..place }
        } else {
            Place::real(nowhere, ty.dtype, &ty.shape, varies)
        })
    }

    /// The array of a value, made where there is none.
    pub(crate) fn array(
        &mut self,
        at: ScopeId,
        value: ValueId,
        steps: &mut Vec<Step>,
    ) -> Result<Place, ScheduleError> {
        if let Some(place) = self.view(at, value, false) {
            return Ok(place);
        }
        let (ty, Fact { varies, .. }, wide) = {
            let scope = self.scope(at);
            (scope.ty(value), scope.fact(value), scope.wide)
        };
        let name = self.value_name(at, value);
        let place = self.scratch(&name, (ty.dtype, wide), &ty.shape, varies, [true; 2]);
        steps.extend(self.compute_elsewhere(at, value, &place)?);
        Ok(place)
    }
}
