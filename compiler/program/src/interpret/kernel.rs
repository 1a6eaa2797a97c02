//! A kernel, grid point by grid point.

use super::tile::{self, Entries, walk};
use super::{RunError, memory};
use crate::code::Failure;
use crate::formula::Formula;
use crate::kernel::{
    AxisId, AxisKind, Block, Element, Index, Inst, Kernel, Loop, Memory, Param, ParamId, TileId, TileOp,
};
use crate::rules;
use crate::scalar::{self, Scalar};
use std::rc::Rc;
use tensc_ir::{Dim, DimError};

/// A kernel whose size expressions are resolved.
pub(super) struct Compiled<'k> {
    kernel: &'k Kernel,
    /// Sizes, axes, loop variables.
    slots: Vec<&'k str>,
    grid: Vec<Formula>,
    /// Extent of each axis.
    extents: Vec<Formula>,
}

/// An index with its parts resolved.
struct Place {
    axes: Rc<[AxisId]>,
    base: Formula,
    strides: Vec<Formula>,
    gathered: Vec<(TileId, Formula)>,
}

fn loop_variables<'k>(block: &'k Block, names: &mut Vec<&'k str>) {
    for inst in &block.insts {
        if let TileOp::Loop(inner) = &inst.op {
            names.push(&inner.variable);
            loop_variables(&inner.body, names);
        }
    }
}

impl<'k> Compiled<'k> {
    pub(super) fn new(kernel: &'k Kernel) -> Result<Self, DimError> {
        let mut slots: Vec<&str> = kernel.sizes.iter().map(String::as_str).collect();
        slots.extend(kernel.axes.iter().map(|axis| axis.name.as_str()));
        loop_variables(&kernel.body, &mut slots);
        let mut compiled = Self { kernel, slots, grid: Vec::new(), extents: Vec::new() };
        compiled.grid = kernel.grid().map(|extent| compiled.formula(extent)).collect::<Result<_, _>>()?;
        let extents = kernel.axes.iter().map(|axis| match &axis.kind {
            AxisKind::Grid { extent } | AxisKind::Tile { extent, .. } => compiled.formula(extent),
        });
        compiled.extents = extents.collect::<Result<_, _>>()?;
        Ok(compiled)
    }

    fn formula(&self, dim: &Dim) -> Result<Formula, DimError> {
        Formula::new(dim, &|name| self.slots.iter().position(|slot| *slot == name))
    }

    fn place(&self, index: &Index) -> Result<Place, RunError> {
        let axes = rules::mentioned_axes(self.kernel, &index.affine);
        let (base, strides) = rules::split_affine(self.kernel, &index.affine, &axes);
        let gathered = index.gathered.iter().map(|(tile, stride)| Ok((*tile, self.formula(stride)?)));
        Ok(Place {
            base: self.formula(&base)?,
            strides: strides.iter().map(|dim| self.formula(dim)).collect::<Result<_, _>>()?,
            gathered: gathered.collect::<Result<_, DimError>>()?,
            axes: axes.into(),
        })
    }

    /// Runs all grid points; `bases` names each parameter's array and first element.
    pub(super) fn run(
        &self,
        sizes: &[i64],
        bases: &[(usize, i64)],
        arrays: &mut [Vec<u8>],
        failure: &mut Option<Failure>,
    ) -> Result<(), RunError> {
        let mut values = vec![0; self.slots.len()];
        for (slot, size) in values.iter_mut().zip(sizes) {
            *slot = *size;
        }
        let grid: Vec<usize> = self
            .grid
            .iter()
            .map(|extent| Ok(extent.eval(&values)?.max(0) as usize))
            .collect::<Result<_, DimError>>()?;
        let mut points = Vec::new();
        walk(&grid, &[], |point, []| points.push(point.to_vec()));
        let locals = self.kernel.locals.iter().map(|local| {
            // What nothing wrote shows as NaN.
            vec![scalar::constant(local.element, f64::NAN); local.len]
        });
        let mut machine = Machine {
            code: self,
            values,
            bases,
            arrays,
            tiles: vec![None; self.kernel.tiles.len()],
            locals: locals.collect(),
            failure,
        };
        for point in points {
            for (n, position) in point.into_iter().enumerate() {
                if let Some(slot) = machine.values.get_mut(self.kernel.sizes.len() + n) {
                    *slot = position as i64;
                }
            }
            machine.block(&self.kernel.body)?;
        }
        Ok(())
    }
}

