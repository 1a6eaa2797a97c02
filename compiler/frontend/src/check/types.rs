//! Declared types: element types, dimensions, and whether a value has the type that is stated.

use super::elaborator::{Elaborator, Reported, Res};
use super::names::suggestion;
use super::size::{Size, Spelling};
use super::tensor::{has_fraction, widen};
use super::value::{Tensor, Value, type_text};
use crate::ast::{self, Expr};
use crate::diagnostic::Diagnostic;
use crate::span::Span;
use tensc_ir::{DType, Dim, Require};

/// A declared type whose sizes are known.
#[derive(Clone, Debug)]
pub(crate) struct Stated {
    pub(crate) dtype: DType,
    pub(crate) axes: Vec<Size>,
}

impl<'a> Elaborator<'a> {
    /// The element type that a type names.
    pub(crate) fn dtype(&mut self, ty: &ast::Type) -> Res<DType> {
        if let Some(dtype) = DType::from_name(&ty.name.text) {
            return Ok(dtype);
        }
        let title = format!("unknown type `{}`", ty.name.text);
        let diagnostic =
            Diagnostic::error(title, ty.name.span, "f32 f16 bf16 f64 c64 i32 u8 bool are the types");
        Err(self.report(match suggestion(&ty.name.text, DType::ALL.into_iter().map(DType::name)) {
            Some(close) => diagnostic.hint(format!("did you mean `{close}`?")),
            None => diagnostic.hint("f32"),
        }))
    }

    /// A type all of whose sizes are known here.
    pub(crate) fn stated_type(&mut self, ty: &'a ast::Type) -> Res<Stated> {
        let dtype = self.dtype(ty);
        let axes = self.dims(&ty.dims);
        Ok(Stated { dtype: dtype?, axes: axes? })
    }

    /// Dimensions.
    pub(crate) fn dims(&mut self, dims: &'a [Expr]) -> Res<Vec<Size>> {
        let sizes: Vec<Res<Size>> = dims.iter().map(|dim| self.dim(dim)).collect();
        sizes.into_iter().collect()
    }

    /// A dimension: a whole number, or an expression of run-time sizes.
    pub(crate) fn dim(&mut self, expr: &'a Expr) -> Res<Size> {
        let value = self.eval(expr);
        let size = self.dim_of(&value, expr.span);
        if size.is_err() {
            self.silence_hyperparameter(expr);
        }
        size
    }

    /// A hyperparameter of the wrong kind is reported where it is used first; what else uses it says nothing.
    pub(crate) fn silence_hyperparameter(&mut self, expr: &Expr) {
        let Some(name) = expr.as_name().filter(|_| self.trials == 0) else { return };
        let frame = self.frame();
        if frame.get(name).is_none()
            && let Some(instance) = frame.instance
            && let Some(value) =
                self.instances.get_mut(instance.0 as usize).and_then(|instance| instance.hypers.get_mut(name))
        {
            *value = Value::Error;
        }
    }

    /// A value as a dimension.
    pub(crate) fn dim_of(&mut self, value: &Value<'a>, span: Span) -> Res<Size> {
        let size = match value {
            Value::Size(size) => size.clone(),
            Value::Error | Value::Hole => return Err(Reported),
            Value::Float(number) => {
                let diagnostic =
                    Diagnostic::error("a dimension is whole", span, format!("this is the float {number}"));
                #[expect(clippy::cast_possible_truncation, reason = "only printed")]
                let hint = if number.fract() == 0.0 {
                    format!("{}", *number as i64)
                } else {
                    format!("floor({number})")
                };
                return Err(self.report(diagnostic.hint(hint)));
            }
            other => {
                let title = "a dimension is a number known when compiling, or a size of an input";
                return Err(self.error(span, title, format!("this is {}", other.describe())));
            }
        };
        if let Some((n, d)) = size.dim.as_fraction() {
            if d != 1 {
                let fact = format!("{} is not whole", fraction(&size, n, d));
                let diagnostic = Diagnostic::error("a dimension is not whole", span, fact);
                return Err(self.report(diagnostic.hint(format!("floor({size}), or sizes that divide"))));
            }
            if n < 0 {
                return Err(self.error(span, "a dimension is negative", value_text(&size)));
            }
            if i32::try_from(n).is_err() {
                return Err(self.error(span, "a dimension does not fit into 32 bits", value_text(&size)));
            }
        } else if !size.dim.is_integral() && !self.generic {
            let message = format!(
                "`{size}` is not a whole number for this length of {}: it is {{0}}",
                self.inputs_with(&size.dim)
            );
            self.require(Require::Whole(size.dim.clone()), message);
        }
        Ok(size)
    }

