//! Kernels as text.

use crate::kernel::{AxisKind, Block, CheckId, Index, Kernel, TileId, TileOp};
use std::fmt::{self, Write};

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print(self, f, "")
    }
}

/// The kernel with a number before its name: `k3 `, or nothing.
pub(super) fn print(kernel: &Kernel, f: &mut fmt::Formatter<'_>, number: &str) -> fmt::Result {
    let params: Vec<String> = kernel
        .params
        .iter()
        .map(|param| {
            let direction = if param.writes { "write" } else { "read" };
            format!("{direction} {}: {}", param.name, param.dtype)
        })
        .collect();
    let (params, sizes) = (params.join(", "), kernel.sizes.join(", "));
    writeln!(f, "kernel {number}{:?} ({params}) sizes({sizes}) {{", kernel.name)?;
    for axis in &kernel.axes {
        match &axis.kind {
            AxisKind::Grid { extent } => writeln!(f, "    grid {} < {extent}", axis.name)?,
            AxisKind::Tile { bound, extent } => writeln!(f, "    tile {} <= {bound} < {extent}", axis.name)?,
        }
    }
    for local in &kernel.locals {
        writeln!(f, "    local {}: {}[{}]", local.name, local.element, local.len)?;
    }
    f.write_str(&block(kernel, &kernel.body, 1))?;
    writeln!(f, "}}")
}

fn list(tiles: &[TileId]) -> String {
    tiles.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn block(kernel: &Kernel, block: &Block, depth: usize) -> String {
    let mut text = String::new();
    let indent = "    ".repeat(depth);
    for inst in &block.insts {
        text.push_str(&indent);
        if !inst.results.is_empty() {
            text.push_str(&list(&inst.results));
            text.push_str(" = ");
        }
        text.push_str(&op(kernel, &inst.op));
        if !inst.results.is_empty() {
            let types: Vec<String> = inst.results.iter().map(|id| tile_type(kernel, *id)).collect();
            text.push_str(" : ");
            text.push_str(&types.join(", "));
        }
        if let TileOp::Loop(inner) = &inst.op {
            text.push_str(" {\n");
            text.push_str(&self::block(kernel, &inner.body, depth + 1));
            text.push_str(&indent);
            text.push('}');
        }
        text.push('\n');
    }
    if !block.yields.is_empty() {
        text.push_str(&format!("{indent}yield {}\n", list(&block.yields)));
    }
    text
}

/// `f32[b, c]`, or `f32` without axes.
pub(crate) fn tile_type(kernel: &Kernel, id: TileId) -> String {
    let Some(tile) = kernel.tiles.get(id.0 as usize) else { return "?".to_owned() };
    if tile.axes.is_empty() {
        return tile.element.name().to_owned();
    }
    let axes: Vec<&str> = tile.axes.iter().map(|axis| kernel.axis_name(*axis)).collect();
    format!("{}[{}]", tile.element, axes.join(", "))
}

/// One instruction without its results, and without a loop's body.
pub(crate) fn op(kernel: &Kernel, op: &TileOp) -> String {
    let name = op.name();
    let masked = |mask: &Option<TileId>| mask.map(|mask| format!(" mask {mask}")).unwrap_or_default();
    match op {
        TileOp::Const { element, value } => format!("const {element} {value:?}"),
        TileOp::Iota(dim) => format!("iota {dim}"),
        TileOp::Load { memory, index, mask } => {
            format!("load {}[{}]{}", kernel.memory_name(*memory), place(index), masked(mask))
        }
        TileOp::Store { memory, index, value, mask } => {
            let place = place(index);
            format!("store {}[{place}], {value}{}", kernel.memory_name(*memory), masked(mask))
        }
        TileOp::Unary(_, a) => format!("{name} {a}"),
        TileOp::Binary(_, a, b) => format!("{name} {a}, {b}"),
        TileOp::Fma(a, b, c) | TileOp::Select(a, b, c) => format!("{name} {a}, {b}, {c}"),
        TileOp::Cast(element, a) => format!("cast {element} {a}"),
        TileOp::Reduce { op, axis, value } => {
            format!("reduce {} {} {value}", op.name(), kernel.axis_name(*axis))
        }
        TileOp::Scan { axis, a, b, start, reverse } => {
            let mut text = format!("scan {}", kernel.axis_name(*axis));
            if *reverse {
                text.push_str(" reverse");
            }
            if let Some(a) = a {
                let _ = write!(text, " factor {a}");
            }
            let _ = write!(text, " term {b}");
            if let Some(start) = start {
                let _ = write!(text, " start {start}");
            }
            text
        }
        TileOp::Dot { axis, a, b } => format!("dot {} {a}, {b}", kernel.axis_name(*axis)),
        TileOp::Rename { value, from, to } => {
            format!("rename {value} {} to {}", kernel.axis_name(*from), kernel.axis_name(*to))
        }
        TileOp::TriangularSolve { l, row, column, b } => {
            let (row, column) = (kernel.axis_name(*row), kernel.axis_name(*column));
            format!("solve {l} rows {row} columns {column} right {b}")
        }
        TileOp::Check { condition, site: CheckId(site), value, position } => {
            format!("check {site} {condition} value {value} position {position}")
        }
        TileOp::Loop(inner) => {
            let reverse = if inner.reverse { " reverse" } else { "" };
            let carried: Vec<String> = inner
                .carried
                .iter()
                .map(|(inside, start)| format!("{inside}: {} = {start}", tile_type(kernel, *inside)))
                .collect();
            format!("loop {} < {}{reverse} carry({})", inner.variable, inner.extent, carried.join(", "))
        }
    }
}

fn place(index: &Index) -> String {
    let mut text = index.affine.to_string();
    for (tile, stride) in &index.gathered {
        let _ = write!(text, "; {tile} * {stride}");
    }
    text
}