struct Machine<'r, 'k> {
    code: &'r Compiled<'k>,
    values: Vec<i64>,
    bases: &'r [(usize, i64)],
    arrays: &'r mut [Vec<u8>],
    tiles: Vec<Option<Entries>>,
    locals: Vec<Vec<Scalar>>,
    failure: &'r mut Option<Failure>,
}

impl Machine<'_, '_> {
    fn kernel(&self) -> &Kernel {
        self.code.kernel
    }

    fn tile(&self, id: TileId) -> Entries {
        // The verifier saw to it that the tile is defined.
        let empty = || Entries { axes: Rc::new([]), extents: Rc::new([]), data: Rc::new([]) };
        self.tiles.get(id.0 as usize).cloned().flatten().unwrap_or_else(empty)
    }

    fn define(&mut self, id: TileId, entries: Entries) {
        if let Some(slot) = self.tiles.get_mut(id.0 as usize) {
            *slot = Some(entries);
        }
    }

    fn extents(&self, axes: &[AxisId]) -> Result<Rc<[usize]>, RunError> {
        let extent = |axis: &AxisId| {
            let bound = self.kernel().tile_axis(*axis).map_or(0, |(bound, _)| bound);
            let Some(formula) = self.code.extents.get(axis.0 as usize) else { return Ok(0) };
            Ok(usize::try_from(formula.eval(&self.values)?).unwrap_or(0).min(bound))
        };
        axes.iter().map(extent).collect()
    }

    fn block(&mut self, block: &Block) -> Result<(), RunError> {
        block.insts.iter().try_for_each(|inst| self.inst(inst))
    }

    fn inst(&mut self, inst: &Inst) -> Result<(), RunError> {
        match &inst.op {
            TileOp::Loop(inner) => return self.repeat(inner, &inst.results),
            TileOp::Store { memory, index, value, mask } => return self.store(*memory, index, *value, *mask),
            TileOp::Check { condition, site, value, position } => {
                let operands = [self.tile(*condition), self.tile(*value), self.tile(*position)];
                let mut axes: Vec<AxisId> = Vec::new();
                for axis in operands.iter().flat_map(|operand| operand.axes.iter()) {
                    if !axes.contains(axis) {
                        axes.push(*axis);
                    }
                }
                let extents = self.extents(&axes)?;
                let strides = operands.each_ref().map(|operand| operand.strides(&axes));
                walk(&extents, &strides, |_, [c, v, p]| {
                    let found = (operands[0].get(c), operands[1].get(v), operands[2].get(p));
                    if let (Scalar::Bool(false), Scalar::I32(value), Scalar::I32(position)) = found {
                        Failure::record(self.failure, Failure { site: *site, value, position });
                    }
                });
                return Ok(());
            }
            _ => {}
        }
        let Some(id) = inst.results.first() else { return Ok(()) };
        let Some(ty) = self.kernel().tiles.get(id.0 as usize).cloned() else { return Ok(()) };
        let axes: Rc<[AxisId]> = ty.axes.into();
        let extents = self.extents(&axes)?;
        let value = self.value(&inst.op, ty.element, &axes, &extents)?;
        self.define(*id, value);
        Ok(())
    }

