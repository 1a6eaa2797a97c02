//! What an expression is worth while a program is elaborated: a compile-time value, a tensor of the graph, or a cell.

use super::builtins::Builtin;
use super::size::Size;
use crate::ast;
use crate::span::{FileId, Span};
use rustc_hash::FxHashMap;
use std::rc::Rc;
use tensc_ir::{DType, ValueId};

/// The value of an expression.
#[derive(Clone)]
pub(crate) enum Value<'a> {
    /// Something that was reported; silences what follows from it.
    Error,
    /// An exact compile-time number, possibly of run-time sizes.
    Size(Size),
    /// A compile-time float.
    Float(f64),
    /// A compile-time truth value.
    Bool(bool),
    /// Text: an einsum's specification.
    Str(&'a str),
    /// `none`
    None,
    /// `all`
    All,
    /// A list that nothing has stacked yet.
    List(Rc<Vec<Value<'a>>>),
    /// Several values, with names where a function gives them.
    Tuple(Rc<Vec<(Option<&'a str>, Value<'a>)>>),
    /// A value of the graph.
    Tensor(Tensor),
    /// An earlier entry of a `rec` whose type is not found yet.
    Hole,
    /// The index of a `rec`, plus an offset.
    Time(TimeIndex),
    /// A sequence that an open `rec` defines: number of the recurrence, number of the line.
    Line(u32, usize),
    /// A cell with its parameters.
    Cell(InstanceId),
    /// A cell that is to be made where it is declared.
    Plan(Rc<Plan<'a>>),
    /// Something to call.
    Function(Function<'a>),
}

/// `t + offset` of the recurrence at this depth of the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimeIndex {
    /// Number of the recurrence.
    pub(crate) rec: u32,
    /// Distance from `t`.
    pub(crate) offset: i64,
}

/// A value of the graph with the spelling of its axes.
#[derive(Clone, Debug)]
pub(crate) struct Tensor {
    /// The value, in the builder of its region.
    pub(crate) id: ValueId,
    /// Which region.
    pub(crate) region: usize,
    /// Element type.
    pub(crate) dtype: DType,
    /// The axes that the program sees.
    pub(crate) axes: Vec<Size>,
    /// Number of axes in front of those over which the current call is mapped: all of the frame's, or 0.
    pub(crate) lead: usize,
}

/// Something that can be called.
#[derive(Clone, Copy)]
pub(crate) enum Function<'a> {
    /// A row of the table.
    Builtin(&'static Builtin),
    /// `f32(x)`: the name of an element type.
    Convert(DType),
    /// A `fn` at the top level of a file.
    Item(FileId, &'a ast::Fn),
    /// A `fn` of a cell.
    Method(InstanceId, &'a ast::Fn),
    /// A cell's name: calling it plans a new one.
    Kind(Decl<'a>),
}

/// The declaration of a cell or model.
#[derive(Clone, Copy)]
pub(crate) struct Decl<'a> {
    /// Its file.
    pub(crate) file: FileId,
    /// Its name.
    pub(crate) name: &'a ast::Name,
    /// Its hyperparameters.
    pub(crate) hypers: &'a [ast::Hyper],
    /// What is between its braces.
    pub(crate) members: &'a [ast::Member],
}

impl<'a> Decl<'a> {
    /// Whether both are the same declaration.
    pub(crate) fn is(&self, other: &Self) -> bool {
        std::ptr::eq(self.name, other.name)
    }

    /// Its functions.
    pub(crate) fn functions(&self) -> impl Iterator<Item = &'a ast::Fn> + use<'a> {
        self.members.iter().filter_map(|member| match member {
            ast::Member::Fn(function) => Some(function),
            ast::Member::Param(_) | ast::Member::Cell(_) | ast::Member::Preset(_) | ast::Member::Error(_) => {
                None
            }
        })
    }

    /// The function of this name.
    pub(crate) fn function(&self, name: &str) -> Option<&'a ast::Fn> {
        self.functions().find(|function| function.name.text == name)
    }

    /// Its parameters and buffers.
    pub(crate) fn params(&self) -> impl Iterator<Item = &'a ast::Param> + use<'a> {
        self.members.iter().filter_map(|member| match member {
            ast::Member::Param(param) => Some(param),
            ast::Member::Fn(_) | ast::Member::Cell(_) | ast::Member::Preset(_) | ast::Member::Error(_) => {
                None
            }
        })
    }

    /// Its presets.
    pub(crate) fn presets(&self) -> impl Iterator<Item = &'a ast::Preset> + use<'a> {
        self.members.iter().filter_map(|member| match member {
            ast::Member::Preset(preset) => Some(preset),
            ast::Member::Fn(_) | ast::Member::Cell(_) | ast::Member::Param(_) | ast::Member::Error(_) => None,
        })
    }
}

/// A cell that has been asked for but has no place yet: `Flow(D, K, alpha = uniform(1, 3))`.
pub(crate) struct Plan<'a> {
    /// Which cell.
    pub(crate) decl: Decl<'a>,
    /// Its hyperparameters as given, in the order of the declaration.
    pub(crate) hypers: Vec<Option<Value<'a>>>,
    /// INITs that replace the declared ones.
    pub(crate) inits: Vec<(&'a str, &'a ast::Expr)>,
    /// Where those are evaluated.
    pub(crate) scope: Rc<Scope<'a>>,
    /// The call.
    pub(crate) span: Span,
}

/// The names that an INIT sees: those of the place where it is written.
pub(crate) struct Scope<'a> {
    /// The file.
    pub(crate) file: FileId,
    /// The cell.
    pub(crate) instance: Option<InstanceId>,
    /// Names bound on the way.
    pub(crate) locals: Vec<(&'a str, Value<'a>)>,
}

/// A cell with its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct InstanceId(pub(crate) u32);

/// An array of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ParamId(pub(crate) u32);

/// A cell in its place.
pub(crate) struct Instance<'a> {
    /// Which cell.
    pub(crate) decl: Decl<'a>,
    /// Its place: `["blocks", "3"]`.
    pub(crate) path: Vec<Rc<str>>,
    /// Hyperparameters by name.
    pub(crate) hypers: FxHashMap<&'a str, Value<'a>>,
    /// What whoever made the cell calls its hyperparameters.
    pub(crate) spellings: FxHashMap<&'a str, super::size::Spelling>,
    /// Arrays by name.
    pub(crate) params: FxHashMap<&'a str, ParamId>,
    /// Sub-cells by name.
    pub(crate) cells: FxHashMap<&'a str, Value<'a>>,
}

