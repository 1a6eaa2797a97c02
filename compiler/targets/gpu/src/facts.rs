//! What layouts depend on: which axes are summed, scanned or renamed, which axis memory is contiguous along, and how places are aligned.

use std::collections::BTreeSet;
use tensc_ir::Dim;
use tensc_program::rules::{place_axes, split_affine};
use tensc_program::{AxisId, Block, Index, Inst, Kernel, Loop, Memory, TileId, TileOp};

/// Every instruction, those of loops included, in order.
pub(crate) fn each<'k>(block: &'k Block, visit: &mut dyn FnMut(&'k Inst)) {
    for inst in &block.insts {
        visit(inst);
        if let TileOp::Loop(inner) = &inst.op {
            each(&inner.body, visit);
        }
    }
}

/// The loops of a kernel.
pub(crate) fn loops(kernel: &Kernel) -> Vec<&Loop> {
    let mut found = Vec::new();
    each(&kernel.body, &mut |inst| {
        if let TileOp::Loop(inner) = &inst.op {
            found.push(&**inner);
        }
    });
    found
}

/// The axes of a tile.
pub(crate) fn axes(kernel: &Kernel, tile: TileId) -> &[AxisId] {
    kernel.tiles.get(tile.0 as usize).map_or(&[], |tile| tile.axes.as_slice())
}

/// The bound of a tile axis.
pub(crate) fn bound(kernel: &Kernel, axis: AxisId) -> usize {
    kernel.tile_axis(axis).map_or(1, |(bound, _)| bound.max(1))
}

/// How many bits number the entries up to this bound.
pub(crate) fn bits(bound: usize) -> u32 {
    bound.max(1).next_power_of_two().trailing_zeros()
}

/// Axes of one factor alone: the rows or columns of the product.
fn own(kernel: &Kernel, axis: AxisId, factor: TileId, other: TileId) -> impl Iterator<Item = AxisId> {
    let others = axes(kernel, other);
    axes(kernel, factor).iter().copied().filter(move |a| *a != axis && !others.contains(a))
}

/// Whether a product is large enough in all three directions for its factors to be shared by the threads of a block.
pub(crate) fn is_matrix_product(kernel: &Kernel, axis: AxisId, a: TileId, b: TileId) -> bool {
    let size = |factor, other| own(kernel, axis, factor, other).map(|a| bound(kernel, a)).product::<usize>();
    size(a, b) >= 8 && size(b, a) >= 8 && bound(kernel, axis) >= 4
}

/// Axes along which entries meet. All others are as independent as grid points.
pub(crate) fn crossed(kernel: &Kernel) -> BTreeSet<AxisId> {
    let mut crossed = BTreeSet::new();
    each(&kernel.body, &mut |inst| match &inst.op {
        TileOp::Reduce { axis, .. } | TileOp::Scan { axis, .. } => {
            crossed.insert(*axis);
        }
        TileOp::Dot { axis, a, b } => {
            crossed.insert(*axis);
            if is_matrix_product(kernel, *axis, *a, *b) {
                crossed.extend(axes(kernel, *a));
                crossed.extend(axes(kernel, *b));
            }
        }
        TileOp::Rename { from, to, .. } => crossed.extend([*from, *to]),
        TileOp::TriangularSolve { row, column, .. } => crossed.extend([*row, *column]),
        TileOp::Load { memory: Memory::Local(_), index, .. }
        | TileOp::Store { memory: Memory::Local(_), index, .. } => crossed.extend(place_axes(kernel, index)),
        TileOp::Const { .. }
        | TileOp::Iota(_)
        | TileOp::Load { memory: Memory::Param(_), .. }
        | TileOp::Store { memory: Memory::Param(_), .. }
        | TileOp::Unary(..)
        | TileOp::Binary(..)
        | TileOp::Fma(..)
        | TileOp::Select(..)
        | TileOp::Cast(..)
        | TileOp::Check { .. }
        | TileOp::Loop(_) => {}
    });
    crossed
}

/// A place: the part without tile axes, and a stride for each axis of the affine part.
pub(crate) struct Affine {
    pub(crate) base: Dim,
    pub(crate) strides: Vec<(AxisId, Dim)>,
}

