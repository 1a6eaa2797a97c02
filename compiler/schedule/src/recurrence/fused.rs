//! A recurrence as one kernel: a grid over sequences and lanes, a loop over the sequence, the state in carried tiles.
//!
//! The body is read like any other value, so what does not depend on the step is computed in front of the loop, what produces an entry is computed where it is loaded,
//! and a line that nobody wants is never stored.

use super::TIME;
use super::lanes::{Kind, Lanes, size_of};
use crate::ScheduleError;
use crate::emit::rest;
use crate::index::{Ix, dim, is_one, known, pieces};
use crate::place::Place;
use crate::plan::{Plan, plan};
use crate::read::{Carried, Reader, SEQUENCE};
use crate::region::Steps;
use crate::repeat::input_value;
use crate::schedule::Scheduler;
use crate::scope::{Binding, Position, ScopeId, ty};
use std::collections::{BTreeMap, BTreeSet};
use tensc_ir::{Dim, Direction, Node, Rec, ValueId};
use tensc_program::TileId;

/// The position of a class: what it counts from, and how many entries a tile has.
#[derive(Clone)]
struct Along {
    ix: Ix,
    origin: Dim,
    len: usize,
}

impl<'g> Scheduler<'g> {
    #[expect(clippy::too_many_arguments, reason = "what every lowering of a node gets, and the lanes")]
    pub(super) fn fused(
        &mut self,
        at: ScopeId,
        outer_plan: &Plan,
        node: &'g Node,
        rec: &'g Rec,
        made: &[ValueId],
        lanes: &Lanes,
        steps: &mut Steps,
    ) -> Result<(), ScheduleError> {
        let time = Dim::var(TIME);
        let facts = self.rec_facts(at, node, rec);
        let entry = Position::Kernel(time.clone());
        let bindings = self.rec_inputs(node, rec, (Dim::position(), time.clone()), &Binding::Carried, &entry);
        let (body, _) = self.body_scope(at, &rec.body, &|_| bindings.clone(), &facts, None);
        let wanted: Vec<ValueId> = rec.body.outputs.iter().map(|(_, value)| *value).collect();
        let plan = plan(self, body, &wanted);
        steps.prepare.extend(self.prepare(body, &plan)?);
        let places: Vec<(ValueId, Place)> =
            made.iter().map(|value| (*value, self.home_for(at, outer_plan, *value))).collect();
        let place_of = |n: usize| {
            let result = node.results.get(n)?;
            places.iter().find(|(value, _)| value == result).map(|(_, place)| place)
        };

        let mut reader = Reader::new(self, self.scope(at).wide);
        if self.scope(at).fact(*made.first().unwrap_or(&ValueId(0))).varies {
            reader.em.sequences(SEQUENCE);
        }
        let mut axes = Axes::new(&mut reader, rec, lanes);
        let lines: Vec<Vec<Along>> = wanted.iter().map(|value| axes.of(&mut reader, rec, *value)).collect();
        let positions = |line: usize| -> Vec<Ix> {
            lines.get(line).map(|along| along.iter().map(|a| a.ix.clone()).collect()).unwrap_or_default()
        };

        // Initial states, in front of the loop.
        let first_start = rec.sequences + rec.constants;
        let mut starts = Vec::new();
        let starting = rec.states.iter().flat_map(|state| std::iter::repeat_n(state.line, state.depth));
        for (n, line) in starting.clone().enumerate() {
            let Some(operand) = node.operands.get(first_start + n) else { continue };
            starts.push((line, reader.read(at, *operand, &positions(line))?));
        }
        let extent = reader.em.size(&rec.length);
        let reverse = rec.direction == Direction::Backward;
        reader.em.span(&time, &extent);
        reader.em.begin_named_loop(TIME.to_owned(), extent, reverse);
        let mut carried = Vec::new();
        for (n, (line, start)) in starts.iter().enumerate() {
            let along = lines.get(*line).cloned().unwrap_or_default();
            let tile_axes: Vec<_> = along
                .iter()
                .flat_map(|a| a.ix.affine.names())
                .filter_map(|name| reader.em.axis_of(&name).map(|(axis, _, _)| axis))
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
            };
            reader.carried.insert((body, input), state);
        }
        let mut next: BTreeMap<usize, crate::read::Val> = BTreeMap::new();
        for (line, value) in wanted.iter().enumerate() {
            let place = place_of(line);
            let is_state = rec.states.iter().any(|state| state.line == line);
            if place.is_none() && !is_state {
                continue;
            }
            let idx = positions(line);
            let val = reader.read(body, *value, &idx)?;
            next.insert(line, val);
            if let Some(place) = place {
                let mut idx = idx;
                idx.insert(rec.axis.min(idx.len()), Ix::at(time.clone()));
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
        let mut ends = reader.end_loop(&yields).into_iter();
        for (n, (line, start)) in starts.iter().enumerate() {
            let tiles: Vec<TileId> = start.tiles().iter().filter_map(|_| ends.next()).collect();
            if let Some(place) = place_of(rec.body.outputs.len() + n) {
                reader.store(place, &positions(*line), start.with(&tiles));
            }
        }
        let name = format!("rec {}", crate::kernels::describe(self.scope(body), &wanted, ValueId(0)));
        let Reader { em, checks, .. } = reader;
        let (kernel, arguments, sizes) = em.finish(name);
        self.add_checks(checks);
        let step = self.launch(kernel, arguments, sizes);
        steps.main.push(step);
        Ok(())
    }
}

/// The kernel's axes for the classes of a body.
struct Axes<'a> {
    lanes: &'a Lanes,
    of_class: BTreeMap<usize, Along>,
}