/// An array saved with the weights.
pub(crate) struct Param<'a> {
    /// Its place: `["blocks", "3", "alpha"]`.
    pub(crate) path: Vec<Rc<str>>,
    /// Its declaration.
    pub(crate) decl: &'a ast::Param,
    /// Element type.
    pub(crate) dtype: DType,
    /// Shape, unless that could not be found.
    pub(crate) shape: Option<Vec<Size>>,
    /// The INIT.
    pub(crate) init: &'a ast::Expr,
    /// Where the INIT is evaluated.
    pub(crate) scope: Rc<Scope<'a>>,
}

impl Param<'_> {
    /// The path as weight files have it.
    pub(crate) fn name(&self) -> String {
        self.path.join(".")
    }
}

impl<'a> Value<'a> {
    /// What kind of thing it is, for messages: `a list of 2`, `f32[T, D]`.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Error => "an error".into(),
            Self::Size(size) => match size.as_int() {
                Some(n) => format!("the number {n}"),
                None => format!("the size {size}"),
            },
            Self::Float(value) => format!("the number {value}"),
            Self::Bool(value) => format!("`{value}`"),
            Self::Str(_) => "text".into(),
            Self::None => "`none`".into(),
            Self::All => "`all`".into(),
            Self::List(entries) => format!("a list of {}", entries.len()),
            Self::Tuple(entries) => format!("a tuple of {}", entries.len()),
            Self::Tensor(tensor) => tensor.ty(),
            Self::Hole => "an earlier entry".into(),
            Self::Time(_) => "the index of a recurrence".into(),
            Self::Line(..) => "the sequence that this recurrence defines".into(),
            Self::Cell(_) => "a cell".into(),
            Self::Plan(plan) => format!("a new cell `{}`", plan.decl.name.text),
            Self::Function(Function::Kind(decl)) => format!("the cell `{}`", decl.name.text),
            Self::Function(_) => "a function".into(),
        }
    }

    /// Whether an earlier entry of unknown type is in it.
    pub(crate) fn has_hole(&self) -> bool {
        match self {
            Self::Hole => true,
            Self::List(entries) => entries.iter().any(Self::has_hole),
            Self::Tuple(entries) => entries.iter().any(|(_, entry)| entry.has_hole()),
            Self::Error
            | Self::Size(_)
            | Self::Float(_)
            | Self::Bool(_)
            | Self::Str(_)
            | Self::None
            | Self::All
            | Self::Tensor(_)
            | Self::Time(_)
            | Self::Line(..)
            | Self::Cell(_)
            | Self::Plan(_)
            | Self::Function(_) => false,
        }
    }

    /// Whether it is, or contains, something that was reported.
    pub(crate) fn has_error(&self) -> bool {
        match self {
            Self::Error => true,
            Self::List(entries) => entries.iter().any(Self::has_error),
            Self::Tuple(entries) => entries.iter().any(|(_, entry)| entry.has_error()),
            Self::Hole
            | Self::Size(_)
            | Self::Float(_)
            | Self::Bool(_)
            | Self::Str(_)
            | Self::None
            | Self::All
            | Self::Tensor(_)
            | Self::Time(_)
            | Self::Line(..)
            | Self::Cell(_)
            | Self::Plan(_)
            | Self::Function(_) => false,
        }
    }

    /// Whether it is a number, or a list of numbers, that takes the element type of its partner.
    pub(crate) fn is_literal(&self) -> bool {
        match self {
            Self::Size(size) => size.as_float().is_some(),
            Self::Float(_) => true,
            Self::List(entries) => !entries.is_empty() && entries.iter().all(Self::is_literal),
            Self::Error
            | Self::Bool(_)
            | Self::Str(_)
            | Self::None
            | Self::All
            | Self::Tuple(_)
            | Self::Tensor(_)
            | Self::Hole
            | Self::Time(_)
            | Self::Line(..)
            | Self::Cell(_)
            | Self::Plan(_)
            | Self::Function(_) => false,
        }
    }

    /// Whether no operator takes it.
    pub(crate) fn is_no_operand(&self) -> bool {
        match self {
            Self::Str(_) | Self::None | Self::All | Self::Cell(_) | Self::Plan(_) | Self::Function(_) => true,
            Self::Error
            | Self::Size(_)
            | Self::Float(_)
            | Self::Bool(_)
            | Self::List(_)
            | Self::Tuple(_)
            | Self::Tensor(_)
            | Self::Hole
            | Self::Time(_)
            | Self::Line(..) => false,
        }
    }

    /// The tensor, if it is one.
    pub(crate) fn as_tensor(&self) -> Option<&Tensor> {
        if let Self::Tensor(tensor) = self { Some(tensor) } else { None }
    }

    /// An unnamed list.
    pub(crate) fn list(entries: Vec<Self>) -> Self {
        Self::List(Rc::new(entries))
    }

    /// A whole number.
    pub(crate) fn int(n: i64) -> Self {
        Self::Size(Size::int(n))
    }
}

