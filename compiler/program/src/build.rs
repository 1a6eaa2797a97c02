//! A kernel, instruction by instruction: the builder computes tile types and keeps the blocks of open loops.
//!
//! ```
//! # use tensc_program::{Element, KernelBuilder};
//! # use tensc_ir::{BinaryOp, DType, Dim};
//! let mut k = KernelBuilder::new("double");
//! let (x, y) = (k.read("x", DType::F32), k.write("y", DType::F32));
//! let n = k.size("N");
//! let block = k.grid("i", n.div(&Dim::constant(64)).unwrap().ceil());
//! let c = k.axis("c", 64, &n - &(&Dim::constant(64) * &block));
//! let place = &(&Dim::constant(64) * &block) + &c;
//! let value = k.load(x, place.clone());
//! let value = k.binary(BinaryOp::Add, value, value);
//! k.store(y, place, value);
//! let kernel = k.finish().unwrap();
//! ```
//!
//! Declare grid axes before tile axes. A mistake (an axis that an operand lacks, a wrong element type) is remembered and reported by [`KernelBuilder::finish`].

use crate::kernel::{
    Axis, AxisId, AxisKind, Block, CheckId, Element, Index, Inst, Kernel, Local, LocalId, Loop, Memory,
    Param, ParamId, ReduceOp, Tile, TileId, TileOp,
};
use crate::rules::{self, TileError};
use tensc_ir::{BinaryOp, DType, Dim, UnaryOp};

/// Makes a [`Kernel`].
#[derive(Clone, Debug)]
pub struct KernelBuilder {
    kernel: Kernel,
    /// The blocks that are open, outermost first, each but the first with its loop.
    open: Vec<(Option<OpenLoop>, Vec<Inst>)>,
    error: Option<TileError>,
}

#[derive(Clone, Debug)]
struct OpenLoop {
    variable: String,
    extent: Dim,
    reverse: bool,
    carried: Vec<(TileId, TileId)>,
}

impl From<Dim> for Index {
    fn from(affine: Dim) -> Self {
        Self { affine, gathered: Vec::new() }
    }
}

impl From<ParamId> for Memory {
    fn from(param: ParamId) -> Self {
        Self::Param(param)
    }
}

impl From<LocalId> for Memory {
    fn from(local: LocalId) -> Self {
        Self::Local(local)
    }
}

