//! A kernel's axes for a recurrence: grid axes for what falls apart, tile axes for pieces of lanes and for what does not, one for segments where there are any.

use super::lanes::{Kind, Lanes, size_of};
use crate::emit::rest;
use crate::index::{Ix, dim, is_one, known, pieces};
use crate::read::Reader;
use crate::scope::ty;
use std::collections::{BTreeMap, BTreeSet};
use tensc_ir::{Dim, Rec, ValueId};

/// The position of a class: what it counts from, and how many entries a tile has.
#[derive(Clone)]
pub(super) struct Along {
    pub(super) ix: Ix,
    pub(super) origin: Dim,
    pub(super) len: usize,
}

/// The kernel's axes for the classes of a body.
pub(super) struct Axes<'a> {
    lanes: &'a Lanes,
    of_class: BTreeMap<usize, Along>,
}

impl<'a> Axes<'a> {
    /// Declares grid axes, then the tile axis of segments, then those of the states, lanes innermost. `segments` is the name of the axis and its size.
    pub(super) fn new(
        reader: &mut Reader<'_, '_>,
        rec: &Rec,
        lanes: &'a Lanes,
        segments: Option<(&str, usize)>,
    ) -> Self {
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
        if let Some((name, count)) = segments {
            reader.em.named_axis(name, count, &dim(count));
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
    pub(super) fn whole(
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
    pub(super) fn of(&mut self, reader: &mut Reader<'_, '_>, rec: &Rec, value: ValueId) -> Vec<Along> {
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
