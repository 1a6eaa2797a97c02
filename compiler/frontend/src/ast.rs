//! What a file says, before any name has a meaning.
//!
//! Every node has its [`Span`]. Nothing is resolved or desugared: `x |> f` is a pipe, `(x)` keeps its
//! parentheses ([`Expr::peel`] looks through them), and a call of a cell, of a function and of a type's name
//! are all [`ExprKind::Call`]. Where the text could not be read there is an `Error` node, and a diagnostic
//! has been reported; what follows from such a node is silence.
//!
//! [`File`]'s `Display` is the text form of `--emit ast`.

mod dump;
mod height;
mod op;

pub use op::{BinaryOp, UnaryOp};

use crate::span::Span;

/// One source file.
#[derive(Debug, Clone)]
pub struct File {
    /// The lines of `//!`.
    pub docs: Vec<Doc>,
    /// In the order of the text.
    pub items: Vec<Item>,
    /// The whole text.
    pub span: Span,
}

/// A line of documentation, without its `///` or `//!` and the one space behind it.
#[derive(Debug, Clone)]
pub struct Doc {
    /// The line.
    pub text: String,
    /// With the slashes.
    pub span: Span,
}

/// A name where it is written.
#[derive(Debug, Clone)]
pub struct Name {
    /// The name.
    pub text: String,
    /// Where.
    pub span: Span,
}

/// What stands at the top level of a file.
#[derive(Debug, Clone)]
pub enum Item {
    /// `use std.norm.LayerNorm`
    Use(Use),
    /// `const NAME = EXPR`
    Const(Const),
    /// `fn name(..) -> TYPE { .. }`
    Fn(Fn),
    /// `cell Name(..) { .. }`
    Cell(Cell),
    /// `model name(..) { .. }`
    Model(Model),
    /// `test ".." { .. }`
    Test(Test),
    /// Text that is no item; reported.
    Error(Span),
}

/// `use std.norm.LayerNorm`, `use std.norm`, `use ./blocks.Block`, `use ../lib/blocks`.
#[derive(Debug, Clone)]
pub struct Use {
    /// Documentation.
    pub docs: Vec<Doc>,
    /// Where the path starts.
    pub root: UseRoot,
    /// The folders in front of the last `/`; empty for [`UseRoot::Library`].
    pub folders: Vec<Name>,
    /// What is separated by dots, at least one: `[std, norm, LayerNorm]`, `[blocks, Block]`, `[blocks]`. Whether the
    /// last is a file or a name in it, only the files tell (for a file beside this one: a second is a name in it).
    pub path: Vec<Name>,
    /// The whole line.
    pub span: Span,
}

/// Where the path of a `use` starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UseRoot {
    /// A library's name comes first: `std`.
    Library,
    /// `./`: the folder of this file.
    Beside,
    /// `../` so many times: a folder above it.
    Above(u32),
}

/// `const NAME = EXPR`
#[derive(Debug, Clone)]
pub struct Const {
    /// Documentation.
    pub docs: Vec<Doc>,
    /// Its name.
    pub name: Name,
    /// Its value.
    pub value: Expr,
    /// The whole item.
    pub span: Span,
}

/// `fn name(x: TYPE, c0: TYPE = 0) -> TYPE { .. }`
#[derive(Debug, Clone)]
pub struct Fn {
    /// Documentation.
    pub docs: Vec<Doc>,
    /// Its name.
    pub name: Name,
    /// Its inputs.
    pub inputs: Vec<Input>,
    /// What it gives.
    pub results: Results,
    /// Its body.
    pub body: Block,
    /// The whole item.
    pub span: Span,
}

/// `x: TYPE` or `c0: TYPE = 0`: an input of a function.
#[derive(Debug, Clone)]
pub struct Input {
    /// Its name.
    pub name: Name,
    /// Its type.
    pub ty: Type,
    /// What it is when left out.
    pub default: Option<Expr>,
    /// All of it.
    pub span: Span,
}

/// What a function gives.
#[derive(Debug, Clone)]
pub enum Results {
    /// `-> TYPE`
    One(Type),
    /// `-> (y: TYPE, state: TYPE)`, at least one.
    Named(Vec<Output>, Span),
}

/// `y: TYPE`: a named result of a function.
#[derive(Debug, Clone)]
pub struct Output {
    /// Its name.
    pub name: Name,
    /// Its type.
    pub ty: Type,
    /// Both.
    pub span: Span,
}

/// `f32`, `f32[T, D / H]`: a number's type and a shape.
#[derive(Debug, Clone)]
pub struct Type {
    /// `f32`, or any other word: whether it is a type is found later.
    pub name: Name,
    /// The shape; empty for a scalar.
    pub dims: Vec<Expr>,
    /// All of it.
    pub span: Span,
}

