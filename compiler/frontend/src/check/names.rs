//! What a name means: locals, then the cell's, then the file's, then the library's.

use super::builtins;
use super::elaborator::Elaborator;
use super::program::ItemRef;
use super::value::{Function, Value};
use crate::diagnostic::Diagnostic;
use crate::span::Span;
use tensc_ir::DType;

impl<'a> Elaborator<'a> {
    /// The value of a name; inside a recurrence, a sequence needs its index.
    pub(crate) fn name(&mut self, name: &'a str, span: Span) -> Value<'a> {
        let value = self.lookup(name, span);
        self.indexed_sequence(name, value, span)
    }

    fn lookup(&mut self, name: &'a str, span: Span) -> Value<'a> {
        if let Some(value) = self.frame().get(name) {
            return value.clone();
        }
        let (file, instance) = (self.frame().file, self.frame().instance);
        if let Some(id) = instance
            && let Some(value) = self.member(id, name, span)
        {
            return value;
        }
        match self.program.global(file, name) {
            Some(ItemRef::Const(file, item)) => return self.const_value(file, item),
            Some(ItemRef::Fn(file, function)) => return Value::Function(Function::Item(file, function)),
            Some(ItemRef::Kind(decl)) => return Value::Function(Function::Kind(decl)),
            None => {}
        }
        match library(name) {
            Some(value) => value,
            None if name == "training" => Value::Bool(self.training),
            None => {
                self.unknown_name(name, span);
                Value::Error
            }
        }
    }

    /// A member of a cell, as the cell's own functions see it.
    pub(crate) fn member(
        &mut self,
        id: super::value::InstanceId,
        name: &str,
        span: Span,
    ) -> Option<Value<'a>> {
        let instance = self.instance(id)?;
        if let Some(param) = instance.params.get(name).copied() {
            return Some(self.param_value(param, span));
        }
        if let Some(value) = instance.cells.get(name).or_else(|| instance.hypers.get(name)) {
            return Some(value.clone());
        }
        instance.decl.function(name).map(|function| Value::Function(Function::Method(id, function)))
    }

    fn const_value(&mut self, file: crate::span::FileId, item: &'a crate::ast::Const) -> Value<'a> {
        let key = std::ptr::from_ref(item);
        match self.consts.get(&key) {
            Some(Some(value)) => return value.clone(),
            Some(None) => {
                let name = &item.name.text;
                let title = format!("the const `{name}` needs its own value");
                self.error(item.name.span, title, "it is defined through itself");
                return Value::Error;
            }
            None => {}
        }
        self.consts.insert(key, None);
        self.frames.push(super::elaborator::Frame::new(file, None));
        let value = self.eval(&item.value);
        self.frames.pop();
        let value = match value {
            Value::Tensor(tensor) => {
                let fact = format!("this is {}, known when the program runs", tensor.ty());
                self.error(item.value.span, "a const is a compile-time value", fact);
                Value::Error
            }
            Value::Size(size) => {
                Value::Size(if size.as_float().is_some() { size.named(&item.name.text) } else { size })
            }
            other => other,
        };
        self.consts.insert(key, Some(value.clone()));
        value
    }

    /// Reports a name that nothing binds.
    pub(crate) fn unknown_name(&mut self, name: &str, span: Span) {
        let mut diagnostic =
            Diagnostic::error(format!("unknown name `{name}`"), span, "nothing here has this name");
        if let Some(close) = self.closest(name) {
            diagnostic = diagnostic.hint(format!("did you mean `{close}`?"));
        } else if let Some(path) = super::library::file_of(name) {
            diagnostic = diagnostic.hint(format!("use std.{path}.{name}"));
        }
        self.report(diagnostic);
    }

    fn closest(&mut self, name: &str) -> Option<String> {
        let (file, instance) = (self.frame().file, self.frame().instance);
        let mut names: Vec<String> = self.frame().bound().map(|(name, _)| name.to_owned()).collect();
        if let Some(instance) = instance.and_then(|id| self.instance(id)) {
            names.extend(instance.params.keys().map(|n| (*n).to_owned()));
            names.extend(instance.cells.keys().map(|n| (*n).to_owned()));
            names.extend(instance.hypers.keys().map(|n| (*n).to_owned()));
            names.extend(instance.decl.functions().map(|f| f.name.text.clone()));
        }
        if let Some(file) = self.program.file(file) {
            names.extend(file.scope.keys().cloned());
        }
        names.extend(builtins::all().map(|builtin| builtin.name.to_owned()));
        suggestion(name, names.iter().map(String::as_str))
    }
}

/// The value of a name that every file has.
pub(crate) fn library<'a>(name: &str) -> Option<Value<'a>> {
    match name {
        "pi" => return Some(Value::Float(std::f64::consts::PI)),
        "inf" => return Some(Value::Float(f64::INFINITY)),
        _ => {}
    }
    if let Some(dtype) = DType::from_name(name) {
        return Some(Value::Function(Function::Convert(dtype)));
    }
    builtins::find(name).map(|builtin| Value::Function(Function::Builtin(builtin)))
}

/// The candidate that is closest to a misspelt name, if one is close.
pub(crate) fn suggestion<'n>(name: &str, candidates: impl Iterator<Item = &'n str>) -> Option<String> {
    // One letter is too little to be misspelt, other than in case.
    let limit = match name.chars().count() {
        0 | 1 => 0,
        count => (count / 3).clamp(1, 3),
    };
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        if candidate == name {
            continue;
        }
        let distance =
            if candidate.eq_ignore_ascii_case(name) { 0 } else { distance(name, candidate).max(1) };
        let better = best.is_none_or(|(d, c)| (distance, candidate) < (d, c));
        if distance <= limit && better {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate.to_owned())
}

/// Insertions, deletions, substitutions and swaps of neighbours that turn one word into the other.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > 3 {
        return usize::MAX;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], n: usize| row.get(n).copied().unwrap_or(usize::MAX / 2);
            let mut cost = (at(&row, j) + usize::from(x != y)).min(at(&row, j + 1) + 1).min(at(&next, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if swapped {
                cost = cost.min(at(&before, j - 1) + 1);
            }
            next.push(cost);
        }
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().unwrap_or(usize::MAX)
}
