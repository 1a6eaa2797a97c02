//! A kernel for one or more values of the same shape.
//!
//! The grid covers sequences and outer axes; the innermost axes are tile axes, about a thousand entries in all. An axis along which a value of the kernel is reduced
//! (a norm, a softmax) stays whole, so that each row is computed in one grid point.

use crate::ScheduleError;
use crate::emit::rest;
use crate::index::{Ix, dim, known, pieces};
use crate::place::Place;
use crate::read::{Reader, SEQUENCE, fits_tile};
use crate::schedule::Scheduler;
use crate::scope::{Scope, ScopeId};
use std::collections::BTreeSet;
use tensc_ir::{Dim, Op, ValueId};
use tensc_program::Step;

/// Entries of a grid point's tiles.
const ENTRIES: usize = 1024;
/// Below this many entries an axis is not worth a tile axis.
const FEW: usize = 8;

/// What the values that a kernel computes on the way ask of its tiles.
struct Shape {
    /// The last axis stays whole: something is reduced along it.
    rows: bool,
    /// Entries that are read for one entry of the result.
    depth: usize,
}

impl Scheduler<'_> {
    /// Steps that compute values into places; all have the same shape.
    pub(crate) fn compute(
        &mut self,
        at: ScopeId,
        targets: &[(ValueId, Place)],
    ) -> Result<Vec<Step>, ScheduleError> {
        if let [(value, place)] = targets
            && let Some(steps) = self.pieces(at, *value, place)?
        {
            return Ok(steps);
        }
        let scope = self.scope(at);
        let mut reader = Reader::new(self, scope.wide);
        reader.made = targets.iter().map(|(value, _)| (at, *value)).collect();
        let values: Vec<ValueId> = targets.iter().map(|(value, _)| *value).collect();
        let Some((first, place)) = targets.first() else { return Ok(Vec::new()) };
        if targets.iter().any(|(_, place)| place.batch.is_some()) {
            reader.em.sequences(SEQUENCE);
        }
        let shape = tile_shape(scope, &values);
        let idx = positions(&mut reader, &place.shape, &shape);
        for (value, place) in targets {
            let val = reader.read(at, *value, &idx)?;
            reader.store(place, &idx, val);
        }
        let name = describe(scope, &values, *first);
        let Reader { em, checks, .. } = reader;
        let (kernel, arguments, sizes) = em.finish(name);
        self.add_checks(checks);
        Ok(vec![self.launch(kernel, arguments, sizes)])
    }

    /// A concatenation is as many kernels as it has operands.
    fn pieces(
        &mut self,
        at: ScopeId,
        value: ValueId,
        place: &Place,
    ) -> Result<Option<Vec<Step>>, ScheduleError> {
        let scope = self.scope(at);
        let Some(node) = scope.node_of(value) else { return Ok(None) };
        let Op::Concat { axis } = &node.op else { return Ok(None) };
        if scope.home(value).is_some_and(|home| home != place) {
            return Ok(None);
        }
        let mut start = Dim::default();
        let mut steps = Vec::new();
        for operand in &node.operands {
            let size = self.scope(at).ty(*operand).shape.get(*axis).cloned().unwrap_or_default();
            let piece = place.slice(*axis, &start, &size);
            steps.extend(self.compute_elsewhere(at, *operand, &piece)?);
            start = &start + &size;
        }
        Ok(Some(steps))
    }

    /// Steps that put a value into another place than its own.
    pub(crate) fn compute_elsewhere(
        &mut self,
        at: ScopeId,
        value: ValueId,
        place: &Place,
    ) -> Result<Vec<Step>, ScheduleError> {
        if let Some(home) = self.scope(at).home(value)
            && let Some(copies) = self.copies(&home.clone(), place)
        {
            return Ok(copies);
        }
        if self.scope(at).home(value).is_none() {
            return self.compute(at, &[(value, place.clone())]);
        }
        // The value lies in memory: a kernel that reads it there.
        let scope = self.scope(at);
        let mut reader = Reader::new(self, scope.wide);
        if place.batch.is_some() {
            reader.em.sequences(SEQUENCE);
        }
        let idx = positions_of(&mut reader, &place.shape);
        let val = reader.read(at, value, &idx)?;
        reader.store(place, &idx, val);
        let Reader { em, checks, .. } = reader;
        let (kernel, arguments, sizes) = em.finish("copy".to_owned());
        self.add_checks(checks);
        Ok(vec![self.launch(kernel, arguments, sizes)])
    }

    /// Plain copies, where both arrays are without gaps and alike.
    pub(crate) fn copies(&self, from: &Place, to: &Place) -> Option<Vec<Step>> {
        use crate::place::Parts;
        let alike = from.memory == to.memory && from.batch.is_some() == to.batch.is_some();
        if !alike || !from.is_contiguous() || !to.is_contiguous() || from.shape != to.shape {
            return None;
        }
        match (&from.parts, &to.parts) {
            (Parts::Real(from), Parts::Real(spot)) => Some(vec![self.copy(from, spot, to)]),
            (Parts::Complex(re, im), Parts::Complex(to_re, to_im)) => {
                let pairs = [(re, to_re), (im, to_im)];
                let copies = pairs.into_iter().filter_map(|(from, spot)| match (from, spot) {
                    (Some(from), Some(spot)) => Some(self.copy(from, spot, to)),
                    _ => None,
                });
                Some(copies.collect())
            }
            (Parts::Real(_), Parts::Complex(..)) | (Parts::Complex(..), Parts::Real(_)) => None,
        }
    }
}