    fn value(
        &self,
        op: &TileOp,
        element: Element,
        axes: &Rc<[AxisId]>,
        extents: &Rc<[usize]>,
    ) -> Result<Entries, RunError> {
        let new =
            |data: Vec<Scalar>| Entries { axes: axes.clone(), extents: extents.clone(), data: data.into() };
        let each = |a: TileId, apply: &dyn Fn(Scalar) -> Scalar| {
            tile::elementwise(axes, extents, [&self.tile(a)], |[a]| apply(a))
        };
        Ok(match op {
            TileOp::Const { element, value } => new(vec![scalar::constant(*element, *value)]),
            TileOp::Iota(dim) => new(self.iota(dim, axes, extents)?),
            TileOp::Load { memory, index, mask } => new(self.load(*memory, index, *mask, axes, extents)?),
            TileOp::Unary(op, a) => each(*a, &|a| scalar::unary(*op, a)),
            TileOp::Binary(op, a, b) => {
                tile::elementwise(axes, extents, [&self.tile(*a), &self.tile(*b)], |[a, b]| {
                    scalar::binary(*op, a, b)
                })
            }
            TileOp::Fma(a, b, c) => {
                let operands = [self.tile(*a), self.tile(*b), self.tile(*c)];
                tile::elementwise(axes, extents, operands.each_ref(), |[a, b, c]| tile::fma(a, b, c))
            }
            TileOp::Select(condition, a, b) => {
                let operands = [self.tile(*condition), self.tile(*a), self.tile(*b)];
                tile::elementwise(axes, extents, operands.each_ref(), |[condition, a, b]| {
                    if condition == Scalar::Bool(true) { a } else { b }
                })
            }
            TileOp::Cast(to, a) => each(*a, &|a| scalar::cast(*to, a)),
            TileOp::Reduce { op, axis, value } => {
                tile::reduce(*op, *axis, &self.tile(*value), element, axes, extents)
            }
            TileOp::Scan { axis, a, b, start, reverse } => {
                let number = |id: &Option<TileId>, otherwise: f64| match id {
                    Some(id) => self.tile(*id),
                    None => Entries {
                        axes: Rc::new([]),
                        extents: Rc::new([]),
                        data: Rc::new([scalar::constant(element, otherwise)]),
                    },
                };
                let operands = [&number(a, 1.0), &self.tile(*b), &number(start, 0.0)];
                tile::scan(*axis, operands, *reverse, axes, extents)
            }
            TileOp::Dot { axis, a, b } => {
                tile::dot(*axis, &self.tile(*a), &self.tile(*b), element, axes, extents)
            }
            TileOp::Rename { value, from, to } => {
                let mut value = self.tile(*value);
                value.axes = value.axes.iter().map(|axis| if axis == from { *to } else { *axis }).collect();
                tile::elementwise(axes, extents, [&value], |[a]| a)
            }
            TileOp::TriangularSolve { l, row, column, b } => {
                let solved = tile::triangular_solve(&self.tile(*l), *row, *column, &self.tile(*b));
                tile::elementwise(axes, extents, [&solved], |[a]| a)
            }
            TileOp::Store { .. } | TileOp::Check { .. } | TileOp::Loop(_) => new(Vec::new()),
        })
    }

    fn iota(&self, dim: &Dim, axes: &[AxisId], extents: &[usize]) -> Result<Vec<Scalar>, RunError> {
        let formula = self.code.formula(dim)?;
        let mut values = self.values.clone();
        let (mut data, mut problem) = (Vec::new(), None);
        walk(extents, &[], |position, []| {
            for (axis, n) in axes.iter().zip(position) {
                if let Some(slot) = values.get_mut(self.kernel().sizes.len() + axis.0 as usize) {
                    *slot = *n as i64;
                }
            }
            match formula.eval(&values) {
                Ok(value) => data.push(Scalar::I32(value as i32)),
                Err(error) => problem = Some(error),
            }
        });
        problem.map_or(Ok(data), |error| Err(error.into()))
    }

