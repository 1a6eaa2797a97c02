//! The type rules of tile ops, in one place: the builder asks for result types, the verifier compares them.

use crate::kernel::{
    AxisId, CheckId, Element, Index, Kernel, LocalId, Memory, ParamId, ReduceOp, Tile, TileId, TileOp,
};
use tensc_ir::{BinaryOp, Dim, UnaryOp};

/// What is wrong with an instruction.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    /// An id out of range.
    #[error("there is no {what} of number {number}")]
    Unknown {
        /// Tile, axis, parameter, ..
        what: &'static str,
        /// The number.
        number: u32,
    },
    /// A wrong element type.
    #[error("`{op}` expects {expected}, found {found}")]
    Element {
        /// The op's word.
        op: &'static str,
        /// What would be right.
        expected: String,
        /// What is there.
        found: Element,
    },
    /// An axis that an operand should have.
    #[error("`{op}` needs a tile with axis `{axis}`")]
    AxisMissing {
        /// The op's word.
        op: &'static str,
        /// The axis.
        axis: String,
    },
    /// An axis that an operand should not have.
    #[error("`{op}` can't take a tile with axis `{axis}` here")]
    AxisExtra {
        /// The op's word.
        op: &'static str,
        /// The axis.
        axis: String,
    },
    /// A grid axis, or none, where a tile axis should be.
    #[error("`{axis}` is not a tile axis")]
    NotTileAxis {
        /// The axis.
        axis: String,
    },
    /// Two axes that must be alike.
    #[error("axes `{left}` and `{right}` must have equal bounds and extents")]
    AxesDiffer {
        /// One.
        left: String,
        /// The other.
        right: String,
    },
    /// An op of complex numbers, or of the graph alone.
    #[error("`{op}` is no op of tiles")]
    NotTileOp {
        /// The op's word.
        op: &'static str,
    },
    /// Result types that don't follow from the operands.
    #[error("the result of `{op}` is {expected}, not {found}")]
    Result {
        /// The op's word.
        op: &'static str,
        /// What follows from the operands.
        expected: String,
        /// What is declared.
        found: String,
    },
    /// An index that is not affine in tile axes.
    #[error("the index `{index}` is not affine in the tile axes")]
    NotAffine {
        /// The expression.
        index: String,
    },
    /// A name that means nothing here.
    #[error("`{name}` is no size, axis or loop variable here")]
    UnknownName {
        /// The name.
        name: String,
    },
    /// A parameter read that is declared written, or the reverse.
    #[error("`{param}` is declared {declared}, but `{op}` needs the other")]
    Direction {
        /// The parameter.
        param: String,
        /// How it is declared.
        declared: &'static str,
        /// What was tried.
        op: &'static str,
    },
    /// A name twice.
    #[error("the name `{name}` is declared twice in one kernel")]
    Duplicate {
        /// The name.
        name: String,
    },
    /// A tile that is used before or outside of its definition, or defined twice.
    #[error("{tile} is {problem}")]
    Order {
        /// The tile.
        tile: TileId,
        /// What about it.
        problem: &'static str,
    },
    /// A loop whose parts don't fit.
    #[error("a loop over `{variable}` has {carried} carried tiles, {yields} yielded and {results} results")]
    LoopArity {
        /// The loop variable.
        variable: String,
        /// Carried tiles.
        carried: usize,
        /// Yielded tiles.
        yields: usize,
        /// Results.
        results: usize,
    },
    /// Something declared wrongly, in a sentence.
    #[error("{0}")]
    Declaration(String),
}

/// The declared type of a tile.
pub(crate) fn tile(kernel: &Kernel, id: TileId) -> Result<&Tile, TileError> {
    kernel.tiles.get(id.0 as usize).ok_or(TileError::Unknown { what: "tile", number: id.0 })
}

/// The tile axes that an index mentions, in the order of declaration; checks that it is affine in them, and its gathered parts.
pub(crate) fn index_axes(kernel: &Kernel, index: &Index) -> Result<Vec<AxisId>, TileError> {
    let mut axes = affine_axes(kernel, &index.affine)?;
    for (gathered, stride) in &index.gathered {
        let ty = tile(kernel, *gathered)?;
        expect(ty, "index", &[Element::I32])?;
        for axis in &ty.axes {
            if !axes.contains(axis) {
                axes.push(*axis);
            }
        }
        if stride.names().iter().any(|name| is_tile_axis(kernel, name)) {
            return Err(TileError::NotAffine { index: stride.to_string() });
        }
    }
    axes.sort();
    Ok(axes)
}

