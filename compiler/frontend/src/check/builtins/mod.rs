//! The names that every file has: one table, and what each row does, a file per group.

mod complex;
mod contraction;
mod elementwise;
mod frequency;
mod init;
mod losses;
mod making;
mod reductions;
mod sequence;
mod shape;
mod table;

pub use table::{Builtin, Group, builtins};
pub(crate) use table::{all, find};

use super::call::{ArgValue, counted};
use super::elaborator::{Elaborator, Reported, Res};
use super::names::suggestion;
use super::size::Size;
use super::value::{Tensor, Value};
use crate::diagnostic::Diagnostic;
use crate::span::Span;
use tensc_ir::DType;

/// A call of a row of the table, its arguments in the order of the row.
pub(crate) struct Call<'a> {
    pub(crate) builtin: &'static Builtin,
    /// By parameter; `None` where it is left out.
    pub(crate) args: Vec<Option<ArgValue<'a>>>,
    /// The call.
    pub(crate) span: Span,
}

impl<'a> Elaborator<'a> {
    /// Calls a row of the table.
    pub(crate) fn call_builtin(
        &mut self,
        builtin: &'static Builtin,
        args: Vec<ArgValue<'a>>,
        callee: Span,
        span: Span,
    ) -> Res<Value<'a>> {
        match builtin.name {
            "fold" => return self.fold(&args, span),
            "assert" | "assert_close" => {
                return self.assertion(&args, builtin.name == "assert_close", span);
            }
            _ => {}
        }
        let call = self.matched(builtin, args, callee, span)?;
        if call.args.iter().flatten().any(|arg| arg.value.has_error()) {
            return Err(Reported);
        }
        let hole = call.args.iter().flatten().any(|arg| arg.value.has_hole());
        if hole && !matches!(builtin.name, "where" | "max" | "min") {
            return Ok(Value::Hole);
        }
        if self.generic && call.args.iter().flatten().any(|arg| builtin.takes_lists && opaque(&arg.value)) {
            return Err(Reported);
        }
        (builtin.run)(self, &call)
    }

    fn matched(
        &mut self,
        builtin: &'static Builtin,
        args: Vec<ArgValue<'a>>,
        callee: Span,
        span: Span,
    ) -> Res<Call<'a>> {
        let parameters: Vec<(&str, bool, bool)> = builtin.parameters().collect();
        let mut slots: Vec<Option<ArgValue<'a>>> = vec![None; parameters.len()];
        let mut next = 0;
        for arg in args {
            let position = match arg.name {
                Some(name) => parameters.iter().position(|(own, _, _)| *own == name.text),
                None => {
                    next += 1;
                    let positional = parameters.iter().enumerate().filter(|(_, (_, _, named))| !named);
                    positional.map(|(n, _)| n).nth(next - 1)
                }
            };
            match (position.and_then(|n| slots.get_mut(n)), arg.name) {
                (Some(slot), _) if slot.is_none() => *slot = Some(arg),
                (Some(_), _) => {
                    let title = format!("`{}` gets an argument twice", builtin.name);
                    return Err(self.error(arg.span, title, "this is the second"));
                }
                (None, Some(name)) => {
                    let title = format!("`{}` has no argument `{}`", builtin.name, name.text);
                    let diagnostic = Diagnostic::error(title, name.span, builtin.signature);
                    let close = suggestion(&name.text, parameters.iter().map(|(own, _, _)| *own));
                    return Err(self.report(match close {
                        Some(close) => diagnostic.hint(format!("did you mean `{close} =`?")),
                        None => diagnostic,
                    }));
                }
                (None, None) => {
                    let title = format!("`{}` takes fewer arguments", builtin.name);
                    let diagnostic = Diagnostic::error(title, arg.span, "this is one too many");
                    let hint = match parameters.iter().find(|(_, _, named)| *named) {
                        Some((named, _, _)) => format!("{named} = .. (it is {})", builtin.signature),
                        None => builtin.signature.to_owned(),
                    };
                    return Err(self.report(diagnostic.hint(hint)));
                }
            }
        }
        let required =
            parameters.iter().zip(&slots).find(|((_, optional, _), slot)| !optional && slot.is_none());
        if let Some(((name, _, _), _)) = required {
            let title = format!("`{}` needs its argument `{name}`", builtin.name);
            let diagnostic = Diagnostic::error(title, span, "it is left out here");
            return Err(self.report(diagnostic.hint(builtin.signature)));
        }
        let _ = callee;
        Ok(Call { builtin, args: slots, span })
    }

    /// The argument of this number as a tensor.
    pub(crate) fn arg_tensor(&mut self, call: &Call<'a>, n: usize) -> Res<Tensor> {
        match call.get(n) {
            Some(arg) => self.tensor(&arg.value, None, arg.span),
            None => Err(Reported),
        }
    }

    /// The same, whole numbers as f32; bools are none.
    pub(crate) fn arg_float(&mut self, call: &Call<'a>, n: usize) -> Res<Tensor> {
        let span = call.span_of(n);
        let partner = call.get(n).and_then(|arg| arg.value.is_literal().then_some(DType::F32));
        let tensor = match call.get(n) {
            Some(arg) => self.tensor(&arg.value, partner, span)?,
            None => return Err(Reported),
        };
        self.as_float(tensor, call.builtin.name, span)
    }

    /// Whole numbers as f32; bools are none.
    pub(crate) fn as_float(&mut self, tensor: Tensor, name: &str, span: Span) -> Res<Tensor> {
        if tensor.dtype == DType::Bool {
            return Err(self.no_bools(name, &tensor, span));
        }
        if tensor.dtype.is_integer() { self.cast(tensor, DType::F32) } else { Ok(tensor) }
    }

    pub(crate) fn no_bools(&mut self, name: &str, tensor: &Tensor, span: Span) -> Reported {
        let diagnostic = Diagnostic::error(
            format!("`{name}` is not defined on bools"),
            span,
            format!("this is {}", tensor.ty()),
        );
        self.report(diagnostic.hint("convert it: `f32(mask)`"))
    }

    pub(crate) fn no_complex(&mut self, name: &str, tensor: &Tensor, span: Span) -> Res<()> {
        if !tensor.dtype.is_complex() {
            return Ok(());
        }
        let title = format!("`{name}` is not defined on complex numbers");
        let diagnostic = Diagnostic::error(title, span, format!("this is {}", tensor.ty()));
        Err(self.report(diagnostic.hint("re(z), im(z) or abs(z)")))
    }

    /// A whole number known when compiling.
    pub(crate) fn arg_int(&mut self, call: &Call<'a>, n: usize) -> Res<Option<i64>> {
        let Some(arg) = call.get(n) else { return Ok(None) };
        match &arg.value {
            Value::Size(size) if size.as_int().is_some() => Ok(size.as_int()),
            other => {
                let fact = format!("this is {}", other.describe());
                Err(self.error(arg.span, "a whole number known when compiling is expected", fact))
            }
        }
    }

    /// A number known when compiling.
    pub(crate) fn arg_number(&mut self, call: &Call<'a>, n: usize, default: f64) -> Res<f64> {
        let Some(arg) = call.get(n) else { return Ok(default) };
        let number = match &arg.value {
            Value::Size(size) => size.as_float(),
            Value::Float(number) => Some(*number),
            _ => None,
        };
        match number {
            Some(number) => Ok(number),
            None if self.generic && matches!(arg.value, Value::Size(_)) => Ok(default),
            None => {
                let fact = format!("this is {}", arg.value.describe());
                Err(self.error(arg.span, "a number known when compiling is expected", fact))
            }
        }
    }

    pub(crate) fn arg_bool(&mut self, call: &Call<'a>, n: usize) -> Res<bool> {
        let Some(arg) = call.get(n) else { return Ok(false) };
        match &arg.value {
            Value::Bool(truth) => Ok(*truth),
            other => {
                let fact = format!("this is {}", other.describe());
                Err(self.error(arg.span, "`true` or `false` is expected", fact))
            }
        }
    }

    /// A dimension.
    pub(crate) fn arg_dim(&mut self, call: &Call<'a>, n: usize) -> Res<Size> {
        match call.get(n) {
            Some(arg) => self.dim_of(&arg.value, arg.span),
            None => Err(Reported),
        }
    }

    /// A shape: a list of dimensions, or one.
    pub(crate) fn arg_shape(&mut self, call: &Call<'a>, n: usize) -> Res<Vec<Size>> {
        let Some(arg) = call.get(n) else { return Err(Reported) };
        match &arg.value {
            Value::List(entries) => {
                let entries = entries.clone();
                entries.iter().map(|entry| self.dim_of(entry, arg.span)).collect()
            }
            other => Ok(vec![self.dim_of(other, arg.span)?]),
        }
    }

    /// One axis of a tensor, counted as the program sees them.
    pub(crate) fn arg_axis(
        &mut self,
        call: &Call<'a>,
        n: usize,
        tensor: &Tensor,
        default: i64,
    ) -> Res<usize> {
        let axis = self.arg_int(call, n)?.unwrap_or(default);
        let span = if call.get(n).is_some() { call.span_of(n) } else { call.span_of(0) };
        self.axis(axis, tensor, call.builtin.name, span)
    }

    pub(crate) fn axis(&mut self, axis: i64, tensor: &Tensor, name: &str, span: Span) -> Res<usize> {
        match super::index::position(axis, tensor.rank()) {
            Some(axis) => Ok(axis),
            None => {
                let title = format!("`{name}` along axis {axis}");
                let fact = format!("{} has {}", tensor.ty(), counted(tensor.rank(), "axis"));
                Err(self.error(span, title, fact))
            }
        }
    }
}

impl<'a> Call<'a> {
    /// The argument of this number, if it is given.
    pub(crate) fn get(&self, n: usize) -> Option<&ArgValue<'a>> {
        self.args.get(n)?.as_ref()
    }

    /// Where the argument stands; the call where it is left out.
    pub(crate) fn span_of(&self, n: usize) -> Span {
        self.get(n).map_or(self.span, |arg| arg.span)
    }
}

/// A hyperparameter without a value, which may be anything.
fn opaque(value: &Value<'_>) -> bool {
    matches!(value, Value::Size(size) if size.as_float().is_none())
}
