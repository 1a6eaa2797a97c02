//! Test blocks: a graph whose outputs are the asserted values.

use super::call::ArgValue;
use super::elaborator::{Elaborator, Reported, Res};
use super::value::Value;
use crate::diagnostic::Diagnostic;
use crate::span::Span;
use std::rc::Rc;
use tensc_ir::{DType, ValueId};

/// A value that a test block asserts something about, as it is elaborated.
pub(crate) struct Asserted {
    pub(crate) check: Check,
    pub(crate) span: Span,
    /// The values that the check reads.
    pub(crate) values: Vec<ValueId>,
}

/// What an assertion checks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Check {
    /// `assert(c)`: true everywhere.
    True,
    /// `assert_close(a, b, tol)`: `abs(a - b) <= tol * (1 + abs(b))` everywhere.
    Close {
        /// `tol`
        tolerance: f64,
    },
}

impl<'a> Elaborator<'a> {
    /// `assert(c)`, `assert_close(a, b, tol)`
    pub(crate) fn assertion(&mut self, args: &[ArgValue<'a>], close: bool, span: Span) -> Res<Value<'a>> {
        if self.assertions.is_none() || self.frames.len() > 1 || self.regions.len() > 1 {
            let diagnostic =
                Diagnostic::error("assertions stand in test blocks", span, "this runs with the model");
            return Err(self.report(diagnostic.hint("test \"..\" { assert(c) }")));
        }
        if args.iter().any(|arg| arg.value.has_error()) {
            return Err(Reported);
        }
        let (check, tensors) = if close { self.close_to(args, span)? } else { self.holds(args, span)? };
        let values = tensors.iter().map(|tensor| tensor.id).collect();
        if let Some(assertions) = &mut self.assertions {
            assertions.push(Asserted { check, span, values });
        }
        Ok(Value::Tuple(Rc::new(Vec::new())))
    }

    fn holds(&mut self, args: &[ArgValue<'a>], span: Span) -> Res<(Check, Vec<super::value::Tensor>)> {
        let [condition] = args else {
            let diagnostic =
                Diagnostic::error("`assert` takes one condition", span, format!("{} are given", args.len()));
            return Err(self.report(diagnostic.hint("assert(x > 0)")));
        };
        let tensor = self.tensor(&condition.value, None, condition.span)?;
        if tensor.dtype != DType::Bool {
            let diagnostic = Diagnostic::error(
                "`assert` takes a bool",
                condition.span,
                format!("this is {}", tensor.ty()),
            );
            return Err(self.report(diagnostic.hint("assert(x > 0)")));
        }
        Ok((Check::True, vec![tensor]))
    }

    fn close_to(&mut self, args: &[ArgValue<'a>], span: Span) -> Res<(Check, Vec<super::value::Tensor>)> {
        let [a, b, tolerance] = args else {
            let fact = format!("{} are given", args.len());
            let diagnostic = Diagnostic::error("`assert_close` takes two values and a tolerance", span, fact);
            return Err(self.report(diagnostic.hint("assert_close(a, b, 1e-6)")));
        };
        let tolerance = match &tolerance.value {
            Value::Float(number) => *number,
            Value::Size(size) if size.as_float().is_some() => size.as_float().unwrap_or(0.0),
            other => {
                let fact = format!("this is {}", other.describe());
                let diagnostic =
                    Diagnostic::error("a tolerance is a number known when compiling", tolerance.span, fact);
                return Err(self.report(diagnostic.hint("1e-6")));
            }
        };
        let (tensors, dtype) = self.common(&[a.value.clone(), b.value.clone()], None, span)?;
        if dtype == DType::Bool {
            let diagnostic = Diagnostic::error("`assert_close` compares numbers", span, "these are bools");
            return Err(self.report(diagnostic.hint("assert(a == b)")));
        }
        let [x, y] = tensors.as_slice() else { return Err(Reported) };
        let shapes = x.rank() == y.rank() && x.axes.iter().zip(&y.axes).all(|(a, b)| a.dim == b.dim);
        if !shapes {
            let diagnostic = Diagnostic::error("`assert_close` compares values of one shape", a.span, x.ty())
                .label(b.span, y.ty());
            return Err(self.report(diagnostic));
        }
        Ok((Check::Close { tolerance }, vec![x.clone(), y.clone()]))
    }
}
