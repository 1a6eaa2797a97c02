//! `chunk(C)` of a recurrence with a matrix state: C entries at a time as products of matrices, the state from chunk to chunk.
//!
//! With the chunk's keys K and values V as rows, S the state in front of it, and `D[c, c'] = a[c'+1] .. a[c]` for c' <= c, else 0:
//! ```text
//! o = (D o (Q K')) V + diag(a[0] .. a[c]) Q S         what lines read
//! S = a[0] .. a[C-1] S + (diag(a[c+1] .. a[C-1]) K)' V
//! ```
//! Under the delta rule the values are what a unit triangular system says: `y[c] = v[c] + b[c] k[c] S[c-1]`, with S[c-1] written out in S and the y before it.
//!
//! A decay that differs along the key axis is no factor of Q K': there a loop over the chunk's entries keeps the keys decayed up to the entry at hand, and each gives a row.

use super::Pieces;
use super::tiles::{CHUNK, Decays, Entries, at_axes};
use crate::ScheduleError;
use crate::index::{Ix, dim};
use crate::read::{Reader, SEQUENCE, Val};
use crate::recurrence::{Lanes, Target};
use crate::region::Steps;
use crate::schedule::Scheduler;
use crate::scope::{Position, ScopeId, ty};
use std::collections::BTreeSet;
use tensc_ir::analyse::Matrix;
use tensc_ir::analyse::matrix::Delta;
use tensc_ir::{BinaryOp, Dim, Direction, Rec, ValueId};
use tensc_program::{AxisId, Index, LocalId, Memory, ReduceOp, TileId};

/// Name of the variable of the loop over a chunk's entries, and of the axis of those before it.
const ROW: &str = "row";
const UPTO: &str = "upto";

/// Keys and values of one outer product of a chunk.
#[derive(Clone, Copy)]
struct Written {
    key: TileId,
    value: TileId,
}

/// The kernel at one chunk.
struct Chunk<'a> {
    matrix: &'a Matrix,
    rec: &'a Rec,
    entries: Entries,
    /// The state's axes, and of them the tile axes.
    idx: Vec<Ix>,
    key: AxisId,
    key_size: usize,
    state: TileId,
    /// The body at the chunk's entries, and at the entry of the inner loop.
    body: ScopeId,
    row: ScopeId,
}

impl<'g> Scheduler<'g> {
    /// Whether what is wanted of a recurrence is only what reads its state, and the state at the end.
    pub(super) fn only_reads(&self, target: Target<'_, 'g>, matrix: &Matrix) -> bool {
        let lines = target.node.results.iter().take(target.rec.body.outputs.len()).enumerate();
        lines
            .filter(|(_, result)| target.made.contains(result))
            .all(|(line, _)| line != matrix.state_line && matrix.lines.contains_key(&line))
    }