/// Positions along all axes of an array of this shape.
pub(crate) fn positions_of(reader: &mut Reader<'_, '_>, shape: &[Dim]) -> Vec<Ix> {
    positions(reader, shape, &Shape { rows: false, depth: 1 })
}

/// Makes grid and tile axes for a shape; gives the position along each axis.
fn positions(reader: &mut Reader<'_, '_>, shape: &[Dim], tiles: &Shape) -> Vec<Ix> {
    let chosen = choose(shape, tiles);
    let mut grid = Vec::new();
    for (size, choice) in shape.iter().zip(&chosen) {
        grid.push(match choice {
            Choice::Grid => {
                let extent = reader.em.size(size);
                Some(reader.em.grid("i", extent))
            }
            Choice::Pieces(bound) => {
                let extent = reader.em.size(&pieces(size, *bound));
                Some(reader.em.grid("j", extent))
            }
            Choice::Whole(_) => None,
        });
    }
    let mut taken = BTreeSet::new();
    let mut idx = Vec::new();
    for ((size, choice), grid) in shape.iter().zip(&chosen).zip(grid) {
        let size = reader.em.size(size);
        let (bound, piece) = match (choice, grid) {
            (Choice::Grid, Some(position)) => {
                reader.em.span(&position, &size);
                idx.push(Ix::at(position));
                continue;
            }
            (Choice::Pieces(bound), Some(piece)) => (*bound, piece),
            (Choice::Whole(bound), _) => (*bound, Dim::default()),
            (Choice::Grid | Choice::Pieces(_), None) => (1, Dim::default()),
        };
        let extent = match choice {
            Choice::Whole(_) => size.clone(),
            Choice::Grid | Choice::Pieces(_) => rest(&size, bound, &piece),
        };
        let axis = reader.em.axis(bound, &extent, &taken);
        taken.insert(reader.em.axis_name(axis));
        let position = &(&dim(bound) * &piece) + &reader.em.position(axis);
        reader.em.span(&position, &size);
        idx.push(Ix::at(position));
    }
    idx
}

/// How an axis is covered.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Choice {
    /// One grid point per entry.
    Grid,
    /// A tile axis of this bound, a grid point per piece.
    Pieces(usize),
    /// One tile axis.
    Whole(usize),
}

fn choose(shape: &[Dim], tiles: &Shape) -> Vec<Choice> {
    let mut chosen = vec![Choice::Grid; shape.len()];
    let budget = (ENTRIES / tiles.depth.max(1)).max(1);
    let mut used = 1;
    for (n, (size, choice)) in shape.iter().zip(&mut chosen).enumerate().rev() {
        let last = n + 1 == shape.len();
        let room = budget / used;
        match known(size) {
            Some(1) => continue,
            Some(size) if last && tiles.rows => {
                *choice = Choice::Whole(size.max(1));
                used *= size.max(1);
            }
            Some(size) if size <= room => {
                *choice = Choice::Whole(size.max(1));
                used *= size.max(1);
            }
            Some(_) | None if room >= FEW => {
                *choice = Choice::Pieces(room.next_power_of_two().min(ENTRIES));
                break;
            }
            Some(_) | None => break,
        }
        if !last && used > 1 && chosen_twice(n, shape) {
            break;
        }
    }
    chosen
}