/// `D` or `cells = 2`: a hyperparameter of a cell or model.
#[derive(Debug, Clone)]
pub struct Hyper {
    /// Its name.
    pub name: Name,
    /// What it is when not given.
    pub default: Option<Expr>,
    /// Both.
    pub span: Span,
}

/// `cell Name(hyperparameters) { .. }`
#[derive(Debug, Clone)]
pub struct Cell {
    /// Documentation.
    pub docs: Vec<Doc>,
    /// Its name.
    pub name: Name,
    /// Its hyperparameters.
    pub hypers: Vec<Hyper>,
    /// What is between the braces.
    pub members: Vec<Member>,
    /// The whole item.
    pub span: Span,
}

/// `model name(hyperparameters) { .. }`
#[derive(Debug, Clone)]
pub struct Model {
    /// Documentation.
    pub docs: Vec<Doc>,
    /// Its name.
    pub name: Name,
    /// Its hyperparameters.
    pub hypers: Vec<Hyper>,
    /// What is between the braces.
    pub members: Vec<Member>,
    /// The whole item.
    pub span: Span,
}

/// What stands between the braces of a cell or model.
#[derive(Debug, Clone)]
pub enum Member {
    /// `param` or `buffer`.
    Param(Param),
    /// `cell name = ..`
    Cell(SubCell),
    /// `fn name(..) -> TYPE { .. }`
    Fn(Fn),
    /// `preset name { .. }`
    Preset(Preset),
    /// Text that is none of these; reported.
    Error(Span),
}

/// `param name: TYPE = INIT`, `buffer name: TYPE = INIT`: an array saved with the weights.
#[derive(Debug, Clone)]
pub struct Param {
    /// Documentation.
    pub docs: Vec<Doc>,
    /// Trained or not.
    pub kind: ParamKind,
    /// Its name.
    pub name: Name,
    /// Its type.
    pub ty: Type,
    /// Its value before any training.
    pub init: Expr,
    /// The whole line.
    pub span: Span,
}

/// Whether training changes an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParamKind {
    /// `param`: trained.
    Param,
    /// `buffer`: not.
    Buffer,
}

/// `cell name = Cell(args)`, `[Cell(args); n]`, `[Cell(i) for i in 0..n]`, `[A(D), B(D)]`; in a cell, model or test.
#[derive(Debug, Clone)]
pub struct SubCell {
    /// Documentation.
    pub docs: Vec<Doc>,
    /// Its name.
    pub name: Name,
    /// The call or list of calls that makes it.
    pub value: Expr,
    /// The whole line.
    pub span: Span,
}

/// `preset name { D = 1, .. }`
#[derive(Debug, Clone)]
pub struct Preset {
    /// Documentation.
    pub docs: Vec<Doc>,
    /// Its name.
    pub name: Name,
    /// The hyperparameters it sets.
    pub settings: Vec<Setting>,
    /// The whole item.
    pub span: Span,
}

/// `D = 1` in a preset.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The hyperparameter.
    pub name: Name,
    /// Its value.
    pub value: Expr,
    /// Both.
    pub span: Span,
}

/// `test ".." { .. }`
#[derive(Debug, Clone)]
pub struct Test {
    /// Documentation.
    pub docs: Vec<Doc>,
    /// What it is called, with the text's escapes replaced.
    pub name: Name,
    /// Its statements.
    pub body: Block,
    /// The whole item.
    pub span: Span,
}

/// `{ .. }`: statements, of which the last, where it is an expression, is the value.
#[derive(Debug, Clone)]
pub struct Block {
    /// In the order of the text.
    pub stmts: Vec<Stmt>,
    /// With the braces.
    pub span: Span,
    /// Levels of nesting below, see [`Expr::height`].
    pub(crate) height: u16,
}

/// A statement.
#[derive(Debug, Clone)]
pub enum Stmt {
    /// `let PATTERN = e`, `let x: TYPE = e`
    Let(Let),
    /// `rec c[t] = ..`, `rec { .. }`
    Rec(Rec),
    /// `cell f = Flow(2, 2)`, in a test.
    Cell(SubCell),
    /// The value of the block, or a call of `assert`.
    Expr(Expr),
    /// Text that is no statement; reported.
    Error(Span),
}

/// `let PATTERN: TYPE = e`
#[derive(Debug, Clone)]
pub struct Let {
    /// What it binds.
    pub pattern: Pattern,
    /// The type it states.
    pub ty: Option<Type>,
    /// The value.
    pub value: Expr,
    /// The whole statement.
    pub span: Span,
}

/// What a `let` or a `for` binds.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// Which form.
    pub kind: PatternKind,
    /// Where.
    pub span: Span,
}

