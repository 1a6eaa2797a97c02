//! A recurrence as one kernel: a grid over sequences and lanes, a loop over the sequence, the state in carried tiles.
//!
//! The body is read like any other value, so what does not depend on the step is computed in front of the loop, what produces an entry is computed where it is loaded,
//! and a line that nobody wants is never stored.
//!
//! A [`Walk`] says which entries a kernel takes, where its state comes from and where it goes: the step form takes all of them, other forms a part, or several segments side by side.

use super::axes::{Along, Axes};
use super::lanes::Lanes;
use super::{GROUP, SEGMENT, TIME};
use crate::ScheduleError;
use crate::index::{Ix, dim};
use crate::place::Place;
use crate::plan::{Plan, plan};
use crate::read::{Carried, Reader, SEQUENCE, Val};
use crate::region::Steps;
use crate::repeat::input_value;
use crate::schedule::Scheduler;
use crate::scope::{Binding, Fact, Position, ScopeId, ty};
use std::collections::BTreeMap;
use tensc_ir::analyse::recurrence::Product;
use tensc_ir::{DType, Dim, Direction, Node, Rec, ValueId};
use tensc_program::{Element, Step, TileId};

/// A recurrence that is being scheduled.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a, 'g> {
    pub(crate) at: ScopeId,
    pub(crate) plan: &'a Plan,
    pub(crate) node: &'g Node,
    pub(crate) rec: &'g Rec,
    /// The results that are wanted.
    pub(crate) made: &'a [ValueId],
}

/// Segments of the sequence side by side.
#[derive(Clone, Debug)]
pub(crate) struct Segments {
    /// How many, as groups and segments of a group: a grid axis and a tile axis.
    pub(crate) groups: usize,
    pub(crate) of_group: usize,
    /// Entries of one.
    pub(crate) length: Dim,
}

/// Where the state of a walk comes from.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a recurrence has few walks")]
pub(crate) enum Start {
    /// The recurrence's own operands.
    Operands,
    Zero,
    /// Memory, with a leading axis over segments where there are segments.
    At(Place),
}

/// What a kernel does of a recurrence.
#[derive(Clone, Debug)]
pub(crate) struct Walk {
    /// Entries in front of its own.
    pub(crate) from: Dim,
    /// How many it takes (of each segment).
    pub(crate) count: Dim,
    pub(crate) segments: Option<Segments>,
    pub(crate) start: Start,
    /// Whether lines are stored.
    pub(crate) lines: bool,
    /// Whether the state at the end is stored as a result.
    pub(crate) finals: bool,
    /// Where else the state goes, with a leading axis over segments.
    pub(crate) end: Option<Place>,
    /// The product of these factors over all entries goes here, with a leading axis over segments.
    pub(crate) product: Option<(Vec<Product>, Place)>,
}

impl Walk {
    /// All entries, one by one.
    pub(super) fn whole(rec: &Rec) -> Self {
        Self {
            from: Dim::default(),
            count: rec.length.clone(),
            segments: None,
            start: Start::Operands,
            lines: true,
            finals: true,
            end: None,
            product: None,
        }
    }

    /// The position of the entry of a turn in the sequence.
    fn entry(&self) -> Position {
        let (stride, variable) = match &self.segments {
            Some(segments) => {
                let group = &Dim::var(GROUP) * &dim(segments.of_group);
                let group = if segments.groups > 1 { group } else { Dim::default() };
                (segments.length.clone(), &group + &Dim::var(SEGMENT))
            }
            None => (Dim::default(), Dim::default()),
        };
        Position::Piece { origin: self.from.clone(), stride, variable, inner: Dim::var(TIME) }
    }

    /// The number of the segment.
    fn segment(&self) -> Option<Ix> {
        match self.entry() {
            Position::Piece { variable, .. } if self.segments.is_some() => Some(Ix::at(variable)),
            Position::Piece { .. } | Position::Program(_) | Position::Kernel(_) => None,
        }
    }
}

impl<'g> Scheduler<'g> {
    /// The scope of a body whose entries are at this position, with its plan; prepare computes what depends on weights alone.
    pub(crate) fn rec_scope(
        &mut self,
        target: Target<'_, 'g>,
        entry: &Position,
        steps: &mut Steps,
    ) -> Result<ScopeId, ScheduleError> {
        let Target { at, node, rec, .. } = target;
        let facts: Vec<Fact> = self.rec_facts(at, node, rec);
        let bindings = self.rec_inputs(node, rec, (Dim::position(), entry.clone()), &Binding::Carried, entry);
        let (body, _) = self.body_scope(at, &rec.body, &|_| bindings.clone(), &facts, None);
        let wanted: Vec<ValueId> = rec.body.outputs.iter().map(|(_, value)| *value).collect();
        let plan = plan(self, body, &wanted);
        steps.prepare.extend(self.prepare(body, &plan)?);
        Ok(body)
    }