impl From<Tensor> for Value<'_> {
    fn from(tensor: Tensor) -> Self {
        Self::Tensor(tensor)
    }
}

impl Tensor {
    /// Number of axes that the program sees.
    pub(crate) fn rank(&self) -> usize {
        self.axes.len()
    }

    /// Its type as messages print it: `f32[T, D]`.
    pub(crate) fn ty(&self) -> String {
        type_text(self.dtype, &self.axes)
    }
}

/// `f32[T, D]`, or `f32` for a scalar.
pub(crate) fn type_text(dtype: DType, axes: &[Size]) -> String {
    if axes.is_empty() {
        return dtype.to_string();
    }
    let axes: Vec<String> = axes.iter().map(ToString::to_string).collect();
    format!("{dtype}[{}]", axes.join(", "))
}

/// Whether two functions are the same one.
pub(crate) fn same_function(a: &Function<'_>, b: &Function<'_>) -> bool {
    match (a, b) {
        (Function::Builtin(a), Function::Builtin(b)) => std::ptr::eq(*a, *b),
        (Function::Convert(a), Function::Convert(b)) => a == b,
        (Function::Item(_, a), Function::Item(_, b)) => std::ptr::eq(*a, *b),
        (Function::Method(i, a), Function::Method(j, b)) => i == j && std::ptr::eq(*a, *b),
        (Function::Kind(a), Function::Kind(b)) => a.is(b),
        _ => false,
    }
}
