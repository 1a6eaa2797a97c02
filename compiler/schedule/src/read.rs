//! Reads a value at a position inside a kernel: from memory where it lies there, else by computing it from its operands, read at the positions that its op says.
//!
//! This is the one place where ops become tile instructions, and it is fusion: a kernel is what its results read. `add(v1, exp(v2))` at `[t, c]` gives
//! ```text
//! %0 = load p0[64 * t + c] : f32[c]
//! %1 = load p1[64 * t + c] : f32[c]
//! %2 = exp %1 : f32[c]
//! %3 = add %0, %2 : f32[c]
//! ```
//! A position may depend on data (gather), and conditions collect on the way (pad, shift, concat): memory is read only where all of them hold.

mod accumulate;
mod complex;
mod elementwise;
mod movement;
mod tables;

pub(crate) use accumulate::fits_tile;

use crate::ScheduleError;
use crate::emit::Emitter;
use crate::index::{Ix, dim, is_one};
use crate::place::{Parts, Place, Spot};
use crate::schedule::Scheduler;
use crate::scope::{Binding, Position, ScopeId};
use std::collections::{HashMap, HashSet};
use tensc_ir::{Constant, DType, Dim, Op, Type, ValueId};
use tensc_program::{CheckSite, Element, Index, LocalId, TileId};

/// A value at a position: one tile, or one for each part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Val {
    Real(TileId),
    Complex(TileId, TileId),
}

impl Val {
    pub(crate) fn tiles(self) -> Vec<TileId> {
        match self {
            Self::Real(tile) => vec![tile],
            Self::Complex(re, im) => vec![re, im],
        }
    }

    /// The same with other tiles.
    pub(crate) fn with(self, tiles: &[TileId]) -> Self {
        match (self, tiles) {
            (Self::Real(_), [tile, ..]) => Self::Real(*tile),
            (Self::Complex(..), [re, im, ..]) => Self::Complex(*re, *im),
            (val, _) => val,
        }
    }

    /// The real tile; of a complex value, which a verified graph has not here, its real part.
    pub(crate) fn real(self) -> TileId {
        match self {
            Self::Real(tile) | Self::Complex(tile, _) => tile,
        }
    }
}

/// The state of a recurrence in a kernel's own loop.
#[derive(Clone, Debug)]
pub(crate) struct Carried {
    pub(crate) val: Val,
    /// The position of each axis that the tiles stand for.
    pub(crate) identity: Vec<Ix>,
    /// What the position counts from along each axis (lanes of a piece), and how many entries a tile has.
    pub(crate) origins: Vec<(Dim, usize)>,
    /// How many loops are open where the state is carried.
    pub(crate) depth: usize,
    /// Where its entries can be read in any order, once somebody needs that.
    pub(crate) locals: Option<Vec<LocalId>>,
    /// The axis of segments that tiles have besides those of the state, and its bound.
    pub(crate) segment: Option<(Dim, usize)>,
}

/// What a value was already computed as: where, which, at which position, under which conditions.
type Key = (ScopeId, ValueId, Vec<Ix>, Vec<TileId>);

/// Reads values in one kernel.
pub(crate) struct Reader<'s, 'g> {
    pub(crate) cx: &'s Scheduler<'g>,
    pub(crate) em: Emitter,
    /// Conditions under which the value at hand is read.
    conditions: Vec<TileId>,
    cache: HashMap<Key, Val>,
    /// Values that this kernel makes: they are computed although they have a place.
    pub(crate) made: HashSet<(ScopeId, ValueId)>,
    pub(crate) carried: HashMap<(ScopeId, ValueId), Carried>,
    /// Values that are known at these positions, however they were computed.
    pub(crate) given: HashMap<(ScopeId, ValueId, Vec<Ix>), Val>,
    pub(crate) checks: Vec<CheckSite>,
    pub(crate) wide: bool,
}