    /// The places of the results that are wanted.
    pub(crate) fn rec_places(&mut self, target: Target<'_, 'g>) -> BTreeMap<usize, Place> {
        let Target { at, plan, node, made, .. } = target;
        let wanted = node.results.iter().enumerate().filter(|(_, result)| made.contains(result));
        wanted.map(|(n, result)| (n, self.home_for(at, plan, *result))).collect()
    }

    pub(crate) fn walk(
        &mut self,
        target: Target<'_, 'g>,
        lanes: &Lanes,
        walk: &Walk,
        steps: &mut Steps,
    ) -> Result<(), ScheduleError> {
        let Target { at, node, rec, made, .. } = target;
        let entry = walk.entry();
        let body = self.rec_scope(target, &entry, steps)?;
        let wanted: Vec<ValueId> = rec.body.outputs.iter().map(|(_, value)| *value).collect();
        let count = rec.body.outputs.len();
        let mut places = self.rec_places(target);
        places.retain(|n, _| if *n < count { walk.lines } else { walk.finals });

        let mut reader = Reader::new(self, self.scope(at).wide);
        if self.scope(at).fact(*made.first().unwrap_or(&ValueId(0))).varies {
            reader.em.sequences(SEQUENCE);
        }
        if let Some(segments) = walk.segments.as_ref().filter(|segments| segments.groups > 1) {
            reader.em.named_grid(GROUP, dim(segments.groups));
        }
        let side_by_side = walk.segments.as_ref().map(|segments| (SEGMENT, segments.of_group));
        let mut axes = Axes::new(&mut reader, rec, lanes, side_by_side);
        let lines: Vec<Vec<Along>> = wanted.iter().map(|value| axes.of(&mut reader, rec, *value)).collect();
        let positions = |line: usize| -> Vec<Ix> {
            lines.get(line).map(|along| along.iter().map(|a| a.ix.clone()).collect()).unwrap_or_default()
        };
        let in_segment =
            |line: usize| -> Vec<Ix> { walk.segment().into_iter().chain(positions(line)).collect() };

        // Initial states, in front of the loop.
        let first_start = rec.sequences + rec.constants;
        let mut starts = Vec::new();
        let starting = rec.states.iter().flat_map(|state| std::iter::repeat_n(state.line, state.depth));
        for (n, line) in starting.clone().enumerate() {
            let Some(operand) = node.operands.get(first_start + n) else { continue };
            let dtype = self.scope(at).ty(*operand).dtype;
            let start = match &walk.start {
                Start::Operands => reader.read(at, *operand, &positions(line))?,
                Start::Zero => reader.zero(dtype),
                Start::At(place) => reader.load(place, dtype, &in_segment(line)),
            };
            starts.push((line, start));
        }
        let extent = reader.em.size(&walk.count);
        let reverse = rec.direction == Direction::Backward;
        let at_entry = reader.position(&entry);
        let length = reader.em.size(&rec.length);
        reader.em.span(&at_entry, &length);
        reader.em.begin_named_loop(TIME.to_owned(), extent, reverse);
        let segment_axis =
            side_by_side.and_then(|(name, _)| reader.em.axis_of(name).map(|(axis, _, _)| axis));
        let mut carried = Vec::new();
        for (n, (line, start)) in starts.iter().enumerate() {
            let along = lines.get(*line).cloned().unwrap_or_default();
            let tile_axes: Vec<_> = along
                .iter()
                .flat_map(|a| a.ix.affine.names())
                .filter_map(|name| reader.em.axis_of(&name).map(|(axis, _, _)| axis))
                .chain(segment_axis)
                .collect();
            let tiles: Vec<TileId> =
                start.tiles().into_iter().map(|tile| reader.em.carry(tile, &tile_axes)).collect();
            let val = start.with(&tiles);
            carried.push(val);
            let Some(input) = input_value(&rec.body, 1 + n) else { continue };
            let state = Carried {
                val,
                identity: along.iter().map(|a| a.ix.clone()).collect(),
                origins: along.iter().map(|a| (a.origin.clone(), a.len)).collect(),
                depth: reader.em.open_loops(),
                locals: None,
                segment: side_by_side.map(|(name, count)| (Dim::var(name), count)),
            };
            reader.carried.insert((body, input), state);
        }
        let mut next: BTreeMap<usize, Val> = BTreeMap::new();
        for (line, value) in wanted.iter().enumerate() {
            let place = places.get(&line);
            let is_state = rec.states.iter().any(|state| state.line == line);
            if place.is_none() && !is_state {
                continue;
            }
            let idx = positions(line);
            let val = reader.read(body, *value, &idx)?;
            next.insert(line, val);
            if let Some(place) = place {
                let mut idx = idx;
                idx.insert(rec.axis.min(idx.len()), Ix::at(at_entry.clone()));
                reader.store(place, &idx, val);
            }
        }
        // c[t-1] of the next step is this step's line, c[t-2] its c[t-1].
        let mut yields = Vec::new();
        let mut number = 0;
        for state in &rec.states {
            for lag in 0..state.depth {
                let val = if lag == 0 { next.get(&state.line) } else { carried.get(number - 1) };
                yields.extend(val.into_iter().flat_map(|val| val.tiles()));
                number += 1;
            }
        }
        // The product of the factors, beside the states.
        let mut product = None;
        if let (Some((factors, place)), Some((_, value))) =
            (&walk.product, rec.states.first().and_then(|s| rec.body.outputs.get(s.line)))
        {
            let line = rec.states.first().map_or(0, |state| state.line);
            let factor = reader.decay(body, factors, ty(&rec.body, *value), &positions(line))?;
            let one = reader.one(ty(&rec.body, *value).dtype);
            let mut tile_axes: Vec<_> =
                factor.tiles().iter().flat_map(|tile| reader.em.tile(*tile).axes.clone()).collect();
            tile_axes.extend(segment_axis);
            let tiles: Vec<TileId> =
                one.tiles().into_iter().map(|tile| reader.em.carry(tile, &tile_axes)).collect();
            let before = one.with(&tiles);
            let dtype = ty(&rec.body, *value).dtype;
            let after = reader.binary(tensc_ir::BinaryOp::Mul, factor, before, dtype)?;
            yields.extend(after.tiles());
            product = Some((one, place, line));
        }
        let mut ends = reader.end_loop(&yields).into_iter();
        for (n, (line, start)) in starts.iter().enumerate() {
            let tiles: Vec<TileId> = start.tiles().iter().filter_map(|_| ends.next()).collect();
            let end = start.with(&tiles);
            if let Some(place) = places.get(&(rec.body.outputs.len() + n)) {
                reader.store(place, &positions(*line), end);
            }
            if let Some(place) = &walk.end {
                reader.store(place, &in_segment(*line), end);
            }
        }
        if let Some((one, place, line)) = product {
            let tiles: Vec<TileId> = ends.collect();
            let end = reader.widened(one.with(&tiles), &positions(line));
            reader.store(place, &in_segment(line), end);
        }
        let what = crate::kernels::describe(self.scope(body), &wanted, ValueId(0));
        let name = if walk.lines { format!("rec {what}") } else { format!("segments of rec {what}") };
        let Reader { em, checks, .. } = reader;
        let (kernel, arguments, sizes) = em.finish(name);
        self.add_checks(checks);
        let step = self.launch(kernel, arguments, sizes);
        steps.main.push(step);
        Ok(())
    }

