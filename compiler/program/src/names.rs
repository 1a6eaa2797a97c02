//! The word for each element type, op and reduction: in the text form and in messages. And what follows from them alone.

use crate::kernel::{AxisId, AxisKind, Element, Kernel, LocalId, Memory, ParamId, ReduceOp, TileId, TileOp};
use std::fmt;
use tensc_ir::{DType, Dim, DimError, Sizes};

impl Element {
    /// Every element type of tiles.
    pub const ALL: [Self; 4] = [Self::F32, Self::F64, Self::I32, Self::Bool];

    /// Its word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::I32 => "i32",
            Self::Bool => "bool",
        }
    }

    /// The element type of this word.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|element| element.name() == name)
    }

    /// Bytes of one element in local memory.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::F64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::Bool => 1,
        }
    }

    /// `f32` or `f64`.
    #[must_use]
    pub const fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F64)
    }

    /// What memory of this type becomes in a tile. A `c64` array is read as `f32` (indices count halves).
    #[must_use]
    pub const fn of(dtype: DType) -> Self {
        match dtype {
            DType::F32 | DType::F16 | DType::BF16 | DType::C64 => Self::F32,
            DType::F64 => Self::F64,
            DType::I32 | DType::U8 => Self::I32,
            DType::Bool => Self::Bool,
        }
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for TileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "%{}", self.0)
    }
}

impl ReduceOp {
    /// Every reduction.
    pub const ALL: [Self; 6] = [Self::Sum, Self::Max, Self::Min, Self::ArgMax, Self::And, Self::Or];

    /// Its word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Max => "max",
            Self::Min => "min",
            Self::ArgMax => "argmax",
            Self::And => "all",
            Self::Or => "any",
        }
    }

    /// The reduction of this word.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|op| op.name() == name)
    }
}

impl TileOp {
    /// Its word, without attributes.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Const { .. } => "const",
            Self::Iota(_) => "iota",
            Self::Load { .. } => "load",
            Self::Store { .. } => "store",
            Self::Unary(op, _) => op.name(),
            Self::Binary(op, ..) => op.name(),
            Self::Fma(..) => "fma",
            Self::Select(..) => "select",
            Self::Cast(..) => "cast",
            Self::Reduce { op, .. } => op.name(),
            Self::Scan { .. } => "scan",
            Self::Dot { .. } => "dot",
            Self::Rename { .. } => "rename",
            Self::TriangularSolve { .. } => "solve",
            Self::Check { .. } => "check",
            Self::Loop(_) => "loop",
        }
    }

    /// The tiles that it reads, in order; for a loop those outside its body.
    #[must_use]
    pub fn operands(&self) -> Vec<TileId> {
        match self {
            Self::Const { .. } | Self::Iota(_) => Vec::new(),
            Self::Load { index, mask, .. } => {
                index.gathered.iter().map(|(tile, _)| *tile).chain(*mask).collect()
            }
            Self::Store { index, value, mask, .. } => {
                index.gathered.iter().map(|(tile, _)| *tile).chain([*value]).chain(*mask).collect()
            }
            Self::Unary(_, a) | Self::Cast(_, a) => vec![*a],
            Self::Binary(_, a, b) | Self::Dot { a, b, .. } => vec![*a, *b],
            Self::Fma(a, b, c) | Self::Select(a, b, c) => vec![*a, *b, *c],
            Self::Reduce { value, .. } | Self::Rename { value, .. } => vec![*value],
            Self::Scan { a, b, start, .. } => a.iter().copied().chain([*b]).chain(*start).collect(),
            Self::TriangularSolve { l, b, .. } => vec![*l, *b],
            Self::Check { condition, value, position, .. } => vec![*condition, *value, *position],
            Self::Loop(inner) => inner.carried.iter().map(|(_, start)| *start).collect(),
        }
    }
}

impl Kernel {
    /// The name of an axis in index expressions.
    #[must_use]
    pub fn axis_name(&self, axis: AxisId) -> &str {
        self.axes.get(axis.0 as usize).map_or("?", |axis| axis.name.as_str())
    }

    /// The axis of this name.
    #[must_use]
    pub fn axis_named(&self, name: &str) -> Option<AxisId> {
        self.axes.iter().position(|axis| axis.name == name).map(|n| AxisId(n as u32))
    }

    /// Static bound and extent of a tile axis.
    #[must_use]
    pub fn tile_axis(&self, axis: AxisId) -> Option<(usize, &Dim)> {
        match &self.axes.get(axis.0 as usize)?.kind {
            AxisKind::Tile { bound, extent } => Some((*bound, extent)),
            AxisKind::Grid { .. } => None,
        }
    }

    /// Extents of the grid, outermost first.
    pub fn grid(&self) -> impl Iterator<Item = &Dim> {
        self.axes.iter().filter_map(|axis| match &axis.kind {
            AxisKind::Grid { extent } => Some(extent),
            AxisKind::Tile { .. } => None,
        })
    }

    /// How many grid points there are for these values of the size parameters. Flattened points count row-major over the grid axes.
    ///
    /// # Errors
    /// An extent without a value for these sizes, or a product beyond 64 bits.
    pub fn grid_points(&self, sizes: &[i64]) -> Result<i64, DimError> {
        let sizes: Sizes = self.sizes.iter().zip(sizes).map(|(name, n)| (name.as_str().into(), *n)).collect();
        let mut points = 1_i64;
        for extent in self.grid() {
            let n = extent.eval(&sizes)?.max(0);
            points = points.checked_mul(n).ok_or_else(|| DimError::OutOfRange(extent.to_string()))?;
        }
        Ok(points)
    }

    /// Element type of tiles that are loaded from or stored to this memory.
    #[must_use]
    pub fn memory_element(&self, memory: Memory) -> Option<Element> {
        match memory {
            Memory::Param(ParamId(n)) => self.params.get(n as usize).map(|param| Element::of(param.dtype)),
            Memory::Local(LocalId(n)) => self.locals.get(n as usize).map(|local| local.element),
        }
    }

    /// The name of this memory in the text form.
    #[must_use]
    pub fn memory_name(&self, memory: Memory) -> &str {
        match memory {
            Memory::Param(ParamId(n)) => self.params.get(n as usize).map_or("?", |param| &param.name),
            Memory::Local(LocalId(n)) => self.locals.get(n as usize).map_or("?", |local| &local.name),
        }
    }
}
