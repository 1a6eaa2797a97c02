//! The text form of the ast: a node a line, its parts indented below it, expressions in one line of
//! parentheses with the operator first.
//!
//! ```text
//! cell Flow(D, clip = 0.99)
//!   param m: f32[K, K] = (call normal 0 1)
//!   fn forward(x: f32[T, D]) -> f32[T, D]
//!     rec c[t] = (+ (* lambda (index c (- t 1))) (index beta t))
//! ```
//! Spans, comments and redundant parentheses are not in it: two files with the same text form mean the same.

use super::*;
use std::fmt::{self, Display, Formatter};

impl Display for File {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for doc in &self.docs {
            writeln!(f, "//! {}", doc.text)?;
        }
        self.items.iter().try_for_each(|item| write_item(f, item))
    }
}

fn pad(f: &mut Formatter<'_>, level: usize) -> fmt::Result {
    write!(f, "{:1$}", "", level * 2)
}

fn docs(f: &mut Formatter<'_>, level: usize, docs: &[Doc]) -> fmt::Result {
    for doc in docs {
        pad(f, level)?;
        writeln!(f, "/// {}", doc.text)?;
    }
    pad(f, level)
}

/// Writes `parts` with `between` between them.
fn separated<T>(
    f: &mut Formatter<'_>,
    parts: &[T],
    between: &str,
    mut write_part: impl FnMut(&mut Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            f.write_str(between)?;
        }
        write_part(f, part)?;
    }
    Ok(())
}

fn write_item(f: &mut Formatter<'_>, item: &Item) -> fmt::Result {
    match item {
        Item::Use(item) => {
            docs(f, 0, &item.docs)?;
            f.write_str("use ")?;
            match item.root {
                UseRoot::Library => {}
                UseRoot::Beside => f.write_str("./")?,
                UseRoot::Above(levels) => (0..levels).try_for_each(|_| f.write_str("../"))?,
            }
            for folder in &item.folders {
                write!(f, "{}/", folder.text)?;
            }
            separated(f, &item.path, ".", |f, name| f.write_str(&name.text))?;
            writeln!(f)
        }
        Item::Const(item) => {
            docs(f, 0, &item.docs)?;
            writeln!(f, "const {} = {}", item.name.text, item.value)
        }
        Item::Fn(item) => write_fn(f, 0, item),
        Item::Cell(item) => {
            docs(f, 0, &item.docs)?;
            write!(f, "cell {}", item.name.text)?;
            write_body(f, &item.hypers, &item.members)
        }
        Item::Model(item) => {
            docs(f, 0, &item.docs)?;
            write!(f, "model {}", item.name.text)?;
            write_body(f, &item.hypers, &item.members)
        }
        Item::Test(item) => {
            docs(f, 0, &item.docs)?;
            writeln!(f, "test {:?}", item.name.text)?;
            write_stmts(f, 1, &item.body.stmts)
        }
        Item::Error(_) => writeln!(f, "error"),
    }
}

fn write_body(f: &mut Formatter<'_>, hypers: &[Hyper], members: &[Member]) -> fmt::Result {
    f.write_str("(")?;
    separated(f, hypers, ", ", |f, hyper| match &hyper.default {
        Some(default) => write!(f, "{} = {default}", hyper.name.text),
        None => f.write_str(&hyper.name.text),
    })?;
    writeln!(f, ")")?;
    members.iter().try_for_each(|member| write_member(f, member))
}

fn write_member(f: &mut Formatter<'_>, member: &Member) -> fmt::Result {
    match member {
        Member::Param(member) => {
            docs(f, 1, &member.docs)?;
            let kind = match member.kind {
                ParamKind::Param => "param",
                ParamKind::Buffer => "buffer",
            };
            writeln!(f, "{kind} {}: {} = {}", member.name.text, member.ty, member.init)
        }
        Member::Cell(member) => write_sub_cell(f, 1, member),
        Member::Fn(member) => write_fn(f, 1, member),
        Member::Preset(member) => {
            docs(f, 1, &member.docs)?;
            write!(f, "preset {} {{ ", member.name.text)?;
            separated(f, &member.settings, ", ", |f, setting| {
                write!(f, "{} = {}", setting.name.text, setting.value)
            })?;
            writeln!(f, " }}")
        }
        Member::Error(_) => {
            pad(f, 1)?;
            writeln!(f, "error")
        }
    }
}

fn write_sub_cell(f: &mut Formatter<'_>, level: usize, cell: &SubCell) -> fmt::Result {
    docs(f, level, &cell.docs)?;
    writeln!(f, "cell {} = {}", cell.name.text, cell.value)
}

fn write_fn(f: &mut Formatter<'_>, level: usize, item: &Fn) -> fmt::Result {
    docs(f, level, &item.docs)?;
    write!(f, "fn {}(", item.name.text)?;
    separated(f, &item.inputs, ", ", |f, input| {
        write!(f, "{}: {}", input.name.text, input.ty)?;
        input.default.iter().try_for_each(|default| write!(f, " = {default}"))
    })?;
    f.write_str(") -> ")?;
    match &item.results {
        Results::One(ty) => writeln!(f, "{ty}")?,
        Results::Named(outputs, _) => {
            f.write_str("(")?;
            separated(f, outputs, ", ", |f, output| write!(f, "{}: {}", output.name.text, output.ty))?;
            writeln!(f, ")")?;
        }
    }
    write_stmts(f, level + 1, &item.body.stmts)
}