    /// One launch that carries the state from segment to segment: from what each leaves when it starts at zero, and what a state is multiplied with in it, to what each starts from.
    ///
    /// Numbers are f64 here: products of many factors leave the range of f32 where the state they act on does not.
    pub(crate) fn carry_segments(
        &mut self,
        target: Target<'_, 'g>,
        lanes: &Lanes,
        carry: &Carry<'_>,
        steps: &mut Steps,
    ) -> Result<(), ScheduleError> {
        let Target { at, node, rec, made, .. } = target;
        let body = self.rec_scope(target, &Position::Kernel(Dim::default()), steps)?;
        let state = rec.states.first().map_or(0, |state| state.line);
        let Some((_, value)) = rec.body.outputs.get(state) else { return Ok(()) };
        let of_state = ty(&rec.body, *value);
        let mut reader = Reader::new(self, self.scope(at).wide);
        if self.scope(at).fact(*made.first().unwrap_or(&ValueId(0))).varies {
            reader.em.sequences(SEQUENCE);
        }
        let mut axes = Axes::new(&mut reader, rec, lanes, None);
        let idx: Vec<Ix> = axes.of(&mut reader, rec, *value).iter().map(|along| along.ix.clone()).collect();
        let Some(operand) = node.operands.get(rec.sequences + rec.constants) else { return Ok(()) };
        let start = reader.read(at, *operand, &idx)?;
        let start = reader.wide_parts(start);
        let constant = match carry.factor {
            Factors::Constant(decay, length) => {
                let factor = reader.decay(body, decay, of_state, &idx)?;
                let factor = reader.wide_parts(factor);
                let length = reader.em.size(length);
                Some(reader.power(factor, &length))
            }
            Factors::Products(_) => None,
        };
        let reverse = rec.direction == Direction::Backward;
        let segment = reader.em.begin_loop("n", dim(carry.count), reverse);
        let all: Vec<Ix> = std::iter::once(Ix::at(segment)).chain(idx.iter().cloned()).collect();
        let complex = of_state.dtype.is_complex();
        let tile_axes: Vec<_> = idx
            .iter()
            .flat_map(|ix| ix.affine.names())
            .filter_map(|name| reader.em.axis_of(&name).map(|(axis, _, _)| axis))
            .collect();
        let carried = (reader.em.carry(start.0, &tile_axes), reader.em.carry(start.1, &tile_axes));
        let here = if complex { Val::Complex(carried.0, carried.1) } else { Val::Real(carried.0) };
        reader.store(carry.starts, &all, here);
        let factor = match (constant, carry.factor) {
            (Some(power), _) => power,
            (None, Factors::Products(place)) => {
                let factor = reader.load(place, of_state.dtype, &all);
                reader.wide_parts(factor)
            }
            (None, Factors::Constant(..)) => carried,
        };
        let left = reader.load(carry.ends, of_state.dtype, &all);
        let left = reader.wide_parts(left);
        let turned = reader.product(factor, carried);
        // A state of zero stays zero, whatever the factors have grown to.
        let zero = reader.em.constant(Element::F64, 0.0);
        let mut nothing = reader.em.binary(tensc_ir::BinaryOp::Eq, carried.0, zero);
        if complex {
            let im = reader.em.binary(tensc_ir::BinaryOp::Eq, carried.1, zero);
            nothing = reader.em.binary(tensc_ir::BinaryOp::And, nothing, im);
        }
        let mut next = Vec::new();
        for (turned, left) in [(turned.0, left.0), (turned.1, left.1)] {
            let kept = reader.em.select(nothing, zero, turned);
            next.push(reader.em.binary(tensc_ir::BinaryOp::Add, kept, left));
        }
        let ends = reader.end_loop(&next);
        if let [re, im] = ends.as_slice() {
            let end = if complex { Val::Complex(*re, *im) } else { Val::Real(*re) };
            reader.store(carry.end, &idx, end);
        }
        let Reader { em, checks, .. } = reader;
        let (kernel, arguments, sizes) = em.finish("state from segment to segment".to_owned());
        self.add_checks(checks);
        let step: Step = self.launch(kernel, arguments, sizes);
        steps.main.push(step);
        Ok(())
    }
}