impl<'s, 'g> Reader<'s, 'g> {
    pub(crate) fn new(cx: &'s Scheduler<'g>, wide: bool) -> Self {
        Self {
            cx,
            em: Emitter::new(),
            conditions: Vec::new(),
            cache: HashMap::new(),
            made: HashSet::new(),
            carried: HashMap::new(),
            given: HashMap::new(),
            checks: Vec::new(),
            wide,
        }
    }

    /// The element type in which numbers of this type are computed.
    pub(crate) fn element(&self, dtype: DType) -> Element {
        match Element::of(dtype) {
            Element::F32 if self.wide => Element::F64,
            element => element,
        }
    }

    /// A value of a scope at a position.
    pub(crate) fn read(&mut self, at: ScopeId, value: ValueId, idx: &[Ix]) -> Result<Val, ScheduleError> {
        let key = (at, value, idx.to_vec(), self.conditions.clone());
        if let Some(known) = self.cache.get(&key) {
            return Ok(*known);
        }
        if let Some(given) = self.given.get(&(at, value, idx.to_vec())) {
            return Ok(*given);
        }
        let scope = self.cx.scope(at);
        let val = match scope.home(value) {
            Some(place) if !self.made.contains(&(at, value)) => self.load(place, scope.ty(value).dtype, idx),
            _ => self.compute(at, value, idx)?,
        };
        self.cache.insert(key, val);
        Ok(val)
    }

    /// Forgets what was computed, and what was given: values that were read as if something else were true.
    pub(crate) fn forget(&mut self) {
        self.cache.clear();
        self.given.clear();
    }

    /// Forgets what was computed in a loop that has been closed.
    pub(crate) fn end_loop(&mut self, yields: &[TileId]) -> Vec<TileId> {
        let results = self.em.end_loop(yields);
        let depth = self.em.open_loops();
        let em = &self.em;
        self.cache.retain(|(_, _, idx, conditions), val| {
            let positions = idx.iter().flat_map(|ix| ix.gathered.iter().map(|(tile, _)| *tile));
            positions.chain(conditions.iter().copied()).chain(val.tiles()).all(|tile| em.depth(tile) <= depth)
        });
        results
    }

