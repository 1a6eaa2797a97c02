//! Kernels from text. What a kernel means (types, scopes) is the verifier's business; names and ids are resolved here.

use super::lines::{Line, Lines, MAX_DEPTH, ParseError};
use crate::kernel::{
    Axis, AxisId, AxisKind, Block, CheckId, Index, Inst, Kernel, Local, LocalId, Loop, Memory, Param,
    ParamId, ReduceOp, Tile, TileId, TileOp,
};
use tensc_ir::{BinaryOp, UnaryOp};

/// Reads a kernel from its text form.
///
/// # Errors
/// The first mistake, with its line.
pub fn parse_kernel(text: &str) -> Result<Kernel, ParseError> {
    let mut lines = Lines::new(text);
    let mut header = lines.need("a kernel")?;
    header.word_is("kernel")?;
    let kernel = kernel(&mut lines, header)?;
    match lines.take() {
        Some(line) => line.expected("the end"),
        None => Ok(kernel),
    }
}

/// A kernel after the word `kernel` and its number.
pub(super) fn kernel(lines: &mut Lines, mut header: Line) -> Result<Kernel, ParseError> {
    let mut kernel = Kernel { name: header.quoted()?, ..Kernel::default() };
    kernel.params = header.list(("(", ")"), |line| {
        let writes = match line.word("`read` or `write`")? {
            "read" => false,
            "write" => true,
            other => return line.error(format!("expected `read` or `write`, found `{other}`")),
        };
        let name = line.word("a name")?.to_owned();
        line.mark(":")?;
        Ok(Param { name, dtype: line.dtype()?, writes })
    })?;
    header.word_is("sizes")?;
    kernel.sizes = header.list(("(", ")"), |line| line.word("a name").map(str::to_owned))?;
    header.mark("{")?;
    header.ends()?;
    while let Some(text) = lines.peek() {
        let declaration = ["grid ", "tile ", "local "].iter().any(|word| text.starts_with(word));
        if !declaration {
            break;
        }
        declare(&mut kernel, &mut lines.need("a declaration")?)?;
    }
    let mut tiles = Vec::new();
    kernel.body = block(lines, &kernel, &mut tiles, 0)?;
    for (n, tile) in tiles.into_iter().enumerate() {
        match tile {
            Some(tile) => kernel.tiles.push(tile),
            None => return header.error(format!("%{n} is nowhere defined in this kernel")),
        }
    }
    Ok(kernel)
}

fn declare(kernel: &mut Kernel, line: &mut Line) -> Result<(), ParseError> {
    let word = line.word("a declaration")?;
    let name = line.word("a name")?.to_owned();
    match word {
        "grid" => {
            line.mark("<")?;
            kernel.axes.push(Axis { name, kind: AxisKind::Grid { extent: line.dim()? } });
        }
        "tile" => {
            line.mark("<=")?;
            let bound = line.number()?;
            line.mark("<")?;
            kernel.axes.push(Axis { name, kind: AxisKind::Tile { bound, extent: line.dim()? } });
        }
        _ => {
            line.mark(":")?;
            let element = line.element()?;
            line.mark("[")?;
            let len = line.number()?;
            line.mark("]")?;
            kernel.locals.push(Local { name, element, len });
        }
    }
    line.ends()
}

type Tiles = Vec<Option<Tile>>;

fn block(lines: &mut Lines, kernel: &Kernel, tiles: &mut Tiles, depth: usize) -> Result<Block, ParseError> {
    let mut block = Block::default();
    while !lines.closes() {
        let mut line = lines.need("an instruction or `}`")?;
        if depth >= MAX_DEPTH {
            return line.error("loops nested too deep");
        }
        if line.word_if("yield") {
            block.yields = many(&mut line, Line::tile)?;
            line.ends()?;
            if !lines.closes() {
                return lines.need("`}`")?.expected("`}` after yield");
            }
            return Ok(block);
        }
        block.insts.push(inst(lines, line, kernel, tiles, depth)?);
    }
    Ok(block)
}

/// One or more items, separated by commas.
fn many<'t, T>(
    line: &mut Line<'t>,
    mut item: impl FnMut(&mut Line<'t>) -> Result<T, ParseError>,
) -> Result<Vec<T>, ParseError> {
    let mut items = vec![item(line)?];
    while line.mark_if(",") {
        items.push(item(line)?);
    }
    Ok(items)
}

fn define(line: &Line, tiles: &mut Tiles, id: TileId, tile: Tile) -> Result<(), ParseError> {
    // A number far above the number of lines would only make a huge table of holes.
    if id.0 as usize > tiles.len() + 100_000 {
        return line.error(format!("{id} is far above all other tiles"));
    }
    if tiles.len() <= id.0 as usize {
        tiles.resize(id.0 as usize + 1, None);
    }
    match tiles.get_mut(id.0 as usize) {
        Some(slot @ None) => {
            *slot = Some(tile);
            Ok(())
        }
        _ => line.error(format!("{id} is defined twice")),
    }
}

fn inst(
    lines: &mut Lines,
    mut line: Line,
    kernel: &Kernel,
    tiles: &mut Tiles,
    depth: usize,
) -> Result<Inst, ParseError> {
    let mut results = Vec::new();
    if line.mark_if("%") {
        results.push(TileId(line.number()?));
        while line.mark_if(",") {
            results.push(line.tile()?);
        }
        line.mark("=")?;
    }
    let mut op = op(&mut line, kernel, tiles)?;
    if !results.is_empty() {
        line.mark(":")?;
        let types = many(&mut line, |line| tile_type(line, kernel))?;
        if types.len() != results.len() {
            return line.error(format!("{} results have {} types", results.len(), types.len()));
        }
        for (id, tile) in results.iter().zip(types) {
            define(&line, tiles, *id, tile)?;
        }
    }
    if let TileOp::Loop(inner) = &mut op {
        line.mark("{")?;
        line.ends()?;
        inner.body = block(lines, kernel, tiles, depth + 1)?;
    } else {
        line.ends()?;
    }
    Ok(Inst { op, results })
}

