//! What recipes for chunks have in common: the axes of a chunk, products of factors, conditions between two entries, cumulative decays.

use crate::ScheduleError;
use crate::index::{Ix, dim};
use crate::read::Reader;
use crate::scope::ScopeId;
use tensc_ir::analyse::matrix::Part;
use tensc_ir::{BinaryOp, DType, Dim, UnaryOp};
use tensc_program::{AxisId, Index, Memory, ReduceOp, TileId};

/// Names of a chunk's loop variable and of its two axes of entries.
pub(super) const CHUNK: &str = "chunk";
pub(super) const ENTRY: &str = "entry";
pub(super) const OTHER: &str = "other";

/// The axes of a chunk and conditions between its entries.
#[derive(Clone, Copy)]
pub(super) struct Entries {
    pub(super) length: usize,
    pub(super) entry: AxisId,
    pub(super) other: AxisId,
    /// The other entry is not later; is the same; is earlier.
    pub(super) upto: TileId,
    pub(super) same: TileId,
    pub(super) before: TileId,
    /// The entry is the chunk's last.
    pub(super) last: TileId,
}

impl Entries {
    /// Declares the axes.
    pub(super) fn new(reader: &mut Reader<'_, '_>, length: usize) -> Self {
        let entry = reader.em.named_axis(ENTRY, length, &dim(length));
        let other = reader.em.named_axis(OTHER, length, &dim(length));
        let (here, there) = (reader.em.iota(&Dim::var(ENTRY)), reader.em.iota(&Dim::var(OTHER)));
        let end = reader.em.iota(&dim(length - 1));
        Self {
            length,
            entry,
            other,
            upto: reader.em.binary(BinaryOp::Ge, here, there),
            same: reader.em.binary(BinaryOp::Eq, here, there),
            before: reader.em.binary(BinaryOp::Gt, here, there),
            last: reader.em.binary(BinaryOp::Eq, here, end),
        }
    }
}

/// Cumulative decays of a chunk, where there is a decay.
#[derive(Clone, Copy)]
pub(super) struct Decays {
    /// From behind the other entry up to the entry, or 0.
    pub(super) between: TileId,
    /// From the start of the chunk up to the entry.
    pub(super) upto: TileId,
    /// From behind the entry to the end of the chunk.
    pub(super) onwards: TileId,
    /// Of the whole chunk.
    pub(super) whole: TileId,
}

impl Reader<'_, '_> {
    pub(super) fn real(&mut self, value: f64) -> TileId {
        let element = self.element(DType::F32);
        self.em.constant(element, value)
    }

    /// A product of factors, each read where the state's axes are at `idx`.
    pub(super) fn parts_at(
        &mut self,
        body: ScopeId,
        parts: &[Part],
        idx: &[Ix],
    ) -> Result<Option<TileId>, ScheduleError> {
        let mut product: Option<TileId> = None;
        for part in parts {
            let tile = self.read(body, part.value, &at_axes(&part.axes, idx))?.real();
            product = Some(match (product, part.inverse) {
                (Some(product), false) => self.em.binary(BinaryOp::Mul, product, tile),
                (Some(product), true) => self.em.binary(BinaryOp::Div, product, tile),
                (None, false) => tile,
                (None, true) => {
                    let one = self.real(1.0);
                    self.em.binary(BinaryOp::Div, one, tile)
                }
            });
        }
        Ok(product)
    }

    pub(super) fn signed(&mut self, tile: TileId, negative: bool) -> TileId {
        if negative { self.em.unary(UnaryOp::Neg, tile) } else { tile }
    }

    /// The first tile times the others that are there.
    pub(super) fn times_all(&mut self, tile: TileId, others: &[Option<TileId>]) -> TileId {
        others.iter().flatten().fold(tile, |all, other| self.em.binary(BinaryOp::Mul, all, *other))
    }

    pub(super) fn plus(&mut self, sum: Option<TileId>, tile: TileId) -> TileId {
        match sum {
            Some(sum) => self.em.binary(BinaryOp::Add, sum, tile),
            None => tile,
        }
    }

    /// The tile of the other entries.
    pub(super) fn of_other(&mut self, entries: Entries, tile: TileId) -> TileId {
        let tile = self.em.widen(tile, entries.entry);
        self.em.rename(tile, entries.entry, entries.other)
    }

    /// The tile's value at the chunk's last entry.
    pub(super) fn at_last(&mut self, entries: Entries, tile: TileId) -> TileId {
        let zero = self.real(0.0);
        let tile = self.em.widen(tile, entries.entry);
        let kept = self.em.select(entries.last, tile, zero);
        self.em.reduce(ReduceOp::Sum, entries.entry, kept)
    }

    /// Products of decays by multiplying in order: exact for decays of 0, of more than 1, and of either sign.
    pub(super) fn decays(&mut self, entries: Entries, decay: TileId) -> Decays {
        let (zero, one) = (self.real(0.0), self.real(1.0));
        let first = self.em.select(entries.same, one, zero);
        let between = self.em.scan(entries.entry, Some(decay), first, None);
        let upto = self.em.scan(entries.entry, Some(decay), zero, Some(one));
        let onwards = self.at_last(entries, between);
        let onwards = self.em.rename(onwards, entries.other, entries.entry);
        let whole = self.at_last(entries, upto);
        Decays { between, upto, onwards, whole }
    }

    /// The same, without the entry's own decay: what the state in front of an entry has seen.
    pub(super) fn decays_before(&mut self, entries: Entries, decay: TileId) -> (TileId, TileId) {
        let (zero, one) = (self.real(0.0), self.real(1.0));
        let here = self.em.iota(&Dim::var(ENTRY));
        let nothing = self.em.iota(&Dim::default());
        let inside = self.em.binary(BinaryOp::Gt, here, nothing);
        let earlier = if self.em.tile(decay).axes.contains(&entries.entry) {
            let element = self.em.element(decay);
            let local = self.em.local(element, entries.length);
            let place = |affine: Dim| Index { affine, gathered: Vec::new() };
            self.em.store(Memory::Local(local), place(Dim::var(ENTRY)), decay);
            self.em.load_local(local, place(&Dim::var(ENTRY) - &Dim::constant(1)), &[inside])
        } else {
            decay
        };
        let there = self.em.iota(&(&Dim::var(OTHER) + &Dim::constant(1)));
        let follows = self.em.binary(BinaryOp::Eq, here, there);
        let first = self.em.select(follows, one, zero);
        let between = self.em.scan(entries.entry, Some(earlier), first, None);
        let earlier = self.em.select(inside, earlier, one);
        let upto = self.em.scan(entries.entry, Some(earlier), zero, Some(one));
        (between, upto)
    }

    /// A tile whose entries are all finite, and what those that are not do to all later entries of the chunk: zeros in a mask would make them NaN for earlier ones too.
    pub(super) fn finite(&mut self, entries: Entries, tile: TileId) -> (TileId, TileId) {
        let zero = self.real(0.0);
        let difference = self.em.binary(BinaryOp::Sub, tile, tile);
        let is_finite = self.em.binary(BinaryOp::Eq, difference, zero);
        let finite = self.em.select(is_finite, tile, zero);
        let rest = self.em.select(is_finite, zero, tile);
        (finite, self.em.scan(entries.entry, None, rest, None))
    }
}

/// The positions of a value's axes, given the state's.
pub(super) fn at_axes(axes: &[Option<usize>], idx: &[Ix]) -> Vec<Ix> {
    axes.iter().map(|axis| axis.and_then(|axis| idx.get(axis)).cloned().unwrap_or_default()).collect()
}