    fn compute(&mut self, at: ScopeId, value: ValueId, idx: &[Ix]) -> Result<Val, ScheduleError> {
        let scope = self.cx.scope(at);
        let Some(node) = scope.node_of(value) else {
            return Err(ScheduleError::NoValue(value));
        };
        let ty = scope.ty(value);
        let operands = node.operands.as_slice();
        match (&node.op, operands) {
            (Op::Input(_), _) => self.input(at, value, idx),
            (Op::Const(constant), _) => Ok(self.constant(*constant)),
            (Op::DimValue(size), _) => {
                let size = self.em.size(size);
                Ok(Val::Real(self.em.iota(&size)))
            }
            (Op::Iota { start, .. }, _) => {
                let start = self.em.size(start);
                let ix = idx.first().cloned().unwrap_or_default().shifted(&start);
                Ok(Val::Real(self.em.number(&ix)))
            }
            (Op::Unary(op), [x]) => {
                let x_dtype = scope.ty(*x).dtype;
                let x = self.read(at, *x, idx)?;
                self.unary(*op, x, x_dtype)
            }
            (Op::Binary(op), [a, b]) => {
                let dtype = scope.ty(*a).dtype;
                let (a, b) = (self.aligned(at, *a, ty, idx)?, self.aligned(at, *b, ty, idx)?);
                self.binary(*op, a, b, dtype)
            }
            (Op::Select, [condition, a, b]) => {
                let condition = self.aligned(at, *condition, ty, idx)?.real();
                let (a, b) = (self.aligned(at, *a, ty, idx)?, self.aligned(at, *b, ty, idx)?);
                Ok(self.choose(condition, a, b))
            }
            (Op::Cast(to), [x]) => {
                let from = scope.ty(*x).dtype;
                let x = self.read(at, *x, idx)?;
                Ok(self.cast(from, *to, x))
            }
            (Op::Broadcast { shape, axes }, [x]) => {
                let from = scope.ty(*x);
                let inner: Vec<Ix> = axes
                    .iter()
                    .zip(&from.shape)
                    .map(|(axis, size)| match idx.get(*axis) {
                        Some(ix) if !is_one(size) || shape.get(*axis) == Some(size) => ix.clone(),
                        _ => Ix::zero(),
                    })
                    .collect();
                self.read(at, *x, &inner)
            }
            (Op::Transpose { perm }, [x]) => {
                let mut inner = vec![Ix::zero(); perm.len()];
                for (ix, axis) in idx.iter().zip(perm) {
                    if let Some(slot) = inner.get_mut(*axis) {
                        *slot = ix.clone();
                    }
                }
                self.read(at, *x, &inner)
            }
            (Op::Reshape { .. }, [x]) => self.reshape(at, *x, &ty.shape, idx),
            (Op::Slice { axis, start, .. }, [x]) => {
                let start = self.em.size(start);
                self.read(at, *x, &moved(idx, *axis, &start))
            }
            (Op::Flip { axis }, [x]) => self.flip(at, *x, *axis, idx),
            (Op::Last { axis }, [x]) => self.last(at, *x, *axis, idx),
            (Op::Pad { axis, before, .. }, [x]) => {
                let before = self.em.size(before);
                self.inside(at, *x, *axis, &moved(idx, *axis, &-&before))
            }
            (Op::Shift { axis, by }, [x]) => {
                self.inside(at, *x, *axis, &moved(idx, *axis, &Dim::constant(-by)))
            }
            (Op::Concat { axis }, operands) => self.concat(at, operands, *axis, idx),
            (Op::Gather { batch }, [table, indices, rest @ ..]) => {
                self.gather(at, node, (*table, *indices, rest.first().copied()), *batch, idx)
            }
            (Op::Reduce { kind, axes }, [x]) => self.reduce(at, *x, *kind, axes, idx),
            (Op::Contract(contraction), [a, b]) => self.contract(at, contraction, *a, *b, idx),
            (Op::Conv { axis }, [x, w]) => self.conv(at, *x, *w, *axis, idx),
            (Op::Cumsum { axis }, [x]) => self.cumsum(at, *x, *axis, idx),
            (op @ (Op::Fft { .. } | Op::Keep { .. } | Op::Draw { .. } | Op::Rec(_) | Op::Repeat(_)), _) => {
                Err(ScheduleError::unsupported(op, node.origin))
            }
            (
                op @ (Op::Unary(_)
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
                | Op::Pad { .. }
                | Op::Flip { .. }
                | Op::Gather { .. }
                | Op::Shift { .. }
                | Op::Conv { .. }
                | Op::Last { .. }),
                operands,
            ) => Err(ScheduleError::Malformed(format!("`{}` of {} operands", op.name(), operands.len()))),
        }
    }

    fn constant(&mut self, constant: Constant) -> Val {
        match constant {
            Constant::Float(dtype, value) => Val::Real(self.em.constant(self.element(dtype), value)),
            Constant::Int(dtype, value) => Val::Real(self.em.constant(self.element(dtype), value as f64)),
            Constant::Bool(value) => Val::Real(self.em.constant(Element::Bool, f64::from(u8::from(value)))),
            Constant::Complex(re, im) => {
                let element = self.element(DType::C64);
                Val::Complex(self.em.constant(element, re), self.em.constant(element, im))
            }
        }
    }

    /// An operand of an elementwise op: axes aligned from the right, size 1 stretches.
    pub(crate) fn aligned(
        &mut self,
        at: ScopeId,
        operand: ValueId,
        result: &Type,
        idx: &[Ix],
    ) -> Result<Val, ScheduleError> {
        let shape = &self.cx.scope(at).ty(operand).shape;
        let skipped = result.shape.len() - shape.len().min(result.shape.len());
        let positions = idx.iter().zip(&result.shape).skip(skipped).zip(shape);
        let inner: Vec<Ix> = positions
            .map(|((ix, whole), size)| if is_one(size) && !is_one(whole) { Ix::zero() } else { ix.clone() })
            .collect();
        self.read(at, operand, &inner)
    }