fn tile_type(line: &mut Line, kernel: &Kernel) -> Result<Tile, ParseError> {
    let element = line.element()?;
    let mut axes = Vec::new();
    if line.mark_if("[") {
        axes = many(line, |line| axis(line, kernel))?;
        line.mark("]")?;
    }
    Ok(Tile { element, axes })
}

fn axis(line: &mut Line, kernel: &Kernel) -> Result<AxisId, ParseError> {
    let name = line.word("an axis")?;
    kernel.axis_named(name).map_or_else(|| line.error(format!("there is no axis `{name}`")), Ok)
}

fn memory(line: &mut Line, kernel: &Kernel) -> Result<Memory, ParseError> {
    let name = line.word("a parameter or local")?;
    if let Some(n) = kernel.params.iter().position(|param| param.name == name) {
        return Ok(Memory::Param(ParamId(n as u32)));
    }
    match kernel.locals.iter().position(|local| local.name == name) {
        Some(n) => Ok(Memory::Local(LocalId(n as u32))),
        None => line.error(format!("there is no parameter or local `{name}`")),
    }
}

fn place(line: &mut Line) -> Result<Index, ParseError> {
    line.mark("[")?;
    let affine = line.dim()?;
    let mut gathered = Vec::new();
    while line.mark_if(";") {
        let tile = line.tile()?;
        line.mark("*")?;
        gathered.push((tile, line.dim()?));
    }
    line.mark("]")?;
    Ok(Index { affine, gathered })
}

fn mask(line: &mut Line) -> Result<Option<TileId>, ParseError> {
    if line.word_if("mask") { line.tile().map(Some) } else { Ok(None) }
}

fn op(line: &mut Line, kernel: &Kernel, tiles: &mut Tiles) -> Result<TileOp, ParseError> {
    let word = line.word("an op")?;
    let next = |line: &mut Line| {
        line.mark(",")?;
        line.tile()
    };
    Ok(match word {
        "const" => TileOp::Const { element: line.element()?, value: line.real()? },
        "iota" => TileOp::Iota(line.dim()?),
        "load" => TileOp::Load { memory: memory(line, kernel)?, index: place(line)?, mask: mask(line)? },
        "store" => {
            let (memory, index) = (memory(line, kernel)?, place(line)?);
            TileOp::Store { memory, index, value: next(line)?, mask: mask(line)? }
        }
        "fma" => TileOp::Fma(line.tile()?, next(line)?, next(line)?),
        "select" => TileOp::Select(line.tile()?, next(line)?, next(line)?),
        "cast" => TileOp::Cast(line.element()?, line.tile()?),
        "reduce" => {
            let name = line.word("a reduction")?;
            let Some(op) = ReduceOp::from_name(name) else {
                return line.error(format!("`{name}` is no reduction"));
            };
            TileOp::Reduce { op, axis: axis(line, kernel)?, value: line.tile()? }
        }
        "scan" => {
            let axis = axis(line, kernel)?;
            let reverse = line.word_if("reverse");
            let a = if line.word_if("factor") { Some(line.tile()?) } else { None };
            line.word_is("term")?;
            let b = line.tile()?;
            let start = if line.word_if("start") { Some(line.tile()?) } else { None };
            TileOp::Scan { axis, a, b, start, reverse }
        }
        "dot" => TileOp::Dot { axis: axis(line, kernel)?, a: line.tile()?, b: next(line)? },
        "rename" => {
            let (value, from) = (line.tile()?, axis(line, kernel)?);
            line.word_is("to")?;
            TileOp::Rename { value, from, to: axis(line, kernel)? }
        }
        "solve" => {
            let l = line.tile()?;
            line.word_is("rows")?;
            let row = axis(line, kernel)?;
            line.word_is("columns")?;
            let column = axis(line, kernel)?;
            line.word_is("right")?;
            TileOp::TriangularSolve { l, row, column, b: line.tile()? }
        }
        "check" => {
            let site = CheckId(line.number()?);
            let condition = line.tile()?;
            line.word_is("value")?;
            let value = line.tile()?;
            line.word_is("position")?;
            TileOp::Check { condition, site, value, position: line.tile()? }
        }
        "loop" => TileOp::Loop(Box::new(open_loop(line, kernel, tiles)?)),
        _ => match (UnaryOp::from_name(word), BinaryOp::from_name(word)) {
            (Some(op), _) => TileOp::Unary(op, line.tile()?),
            (_, Some(op)) => TileOp::Binary(op, line.tile()?, next(line)?),
            (None, None) => return line.error(format!("`{word}` is no op of tiles")),
        },
    })
}

/// A loop's header; its body follows on lines of its own.
fn open_loop(line: &mut Line, kernel: &Kernel, tiles: &mut Tiles) -> Result<Loop, ParseError> {
    let variable = line.word("a loop variable")?.to_owned();
    line.mark("<")?;
    let extent = line.dim()?;
    let reverse = line.word_if("reverse");
    line.word_is("carry")?;
    let carried = line.list(("(", ")"), |line| {
        let inside = line.tile()?;
        line.mark(":")?;
        let tile = tile_type(line, kernel)?;
        define(line, tiles, inside, tile)?;
        line.mark("=")?;
        Ok((inside, line.tile()?))
    })?;
    Ok(Loop { variable, extent, reverse, carried, body: Block::default() })
}