/// What [`Scheduler::carry_segments`] works on; places have a leading axis over segments, but for `end`.
pub(crate) struct Carry<'a> {
    /// How many segments.
    pub(crate) count: usize,
    /// What a state is multiplied with in a segment.
    pub(crate) factor: &'a Factors<'a>,
    /// What each leaves.
    pub(crate) ends: &'a Place,
    /// What each starts from.
    pub(crate) starts: &'a Place,
    /// What the last one leaves in the end.
    pub(crate) end: &'a Place,
}

/// What a state is multiplied with in a segment.
pub(crate) enum Factors<'a> {
    /// These factors in each of so many steps.
    Constant(&'a [Product], &'a Dim),
    /// What lies here for each segment.
    Products(&'a Place),
}

impl Reader<'_, '_> {
    /// A real or complex number.
    fn filled(&mut self, dtype: DType, value: f64) -> Val {
        let element = self.element(dtype);
        let re = self.em.constant(element, value);
        if dtype.is_complex() { Val::Complex(re, self.em.constant(element, 0.0)) } else { Val::Real(re) }
    }

    pub(crate) fn zero(&mut self, dtype: DType) -> Val {
        self.filled(dtype, 0.0)
    }

    pub(crate) fn one(&mut self, dtype: DType) -> Val {
        self.filled(dtype, 1.0)
    }
}