    fn input(&mut self, at: ScopeId, value: ValueId, idx: &[Ix]) -> Result<Val, ScheduleError> {
        let scope = self.cx.scope(at);
        match (scope.binding(value), scope.parent) {
            (Some(Binding::Outer(outer, position)), Some(parent)) => {
                let mut inner = idx.to_vec();
                if let Some((axis, position)) = position {
                    let position = self.position(position);
                    inner.insert((*axis).min(inner.len()), Ix::at(position));
                }
                self.read(parent, *outer, &inner)
            }
            (Some(Binding::Number(outer, inner)), _) => {
                let outer = self.em.size(outer);
                let inner = self.position(inner);
                Ok(Val::Real(self.em.iota(&(&outer + &inner))))
            }
            (Some(Binding::Carried), _) => self.state(at, value, idx),
            (Some(Binding::Home | Binding::Outer(..)) | None, _) => Err(ScheduleError::NoValue(value)),
        }
    }

    pub(crate) fn position(&mut self, position: &Position) -> Dim {
        match position {
            Position::Program(position) => self.em.size(position),
            Position::Kernel(position) => position.clone(),
            Position::Piece { origin, stride, variable, inner } => {
                let (origin, stride) = (self.em.size(origin), self.em.size(stride));
                &(&origin + &(&stride * variable)) + inner
            }
        }
    }

    // Memory.

    /// The entries of an array at a position.
    pub(crate) fn load(&mut self, place: &Place, dtype: DType, idx: &[Ix]) -> Val {
        let index = self.index(place, idx);
        match &place.parts {
            Parts::Real(spot) => Val::Real(self.load_spot(spot, place.memory, dtype, &index)),
            Parts::Complex(re, im) => {
                let parts = [re, im].map(|spot| match spot {
                    Some(spot) => self.load_spot(spot, place.memory, dtype, &index),
                    // Nobody reads this part.
                    None => self.em.constant(self.element(DType::C64), 0.0),
                });
                let [re, im] = parts;
                Val::Complex(re, im)
            }
        }
    }

    fn load_spot(&mut self, spot: &Spot, memory: DType, dtype: DType, index: &Index) -> TileId {
        let param = self.em.param(spot, memory, false);
        let tile = self.em.load(param, index.clone(), &self.conditions);
        let element = self.element(dtype);
        self.em.cast(element, tile)
    }

    /// Stores a value at a position.
    pub(crate) fn store(&mut self, place: &Place, idx: &[Ix], val: Val) {
        let index = self.index(place, idx);
        let spots = match &place.parts {
            Parts::Real(spot) => vec![Some(spot)],
            Parts::Complex(re, im) => vec![re.as_ref(), im.as_ref()],
        };
        for (spot, tile) in spots.into_iter().zip(val.tiles()) {
            if let Some(spot) = spot {
                let param = self.em.param(spot, place.memory, true);
                self.em.store(param.into(), index.clone(), tile);
            }
        }
    }

    fn index(&mut self, place: &Place, idx: &[Ix]) -> Index {
        let mut ix = Ix::zero();
        if let Some(stride) = &place.batch {
            let stride = self.em.size(stride);
            ix.affine = &stride * &self.sequence();
        }
        for (position, stride) in idx.iter().zip(&place.strides) {
            let stride = self.em.size(stride);
            ix = ix.plus(&position.scaled(&stride));
        }
        Index { affine: ix.affine, gathered: ix.gathered }
    }

    /// The number of the sequence that this grid point works on: the kernel's first axis, where it has one for sequences.
    fn sequence(&self) -> Dim {
        Dim::var(SEQUENCE)
    }

