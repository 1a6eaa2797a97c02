//! Where in a value a kernel reads: one [`Ix`] per axis.

use std::collections::BTreeSet;
use tensc_ir::Dim;
use tensc_program::TileId;

/// A position along one axis: an expression over the kernel's names, plus data-dependent parts.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub(crate) struct Ix {
    /// Over sizes, grid axes, loop variables and tile axes; affine in tile axes.
    pub(crate) affine: Dim,
    /// I32 tiles with their factors.
    pub(crate) gathered: Vec<(TileId, Dim)>,
}

impl Ix {
    pub(crate) fn at(affine: Dim) -> Self {
        Self { affine, gathered: Vec::new() }
    }

    pub(crate) fn zero() -> Self {
        Self::default()
    }

    pub(crate) fn tile(tile: TileId) -> Self {
        Self { affine: Dim::default(), gathered: vec![(tile, Dim::constant(1))] }
    }

    pub(crate) fn shifted(&self, by: &Dim) -> Self {
        Self { affine: &self.affine + by, gathered: self.gathered.clone() }
    }

    pub(crate) fn scaled(&self, by: &Dim) -> Self {
        let gathered = self.gathered.iter().map(|(tile, factor)| (*tile, factor * by)).collect();
        Self { affine: &self.affine * by, gathered }
    }

    pub(crate) fn plus(&self, other: &Self) -> Self {
        let gathered = self.gathered.iter().chain(&other.gathered).cloned().collect();
        Self { affine: &self.affine + &other.affine, gathered }
    }

    /// Names in the affine part.
    pub(crate) fn names(&self, into: &mut BTreeSet<String>) {
        into.extend(self.affine.names().iter().map(ToString::to_string));
    }
}

/// The product of sizes.
pub(crate) fn product<'a>(sizes: impl IntoIterator<Item = &'a Dim>) -> Dim {
    sizes.into_iter().fold(Dim::constant(1), |product, size| &product * size)
}

/// A size known when compiling.
pub(crate) fn known(size: &Dim) -> Option<usize> {
    size.as_constant().and_then(|n| usize::try_from(n).ok())
}

pub(crate) fn is_one(size: &Dim) -> bool {
    size.as_constant() == Some(1)
}

/// A number of entries as a size.
pub(crate) fn dim(n: usize) -> Dim {
    Dim::constant(i64::try_from(n).unwrap_or(i64::MAX))
}

/// Row-major strides of an array of this shape.
pub(crate) fn row_major(shape: &[Dim]) -> Vec<Dim> {
    let mut stride = Dim::constant(1);
    let mut strides: Vec<Dim> = shape
        .iter()
        .rev()
        .map(|size| {
            let this = stride.clone();
            stride = &stride * size;
            this
        })
        .collect();
    strides.reverse();
    strides
}

/// `ceil(size / by)`.
pub(crate) fn pieces(size: &Dim, by: usize) -> Dim {
    size.div(&dim(by)).unwrap_or_default().ceil()
}