/// The forms of a pattern.
#[derive(Debug, Clone)]
pub enum PatternKind {
    /// `x`
    Name(String),
    /// `_`
    Ignore,
    /// `(a, _)`
    Tuple(Vec<Pattern>),
}

/// `rec c[t] = ..` or `rec { .. }`
#[derive(Debug, Clone)]
pub struct Rec {
    /// Its lines, in the order in which a step runs them.
    pub lines: Vec<RecLine>,
    /// Whether they stand in braces.
    pub braces: bool,
    /// The whole statement.
    pub span: Span,
}

/// A line of a `rec`.
#[derive(Debug, Clone)]
pub enum RecLine {
    /// `c[t]: TYPE = e from c0`
    Define(Define),
    /// `let a = e`: a value of the step.
    Let(Let),
    /// Text that is neither; reported.
    Error(Span),
}

/// `c[t]: TYPE = e from c0`: an entry of the sequence `c`.
#[derive(Debug, Clone)]
pub struct Define {
    /// The sequence, `c`.
    pub name: Name,
    /// The index, `t`.
    pub index: Name,
    /// The type of an entry, where it is stated.
    pub ty: Option<Type>,
    /// The entry.
    pub value: Expr,
    /// The entry before the first.
    pub from: Option<Expr>,
    /// The whole line, without `rec`.
    pub span: Span,
}

/// An expression.
#[derive(Debug, Clone)]
pub struct Expr {
    /// Which form.
    pub kind: ExprKind,
    /// Where.
    pub span: Span,
    /// Levels of expressions below and including this one. The parser keeps it under a limit, so that every walk
    /// over the tree may be written as a recursion.
    pub(crate) height: u16,
}

/// The forms of an expression.
#[derive(Debug, Clone)]
pub enum ExprKind {
    /// A number, word or string that stands for itself.
    Literal(Literal),
    /// `x`
    Name(String),
    /// `(e)`
    Paren(Box<Expr>),
    /// `(a, b)`; `(a,)` has one entry, `()` none.
    Tuple(Vec<Expr>),
    /// `[a, b]`
    List(Vec<Expr>),
    /// `[e; n]`
    Repeat {
        /// Evaluated anew for each entry.
        entry: Box<Expr>,
        /// How many.
        count: Box<Expr>,
    },
    /// `[e for x in xs]`, or without brackets as an argument: `sum(e for x in xs)`.
    Comprehension(Box<Comprehension>),
    /// `{ .. }`
    Block(Block),
    /// `if c { a } else { b }`
    If {
        /// The condition.
        condition: Box<Expr>,
        /// What it is where the condition holds.
        then: Block,
        /// What it is elsewhere: a [`Block`](Self::Block) or another [`If`](Self::If).
        otherwise: Box<Expr>,
    },
    /// `-a`, `!a`
    Unary {
        /// Which.
        op: UnaryOp,
        /// Of what.
        operand: Box<Expr>,
    },
    /// `a + b`
    Binary {
        /// Which.
        op: BinaryOp,
        /// The operator itself.
        op_span: Span,
        /// Left.
        left: Box<Expr>,
        /// Right.
        right: Box<Expr>,
    },
    /// `x |> f`, which is `f(x)`; `x |> f(a)`, which is `f(x, a)`.
    Pipe {
        /// What is handed on.
        value: Box<Expr>,
        /// A callee, or a call that lacks its first argument.
        target: Box<Expr>,
    },
    /// `f(x, axis = 1)`
    Call {
        /// What is called: a name, a field, an index.
        callee: Box<Expr>,
        /// In the order of the text.
        args: Vec<Arg>,
    },
    /// `x[0..T, none]`
    Index {
        /// What is indexed.
        base: Box<Expr>,
        /// An index for each axis, at least one.
        indices: Vec<Index>,
    },
    /// `flow.alpha`
    Field {
        /// Of what.
        base: Box<Expr>,
        /// Which.
        name: Name,
    },
    /// Text that is no expression; reported.
    Error,
}

/// What stands for itself. Numbers keep their text.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// `1_000`
    Int {
        /// As written.
        text: String,
        /// Its value.
        value: i64,
    },
    /// `1e-5`
    Float {
        /// As written.
        text: String,
        /// Its value, finite.
        value: f64,
    },
    /// `true`, `false`
    Bool(bool),
    /// `".."`, its escapes replaced.
    Str(String),
    /// `none`, other than as an index
    None,
    /// `all`, as in `axis = all`
    All,
}

/// `e for x in xs`
#[derive(Debug, Clone)]
pub struct Comprehension {
    /// Evaluated for each entry.
    pub body: Expr,
    /// What an entry is called: a name or `_`.
    pub pattern: Pattern,
    /// Where entries come from.
    pub source: ForSource,
    /// `[..]` rather than an argument by itself.
    pub brackets: bool,
}

