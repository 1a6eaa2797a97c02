//! How many levels of expressions stand inside each other. The parser keeps the height of every tree under a limit, so
//! that every walk over one may be written as a recursion. A node's height is taken when it is made, from its parts'.

use super::*;

impl ExprKind {
    /// Of the tallest part.
    pub(super) fn parts_height(&self) -> u16 {
        let tallest = |exprs: &[Expr]| exprs.iter().map(|expr| expr.height).max().unwrap_or(0);
        match self {
            Self::Literal(_) | Self::Name(_) | Self::Error => 0,
            Self::Paren(inner) => inner.height,
            Self::Tuple(entries) | Self::List(entries) => tallest(entries),
            Self::Repeat { entry, count } => entry.height.max(count.height),
            Self::Comprehension(comprehension) => comprehension.height(),
            Self::Block(block) => block.height,
            Self::If { condition, then, otherwise } => {
                condition.height.max(then.height).max(otherwise.height)
            }
            Self::Unary { operand, .. } => operand.height,
            Self::Binary { left, right, .. } => left.height.max(right.height),
            Self::Pipe { value, target } => value.height.max(target.height),
            Self::Call { callee, args } => {
                args.iter().map(|arg| arg.value.height).max().unwrap_or(0).max(callee.height)
            }
            Self::Index { base, indices } => {
                indices.iter().map(|index| index.kind.height()).max().unwrap_or(0).max(base.height)
            }
            Self::Field { base, .. } => base.height,
        }
    }
}

impl Comprehension {
    pub(super) fn height(&self) -> u16 {
        let source = match &self.source {
            ForSource::Each(list) => list.height,
            ForSource::Range { start, end } => start.height.max(end.height),
        };
        source.max(self.body.height)
    }
}

impl IndexKind {
    pub(super) fn height(&self) -> u16 {
        let of = |expr: &Option<Expr>| expr.as_ref().map_or(0, |expr| expr.height);
        match self {
            Self::At(expr) => expr.height,
            Self::Range { start, end } => of(start).max(of(end)),
            Self::NewAxis => 0,
        }
    }
}

impl Type {
    pub(super) fn height(&self) -> u16 {
        self.dims.iter().map(|dim| dim.height).max().unwrap_or(0)
    }
}

impl Let {
    pub(super) fn height(&self) -> u16 {
        self.value.height.max(self.ty.as_ref().map_or(0, Type::height))
    }
}

impl Stmt {
    pub(super) fn height(&self) -> u16 {
        match self {
            Self::Let(binding) => binding.height(),
            Self::Rec(rec) => rec.lines.iter().map(RecLine::height).max().unwrap_or(0),
            Self::Cell(cell) => cell.value.height,
            Self::Expr(expr) => expr.height,
            Self::Error(_) => 0,
        }
    }
}

impl RecLine {
    pub(super) fn height(&self) -> u16 {
        match self {
            Self::Define(define) => {
                let from = define.from.as_ref().map_or(0, |from| from.height);
                define.value.height.max(from).max(define.ty.as_ref().map_or(0, Type::height))
            }
            Self::Let(binding) => binding.height(),
            Self::Error(_) => 0,
        }
    }
}
