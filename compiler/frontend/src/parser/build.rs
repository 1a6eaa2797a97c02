//! What the grammar's actions need: spans, heights, and the rules that a grammar says badly.

use crate::ast::*;
use crate::diagnostic::Diagnostic;
use crate::span::{FileId, Span};
use std::cell::{Cell, RefCell};

/// How many levels of expressions may stand inside each other. Every later walk over the tree is a recursion,
/// and this is what keeps it inside the stack.
pub(crate) const DEEPEST: u16 = 200;

/// The state of the actions.
#[derive(Debug)]
pub(crate) struct Builder {
    file: FileId,
    docs: RefCell<Vec<Doc>>,
    diagnostics: RefCell<Vec<Diagnostic>>,
    too_deep: Cell<bool>,
}

impl Builder {
    pub(crate) fn new(file: FileId, diagnostics: Vec<Diagnostic>) -> Self {
        let diagnostics = RefCell::new(diagnostics);
        Self { file, docs: RefCell::default(), diagnostics, too_deep: Cell::new(false) }
    }

    /// A new chunk starts, documented by `docs`.
    pub(crate) fn start(&self, docs: Vec<Doc>) {
        *self.docs.borrow_mut() = docs;
        self.too_deep.set(false);
    }

    pub(crate) fn report(&self, diagnostic: Diagnostic) {
        self.diagnostics.borrow_mut().push(diagnostic);
    }

    pub(crate) fn into_diagnostics(self) -> Vec<Diagnostic> {
        self.diagnostics.into_inner()
    }

    pub(crate) fn span(&self, start: u32, end: u32) -> Span {
        Span::new(self.file, start, end)
    }

    /// The chunk's documentation.
    pub(crate) fn docs(&self) -> Vec<Doc> {
        self.docs.take()
    }

    pub(crate) fn list<T>(&self, first: T, mut rest: Vec<T>) -> Vec<T> {
        rest.insert(0, first);
        rest
    }

    pub(crate) fn unboxed<T>(&self, boxes: Vec<Box<T>>) -> Vec<T> {
        boxes.into_iter().map(|one| *one).collect()
    }

    pub(crate) fn import(
        &self,
        start: u32,
        root: UseRoot,
        folders: Vec<Name>,
        path: Vec<Name>,
        end: u32,
    ) -> Use {
        Use { docs: self.docs(), root, folders, path, span: self.span(start, end) }
    }

    pub(crate) fn expr(&self, start: u32, kind: ExprKind, end: u32) -> Expr {
        let expr = Expr::new(kind, self.span(start, end));
        if expr.height <= DEEPEST {
            return expr;
        }
        let span = expr.span;
        if !self.too_deep.replace(true) {
            self.report(too_deep(span));
        }
        Expr::new(ExprKind::Error, span)
    }

    pub(crate) fn binary(&self, left: Expr, op: BinaryOp, op_span: Span, right: Expr) -> Expr {
        if let ExprKind::Binary { op: before, op_span: before_span, .. } = &left.kind
            && is_comparison(*before)
            && is_comparison(op)
        {
            let title = "comparisons are not chained";
            self.report(
                Diagnostic::error(title, op_span, "the second comparison")
                    .label(*before_span, "the first, whose result is a bool")
                    .hint(format!("`a {} b and b {} c` compares both pairs", before.symbol(), op.symbol())),
            );
            return Expr::new(ExprKind::Error, left.span.to(right.span));
        }
        let (start, end) = (left.span.start, right.span.end);
        let kind = ExprKind::Binary { op, op_span, left: Box::new(left), right: Box::new(right) };
        self.expr(start, kind, end)
    }

    pub(crate) fn pipe(&self, start: u32, value: Expr, target: Expr, end: u32) -> Expr {
        match &target.peel().kind {
            ExprKind::Name(_)
            | ExprKind::Call { .. }
            | ExprKind::Index { .. }
            | ExprKind::Field { .. }
            | ExprKind::Error => {}
            ExprKind::Literal(_)
            | ExprKind::Paren(_)
            | ExprKind::Tuple(_)
            | ExprKind::List(_)
            | ExprKind::Repeat { .. }
            | ExprKind::Comprehension(_)
            | ExprKind::Block(_)
            | ExprKind::If { .. }
            | ExprKind::Unary { .. }
            | ExprKind::Binary { .. }
            | ExprKind::Pipe { .. } => {
                let title = "expected a function behind `|>`";
                self.report(
                    Diagnostic::error(title, target.span, "neither a function nor a call of one")
                        .hint("`x |> f` is `f(x)`, `x |> f(a)` is `f(x, a)`"),
                );
                return Expr::new(ExprKind::Error, self.span(start, end));
            }
        }
        self.expr(start, ExprKind::Pipe { value: Box::new(value), target: Box::new(target) }, end)
    }

    pub(crate) fn comprehension(
        &self,
        body: Expr,
        pattern: Pattern,
        source: ForSource,
        brackets: bool,
    ) -> ExprKind {
        if let PatternKind::Tuple(_) = pattern.kind {
            self.report(
                Diagnostic::error("expected a name behind `for`, found a tuple", pattern.span, "a tuple")
                    .hint("`for` runs over cells, numbers or a range: `for x in xs`"),
            );
        }
        ExprKind::Comprehension(Box::new(Comprehension { body, pattern, source, brackets }))
    }

    pub(crate) fn index(&self, start: u32, expr: Expr, end: u32) -> Index {
        let span = self.span(start, end);
        let kind = match expr.kind {
            ExprKind::Literal(Literal::None) => IndexKind::NewAxis,
            kind => IndexKind::At(Expr { kind, ..expr }),
        };
        Index { kind, span }
    }

    pub(crate) fn binding(
        &self,
        start: u32,
        pattern: Pattern,
        ty: Option<Type>,
        value: Expr,
        end: u32,
    ) -> Let {
        if let (PatternKind::Tuple(_), Some(ty)) = (&pattern.kind, &ty) {
            self.report(
                Diagnostic::error("a type behind several names", ty.span, "one type")
                    .label(pattern.span, "several names")
                    .hint("`let (a, b) = e` first, then `let x: f32[D] = a` checks one of them"),
            );
        }
        Let { pattern, ty, value, span: self.span(start, end) }
    }
}

fn is_comparison(op: BinaryOp) -> bool {
    op.precedence() == BinaryOp::Eq.precedence()
}

/// More levels than [`DEEPEST`].
pub(crate) fn too_deep(span: Span) -> Diagnostic {
    Diagnostic::error("nested too deeply", span, format!("more than {DEEPEST} levels"))
        .hint("give parts a name with `let`; `sum([..])` adds many terms")
}