/// What a `for` runs over.
#[derive(Debug, Clone)]
pub enum ForSource {
    /// A list: cells or numbers.
    Each(Expr),
    /// `start..end`
    Range {
        /// The first.
        start: Expr,
        /// The one after the last.
        end: Expr,
    },
}

/// `x` or `axis = 1` in a call.
#[derive(Debug, Clone)]
pub struct Arg {
    /// The name in front of `=`.
    pub name: Option<Name>,
    /// The value.
    pub value: Expr,
    /// Both.
    pub span: Span,
}

/// What stands for one axis in `x[..]`.
#[derive(Debug, Clone)]
pub struct Index {
    /// Which form.
    pub kind: IndexKind,
    /// Where.
    pub span: Span,
}

/// The forms of an index.
#[derive(Debug, Clone)]
pub enum IndexKind {
    /// `x[i]`
    At(Expr),
    /// `x[a..b]`, `x[a..]`, `x[..b]`, `x[..]`
    Range {
        /// The first; from the start where it is left out.
        start: Option<Expr>,
        /// The one after the last; to the end where it is left out.
        end: Option<Expr>,
    },
    /// `x[none]`
    NewAxis,
}

impl Expr {
    /// An expression; its height follows from its parts'.
    pub fn new(kind: ExprKind, span: Span) -> Self {
        let height = kind.parts_height().saturating_add(1);
        Self { kind, span, height }
    }

    /// The expression inside any parentheses.
    pub fn peel(&self) -> &Self {
        let mut expr = self;
        while let ExprKind::Paren(inner) = &expr.kind {
            expr = inner;
        }
        expr
    }

    /// The name, where the expression is one.
    pub fn as_name(&self) -> Option<&str> {
        if let ExprKind::Name(name) = &self.peel().kind { Some(name) } else { None }
    }

    /// The number, where the expression is a whole one as written (`3`, `-3`).
    pub fn as_int(&self) -> Option<i64> {
        match &self.peel().kind {
            ExprKind::Literal(Literal::Int { value, .. }) => Some(*value),
            ExprKind::Unary { op: UnaryOp::Neg, operand } => operand.as_int().and_then(i64::checked_neg),
            ExprKind::Literal(_)
            | ExprKind::Name(_)
            | ExprKind::Paren(_)
            | ExprKind::Tuple(_)
            | ExprKind::List(_)
            | ExprKind::Repeat { .. }
            | ExprKind::Comprehension(_)
            | ExprKind::Block(_)
            | ExprKind::If { .. }
            | ExprKind::Unary { .. }
            | ExprKind::Binary { .. }
            | ExprKind::Pipe { .. }
            | ExprKind::Call { .. }
            | ExprKind::Index { .. }
            | ExprKind::Field { .. }
            | ExprKind::Error => None,
        }
    }
}

impl Block {
    /// A block; its height follows from its parts'.
    pub fn new(stmts: Vec<Stmt>, span: Span) -> Self {
        let height = stmts.iter().map(Stmt::height).max().unwrap_or(0).saturating_add(1);
        Self { stmts, span, height }
    }

    /// The statements in front of the value, and the value where there is one.
    pub fn split(&self) -> (&[Stmt], Option<&Expr>) {
        match self.stmts.split_last() {
            Some((Stmt::Expr(value), before)) => (before, Some(value)),
            Some((Stmt::Let(_) | Stmt::Rec(_) | Stmt::Cell(_) | Stmt::Error(_), _)) | None => {
                (&self.stmts, None)
            }
        }
    }
}

impl Stmt {
    /// Where it stands.
    pub fn span(&self) -> Span {
        match self {
            Self::Let(binding) => binding.span,
            Self::Rec(rec) => rec.span,
            Self::Cell(cell) => cell.span,
            Self::Expr(expr) => expr.span,
            Self::Error(span) => *span,
        }
    }
}

impl RecLine {
    /// Where it stands.
    pub fn span(&self) -> Span {
        match self {
            Self::Define(define) => define.span,
            Self::Let(binding) => binding.span,
            Self::Error(span) => *span,
        }
    }
}

impl Item {
    /// Where it stands, documentation left out.
    pub fn span(&self) -> Span {
        match self {
            Self::Use(item) => item.span,
            Self::Const(item) => item.span,
            Self::Fn(item) => item.span,
            Self::Cell(item) => item.span,
            Self::Model(item) => item.span,
            Self::Test(item) => item.span,
            Self::Error(span) => *span,
        }
    }
}

impl Member {
    /// Where it stands, documentation left out.
    pub fn span(&self) -> Span {
        match self {
            Self::Param(member) => member.span,
            Self::Cell(member) => member.span,
            Self::Fn(member) => member.span,
            Self::Preset(member) => member.span,
            Self::Error(span) => *span,
        }
    }
}