    /// The inputs whose types mention a run-time size of `dim`: "`x`".
    pub(crate) fn inputs_with(&self, dim: &Dim) -> String {
        let names = dim.names();
        let inputs = self.regions.first().map_or(&[][..], |root| &root.builder.graph().inputs);
        let mentions =
            |input: &&tensc_ir::Input| input.ty.shape.iter().any(|d| names.iter().any(|n| d.mentions(n)));
        let names: Vec<String> =
            inputs.iter().filter(mentions).map(|input| format!("`{}`", input.name)).collect();
        if names.is_empty() { "the inputs".into() } else { names.join(", ") }
    }

    /// A value with a stated type: `let x: TYPE = e`.
    pub(crate) fn stated(&mut self, ty: &'a ast::Type, value: Value<'a>, span: Span) -> Res<Value<'a>> {
        let stated = self.stated_type(ty)?;
        let tensor = self.coerce(&value, &stated, span, ty.span, "the stated type")?;
        Ok(tensor.into())
    }

    /// The value with this type: numbers take it and fill its shape, elements widen, shapes are equal.
    pub(crate) fn coerce(
        &mut self,
        value: &Value<'a>,
        stated: &Stated,
        span: Span,
        declared: Span,
        what: &str,
    ) -> Res<Tensor> {
        if value.has_error() || value.has_hole() {
            return Err(Reported);
        }
        let expected = || type_text(stated.dtype, &stated.axes);
        if value.is_literal() && stated.dtype.is_integer() && has_fraction(value) {
            let diagnostic =
                Diagnostic::error("a number with a fraction for a whole-number type", span, value.describe())
                    .label(declared, format!("{what} is {}", expected()));
            return Err(self.report(diagnostic));
        }
        let tensor = self.tensor(value, Some(stated.dtype), span)?;
        let scalar =
            value.is_literal() && !matches!(value, Value::List(_)) || matches!(value, Value::Bool(_));
        let tensor = if scalar { self.broadcast_to(&tensor, &stated.axes)? } else { tensor };
        let tensor = self.widened(tensor, stated, span, declared, what)?;
        if tensor.rank() != stated.axes.len() {
            let fact = format!("this is {}", tensor.ty());
            let diagnostic =
                Diagnostic::error("a value has another number of axes than its type says", span, fact)
                    .label(declared, format!("{what} is {}", expected()));
            return Err(self.report(diagnostic));
        }
        for (n, (found, wanted)) in tensor.axes.iter().zip(&stated.axes).enumerate() {
            if found.dim != wanted.dim {
                let fact = format!("this is {}: axis {n} is {}", tensor.ty(), found.described());
                let diagnostic =
                    Diagnostic::error("a value has another shape than its type says", span, fact).label(
                        declared,
                        format!("{what} is {}: axis {n} is {}", expected(), wanted.described()),
                    );
                return Err(self.report(diagnostic));
            }
        }
        Ok(Tensor { axes: stated.axes.clone(), ..tensor })
    }

    /// Widens the elements to a declared type; nothing narrows by itself.
    pub(crate) fn widened(
        &mut self,
        tensor: Tensor,
        stated: &Stated,
        span: Span,
        declared: Span,
        what: &str,
    ) -> Res<Tensor> {
        let dtype = stated.dtype;
        if widen(tensor.dtype, dtype) == Some(dtype) {
            return self.cast(tensor, dtype);
        }
        let hint = if tensor.dtype.is_complex() { "re(x)".to_owned() } else { format!("{dtype}(x)") };
        let diagnostic =
            Diagnostic::error("a value does not narrow by itself", span, format!("this is {}", tensor.ty()))
                .label(declared, format!("{what} is {}", type_text(dtype, &stated.axes)))
                .hint(format!("convert it: `{hint}`"));
        Err(self.report(diagnostic))
    }
}

/// `D / H = 10 / 4`, or `10 / 4` alone: as it is written, not in lowest terms.
fn fraction(size: &Size, numerator: i128, denominator: i128) -> String {
    let value = match &size.spelling {
        Spelling::Binary('/', a, b) => match (a.as_int(), b.as_int()) {
            (Some(a), Some(b)) => format!("{a} / {b}"),
            _ => format!("{numerator} / {denominator}"),
        },
        Spelling::Value | Spelling::Name(_) | Spelling::Binary(..) | Spelling::Call(..) => {
            format!("{numerator} / {denominator}")
        }
    };
    let text = size.to_string();
    if text == value || matches!(size.spelling, Spelling::Value) {
        value
    } else {
        format!("{text} = {value}")
    }
}

/// `D - 5 is -1`, or `this is -1`.
fn value_text(size: &Size) -> String {
    match size.spelling {
        super::size::Spelling::Value => format!("this is {}", size.dim),
        _ => format!("{size} is {}", size.dim),
    }
}