/// The tile axes that a place mentions, affine or gathered, in the order of declaration.
#[must_use]
pub fn place_axes(kernel: &Kernel, index: &Index) -> Vec<AxisId> {
    let mut axes = mentioned_axes(kernel, &index.affine);
    for (gathered, _) in &index.gathered {
        axes.extend(kernel.tiles.get(gathered.0 as usize).iter().flat_map(|tile| &tile.axes));
    }
    axes.sort();
    axes.dedup();
    axes
}

fn is_tile_axis(kernel: &Kernel, name: &str) -> bool {
    kernel.axis_named(name).is_some_and(|axis| kernel.tile_axis(axis).is_some())
}

/// The tile axes that an expression mentions, in the order of declaration.
pub(crate) fn mentioned_axes(kernel: &Kernel, dim: &Dim) -> Vec<AxisId> {
    let mut axes: Vec<AxisId> = dim
        .names()
        .iter()
        .filter_map(|name| kernel.axis_named(name))
        .filter(|axis| kernel.tile_axis(*axis).is_some())
        .collect();
    axes.sort();
    axes
}

fn affine_axes(kernel: &Kernel, affine: &Dim) -> Result<Vec<AxisId>, TileError> {
    let axes = mentioned_axes(kernel, affine);
    let (base, strides) = split_affine(kernel, affine, &axes);
    let mut again = base;
    for (axis, stride) in axes.iter().zip(&strides) {
        again = &again + &(stride * &Dim::var(kernel.axis_name(*axis)));
    }
    if again == *affine { Ok(axes) } else { Err(TileError::NotAffine { index: affine.to_string() }) }
}

/// `affine` as a base without these axes and a stride for each, by evaluating it at 0 and at each unit.
pub fn split_affine(kernel: &Kernel, affine: &Dim, axes: &[AxisId]) -> (Dim, Vec<Dim>) {
    let at = |one: Option<AxisId>| {
        affine.substitute(&|name| {
            let axis = axes.iter().find(|axis| kernel.axis_name(**axis) == name)?;
            Some(Dim::constant(i64::from(one == Some(*axis))))
        })
    };
    let base = at(None);
    let strides = axes.iter().map(|axis| &at(Some(*axis)) - &base).collect();
    (base, strides)
}

fn expect(tile: &Tile, op: &'static str, allowed: &[Element]) -> Result<(), TileError> {
    if allowed.contains(&tile.element) {
        return Ok(());
    }
    let expected = allowed.iter().map(|element| element.name()).collect::<Vec<_>>().join(" or ");
    Err(TileError::Element { op, expected, found: tile.element })
}

/// Axes of an elementwise op: the longest list, then what it lacks.
fn union(tiles: &[&Tile]) -> Vec<AxisId> {
    let mut axes: Vec<AxisId> = Vec::new();
    for tile in tiles {
        if tile.axes.len() > axes.len() {
            axes.clone_from(&tile.axes);
        }
    }
    for axis in tiles.iter().flat_map(|tile| &tile.axes) {
        if !axes.contains(axis) {
            axes.push(*axis);
        }
    }
    axes
}

fn without(kernel: &Kernel, tile: &Tile, axis: AxisId, op: &'static str) -> Result<Vec<AxisId>, TileError> {
    if tile.axes.contains(&axis) {
        Ok(tile.axes.iter().copied().filter(|a| *a != axis).collect())
    } else {
        Err(TileError::AxisMissing { op, axis: kernel.axis_name(axis).to_owned() })
    }
}

fn alike(kernel: &Kernel, left: AxisId, right: AxisId) -> Result<(), TileError> {
    for axis in [left, right] {
        if kernel.tile_axis(axis).is_none() {
            return Err(TileError::NotTileAxis { axis: kernel.axis_name(axis).to_owned() });
        }
    }
    if kernel.tile_axis(left) == kernel.tile_axis(right) {
        Ok(())
    } else {
        let (left, right) = (kernel.axis_name(left).to_owned(), kernel.axis_name(right).to_owned());
        Err(TileError::AxesDiffer { left, right })
    }
}

fn check_mask(
    kernel: &Kernel,
    op: &'static str,
    mask: Option<TileId>,
    axes: &[AxisId],
) -> Result<(), TileError> {
    let Some(mask) = mask else { return Ok(()) };
    let mask = tile(kernel, mask)?;
    expect(mask, op, &[Element::Bool])?;
    match mask.axes.iter().find(|axis| !axes.contains(axis)) {
        Some(axis) => Err(TileError::AxisExtra { op, axis: kernel.axis_name(*axis).to_owned() }),
        None => Ok(()),
    }
}