impl<'a> Axes<'a> {
    /// Declares grid axes, then the tile axes of the states, lanes innermost.
    fn new(reader: &mut Reader<'_, '_>, rec: &Rec, lanes: &'a Lanes) -> Self {
        let mut axes = Self { lanes, of_class: BTreeMap::new() };
        let body = &rec.body;
        let Some((_, first)) = rec.states.first().and_then(|state| body.outputs.get(state.line)) else {
            return axes;
        };
        let rank = ty(body, *first).rank();
        let mut lanes_at = None;
        for axis in 0..rank {
            let Some(class) = lanes.class(*first, axis) else { continue };
            let size = reader.em.size(&size_of(body, *first, axis));
            match lanes.kind(class) {
                Kind::Whole => {}
                Kind::Grid => {
                    let position = reader.em.grid("i", size.clone());
                    reader.em.span(&position, &size);
                    let along = Along { ix: Ix::at(position.clone()), origin: position, len: 1 };
                    axes.of_class.insert(class, along);
                }
                Kind::Lanes(count) => {
                    let fits = known(&size).is_some_and(|n| n <= count);
                    let piece = if fits {
                        Dim::default()
                    } else {
                        let extent = reader.em.size(&pieces(&size_of(body, *first, axis), count));
                        reader.em.grid("j", extent)
                    };
                    lanes_at = Some((class, size, count, piece));
                }
            }
        }
        // Whole axes of all states first: what is declared last lies innermost.
        for state in &rec.states {
            if let Some((_, value)) = body.outputs.get(state.line) {
                for axis in 0..ty(body, *value).rank() {
                    axes.whole(reader, rec, *value, axis, &BTreeSet::new());
                }
            }
        }
        if let Some((class, size, count, piece)) = lanes_at {
            let origin = &dim(count) * &piece;
            let whole = size.clone();
            let (bound, extent) = match known(&size) {
                Some(n) if n <= count => (n.max(1), size),
                Some(_) | None => (count, rest(&size, count, &piece)),
            };
            let taken = axes.names();
            let axis = reader.em.axis(bound, &extent, &taken);
            let position = &origin + &reader.em.position(axis);
            reader.em.span(&position, &whole);
            let ix = Ix::at(position);
            axes.of_class.insert(class, Along { ix, origin, len: bound });
        }
        axes
    }

    fn names(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        self.of_class.values().for_each(|along| along.ix.names(&mut names));
        names
    }

    /// A tile axis of the whole size, for a class that does not fall apart.
    fn whole(
        &mut self,
        reader: &mut Reader<'_, '_>,
        rec: &Rec,
        value: ValueId,
        axis: usize,
        taken: &BTreeSet<String>,
    ) -> Option<Along> {
        let size = size_of(&rec.body, value, axis);
        let class = self.lanes.class(value, axis);
        if is_one(&size) || class.is_some_and(|class| self.lanes.kind(class) != Kind::Whole) {
            return None;
        }
        let own_name = |along: &Along| along.ix.affine.as_var().is_some_and(|name| taken.contains(name));
        if let Some(along) = class.and_then(|class| self.of_class.get(&class)).filter(|a| !own_name(a)) {
            return Some(along.clone());
        }
        let bound = known(&size).unwrap_or(1).max(1);
        let mut all = self.names();
        all.extend(taken.iter().cloned());
        let axis = reader.em.axis(bound, &size, &all);
        let position = reader.em.position(axis);
        reader.em.span(&position, &size);
        let along = Along { ix: Ix::at(position), origin: Dim::default(), len: bound };
        if let Some(class) = class {
            self.of_class.entry(class).or_insert_with(|| along.clone());
        }
        Some(along)
    }

    /// The positions along all axes of a value.
    fn of(&mut self, reader: &mut Reader<'_, '_>, rec: &Rec, value: ValueId) -> Vec<Along> {
        let mut all = Vec::new();
        let mut taken = BTreeSet::new();
        for axis in 0..ty(&rec.body, value).rank() {
            let apart = self
                .lanes
                .class(value, axis)
                .filter(|class| self.lanes.kind(*class) != Kind::Whole)
                .and_then(|class| self.of_class.get(&class).cloned());
            let nothing = Along { ix: Ix::zero(), origin: Dim::default(), len: 1 };
            let along = apart.or_else(|| self.whole(reader, rec, value, axis, &taken)).unwrap_or(nothing);
            along.ix.names(&mut taken);
            all.push(along);
        }
        all
    }
}
