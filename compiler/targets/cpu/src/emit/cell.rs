//! The place that is computed: a coordinate per axis, and the axis along which it is four neighbours.

use cranelift_codegen::ir::Value;
use tensc_program::AxisId;

/// A coordinate along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Coord {
    /// Known when compiling.
    Known(i64),
    /// A 64-bit value.
    At(Value),
}

/// A place, or four neighbouring places along `vector`, whose coordinate is that of the first.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Cell {
    /// Outermost loop first.
    pub(crate) coords: Vec<(AxisId, Coord)>,
    pub(crate) vector: Option<AxisId>,
}

impl Cell {
    pub(crate) fn coord(&self, axis: AxisId) -> Option<Coord> {
        self.coords.iter().find(|(a, _)| *a == axis).map(|(_, coord)| *coord)
    }

    /// This place with one more coordinate.
    pub(crate) fn with(&self, axis: AxisId, coord: Coord, vector: bool) -> Self {
        let mut cell = self.clone();
        cell.coords.retain(|(a, _)| *a != axis);
        cell.coords.push((axis, coord));
        if vector {
            cell.vector = Some(axis);
        } else if cell.vector == Some(axis) {
            cell.vector = None;
        }
        cell
    }

    pub(crate) fn has_all(&self, axes: &[AxisId]) -> bool {
        axes.iter().all(|axis| self.coord(*axis).is_some())
    }

    /// Whether a tile with these axes is four neighbours here.
    pub(crate) fn is_vector(&self, axes: &[AxisId]) -> bool {
        self.vector.is_some_and(|vector| axes.contains(&vector))
    }

    /// The place in a tile whose axis `from` is called `to` here.
    pub(crate) fn renamed(&self, from: AxisId, to: AxisId) -> Self {
        let mut cell = self.clone();
        cell.coords.retain(|(axis, _)| *axis != from);
        for (axis, _) in &mut cell.coords {
            if *axis == to {
                *axis = from;
            }
        }
        cell.vector = match self.vector {
            Some(axis) if axis == to => Some(from),
            Some(axis) if axis == from => None,
            other => other,
        };
        cell
    }
}