/// Whether an axis behind this one is longer than 1, so that two tile axes are in use.
fn chosen_twice(n: usize, shape: &[Dim]) -> bool {
    shape.iter().skip(n + 1).any(|size| known(size) != Some(1))
}

/// Calls `visit` with each node that a kernel computing these values computes on the way, in the order of the graph.
fn closure<'g>(scope: &Scope<'g>, values: &[ValueId], visit: &mut dyn FnMut(&'g tensc_ir::Node)) {
    let mut nodes = BTreeSet::new();
    let mut pending = values.to_vec();
    let made: BTreeSet<ValueId> = values.iter().copied().collect();
    while let Some(value) = pending.pop() {
        let stored = scope.home(value).is_some() && !made.contains(&value);
        let Some(link) = scope.graph.values.get(value.0 as usize) else { continue };
        if !stored
            && nodes.insert(link.node)
            && let Some(node) = scope.node_of(value)
        {
            pending.extend(node.operands.iter().copied());
        }
    }
    for id in nodes {
        if let Some(node) = scope.graph.nodes.get(id.0 as usize) {
            visit(node);
        }
    }
}

fn tile_shape(scope: &Scope<'_>, values: &[ValueId]) -> Shape {
    let mut shape = Shape { rows: false, depth: 1 };
    let result = values.first().map(|value| scope.ty(*value).shape.clone()).unwrap_or_default();
    closure(scope, values, &mut |node| {
        let operand = |n: usize| node.operands.get(n).map(|v| scope.ty(*v));
        match &node.op {
            Op::Reduce { axes, .. } => {
                let Some(ty) = operand(0) else { return };
                let last = ty.shape.len().saturating_sub(1);
                if ty.shape == result && *axes == [last] && ty.shape.last().is_some_and(fits_tile) {
                    shape.rows = true;
                }
                let entries = axes.iter().filter_map(|axis| ty.shape.get(*axis));
                let entries: usize = entries.map(|size| known(size).unwrap_or(64)).product();
                shape.depth = shape.depth.max(entries.max(1));
            }
            Op::Contract(_) => shape.depth = shape.depth.max(8),
            Op::Cumsum { axis } => {
                let size = operand(0).and_then(|ty| ty.shape.get(*axis)).and_then(known);
                shape.depth = shape.depth.max(size.unwrap_or(1));
            }
            Op::Input(_)
            | Op::Const(_)
            | Op::DimValue(_)
            | Op::Iota { .. }
            | Op::Unary(_)
            | Op::Binary(_)
            | Op::Select
            | Op::Cast(_)
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
            | Op::Fft { .. }
            | Op::Last { .. }
            | Op::Keep { .. }
            | Op::Draw { .. }
            | Op::Rec(_)
            | Op::Repeat(_) => {}
        }
    });
    if shape.rows {
        shape.depth = 1;
        // A row is a grid point, unless rows are short.
        let row = result.last().and_then(known).unwrap_or(1);
        shape.depth = shape.depth.max(if row >= 64 { ENTRIES / row.min(ENTRIES) } else { 1 });
    }
    shape
}

/// What a kernel computes, in its ops' words.
pub(crate) fn describe(scope: &Scope<'_>, values: &[ValueId], first: ValueId) -> String {
    let mut words: Vec<&str> = Vec::new();
    closure(scope, values, &mut |node| {
        let word = match &node.op {
            Op::Input(_)
            | Op::Const(_)
            | Op::DimValue(_)
            | Op::Broadcast { .. }
            | Op::Reshape { .. }
            | Op::Cast(_) => return,
            op => op.name(),
        };
        if words.last() != Some(&word) {
            words.push(word);
        }
    });
    const MOST: usize = 6;
    if words.len() > MOST {
        let skipped = words.len() - MOST;
        words.drain(2..2 + skipped);
        words.insert(2, "..");
    }
    if words.is_empty() {
        return scope.node_of(first).map_or("copy", |node| node.op.name()).to_owned();
    }
    words.join(" ")
}
