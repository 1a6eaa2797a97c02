//! What a function gives: values of the declared types, in the words of whoever called it.

use super::call::counted;
use super::elaborator::{Elaborator, Reported, Res};
use super::inline::{Mapping, free_name};
use super::size::{Size, Spelling};
use super::value::{Tensor, Value};
use crate::ast::{self, Results};
use crate::diagnostic::Diagnostic;
use crate::span::Span;
use std::rc::Rc;

impl<'a> Elaborator<'a> {
    /// An entry point's results, of the declared types.
    pub(crate) fn checked_results(&mut self, function: &'a ast::Fn, value: Value<'a>) -> Res<Value<'a>> {
        self.give_back(function, value, &Mapping { outer: 0, extra: Vec::new() })
    }

    /// Checks results against the declared types and makes them values of the caller.
    pub(crate) fn give_back(
        &mut self,
        function: &'a ast::Fn,
        value: Value<'a>,
        mapping: &Mapping,
    ) -> Res<Value<'a>> {
        let place = function.body.split().1.map_or(function.body.span, |expr| expr.span);
        match &function.results {
            Results::One(ty) => {
                let tensor = self.result(ty, value, place, mapping)?;
                Ok(tensor)
            }
            Results::Named(outputs, declared) => {
                let entries: Vec<Value<'a>> = match &value {
                    Value::Tuple(entries) => entries.iter().map(|(_, entry)| entry.clone()).collect(),
                    Value::Hole => vec![Value::Hole; outputs.len()],
                    Value::Error => return Err(Reported),
                    other if outputs.len() == 1 => vec![other.clone()],
                    other => {
                        let title =
                            format!("`{}` gives {}", function.name.text, counted(outputs.len(), "value"));
                        let diagnostic =
                            Diagnostic::error(title, place, format!("this is {}", other.describe()))
                                .label(*declared, "declared here");
                        return Err(self.report(diagnostic.hint("(a, b)")));
                    }
                };
                if entries.len() != outputs.len() {
                    let title = format!("`{}` gives {}", function.name.text, counted(outputs.len(), "value"));
                    let diagnostic = Diagnostic::error(title, place, format!("these are {}", entries.len()))
                        .label(*declared, "declared here");
                    return Err(self.report(diagnostic));
                }
                let mut results = Vec::with_capacity(entries.len());
                for (output, entry) in outputs.iter().zip(entries) {
                    let value = self.result(&output.ty, entry, place, mapping).unwrap_or(Value::Error);
                    results.push((Some(output.name.text.as_str()), value));
                }
                Ok(Value::Tuple(Rc::new(results)))
            }
        }
    }

    fn result(
        &mut self,
        ty: &'a ast::Type,
        value: Value<'a>,
        place: Span,
        mapping: &Mapping,
    ) -> Res<Value<'a>> {
        let unknown =
            ty.dims.iter().any(|dim| free_name(self, dim).is_some_and(|n| self.frame().get(n).is_none()));
        if matches!(value, Value::Hole) && unknown {
            return Ok(Value::Hole);
        }
        if unknown {
            let name =
                ty.dims.iter().find_map(|dim| free_name(self, dim).filter(|n| self.frame().get(n).is_none()));
            let title = format!("nothing says what `{}` is", name.unwrap_or_default());
            let diagnostic = Diagnostic::error(
                title,
                ty.span,
                "a size is inferred where an input's type has its bare name",
            );
            return Err(self.report(diagnostic));
        }
        let stated = self.stated_type(ty)?;
        let tensor = match value {
            Value::Hole => self.filled(stated.dtype, 0.0, &stated.axes)?,
            Value::Error => return Err(Reported),
            value => self.coerce(&value, &stated, place, ty.span, "the result")?,
        };
        let tensor = if mapping.extra.is_empty() { tensor } else { self.map_over_lead(tensor)? };
        let axes: Vec<Size> = tensor.axes.iter().map(|axis| self.caller_spelling(axis)).collect();
        if mapping.extra.is_empty() {
            return Ok(Tensor { axes, ..tensor }.into());
        }
        let axes = mapping.extra.iter().cloned().chain(axes).collect();
        Ok(Tensor { axes, lead: mapping.outer, ..tensor }.into())
    }

    /// What the caller of the current frame calls a size.
    fn caller_spelling(&self, size: &Size) -> Size {
        let frame = self.frames.last();
        let instance = frame.and_then(|frame| frame.instance).and_then(|id| self.instance(id));
        size.respelled(&|name| -> Option<Spelling> {
            frame
                .and_then(|frame| frame.spellings.get(name))
                .or_else(|| instance.and_then(|instance| instance.spellings.get(name)))
                .cloned()
        })
    }
}
