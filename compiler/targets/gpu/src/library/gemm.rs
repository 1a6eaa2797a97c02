//! A matrix product: a tile of the result for each grid point, a loop over the contracted size.

use super::declare;
use tensc_ir::{BinaryOp, DType, Dim};
use tensc_program::{Element, Gemm, Kernel, KernelBuilder, Panels, TileError};

/// Rows, columns and depth of a tile.
const TILE: [usize; 3] = [64, 64, 16];

/// The side of a tile for a size: no larger than needed where that is known.
fn side(size: &Dim, most: usize) -> usize {
    match size.as_constant().and_then(|n| usize::try_from(n).ok()) {
        Some(n) => n.clamp(1, most).next_power_of_two(),
        None => most,
    }
}

/// What is left of a size from a tile on: all of the tile where the size is a multiple of it.
fn extent(size: &Dim, side: usize, tile: &Dim) -> Dim {
    let side = Dim::constant(side as i64);
    match (size.as_constant(), side.as_constant()) {
        (Some(n), Some(width)) if n % width == 0 => side,
        _ => side.minimum(&(size - &(&side * tile))),
    }
}

/// How many tiles cover a size.
fn tiles(size: &Dim, side: usize) -> Dim {
    let side = Dim::constant(side as i64);
    size.div(&side).unwrap_or_else(|| size.clone()).ceil()
}

/// The kernel of a call, whose arguments are the call's.
pub(super) fn kernel(gemm: &Gemm, [a_dtype, b_dtype]: [DType; 2]) -> Result<Kernel, TileError> {
    let mut k = KernelBuilder::new(if gemm.accumulate { "product added" } else { "product" });
    let (a, b) = (k.read("a", a_dtype), k.read("b", b_dtype));
    let before = gemm.accumulate.then(|| k.read("before", DType::F32));
    let c = k.write("c", DType::F32);
    let strides = gemm
        .a_strides
        .iter()
        .chain(&gemm.b_strides)
        .chain(&gemm.c_strides)
        .chain(gemm.b_panels.iter().map(|panels| &panels.stride));
    let dims: Vec<&Dim> = [&gemm.batch, &gemm.m, &gemm.k, &gemm.n].into_iter().chain(strides).collect();
    declare(&mut k, &dims);
    let [rows, mut columns, depth] = [side(&gemm.m, TILE[0]), side(&gemm.n, TILE[1]), side(&gemm.k, TILE[2])];
    if let Some(Panels { width, .. }) = &gemm.b_panels {
        // A tile lies within one panel.
        let most = 1_usize << width.trailing_zeros().min(6);
        columns = columns.min(most);
    }
    let number = |n: usize| Dim::constant(n as i64);
    let product = k.grid("product_", gemm.batch.clone());
    let down = k.grid("down_", tiles(&gemm.m, rows));
    let across = k.grid("across_", tiles(&gemm.n, columns));
    let turn = Dim::var("turn_");
    let row = k.axis("row_", rows, extent(&gemm.m, rows, &down));
    let inner = k.axis("inner_", depth, extent(&gemm.k, depth, &turn));
    let column = k.axis("column_", columns, extent(&gemm.n, columns, &across));
    let (row_axis, inner_axis, column_axis) = (k.axis_id(&row), k.axis_id(&inner), k.axis_id(&column));
    let row_at = &(&number(rows) * &down) + &row;
    let inner_at = &(&number(depth) * &turn) + &inner;
    let column_at = &(&number(columns) * &across) + &column;
    let place = |[batch, first, second]: &[Dim; 3], i: &Dim, j: &Dim| {
        &(&(batch * &product) + &(first * i)) + &(second * j)
    };
    let zero = k.constant(Element::F32, 0.0);
    let carried = [(zero, vec![row_axis, column_axis])];
    let (_, inside) = k.begin_loop("turn_", tiles(&gemm.k, depth), false, &carried);
    let left = k.load(a, place(&gemm.a_strides, &row_at, &inner_at));
    let b_place = match &gemm.b_panels {
        None => place(&gemm.b_strides, &inner_at, &column_at),
        Some(Panels { width, stride }) => {
            let first = &number(columns) * &across;
            let width = Dim::constant(*width);
            let panel = first.div(&width).unwrap_or_else(|| first.clone()).floor();
            let within = &(&first - &(&width * &panel)) + &column;
            &place(&gemm.b_strides, &inner_at, &within) + &(stride * &panel)
        }
    };
    let right = k.load(b, b_place);
    let part = k.dot(inner_axis, left, right);
    let sum = k.binary(BinaryOp::Add, inside.first().copied().unwrap_or(part), part);
    let sums = k.end_loop(&[sum]);
    let mut value = sums.first().copied().unwrap_or(sum);
    if let Some(before) = before {
        let old = k.load(before, place(&gemm.c_strides, &row_at, &column_at));
        value = k.binary(BinaryOp::Add, old, value);
    }
    k.store(c, place(&gemm.c_strides, &row_at, &column_at), value);
    k.finish()
}