impl KernelBuilder {
    /// An empty kernel named after what it computes.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            kernel: Kernel { name: name.into(), ..Kernel::default() },
            open: vec![(None, Vec::new())],
            error: None,
        }
    }

    /// The kernel so far; its body is empty until [`Self::finish`].
    #[must_use]
    pub const fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// A parameter that is read.
    pub fn read(&mut self, name: impl Into<String>, dtype: DType) -> ParamId {
        self.param(name.into(), dtype, false)
    }

    /// A parameter that is written.
    pub fn write(&mut self, name: impl Into<String>, dtype: DType) -> ParamId {
        self.param(name.into(), dtype, true)
    }

    fn param(&mut self, name: String, dtype: DType, writes: bool) -> ParamId {
        self.kernel.params.push(Param { name, dtype, writes });
        ParamId(self.kernel.params.len() as u32 - 1)
    }

    /// A size parameter, declared on first use, as an expression.
    pub fn size(&mut self, name: &str) -> Dim {
        if !self.kernel.sizes.iter().any(|size| size == name) {
            self.kernel.sizes.push(name.to_owned());
        }
        Dim::var(name)
    }

    /// A grid axis, as an expression of its position. Outermost first.
    pub fn grid(&mut self, name: impl Into<String>, extent: impl Into<Dim>) -> Dim {
        let name = name.into();
        let position = Dim::var(&name);
        self.kernel.axes.push(Axis { name, kind: AxisKind::Grid { extent: extent.into() } });
        position
    }

    /// A tile axis, as an expression of its position.
    pub fn axis(&mut self, name: impl Into<String>, bound: usize, extent: impl Into<Dim>) -> Dim {
        let name = name.into();
        let position = Dim::var(&name);
        self.kernel.axes.push(Axis { name, kind: AxisKind::Tile { bound, extent: extent.into() } });
        position
    }

    /// The number of the axis with this position, as [`Self::grid`] and [`Self::axis`] return it.
    #[must_use]
    pub fn axis_id(&mut self, position: &Dim) -> AxisId {
        let name = position.as_var().unwrap_or("?");
        if let Some(axis) = self.kernel.axis_named(name) {
            return axis;
        }
        let name = name.to_owned();
        self.fail(TileError::UnknownName { name });
        AxisId(u32::MAX)
    }

    /// Local memory of `len` elements.
    pub fn local(&mut self, name: impl Into<String>, element: Element, len: usize) -> LocalId {
        self.kernel.locals.push(Local { name: name.into(), element, len });
        LocalId(self.kernel.locals.len() as u32 - 1)
    }

    /// The type of a tile.
    #[must_use]
    pub fn tile(&self, id: TileId) -> Tile {
        let unknown = Tile { element: Element::F32, axes: Vec::new() };
        self.kernel.tiles.get(id.0 as usize).cloned().unwrap_or(unknown)
    }

    /// A number.
    pub fn constant(&mut self, element: Element, value: f64) -> TileId {
        self.push(TileOp::Const { element, value })
    }

    /// The value of an expression as I32.
    pub fn iota(&mut self, value: impl Into<Dim>) -> TileId {
        self.push(TileOp::Iota(value.into()))
    }

    /// Entries of memory; axes in the order of their declaration.
    pub fn load(&mut self, memory: impl Into<Memory>, index: impl Into<Index>) -> TileId {
        self.push(TileOp::Load { memory: memory.into(), index: index.into(), mask: None })
    }

    /// Entries of memory where the mask is true, elsewhere 0.
    pub fn load_masked(
        &mut self,
        memory: impl Into<Memory>,
        index: impl Into<Index>,
        mask: TileId,
    ) -> TileId {
        self.push(TileOp::Load { memory: memory.into(), index: index.into(), mask: Some(mask) })
    }

    /// Stores a tile.
    pub fn store(&mut self, memory: impl Into<Memory>, index: impl Into<Index>, value: TileId) {
        let (memory, index) = (memory.into(), index.into());
        self.push_effect(TileOp::Store { memory, index, value, mask: None });
    }

    /// Stores the entries where the mask is true.
    pub fn store_masked(
        &mut self,
        memory: impl Into<Memory>,
        index: impl Into<Index>,
        value: TileId,
        mask: TileId,
    ) {
        let (memory, index) = (memory.into(), index.into());
        self.push_effect(TileOp::Store { memory, index, value, mask: Some(mask) });
    }

    /// One operand.
    pub fn unary(&mut self, op: UnaryOp, a: TileId) -> TileId {
        self.push(TileOp::Unary(op, a))
    }

    /// Two operands.
    pub fn binary(&mut self, op: BinaryOp, a: TileId, b: TileId) -> TileId {
        self.push(TileOp::Binary(op, a, b))
    }

    /// `a * b + c` with one rounding.
    pub fn fma(&mut self, a: TileId, b: TileId, c: TileId) -> TileId {
        self.push(TileOp::Fma(a, b, c))
    }

    /// `a` where the condition is true, else `b`.
    pub fn select(&mut self, condition: TileId, a: TileId, b: TileId) -> TileId {
        self.push(TileOp::Select(condition, a, b))
    }

    /// Conversion; nothing where the type is right already.
    pub fn cast(&mut self, element: Element, a: TileId) -> TileId {
        if self.tile(a).element == element { a } else { self.push(TileOp::Cast(element, a)) }
    }

    /// Combines along an axis.
    pub fn reduce(&mut self, op: ReduceOp, axis: AxisId, value: TileId) -> TileId {
        self.push(TileOp::Reduce { op, axis, value })
    }

    /// Inclusive affine scan `h = a * h' + b`.
    pub fn scan(
        &mut self,
        axis: AxisId,
        a: Option<TileId>,
        b: TileId,
        start: Option<TileId>,
        reverse: bool,
    ) -> TileId {
        self.push(TileOp::Scan { axis, a, b, start, reverse })
    }

    /// Product summed over an axis of both.
    pub fn dot(&mut self, axis: AxisId, a: TileId, b: TileId) -> TileId {
        self.push(TileOp::Dot { axis, a, b })
    }

    /// The same entries with axis `from` called `to`.
    pub fn rename(&mut self, value: TileId, from: AxisId, to: AxisId) -> TileId {
        self.push(TileOp::Rename { value, from, to })
    }

    /// Solves `(I + strictly lower part of l) x = b`.
    pub fn triangular_solve(&mut self, l: TileId, row: AxisId, column: AxisId, b: TileId) -> TileId {
        self.push(TileOp::TriangularSolve { l, row, column, b })
    }

    /// A run-time check.
    pub fn check(&mut self, condition: TileId, site: CheckId, value: TileId, position: TileId) {
        self.push_effect(TileOp::Check { condition, site, value, position });
    }

    /// Opens a loop; instructions go to its body until [`Self::end_loop`]. Each carried tile has an initial value and its axes inside (those of the initial
    /// value and others, along which it is broadcast). Returns the loop variable and the carried tiles inside.
    pub fn begin_loop(
        &mut self,
        variable: impl Into<String>,
        extent: impl Into<Dim>,
        reverse: bool,
        carried: &[(TileId, Vec<AxisId>)],
    ) -> (Dim, Vec<TileId>) {
        let variable = variable.into();
        let position = Dim::var(&variable);
        let inside: Vec<TileId> = carried
            .iter()
            .map(|(start, axes)| {
                let element = self.tile(*start).element;
                self.new_tile(Tile { element, axes: axes.clone() })
            })
            .collect();
        let carried = inside.iter().copied().zip(carried.iter().map(|(start, _)| *start)).collect();
        let extent = extent.into();
        self.open.push((Some(OpenLoop { variable, extent, reverse, carried }), Vec::new()));
        (position, inside)
    }

    /// Closes the innermost loop with the carried tiles anew; returns the carried tiles at the end.
    pub fn end_loop(&mut self, yields: &[TileId]) -> Vec<TileId> {
        let Some((Some(open), insts)) = (if self.open.len() > 1 { self.open.pop() } else { None }) else {
            self.fail(TileError::Declaration("a loop ends that was not begun".to_owned()));
            return Vec::new();
        };
        let results: Vec<TileId> = open
            .carried
            .iter()
            .map(|(inside, _)| {
                let tile = self.tile(*inside);
                self.new_tile(tile)
            })
            .collect();
        let OpenLoop { variable, extent, reverse, carried } = open;
        let body = Block { insts, yields: yields.to_vec() };
        let op = TileOp::Loop(Box::new(Loop { variable, extent, reverse, carried, body }));
        self.add(Inst { op, results: results.clone() });
        results
    }

    /// Any other instruction with one result.
    pub fn push(&mut self, op: TileOp) -> TileId {
        let ty = match rules::result(&self.kernel, &op) {
            Ok(Some(ty)) => ty,
            Ok(None) => {
                let text = format!("`{}` has no single result", op.name());
                self.fail(TileError::Declaration(text));
                Tile { element: Element::F32, axes: Vec::new() }
            }
            Err(error) => {
                self.fail(error);
                Tile { element: Element::F32, axes: Vec::new() }
            }
        };
        let result = self.new_tile(ty);
        self.add(Inst { op, results: vec![result] });
        result
    }

    fn push_effect(&mut self, op: TileOp) {
        if let Err(error) = rules::result(&self.kernel, &op) {
            self.fail(error);
        }
        self.add(Inst { op, results: Vec::new() });
    }

    fn new_tile(&mut self, tile: Tile) -> TileId {
        self.kernel.tiles.push(tile);
        TileId(self.kernel.tiles.len() as u32 - 1)
    }

    fn add(&mut self, inst: Inst) {
        if let Some((_, insts)) = self.open.last_mut() {
            insts.push(inst);
        }
    }

    fn fail(&mut self, error: TileError) {
        self.error.get_or_insert(error);
    }

    /// The kernel.
    ///
    /// # Errors
    /// The first mistake made while building it, or a loop that is still open.
    pub fn finish(mut self) -> Result<Kernel, TileError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        match (self.open.pop(), self.open.is_empty()) {
            (Some((None, insts)), true) => {
                self.kernel.body = Block { insts, yields: Vec::new() };
                Ok(self.kernel)
            }
            _ => Err(TileError::Declaration("a loop was begun and not ended".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_follow_from_operands() {
        let mut k = KernelBuilder::new("softmax");
        let x = k.read("x", DType::BF16);
        let row = k.grid("row", 8);
        let c = k.axis("c", 16, 10);
        let axis = k.axis_id(&c);
        let value = k.load(x, &(&row * &Dim::constant(10)) + &c);
        assert_eq!(k.tile(value), Tile { element: Element::F32, axes: vec![axis] });
        let largest = k.reduce(ReduceOp::Max, axis, value);
        assert_eq!(k.tile(largest).axes, vec![]);
        let shifted = k.binary(BinaryOp::Sub, largest, value);
        assert_eq!(k.tile(shifted).axes, vec![axis]);
        let first = k.binary(BinaryOp::Ge, value, largest);
        assert_eq!(k.tile(first).element, Element::Bool);
        assert!(k.finish().is_ok());
    }

    #[test]
    fn the_first_mistake_is_reported() {
        let mut k = KernelBuilder::new("bad");
        let one = k.constant(Element::F32, 1.0);
        let two = k.constant(Element::I32, 2.0);
        k.binary(BinaryOp::Add, one, two);
        k.unary(UnaryOp::Re, one);
        assert!(matches!(k.finish(), Err(TileError::Element { op: "add", found: Element::I32, .. })));
    }

    #[test]
    fn an_index_must_be_affine_in_tile_axes() {
        let mut k = KernelBuilder::new("square");
        let x = k.read("x", DType::F32);
        let c = k.axis("c", 4, 4);
        k.load(x, &c * &c);
        assert!(matches!(k.finish(), Err(TileError::NotAffine { .. })));
    }
}