fn write_stmts(f: &mut Formatter<'_>, level: usize, stmts: &[Stmt]) -> fmt::Result {
    for stmt in stmts {
        match stmt {
            Stmt::Cell(cell) => write_sub_cell(f, level, cell)?,
            Stmt::Rec(rec) if rec.braces => {
                pad(f, level)?;
                writeln!(f, "rec")?;
                for line in &rec.lines {
                    pad(f, level + 1)?;
                    writeln!(f, "{line}")?;
                }
            }
            Stmt::Let(_) | Stmt::Rec(_) | Stmt::Expr(_) | Stmt::Error(_) => {
                pad(f, level)?;
                writeln!(f, "{stmt}")?;
            }
        }
    }
    Ok(())
}

/// In one line, as inside an expression.
impl Display for Stmt {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Let(binding) => write!(f, "{binding}"),
            Self::Rec(rec) => {
                f.write_str(if rec.braces { "rec { " } else { "rec " })?;
                separated(f, &rec.lines, "; ", |f, line| write!(f, "{line}"))?;
                f.write_str(if rec.braces { " }" } else { "" })
            }
            Self::Cell(cell) => write!(f, "cell {} = {}", cell.name.text, cell.value),
            Self::Expr(expr) => write!(f, "{expr}"),
            Self::Error(_) => f.write_str("error"),
        }
    }
}

impl Display for RecLine {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Define(define) => {
                write!(f, "{}[{}]", define.name.text, define.index.text)?;
                define.ty.iter().try_for_each(|ty| write!(f, ": {ty}"))?;
                write!(f, " = {}", define.value)?;
                define.from.iter().try_for_each(|from| write!(f, " from {from}"))
            }
            Self::Let(binding) => write!(f, "{binding}"),
            Self::Error(_) => f.write_str("error"),
        }
    }
}

impl Display for Let {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "let {}", self.pattern)?;
        self.ty.iter().try_for_each(|ty| write!(f, ": {ty}"))?;
        write!(f, " = {}", self.value)
    }
}

impl Display for Pattern {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            PatternKind::Name(name) => f.write_str(name),
            PatternKind::Ignore => f.write_str("_"),
            PatternKind::Tuple(parts) => {
                f.write_str("(")?;
                separated(f, parts, ", ", |f, part| write!(f, "{part}"))?;
                f.write_str(")")
            }
        }
    }
}

impl Display for Type {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name.text)?;
        if self.dims.is_empty() {
            return Ok(());
        }
        f.write_str("[")?;
        separated(f, &self.dims, ", ", |f, dim| write!(f, "{dim}"))?;
        f.write_str("]")
    }
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int { text, .. } | Self::Float { text, .. } => f.write_str(text),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Str(text) => write!(f, "{text:?}"),
            Self::None => f.write_str("none"),
            Self::All => f.write_str("all"),
        }
    }
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let all = |f: &mut Formatter<'_>, head: &str, parts: &[Self]| {
            write!(f, "({head}")?;
            parts.iter().try_for_each(|part| write!(f, " {part}"))?;
            f.write_str(")")
        };
        match &self.kind {
            ExprKind::Literal(literal) => write!(f, "{literal}"),
            ExprKind::Name(name) => f.write_str(name),
            ExprKind::Paren(inner) => write!(f, "{inner}"),
            ExprKind::Tuple(entries) => all(f, "tuple", entries),
            ExprKind::List(entries) => all(f, "list", entries),
            ExprKind::Repeat { entry, count } => write!(f, "(repeat {entry} {count})"),
            ExprKind::Comprehension(comprehension) => write!(f, "{comprehension}"),
            ExprKind::Block(block) => write!(f, "{block}"),
            ExprKind::If { condition, then, otherwise } => write!(f, "(if {condition} {then} {otherwise})"),
            ExprKind::Unary { op, operand } => write!(f, "({} {operand})", op.symbol()),
            ExprKind::Binary { op, left, right, .. } => write!(f, "({} {left} {right})", op.symbol()),
            ExprKind::Pipe { value, target } => write!(f, "(|> {value} {target})"),
            ExprKind::Call { callee, args } => {
                write!(f, "(call {callee}")?;
                for arg in args {
                    f.write_str(" ")?;
                    arg.name.iter().try_for_each(|name| write!(f, "{}=", name.text))?;
                    write!(f, "{}", arg.value)?;
                }
                f.write_str(")")
            }
            ExprKind::Index { base, indices } => {
                write!(f, "(index {base}")?;
                indices.iter().try_for_each(|index| write!(f, " {index}"))?;
                f.write_str(")")
            }
            ExprKind::Field { base, name } => write!(f, "(field {base} {})", name.text),
            ExprKind::Error => f.write_str("error"),
        }
    }
}

impl Display for Block {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("{ ")?;
        separated(f, &self.stmts, "; ", |f, stmt| write!(f, "{stmt}"))?;
        f.write_str(if self.stmts.is_empty() { "}" } else { " }" })
    }
}

impl Display for Comprehension {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let head = if self.brackets { "list-for" } else { "for" };
        write!(f, "({head} {} ", self.pattern)?;
        match &self.source {
            ForSource::Each(list) => write!(f, "{list}")?,
            ForSource::Range { start, end } => write!(f, "(range {start} {end})")?,
        }
        write!(f, " {})", self.body)
    }
}

impl Display for Index {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            IndexKind::At(expr) => write!(f, "{expr}"),
            IndexKind::Range { start, end } => {
                f.write_str("(range")?;
                match start {
                    Some(start) => write!(f, " {start}")?,
                    None => f.write_str(" _")?,
                }
                match end {
                    Some(end) => write!(f, " {end})"),
                    None => f.write_str(" _)"),
                }
            }
            IndexKind::NewAxis => f.write_str("none"),
        }
    }
}
