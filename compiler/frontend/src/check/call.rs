//! Calls: what is called, and its arguments.

use super::elaborator::{Elaborator, Reported, Res};
use super::value::{Function, Value};
use crate::ast::{self, Arg, Expr, ExprKind};
use crate::diagnostic::Diagnostic;
use crate::span::Span;

/// An argument that has been evaluated.
#[derive(Clone)]
pub(crate) struct ArgValue<'a> {
    pub(crate) name: Option<&'a ast::Name>,
    pub(crate) value: Value<'a>,
    pub(crate) span: Span,
    /// Whether it is `e for x in xs` without brackets.
    pub(crate) comprehension: bool,
}

impl<'a> ArgValue<'a> {
    pub(crate) fn positional(value: Value<'a>, span: Span) -> Self {
        Self { name: None, value, span, comprehension: false }
    }
}

impl<'a> Elaborator<'a> {
    /// `x |> f`, `x |> f(a)`
    pub(crate) fn pipe(&mut self, value: &'a Expr, target: &'a Expr, span: Span) -> Value<'a> {
        let first = self.argument(value, None);
        match &target.peel().kind {
            ExprKind::Call { callee, args } => self.call(callee, Some(first), args, span),
            _ => self.call(target, Some(first), &[], span),
        }
    }

    fn argument(&mut self, expr: &'a Expr, name: Option<&'a ast::Name>) -> ArgValue<'a> {
        let (value, comprehension) = match &expr.kind {
            ExprKind::Comprehension(body) if !body.brackets => {
                (self.comprehension(body).map_or(Value::Error, Value::list), true)
            }
            _ => (self.eval(expr), false),
        };
        ArgValue { name, value, span: expr.span, comprehension }
    }

    /// A call as it is written.
    pub(crate) fn call(
        &mut self,
        callee: &'a Expr,
        piped: Option<ArgValue<'a>>,
        args: &'a [Arg],
        span: Span,
    ) -> Value<'a> {
        let target = self.eval(callee);
        if let Value::Function(Function::Kind(decl)) = target {
            return self.plan(decl, piped, args, span).unwrap_or(Value::Error);
        }
        let mut values: Vec<ArgValue<'a>> = piped.into_iter().collect();
        for arg in args {
            values.push(self.argument(&arg.value, arg.name.as_ref()));
        }
        self.span = span;
        self.call_value(&target, values, callee.span, span).unwrap_or(Value::Error)
    }

    /// A call of a value with arguments.
    pub(crate) fn call_value(
        &mut self,
        target: &Value<'a>,
        args: Vec<ArgValue<'a>>,
        callee: Span,
        span: Span,
    ) -> Res<Value<'a>> {
        match target {
            Value::Function(Function::Builtin(builtin)) => self.call_builtin(builtin, args, callee, span),
            Value::Function(Function::Convert(dtype)) => self.convert(*dtype, &args, span),
            Value::Function(Function::Item(file, function)) => {
                self.call_function(*file, None, function, args, span)
            }
            Value::Function(Function::Method(id, function)) => {
                let file = self.instance(*id).map_or_else(|| self.program.root(), |i| i.decl.file);
                self.call_function(file, Some(*id), function, args, span)
            }
            Value::Cell(id) => {
                let Some(decl) = self.instance(*id).map(|instance| instance.decl) else {
                    return Err(Reported);
                };
                let Some(function) = decl.function("forward") else {
                    let title = format!("`{}` has no `forward`", decl.name.text);
                    let names: Vec<&str> = decl.functions().map(|f| f.name.text.as_str()).collect();
                    let diagnostic = Diagnostic::error(title, callee, "calling a cell calls its `forward`");
                    return Err(self.report(match names.first() {
                        Some(name) => diagnostic.hint(format!("call one of its functions: `.{name}(..)`")),
                        None => diagnostic,
                    }));
                };
                self.call_function(decl.file, Some(*id), function, args, span)
            }
            Value::Plan(plan) => {
                let title = "a cell is made where it is declared";
                let diagnostic = Diagnostic::error(title, callee, "its parameters have no name here");
                Err(self.report(diagnostic.hint(format!("cell name = {}(..)", plan.decl.name.text))))
            }
            Value::Error => Err(Reported),
            Value::Hole => Ok(Value::Hole),
            Value::Size(_) if self.generic => Err(Reported),
            Value::Function(Function::Kind(_))
            | Value::Size(_)
            | Value::Float(_)
            | Value::Bool(_)
            | Value::Str(_)
            | Value::None
            | Value::All
            | Value::List(_)
            | Value::Tuple(_)
            | Value::Tensor(_)
            | Value::Time(_)
            | Value::Line(..) => {
                let diagnostic = Diagnostic::error(
                    "this cannot be called",
                    callee,
                    format!("this is {}", target.describe()),
                );
                Err(self.report(match target {
                    Value::Tensor(_) => diagnostic.hint("index it: `x[0]`"),
                    Value::List(_) => diagnostic.hint("chain its cells: `fold(cells, x)`"),
                    _ => diagnostic,
                }))
            }
        }
    }

    /// `f32(x)`
    fn convert(&mut self, dtype: tensc_ir::DType, args: &[ArgValue<'a>], span: Span) -> Res<Value<'a>> {
        let [arg] = args else {
            let fact = format!("{} are given", args.len());
            return Err(self.error(span, format!("`{dtype}` takes one value"), fact));
        };
        if arg.value.has_error() {
            return Err(Reported);
        }
        if arg.value.has_hole() {
            return Ok(Value::Hole);
        }
        let narrows = dtype.is_integer() && super::operator::fractional(&arg.value);
        let partner = if narrows || dtype == tensc_ir::DType::Bool { None } else { Some(dtype) };
        let tensor = self.tensor(&arg.value, partner, arg.span)?;
        if tensor.dtype.is_complex() && !dtype.is_complex() {
            let diagnostic = Diagnostic::error(
                format!("a complex number is no {dtype}"),
                arg.span,
                format!("this is {}", tensor.ty()),
            );
            return Err(self.report(diagnostic.hint("re(x), im(x) or abs(x)")));
        }
        Ok(self.cast(tensor, dtype)?.into())
    }

    /// The arguments in the order of the inputs.
    pub(crate) fn match_args(
        &mut self,
        function: &'a ast::Fn,
        args: Vec<ArgValue<'a>>,
        span: Span,
    ) -> Res<Vec<Option<ArgValue<'a>>>> {
        let mut given: Vec<Option<ArgValue<'a>>> = vec![None; function.inputs.len()];
        let name = &function.name.text;
        let mut next = 0;
        let mut wrong = false;
        let total = args.len();
        for arg in args {
            let position = match arg.name {
                Some(wanted) => function.inputs.iter().position(|input| input.name.text == wanted.text),
                None => {
                    next += 1;
                    Some(next - 1)
                }
            };
            match (position.and_then(|n| given.get_mut(n)), arg.name) {
                (Some(slot), _) if slot.is_none() => *slot = Some(arg),
                (Some(_), _) => {
                    wrong = true;
                    self.error(arg.span, format!("`{name}` gets an input twice"), "this is the second");
                }
                (None, Some(wanted)) => {
                    wrong = true;
                    let inputs: Vec<&str> = function.inputs.iter().map(|i| i.name.text.as_str()).collect();
                    let title = format!("`{name}` has no input `{}`", wanted.text);
                    let diagnostic =
                        Diagnostic::error(title, wanted.span, format!("it has {}", quoted(&inputs)));
                    let close = super::names::suggestion(&wanted.text, inputs.into_iter());
                    self.report(match close {
                        Some(close) => diagnostic.hint(format!("did you mean `{close}`?")),
                        None => diagnostic,
                    });
                }
                (None, None) => {
                    wrong = true;
                    let title = format!("`{name}` takes {}", counted(function.inputs.len(), "input"));
                    self.report(
                        Diagnostic::error(title, span, format!("{total} are given"))
                            .label(function.name.span, "it is defined here"),
                    );
                }
            }
        }
        for (input, slot) in function.inputs.iter().zip(&given) {
            if slot.is_none() && input.default.is_none() && !wrong {
                wrong = true;
                let title = format!("`{name}` needs its input `{}`", input.name.text);
                self.report(
                    Diagnostic::error(title, span, "it is left out here")
                        .label(input.span, "it has no default"),
                );
            }
        }
        if wrong { Err(Reported) } else { Ok(given) }
    }
}

/// `3 inputs`, `1 axis`
pub(crate) fn counted(n: usize, noun: &str) -> String {
    match (n, noun) {
        (1, _) => format!("1 {noun}"),
        (_, "axis") => format!("{n} axes"),
        _ => format!("{n} {noun}s"),
    }
}

/// "`a`, `b`"
pub(crate) fn quoted(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}
