//! A kernel alone: names, scopes, types of every instruction.

use super::VerifyError;
use crate::kernel::{AxisId, AxisKind, Block, CheckId, Inst, Kernel, Loop, Tile, TileId, TileOp};
use crate::rules::{self, TileError};
use crate::text::lines::is_name;
use crate::text::print_kernel;
use std::collections::BTreeSet;
use tensc_ir::Dim;

pub(super) fn verify(kernel: &Kernel, checks: usize, place: &str) -> Result<(), VerifyError> {
    let at = |problem: TileError| VerifyError { place: place.to_owned(), problem: problem.into() };
    let mut names = BTreeSet::new();
    let memory = kernel.params.iter().map(|p| &p.name).chain(kernel.locals.iter().map(|l| &l.name));
    let mut places = BTreeSet::new();
    for name in memory {
        declare(&mut places, name).map_err(at)?;
    }
    for name in kernel.sizes.iter().chain(kernel.axes.iter().map(|axis| &axis.name)) {
        declare(&mut names, name).map_err(at)?;
    }
    let mut scope = Scope {
        kernel,
        checks,
        names,
        sizes: kernel.sizes.iter().map(String::as_str).collect(),
        defined: vec![Defined::No; kernel.tiles.len()],
    };
    scope.axes().map_err(at)?;
    scope.block(&kernel.body, place)?;
    match scope.defined.iter().position(|defined| *defined == Defined::No) {
        Some(n) => Err(at(TileError::Order { tile: TileId(n as u32), problem: "nowhere defined" })),
        None => Ok(()),
    }
}

fn declare(names: &mut BTreeSet<String>, name: &str) -> Result<(), TileError> {
    if !is_name(name) {
        return Err(TileError::Declaration(format!("`{name}` can't be a name in index expressions")));
    }
    if names.insert(name.to_owned()) { Ok(()) } else { Err(TileError::Duplicate { name: name.to_owned() }) }
}

#[derive(Clone, Copy, PartialEq)]
enum Defined {
    No,
    Here,
    /// In a block that has ended.
    Gone,
}

struct Scope<'k> {
    kernel: &'k Kernel,
    checks: usize,
    /// Names that are taken.
    names: BTreeSet<String>,
    /// Names that have one value per grid point here: sizes, grid axes, variables of open loops.
    sizes: BTreeSet<&'k str>,
    defined: Vec<Defined>,
}

impl<'k> Scope<'k> {
    fn axes(&mut self) -> Result<(), TileError> {
        let kernel = self.kernel;
        for axis in &kernel.axes {
            if let AxisKind::Grid { extent } = &axis.kind {
                self.known(extent, &[])?;
            }
        }
        let first_tile = kernel.axes.iter().position(|axis| matches!(axis.kind, AxisKind::Tile { .. }));
        for (n, axis) in kernel.axes.iter().enumerate() {
            match &axis.kind {
                AxisKind::Grid { .. } if first_tile.is_some_and(|first| first < n) => {
                    let text = format!("the grid axis `{}` comes after a tile axis", axis.name);
                    return Err(TileError::Declaration(text));
                }
                AxisKind::Grid { .. } => {
                    self.sizes.insert(&axis.name);
                }
                AxisKind::Tile { .. } => {}
            }
        }
        Ok(())
    }

    /// Every name has a value here, or is one of these tile axes.
    fn known(&self, dim: &Dim, axes: &[AxisId]) -> Result<(), TileError> {
        for name in dim.names() {
            let axis = axes.iter().any(|axis| self.kernel.axis_name(*axis) == &*name);
            if !axis && !self.sizes.contains(&*name) {
                return Err(TileError::UnknownName { name: name.to_string() });
            }
        }
        Ok(())
    }

    /// A tile type whose axes are distinct tile axes with extents that are known here.
    fn tile_type(&self, tile: &Tile) -> Result<(), TileError> {
        for (n, axis) in tile.axes.iter().enumerate() {
            let Some((_, extent)) = self.kernel.tile_axis(*axis) else {
                return Err(TileError::NotTileAxis { axis: self.kernel.axis_name(*axis).to_owned() });
            };
            self.known(extent, &[])?;
            if tile.axes.iter().skip(n + 1).any(|other| other == axis) {
                return Err(TileError::Duplicate { name: self.kernel.axis_name(*axis).to_owned() });
            }
        }
        Ok(())
    }