/// An index taken apart.
pub(crate) fn affine(kernel: &Kernel, index: &Index) -> Affine {
    let plain = Index { affine: index.affine.clone(), gathered: Vec::new() };
    let axes = place_axes(kernel, &plain);
    let (base, strides) = split_affine(kernel, &index.affine, &axes);
    Affine { base, strides: axes.into_iter().zip(strides).collect() }
}

/// A number that divides every value of an expression; 0 for the expression 0.
pub(crate) fn divisor(dim: &Dim) -> i64 {
    dim.terms().fold(0, |sum, (monomial, (numerator, denominator))| {
        // A reciprocal makes a value that is whole, but not a multiple of its coefficient.
        let whole =
            denominator == 1 && monomial.iter().all(|(atom, exponent)| *exponent > 0 && is_whole(atom));
        let numerator = i64::try_from(numerator).unwrap_or(1);
        if whole { gcd(sum, numerator) } else { 1 }
    })
}

fn is_whole(atom: &tensc_ir::dim::Atom) -> bool {
    use tensc_ir::dim::Atom;
    match atom {
        Atom::Var(_) | Atom::Floor(_) | Atom::Ceil(_) => true,
        Atom::Min(a, b) | Atom::Max(a, b) => [a, b].iter().all(|dim| {
            dim.terms().all(|(monomial, (_, denominator))| {
                denominator == 1 && monomial.iter().all(|(atom, exponent)| *exponent > 0 && is_whole(atom))
            })
        }),
        Atom::Recip(_) => false,
    }
}

pub(crate) fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a.abs() } else { gcd(b, a % b) }
}

/// Whether memory is contiguous along `axis`, groups of `width` neighbours are aligned, and each group is there as a whole or not at all.
pub(crate) fn is_vector(
    kernel: &Kernel,
    memory: Memory,
    index: &Index,
    mask: Option<TileId>,
    axis: AxisId,
    (width, alignments): (i64, &[i64]),
) -> bool {
    let Memory::Param(param) = memory else { return false };
    let alignment = alignments.get(param.0 as usize).copied().unwrap_or(1);
    let whole = kernel.tile_axis(axis).and_then(|(_, extent)| extent.as_constant());
    let varies = |tile: &TileId| axes(kernel, *tile).contains(&axis);
    let place = affine(kernel, index);
    let contiguous = place.strides.iter().any(|(a, stride)| *a == axis && stride.as_constant() == Some(1));
    let others = place.strides.iter().filter(|(a, _)| *a != axis).map(|(_, stride)| stride);
    let steps = others.chain([&place.base]).chain(index.gathered.iter().map(|(_, stride)| stride));
    contiguous
        && whole.is_some_and(|n| n % width == 0)
        && alignment % width == 0
        && !index.gathered.iter().any(|(tile, _)| varies(tile))
        && !mask.is_some_and(|mask| varies(&mask))
        && steps.into_iter().all(|step| divisor(step) % width == 0)
}

/// The axis that most of the memory is contiguous along, among `axes`.
pub(crate) fn contiguous_axis(kernel: &Kernel, axes_among: &[AxisId]) -> Option<AxisId> {
    let mut score: Vec<(usize, AxisId)> = axes_among.iter().map(|axis| (0, *axis)).collect();
    each(&kernel.body, &mut |inst| {
        if let TileOp::Load { memory: Memory::Param(_), index, .. }
        | TileOp::Store { memory: Memory::Param(_), index, .. } = &inst.op
        {
            let here = place_axes(kernel, index);
            let size: usize = here.iter().map(|axis| bound(kernel, *axis)).product();
            for (axis, stride) in affine(kernel, index).strides {
                let entry = score.iter_mut().find(|(_, a)| *a == axis);
                if let (Some(1), Some(entry)) = (stride.as_constant(), entry) {
                    entry.0 += size;
                }
            }
        }
    });
    // The last of equals: inner axes are declared last.
    score.into_iter().max_by_key(|(score, axis)| (*score, *axis)).map(|(_, axis)| axis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divisors_of_expressions() {
        let of = |text: &str| divisor(&tensc_ir::parse_dim(text).unwrap());
        assert_eq!(of("64 * T * b + 12 * i"), 4);
        assert_eq!(of("0"), 0);
        assert_eq!(of("8 * T + 2"), 2);
        assert_eq!(of("T / 2"), 1);
        assert_eq!(of("4 * floor(T / 3) + 16"), 4);
        assert_eq!(of("4 / (T + 1)"), 1);
    }
}