fn memory_element(kernel: &Kernel, memory: Memory) -> Result<Element, TileError> {
    kernel.memory_element(memory).ok_or(match memory {
        Memory::Param(ParamId(number)) => TileError::Unknown { what: "parameter", number },
        Memory::Local(LocalId(number)) => TileError::Unknown { what: "local", number },
    })
}

fn direction(kernel: &Kernel, memory: Memory, op: &'static str, writes: bool) -> Result<(), TileError> {
    let Memory::Param(ParamId(n)) = memory else { return Ok(()) };
    match kernel.params.get(n as usize) {
        Some(param) if param.writes != writes => {
            let declared = if param.writes { "write" } else { "read" };
            Err(TileError::Direction { param: param.name.clone(), declared, op })
        }
        Some(_) => Ok(()),
        None => Err(TileError::Unknown { what: "parameter", number: n }),
    }
}

const ANY: &[Element] = &Element::ALL;
const FLOATS: &[Element] = &[Element::F32, Element::F64];
const NUMBERS: &[Element] = &[Element::F32, Element::F64, Element::I32];
const BOOL: &[Element] = &[Element::Bool];

fn unary(op: UnaryOp, a: &Tile) -> Result<Tile, TileError> {
    let allowed = match op {
        UnaryOp::Neg | UnaryOp::Abs => NUMBERS,
        UnaryOp::Not => BOOL,
        UnaryOp::Exp
        | UnaryOp::Log
        | UnaryOp::Sqrt
        | UnaryOp::Rsqrt
        | UnaryOp::Tanh
        | UnaryOp::Sigmoid
        | UnaryOp::Softplus
        | UnaryOp::Sin
        | UnaryOp::Cos
        | UnaryOp::Erf
        | UnaryOp::Floor
        | UnaryOp::Ceil
        | UnaryOp::Round => FLOATS,
        UnaryOp::Re | UnaryOp::Im | UnaryOp::Conj | UnaryOp::Arg | UnaryOp::Detach => {
            return Err(TileError::NotTileOp { op: op.name() });
        }
    };
    expect(a, op.name(), allowed)?;
    Ok(a.clone())
}

fn binary(op: BinaryOp, a: &Tile, b: &Tile) -> Result<Tile, TileError> {
    let allowed = match op {
        BinaryOp::Add
        | BinaryOp::Sub
        | BinaryOp::Mul
        | BinaryOp::Rem
        | BinaryOp::Pow
        | BinaryOp::Max
        | BinaryOp::Min
        | BinaryOp::Lt
        | BinaryOp::Le
        | BinaryOp::Gt
        | BinaryOp::Ge => NUMBERS,
        BinaryOp::Eq | BinaryOp::Ne => ANY,
        BinaryOp::Div => FLOATS,
        BinaryOp::And | BinaryOp::Or => BOOL,
        BinaryOp::Complex | BinaryOp::Polar => return Err(TileError::NotTileOp { op: op.name() }),
    };
    expect(a, op.name(), allowed)?;
    expect(b, op.name(), &[a.element])?;
    let element = if op.is_comparison() { Element::Bool } else { a.element };
    Ok(Tile { element, axes: union(&[a, b]) })
}