    fn used(&self, id: TileId) -> Result<&'k Tile, TileError> {
        let tile = rules::tile(self.kernel, id)?;
        match self.defined.get(id.0 as usize) {
            Some(Defined::Here) => Ok(tile),
            Some(Defined::Gone) => Err(TileError::Order { tile: id, problem: "used outside of its loop" }),
            Some(Defined::No) | None => {
                Err(TileError::Order { tile: id, problem: "used before its definition" })
            }
        }
    }

    fn define(&mut self, id: TileId) -> Result<(), TileError> {
        self.tile_type(rules::tile(self.kernel, id)?)?;
        match self.defined.get_mut(id.0 as usize) {
            Some(slot @ Defined::No) => {
                *slot = Defined::Here;
                Ok(())
            }
            _ => Err(TileError::Order { tile: id, problem: "defined twice" }),
        }
    }

    fn block(&mut self, block: &'k Block, place: &str) -> Result<(), VerifyError> {
        let outer = self.defined.clone();
        for inst in &block.insts {
            let at = |problem: TileError| {
                let text = print_kernel::op(self.kernel, &inst.op);
                VerifyError { place: format!("{place}, `{text}`"), problem: problem.into() }
            };
            self.operands(inst).map_err(at)?;
            match &inst.op {
                TileOp::Loop(inner) => {
                    self.open(inner, inst).map_err(at)?;
                    self.block(&inner.body, place)?;
                    self.close(inner, inst).map_err(at)?;
                }
                _ => self.result(inst).map_err(at)?,
            }
        }
        for id in &block.yields {
            self.used(*id).map_err(|problem| VerifyError {
                place: format!("{place}, `yield`"),
                problem: problem.into(),
            })?;
        }
        if block.yields.is_empty() && std::ptr::eq(block, &self.kernel.body) {
            return Ok(());
        }
        for (now, before) in self.defined.iter_mut().zip(outer) {
            if *now == Defined::Here && before == Defined::No {
                *now = Defined::Gone;
            }
        }
        Ok(())
    }

    fn operands(&self, inst: &Inst) -> Result<(), TileError> {
        for id in inst.op.operands() {
            self.used(id)?;
        }
        match &inst.op {
            TileOp::Iota(dim) => self.known(dim, &rules::mentioned_axes(self.kernel, dim)),
            TileOp::Load { index, .. } | TileOp::Store { index, .. } => {
                let axes = rules::index_axes(self.kernel, index)?;
                self.known(&index.affine, &axes)?;
                for axis in axes {
                    if let Some((_, extent)) = self.kernel.tile_axis(axis) {
                        self.known(extent, &[])?;
                    }
                }
                index.gathered.iter().try_for_each(|(_, stride)| self.known(stride, &[]))
            }
            TileOp::Check { site: CheckId(site), .. } if *site as usize >= self.checks => {
                Err(TileError::Unknown { what: "check", number: *site })
            }
            TileOp::Const { .. }
            | TileOp::Unary(..)
            | TileOp::Binary(..)
            | TileOp::Fma(..)
            | TileOp::Select(..)
            | TileOp::Cast(..)
            | TileOp::Reduce { .. }
            | TileOp::Scan { .. }
            | TileOp::Dot { .. }
            | TileOp::Rename { .. }
            | TileOp::TriangularSolve { .. }
            | TileOp::Check { .. }
            | TileOp::Loop(_) => Ok(()),
        }
    }

    fn result(&mut self, inst: &Inst) -> Result<(), TileError> {
        let expected = rules::result(self.kernel, &inst.op)?;
        let count = usize::from(expected.is_some());
        if inst.results.len() != count {
            let text = format!("`{}` has {count} results, not {}", inst.op.name(), inst.results.len());
            return Err(TileError::Declaration(text));
        }
        let (Some(expected), Some(id)) = (expected, inst.results.first()) else { return Ok(()) };
        self.define(*id)?;
        let found = rules::tile(self.kernel, *id)?;
        if same_type(found, &expected) {
            return Ok(());
        }
        let axes: Vec<&str> = expected.axes.iter().map(|axis| self.kernel.axis_name(*axis)).collect();
        Err(TileError::Result {
            op: inst.op.name(),
            expected: format!("{}[{}]", expected.element, axes.join(", ")),
            found: print_kernel::tile_type(self.kernel, *id),
        })
    }

    fn open(&mut self, inner: &'k Loop, inst: &Inst) -> Result<(), TileError> {
        self.known(&inner.extent, &[])?;
        let carried = inner.carried.len();
        if inner.body.yields.len() != carried || inst.results.len() != carried {
            return Err(TileError::LoopArity {
                variable: inner.variable.clone(),
                carried,
                yields: inner.body.yields.len(),
                results: inst.results.len(),
            });
        }
        for ((inside, start), result) in inner.carried.iter().zip(&inst.results) {
            // Before the variable is known: the extent of a carried tile must not change from turn to turn.
            self.define(*inside)?;
            let (inside, start) = (rules::tile(self.kernel, *inside)?, self.used(*start)?);
            let result = rules::tile(self.kernel, *result)?;
            let start_fits =
                start.element == inside.element && start.axes.iter().all(|axis| inside.axes.contains(axis));
            if !start_fits || !same_type(inside, result) {
                let text = "a carried tile, its initial value and its result differ in type".to_owned();
                return Err(TileError::Declaration(text));
            }
        }
        declare(&mut self.names, &inner.variable)?;
        self.sizes.insert(&inner.variable);
        Ok(())
    }

    fn close(&mut self, inner: &'k Loop, inst: &Inst) -> Result<(), TileError> {
        self.sizes.remove(inner.variable.as_str());
        for ((inside, _), (yielded, result)) in
            inner.carried.iter().zip(inner.body.yields.iter().zip(&inst.results))
        {
            let (carried, yielded) =
                (rules::tile(self.kernel, *inside)?, rules::tile(self.kernel, *yielded)?);
            let fits = carried.element == yielded.element
                && yielded.axes.iter().all(|axis| carried.axes.contains(axis));
            if !fits {
                return Err(TileError::Result {
                    op: "yield",
                    expected: print_kernel::tile_type(self.kernel, *inside),
                    found: format!("{}", yielded.element),
                });
            }
            if let Some(slot) = self.defined.get_mut(inside.0 as usize) {
                *slot = Defined::Gone;
            }
            self.define(*result)?;
        }
        Ok(())
    }
}

fn same_type(a: &Tile, b: &Tile) -> bool {
    let mut axes = [a.axes.clone(), b.axes.clone()];
    axes.iter_mut().for_each(|axes| axes.sort());
    a.element == b.element && axes[0] == axes[1]
}