    pub(super) fn chunk(
        &mut self,
        target: Target<'_, 'g>,
        lanes: &Lanes,
        matrix: &Matrix,
        length: usize,
        steps: &mut Steps,
    ) -> Result<(), ScheduleError> {
        let Target { at, rec, node, made, .. } = target;
        let Some((_, state)) = rec.body.outputs.get(matrix.state_line) else { return Ok(()) };
        let of_state = ty(&rec.body, *state);
        let count = rec.length.div(&dim(length)).unwrap_or_default().floor();
        let pieces = Pieces::new(&rec.length, &(&count * &dim(length)), rec.direction);
        let varies = made.first().is_some_and(|value| self.scope(at).fact(*value).varies);
        let kind = (of_state.dtype, self.scope(at).wide);
        let end = self.scratch("end", kind, &of_state.shape, varies, [true; 2]);

        // Entries of a chunk count in the direction of the recurrence.
        let position = |inner: &Dim| {
            let inner = &(&Dim::var(CHUNK) * &dim(length)) + inner;
            let (origin, inner) = match rec.direction {
                Direction::Forward => (pieces.from.clone(), inner),
                Direction::Backward => (&rec.length - &Dim::constant(1), -&inner),
            };
            Position::Piece { origin, stride: Dim::default(), variable: Dim::default(), inner }
        };
        let entry = position(&Dim::var(super::tiles::ENTRY));
        let body = self.rec_scope(target, &entry, steps)?;
        let row = if matrix.decay_along_key {
            self.rec_scope(target, &position(&Dim::var(ROW)), steps)?
        } else {
            body
        };
        let places = self.rec_places(target);

        let mut reader = Reader::new(self, self.scope(at).wide);
        if varies {
            reader.em.sequences(SEQUENCE);
        }
        let mut idx = vec![Ix::zero(); of_state.rank()];
        for (axis, size) in of_state.shape.iter().enumerate() {
            if axis != matrix.key && axis != matrix.value {
                let size = reader.em.size(size);
                let grid = reader.em.grid("i", size.clone());
                reader.em.span(&grid, &size);
                set(&mut idx, axis, grid);
            }
        }
        let entries = Entries::new(&mut reader, length);
        let mut taken = BTreeSet::new();
        let mut axes = Vec::new();
        for axis in [matrix.key, matrix.value] {
            let size = of_state.shape.get(axis).cloned().unwrap_or_default();
            let bound = crate::index::known(&size).unwrap_or(1);
            let id = reader.em.axis(bound, &size, &taken);
            let position = reader.em.position(id);
            reader.em.span(&position, &size);
            taken.insert(reader.em.axis_name(id));
            set(&mut idx, axis, position);
            axes.push((id, bound));
        }
        let Some((key, key_size)) = axes.first().copied() else { return Ok(()) };
        let Some(operand) = node.operands.get(rec.sequences + rec.constants) else { return Ok(()) };
        let start = reader.read(at, *operand, &idx)?.real();
        let at_entry = reader.position(&entry);
        let whole = reader.em.size(&rec.length);
        reader.em.span(&at_entry, &whole);
        let turns = reader.em.size(&count);
        reader.em.begin_named_loop(CHUNK.to_owned(), turns, false);
        let tile_axes: Vec<AxisId> = axes.iter().map(|(id, _)| *id).collect();
        let state_tile = reader.em.carry(start, &tile_axes);
        let chunk =
            Chunk { matrix, rec, entries, idx: idx.clone(), key, key_size, state: state_tile, body, row };
        let next = chunk.turn(&mut reader)?;
        for (line, axes) in &matrix.lines {
            let (Some(place), Some((_, value))) = (places.get(line), rec.body.outputs.get(*line)) else {
                continue;
            };
            let mut positions = at_axes(axes, &idx);
            let val = reader.read(body, *value, &positions)?;
            positions.insert(rec.axis.min(positions.len()), Ix::at(at_entry.clone()));
            reader.store(place, &positions, val);
        }
        let ends = reader.end_loop(&[next]);
        if let Some(tile) = ends.first() {
            reader.store(&end, &idx, Val::Real(*tile));
        }
        let wanted: Vec<ValueId> = rec.body.outputs.iter().map(|(_, value)| *value).collect();
        let name =
            format!("chunks of rec {}", crate::kernels::describe(self.scope(body), &wanted, ValueId(0)));
        let Reader { em, checks, .. } = reader;
        let (kernel, arguments, sizes) = em.finish(name);
        self.add_checks(checks);
        let step = self.launch(kernel, arguments, sizes);
        steps.main.push(step);
        self.walk(target, lanes, &pieces.walk_rest(end), steps)
    }
}