/// The type of the result of an op that is not a loop; `None` for a store or check. The order of axes is a proposal: any other order is as right.
pub(crate) fn result(kernel: &Kernel, op: &TileOp) -> Result<Option<Tile>, TileError> {
    let name = op.name();
    let ty = |id: TileId| tile(kernel, id);
    let made = match op {
        TileOp::Const { element, .. } => Tile { element: *element, axes: Vec::new() },
        TileOp::Iota(dim) => Tile { element: Element::I32, axes: mentioned_axes(kernel, dim) },
        TileOp::Load { memory, index, mask } => {
            direction(kernel, *memory, name, false)?;
            let axes = index_axes(kernel, index)?;
            check_mask(kernel, name, *mask, &axes)?;
            Tile { element: memory_element(kernel, *memory)?, axes }
        }
        TileOp::Store { memory, index, value, mask } => {
            direction(kernel, *memory, name, true)?;
            let (axes, value) = (index_axes(kernel, index)?, ty(*value)?);
            expect(value, name, &[memory_element(kernel, *memory)?])?;
            if let Some(axis) = value.axes.iter().find(|axis| !axes.contains(axis)) {
                return Err(TileError::AxisExtra { op: name, axis: kernel.axis_name(*axis).to_owned() });
            }
            check_mask(kernel, name, *mask, &axes)?;
            return Ok(None);
        }
        TileOp::Unary(op, a) => unary(*op, ty(*a)?)?,
        TileOp::Binary(op, a, b) => binary(*op, ty(*a)?, ty(*b)?)?,
        TileOp::Fma(a, b, c) => {
            let (a, b, c) = (ty(*a)?, ty(*b)?, ty(*c)?);
            expect(a, name, FLOATS)?;
            expect(b, name, &[a.element])?;
            expect(c, name, &[a.element])?;
            Tile { element: a.element, axes: union(&[a, b, c]) }
        }
        TileOp::Select(condition, a, b) => {
            let (condition, a, b) = (ty(*condition)?, ty(*a)?, ty(*b)?);
            expect(condition, name, BOOL)?;
            expect(b, name, &[a.element])?;
            Tile { element: a.element, axes: union(&[a, b, condition]) }
        }
        TileOp::Cast(element, a) => Tile { element: *element, axes: ty(*a)?.axes.clone() },
        TileOp::Reduce { op, axis, value } => {
            let value = ty(*value)?;
            let axes = without(kernel, value, *axis, name)?;
            let element = match op {
                ReduceOp::Sum | ReduceOp::Max | ReduceOp::Min => {
                    expect(value, name, NUMBERS)?;
                    value.element
                }
                ReduceOp::ArgMax => {
                    expect(value, name, NUMBERS)?;
                    Element::I32
                }
                ReduceOp::And | ReduceOp::Or => {
                    expect(value, name, BOOL)?;
                    Element::Bool
                }
            };
            Tile { element, axes }
        }
        TileOp::Scan { axis, a, b, start, .. } => {
            let b = ty(*b)?;
            expect(b, name, FLOATS)?;
            let mut all = vec![b];
            if let Some(a) = a {
                let a = ty(*a)?;
                expect(a, name, &[b.element])?;
                all.push(a);
            }
            let mut axes = union(&all);
            if !axes.contains(axis) {
                return Err(TileError::AxisMissing { op: name, axis: kernel.axis_name(*axis).to_owned() });
            }
            if let Some(start) = start {
                let start = ty(*start)?;
                expect(start, name, &[b.element])?;
                if start.axes.contains(axis) {
                    return Err(TileError::AxisExtra { op: name, axis: kernel.axis_name(*axis).to_owned() });
                }
                axes.extend(start.axes.iter().copied().filter(|a| !all.iter().any(|t| t.axes.contains(a))));
            }
            Tile { element: b.element, axes }
        }
        TileOp::Dot { axis, a, b } => {
            let (a, b) = (ty(*a)?, ty(*b)?);
            expect(a, name, FLOATS)?;
            expect(b, name, &[a.element])?;
            let mut axes = without(kernel, a, *axis, name)?;
            for axis in without(kernel, b, *axis, name)? {
                if !axes.contains(&axis) {
                    axes.push(axis);
                }
            }
            Tile { element: a.element, axes }
        }
        TileOp::Rename { value, from, to } => {
            let value = ty(*value)?;
            without(kernel, value, *from, name)?;
            alike(kernel, *from, *to)?;
            if value.axes.contains(to) {
                return Err(TileError::AxisExtra { op: name, axis: kernel.axis_name(*to).to_owned() });
            }
            let axes = value.axes.iter().map(|axis| if axis == from { *to } else { *axis }).collect();
            Tile { element: value.element, axes }
        }
        TileOp::TriangularSolve { l, row, column, b } => {
            let (l, b) = (ty(*l)?, ty(*b)?);
            expect(l, name, FLOATS)?;
            expect(b, name, &[l.element])?;
            without(kernel, l, *row, name)?;
            without(kernel, l, *column, name)?;
            without(kernel, b, *row, name)?;
            alike(kernel, *row, *column)?;
            if b.axes.contains(column) {
                return Err(TileError::AxisExtra { op: name, axis: kernel.axis_name(*column).to_owned() });
            }
            if let Some(axis) = l.axes.iter().find(|axis| *axis != column && !b.axes.contains(axis)) {
                return Err(TileError::AxisExtra { op: name, axis: kernel.axis_name(*axis).to_owned() });
            }
            b.clone()
        }
        TileOp::Check { condition, value, position, site } => {
            let CheckId(_) = site;
            let (condition, value, position) = (ty(*condition)?, ty(*value)?, ty(*position)?);
            expect(condition, name, BOOL)?;
            expect(value, name, &[Element::I32])?;
            expect(position, name, &[Element::I32])?;
            return Ok(None);
        }
        TileOp::Loop(_) => return Ok(None),
    };
    Ok(Some(made))
}