    /// Calls with each position's element number, for the positions whose mask is true, and with `None` for the others.
    fn places(
        &self,
        index: &Index,
        mask: Option<TileId>,
        axes: &[AxisId],
        extents: &[usize],
        mut visit: impl FnMut(&[usize], Option<i64>),
    ) -> Result<(), RunError> {
        let place = self.code.place(index)?;
        let base = place.base.eval(&self.values)?;
        let mut steps = vec![0; axes.len()];
        for (axis, stride) in place.axes.iter().zip(&place.strides) {
            if let Some(step) = axes.iter().position(|a| a == axis).and_then(|at| steps.get_mut(at)) {
                *step = stride.eval(&self.values)?;
            }
        }
        let mut gathered = Vec::new();
        for (id, stride) in &place.gathered {
            let tile = self.tile(*id);
            gathered.push((tile.strides(axes), tile, stride.eval(&self.values)?));
        }
        let mask = mask.map(|mask| self.tile(mask)).map(|mask| (mask.strides(axes), mask));
        let at = |position: &[usize], strides: &[usize]| -> usize {
            position.iter().zip(strides).map(|(p, s)| p * s).sum()
        };
        walk(extents, &[], |position, []| {
            let there = mask
                .as_ref()
                .is_none_or(|(strides, mask)| mask.get(at(position, strides)) == Scalar::Bool(true));
            let element = there.then(|| {
                let affine: i64 = position.iter().zip(&steps).map(|(p, s)| *p as i64 * s).sum();
                let data: i64 = gathered
                    .iter()
                    .map(|(strides, tile, stride)| match tile.get(at(position, strides)) {
                        Scalar::I32(n) => i64::from(n) * stride,
                        Scalar::F32(_) | Scalar::F64(_) | Scalar::Bool(_) => 0,
                    })
                    .sum();
                base + affine + data
            });
            visit(position, element);
        });
        Ok(())
    }

    fn load(
        &self,
        memory: Memory,
        index: &Index,
        mask: Option<TileId>,
        axes: &[AxisId],
        extents: &[usize],
    ) -> Result<Vec<Scalar>, RunError> {
        let element = self.kernel().memory_element(memory).unwrap_or(Element::F32);
        let (mut data, mut problem) = (Vec::new(), None);
        self.places(index, mask, axes, extents, |_, place| {
            data.push(match place {
                None => scalar::constant(element, 0.0),
                Some(place) => match self.read(memory, place) {
                    Ok(value) => value,
                    Err(error) => {
                        problem.get_or_insert(error);
                        scalar::constant(element, 0.0)
                    }
                },
            });
        })?;
        problem.map_or(Ok(data), Err)
    }

    fn param(&self, id: ParamId) -> Option<(&Param, usize, i64)> {
        let param = self.kernel().params.get(id.0 as usize)?;
        let (array, base) = *self.bases.get(id.0 as usize)?;
        Some((param, array, base))
    }

    fn outside(&self, memory: Memory, len: i64, index: i64) -> RunError {
        let place = format!("kernel {:?}", self.kernel().name);
        RunError::OutOfBounds { place, memory: self.kernel().memory_name(memory).to_owned(), len, index }
    }

    fn read(&self, memory: Memory, index: i64) -> Result<Scalar, RunError> {
        match memory {
            Memory::Param(id) => {
                let Some((param, array, base)) = self.param(id) else {
                    return Err(self.outside(memory, 0, index));
                };
                let array = self.arrays.get(array).map_or(&[][..], Vec::as_slice);
                let unit = super::unit(param.dtype) as i64;
                let bytes = usize::try_from((base + index).saturating_mul(unit)).ok();
                bytes
                    .and_then(|at| array.get(at..))
                    .and_then(|bytes| memory::read(param.dtype, bytes))
                    .ok_or_else(|| self.outside(memory, array.len() as i64 / unit - base, index))
            }
            Memory::Local(id) => {
                let local = self.locals.get(id.0 as usize).map_or(&[][..], Vec::as_slice);
                let value = usize::try_from(index).ok().and_then(|at| local.get(at));
                value.copied().ok_or_else(|| self.outside(memory, local.len() as i64, index))
            }
        }
    }