    /// A state at a position: as it is carried, under other names of its axes, or from local memory.
    fn state(&mut self, at: ScopeId, value: ValueId, idx: &[Ix]) -> Result<Val, ScheduleError> {
        let Some(carried) = self.carried.get(&(at, value)).cloned() else {
            return Err(ScheduleError::NoValue(value));
        };
        if carried.identity == idx {
            return Ok(carried.val);
        }
        if let Some(renamed) = self.renamed(&carried, idx) {
            return Ok(renamed);
        }
        let locals = match carried.locals.clone() {
            Some(locals) => locals,
            None => self.spill(at, value, &carried),
        };
        let mut ix = Ix::zero();
        let mut stride = 1;
        for (position, (origin, len)) in idx.iter().zip(&carried.origins).rev() {
            ix = ix.plus(&position.shifted(&-origin).scaled(&dim(stride)));
            stride *= len;
        }
        if let Some((segment, _)) = &carried.segment {
            ix = ix.plus(&Ix::at(segment * &dim(stride)));
        }
        let index = Index { affine: ix.affine, gathered: ix.gathered };
        let tiles: Vec<TileId> =
            locals.iter().map(|local| self.em.load_local(*local, index.clone(), &self.conditions)).collect();
        Ok(match tiles.as_slice() {
            [re, im] => Val::Complex(*re, *im),
            [tile, ..] => Val::Real(*tile),
            [] => carried.val,
        })
    }

    /// The carried tiles under other axes, where each position is a whole axis of the same size.
    fn renamed(&mut self, carried: &Carried, idx: &[Ix]) -> Option<Val> {
        let mut pairs = Vec::new();
        for (from, to) in carried.identity.iter().zip(idx) {
            if !from.gathered.is_empty() || !to.gathered.is_empty() {
                return None;
            }
            if from == to {
                continue;
            }
            let (from, bound, extent) = self.em.axis_of(from.affine.as_var()?)?;
            let (to, other_bound, other_extent) = self.em.axis_of(to.affine.as_var()?)?;
            if bound != other_bound || extent != other_extent {
                return None;
            }
            pairs.push((from, to));
        }
        let taken = |axis| carried.val.tiles().iter().any(|tile| self.em.tile(*tile).axes.contains(axis));
        let targets: HashSet<_> = pairs.iter().map(|(_, to)| *to).collect();
        if targets.len() != pairs.len() || pairs.iter().any(|(_, to)| taken(to)) {
            return None;
        }
        let rename = |em: &mut Emitter, tile| pairs.iter().fold(tile, |tile, (f, t)| em.rename(tile, *f, *t));
        Some(match carried.val {
            Val::Real(tile) => Val::Real(rename(&mut self.em, tile)),
            Val::Complex(re, im) => Val::Complex(rename(&mut self.em, re), rename(&mut self.em, im)),
        })
    }

    fn spill(&mut self, at: ScopeId, value: ValueId, carried: &Carried) -> Vec<LocalId> {
        let mut len: usize = carried.origins.iter().map(|(_, len)| len).product();
        let mut affine = Dim::default();
        let mut stride = 1;
        for (position, (origin, len)) in carried.identity.iter().zip(&carried.origins).rev() {
            affine = &affine + &(&(&position.affine - origin) * &dim(stride));
            stride *= len;
        }
        if let Some((segment, count)) = &carried.segment {
            affine = &affine + &(segment * &dim(len));
            len *= count;
        }
        let index = Index { affine, gathered: Vec::new() };
        let mut locals = Vec::new();
        for tile in carried.val.tiles() {
            let local = self.em.local(self.em.element(tile), len);
            self.em.spill(local, index.clone(), tile, carried.depth);
            locals.push(local);
        }
        if let Some(carried) = self.carried.get_mut(&(at, value)) {
            carried.locals = Some(locals.clone());
        }
        locals
    }
}

/// Name of the grid axis over sequences.
pub(crate) const SEQUENCE: &str = "b";

/// The position with one axis moved.
fn moved(idx: &[Ix], axis: usize, by: &Dim) -> Vec<Ix> {
    let mut inner = idx.to_vec();
    if let Some(ix) = inner.get_mut(axis) {
        *ix = ix.shifted(by);
    }
    inner
}