impl Chunk<'_> {
    /// Everything that a chunk computes: gives what lines read to the reader, and the state behind the chunk.
    fn turn(&self, reader: &mut Reader<'_, '_>) -> Result<TileId, ScheduleError> {
        let of_state =
            self.rec.body.outputs.get(self.matrix.state_line).map(|(_, value)| ty(&self.rec.body, *value));
        let Some(of_state) = of_state else { return Ok(self.state) };
        let decay = reader.decay(self.body, &self.matrix.decay, of_state, &self.idx)?.real();
        if self.matrix.decay_along_key {
            return self.along_keys(reader, decay);
        }
        let is_one = reader.em.constant_of(decay) == Some(1.0);
        let decays = (!is_one).then(|| reader.decays(self.entries, decay));
        let before = (!is_one
            && (self.matrix.delta.is_some() || self.matrix.reads.iter().any(|read| read.earlier)))
        .then(|| reader.decays_before(self.entries, decay));
        let mut written = self.outer(reader)?;
        if let Some(delta) = &self.matrix.delta {
            let more = self.delta(reader, delta, before, &written)?;
            written.push(more);
        }
        for read in &self.matrix.reads {
            let query =
                reader.read(self.body, read.vector.value, &at_axes(&read.vector.axes, &self.idx))?.real();
            let query = reader.em.widen(query, self.entries.entry);
            let (mask, between, upto) = match (read.earlier, decays, before) {
                (true, _, before) => (self.entries.before, before.map(|b| b.0), before.map(|b| b.1)),
                (false, decays, _) => (self.entries.upto, decays.map(|d| d.between), decays.map(|d| d.upto)),
            };
            let mut sum = None;
            for pair in &written {
                let scores = self.scores(reader, query, pair.key, between, mask);
                sum = Some(self.mixed(reader, sum, scores, pair.value));
            }
            let recalled = reader.em.dot(self.key, query, self.state);
            let recalled = reader.times_all(recalled, &[upto]);
            let val = reader.plus(sum, recalled);
            self.give(reader, read.value, &read.axes, val);
        }
        Ok(self.next(reader, &written, decays))
    }

    fn give(&self, reader: &mut Reader<'_, '_>, value: ValueId, axes: &[Option<usize>], tile: TileId) {
        let idx = at_axes(axes, &self.idx);
        reader.given.insert((self.body, value, idx), Val::Real(tile));
    }

    /// Keys and values of the outer products.
    fn outer(&self, reader: &mut Reader<'_, '_>) -> Result<Vec<Written>, ScheduleError> {
        let mut written = Vec::new();
        for outer in &self.matrix.outer {
            let key = reader.parts_at(self.body, &outer.key, &self.idx)?;
            let value = reader.parts_at(self.body, &outer.value, &self.idx)?;
            let (Some(key), Some(value)) = (key, value) else { continue };
            let value = reader.signed(value, outer.negative);
            let (key, value) =
                (reader.em.widen(key, self.entries.entry), reader.em.widen(value, self.entries.entry));
            written.push(Written { key, value });
        }
        Ok(written)
    }

    /// What a vector of each entry finds in what other entries write: zero where the mask says so.
    fn scores(
        &self,
        reader: &mut Reader<'_, '_>,
        vector: TileId,
        key: TileId,
        between: Option<TileId>,
        mask: TileId,
    ) -> TileId {
        let key = reader.of_other(self.entries, key);
        let scores = reader.em.dot(self.key, vector, key);
        let scores = reader.times_all(scores, &[between]);
        let zero = reader.real(0.0);
        reader.em.select(mask, scores, zero)
    }

    /// The sum of what other entries write, by scores.
    fn mixed(
        &self,
        reader: &mut Reader<'_, '_>,
        sum: Option<TileId>,
        scores: TileId,
        value: TileId,
    ) -> TileId {
        let (finite, rest) = reader.finite(self.entries, value);
        let value = reader.of_other(self.entries, finite);
        let mixed = reader.em.dot(self.entries.other, scores, value);
        let mixed = reader.em.binary(BinaryOp::Add, mixed, rest);
        reader.plus(sum, mixed)
    }

    /// What the delta rule writes: the solution of a triangular system.
    fn delta(
        &self,
        reader: &mut Reader<'_, '_>,
        delta: &Delta,
        before: Option<(TileId, TileId)>,
        others: &[Written],
    ) -> Result<Written, ScheduleError> {
        let entries = self.entries;
        // The part of what is written that is free of the state: as if nothing were recalled.
        let nothing = reader.real(0.0);
        self.give(reader, delta.recalled.value, &delta.recalled.axes, nothing);
        let free =
            reader.read(self.body, delta.content.value, &at_axes(&delta.content.axes, &self.idx))?.real();
        reader.forget();
        let free = reader.signed(free, delta.negative);
        let read = reader.parts_at(self.body, &delta.read, &self.idx)?;
        let write = reader.parts_at(self.body, &delta.write, &self.idx)?;
        let rate = reader.parts_at(self.body, &delta.rate, &self.idx)?;
        let (Some(read), Some(write)) = (read, write) else {
            return Err(ScheduleError::Malformed("a delta rule without vectors".to_owned()));
        };
        let (read, write) = (reader.em.widen(read, entries.entry), reader.em.widen(write, entries.entry));
        let rate = match rate {
            Some(rate) => rate,
            None => reader.real(1.0),
        };
        let rate = reader.signed(rate, delta.negative ^ delta.rate_negative);
        let (between, upto) = (before.map(|b| b.0), before.map(|b| b.1));
        let recalled = reader.em.dot(self.key, read, self.state);
        let recalled = reader.times_all(recalled, &[upto]);
        let mut recalled_all = recalled;
        for pair in others {
            let scores = self.scores(reader, read, pair.key, between, entries.before);
            recalled_all = self.mixed(reader, Some(recalled_all), scores, pair.value);
        }
        let recalled = reader.em.binary(BinaryOp::Mul, rate, recalled_all);
        let right = reader.em.binary(BinaryOp::Add, free, recalled);
        let scores = self.scores(reader, read, write, between, entries.before);
        let minus = reader.signed(rate, true);
        let system = reader.em.binary(BinaryOp::Mul, minus, scores);
        let value = reader.em.triangular_solve(system, entries.entry, entries.other, right);
        Ok(Written { key: write, value })
    }

    /// The state behind the chunk.
    fn next(&self, reader: &mut Reader<'_, '_>, written: &[Written], decays: Option<Decays>) -> TileId {
        let mut sum = reader.times_all(self.state, &[decays.map(|d| d.whole)]);
        for pair in written {
            let key = reader.times_all(pair.key, &[decays.map(|d| d.onwards)]);
            let added = reader.em.dot(self.entries.entry, key, pair.value);
            sum = reader.em.binary(BinaryOp::Add, sum, added);
        }
        sum
    }

    /// A decay along the keys.
    fn along_keys(&self, reader: &mut Reader<'_, '_>, decay: TileId) -> Result<TileId, ScheduleError> {
        let entries = self.entries;
        let (zero, one) = (reader.real(0.0), reader.real(1.0));
        let upto = reader.em.scan(entries.entry, Some(decay), zero, Some(one));
        let upto = reader.em.widen(upto, self.key);
        let whole = reader.at_last(entries, upto);
        let written = self.outer(reader)?;
        let rows = self.rows(reader, written.len())?;
        let mut sum = reader.em.binary(BinaryOp::Mul, whole, self.state);
        for (pair, decayed) in written.iter().zip(&rows.keys) {
            let key = reader.em.load_local(*decayed, self.key_place(&Dim::var(super::tiles::ENTRY)), &[]);
            let added = reader.em.dot(entries.entry, key, pair.value);
            sum = reader.em.binary(BinaryOp::Add, sum, added);
        }
        let mut scores = rows.scores.iter();
        for read in &self.matrix.reads {
            let query =
                reader.read(self.body, read.vector.value, &at_axes(&read.vector.axes, &self.idx))?.real();
            let query = reader.em.binary(BinaryOp::Mul, query, upto);
            let mut val = reader.em.dot(self.key, query, self.state);
            for pair in &written {
                let Some(local) = scores.next() else { continue };
                let place = self.score_place(&Dim::var(super::tiles::ENTRY), &Dim::var(super::tiles::OTHER));
                let scores = reader.em.load_local(*local, place, &[]);
                val = self.mixed(reader, Some(val), scores, pair.value);
            }
            self.give(reader, read.value, &read.axes, val);
        }
        Ok(sum)
    }

    fn key_place(&self, entry: &Dim) -> Index {
        let key = self.idx.get(self.matrix.key).cloned().unwrap_or_default();
        Index { affine: &(entry * &dim(self.key_size)) + &key.affine, gathered: Vec::new() }
    }

    fn score_place(&self, entry: &Dim, other: &Dim) -> Index {
        Index { affine: &(entry * &dim(self.entries.length)) + other, gathered: Vec::new() }
    }

    /// The scores of each read with each outer product, row by row, and the keys decayed to the end of the chunk.
    fn rows(&self, reader: &mut Reader<'_, '_>, pairs: usize) -> Result<Rows, ScheduleError> {
        let length = self.entries.length;
        let element = reader.em.element(self.state);
        let keys: Vec<LocalId> =
            (0..pairs).map(|_| reader.em.local(element, length * self.key_size)).collect();
        let scores: Vec<LocalId> =
            (0..pairs * self.matrix.reads.len()).map(|_| reader.em.local(element, length * length)).collect();
        let row = Dim::var(ROW);
        // A row has nothing behind its own entry.
        let zero = reader.real(0.0);
        let zeros = reader.em.widen(zero, self.entries.entry);
        let zeros = reader.em.widen(zeros, self.entries.other);
        for local in &scores {
            let place = self.score_place(&Dim::var(super::tiles::ENTRY), &Dim::var(super::tiles::OTHER));
            reader.em.store(Memory::Local(*local), place, zeros);
        }
        reader.em.begin_named_loop(ROW.to_owned(), dim(length), false);
        let upto = reader.em.named_axis(UPTO, length, &row);
        let upto = reader.em.position(upto);
        let of_state =
            self.rec.body.outputs.get(self.matrix.state_line).map(|(_, value)| ty(&self.rec.body, *value));
        let Some(of_state) = of_state else { return Ok(Rows { keys, scores }) };
        let decay = reader.decay(self.row, &self.matrix.decay, of_state, &self.idx)?.real();
        let mut queries = Vec::new();
        for read in &self.matrix.reads {
            let idx = at_axes(&read.vector.axes, &self.idx);
            queries.push(reader.read(self.row, read.vector.value, &idx)?.real());
        }
        for (n, (outer, local)) in self.matrix.outer.iter().zip(&keys).enumerate() {
            let earlier = reader.em.load_local(*local, self.key_place(&upto), &[]);
            let earlier = reader.em.binary(BinaryOp::Mul, earlier, decay);
            reader.em.store(Memory::Local(*local), self.key_place(&upto), earlier);
            let own = reader.parts_at(self.row, &outer.key, &self.idx)?;
            let own = match own {
                Some(own) => reader.em.widen(own, self.key),
                None => continue,
            };
            for (m, query) in queries.iter().enumerate() {
                let Some(scores) = scores.get(m * pairs + n) else { continue };
                for (keys, at) in [(earlier, &upto), (own, &row)] {
                    let product = reader.em.binary(BinaryOp::Mul, *query, keys);
                    let score = reader.em.reduce(ReduceOp::Sum, self.key, product);
                    reader.em.store(Memory::Local(*scores), self.score_place(&row, at), score);
                }
            }
            reader.em.store(Memory::Local(*local), self.key_place(&row), own);
        }
        reader.end_loop(&[]);
        Ok(Rows { keys, scores })
    }
}

/// Local memory that the loop over a chunk's entries fills.
struct Rows {
    /// For each outer product its keys, decayed.
    keys: Vec<LocalId>,
    /// For each read and each outer product the scores.
    scores: Vec<LocalId>,
}

fn set(idx: &mut [Ix], axis: usize, position: Dim) {
    if let Some(slot) = idx.get_mut(axis) {
        *slot = Ix::at(position);
    }
}