    fn write(&mut self, memory: Memory, index: i64, value: Scalar) -> Result<(), RunError> {
        match memory {
            Memory::Param(id) => {
                let Some((param, array, base)) = self.param(id) else {
                    return Err(self.outside(memory, 0, index));
                };
                let (dtype, unit) = (param.dtype, super::unit(param.dtype));
                let at =
                    usize::try_from(base + index).map(|at| at.saturating_mul(unit)).unwrap_or(usize::MAX);
                let length = self.arrays.get(array).map_or(0, Vec::len);
                let bytes =
                    self.arrays.get_mut(array).and_then(|array| array.get_mut(at..at.saturating_add(unit)));
                match bytes {
                    Some(bytes) => {
                        memory::write(dtype, bytes, value);
                        Ok(())
                    }
                    None => Err(self.outside(memory, (length / unit) as i64 - base, index)),
                }
            }
            Memory::Local(id) => {
                let local = self.locals.get_mut(id.0 as usize);
                let length = local.as_ref().map_or(0, |local| local.len()) as i64;
                match usize::try_from(index).ok().and_then(|at| local.and_then(|local| local.get_mut(at))) {
                    Some(slot) => {
                        *slot = value;
                        Ok(())
                    }
                    None => Err(self.outside(memory, length, index)),
                }
            }
        }
    }

    fn store(
        &mut self,
        memory: Memory,
        index: &Index,
        value: TileId,
        mask: Option<TileId>,
    ) -> Result<(), RunError> {
        let axes = rules::index_axes(self.kernel(), index).unwrap_or_default();
        let extents = self.extents(&axes)?;
        let value = self.tile(value);
        let strides = value.strides(&axes);
        let mut writes = Vec::new();
        self.places(index, mask, &axes, &extents, |position, place| {
            if let Some(place) = place {
                let at = position.iter().zip(&strides).map(|(p, s)| p * s).sum();
                writes.push((place, value.get(at)));
            }
        })?;
        writes.into_iter().try_for_each(|(place, value)| self.write(memory, place, value))
    }

    fn repeat(&mut self, inner: &Loop, results: &[TileId]) -> Result<(), RunError> {
        let count = self.code.formula(&inner.extent)?.eval(&self.values)?;
        let slot = self.code.slots.iter().position(|name| *name == inner.variable).unwrap_or(usize::MAX);
        let mut carried: Vec<Entries> = Vec::new();
        for (inside, start) in &inner.carried {
            carried.push(self.in_type_of(*inside, &self.tile(*start))?);
        }
        for turn in 0..count {
            if let Some(value) = self.values.get_mut(slot) {
                *value = if inner.reverse { count - 1 - turn } else { turn };
            }
            for ((inside, _), entries) in inner.carried.iter().zip(carried) {
                self.define(*inside, entries);
            }
            self.block(&inner.body)?;
            carried = Vec::new();
            for ((inside, _), id) in inner.carried.iter().zip(&inner.body.yields) {
                carried.push(self.in_type_of(*inside, &self.tile(*id))?);
            }
        }
        for (id, entries) in results.iter().zip(carried) {
            let entries = self.in_type_of(*id, &entries)?;
            self.define(*id, entries);
        }
        Ok(())
    }

    /// These entries in another order of axes, broadcast along those that they lack.
    fn in_type_of(&self, id: TileId, entries: &Entries) -> Result<Entries, RunError> {
        let axes: Rc<[AxisId]> =
            self.kernel().tiles.get(id.0 as usize).map(|tile| tile.axes.clone()).unwrap_or_default().into();
        let extents = self.extents(&axes)?;
        Ok(tile::elementwise(&axes, &extents, [entries], |[a]| a))
    }
}
