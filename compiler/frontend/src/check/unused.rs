//! Names that are bound and never used.
//!
//! What others may use by its name is left alone: items of the file, functions of a cell, inputs of functions. A member that is read as a field
//! anywhere in the file (`flow.alpha`) is used. A name that begins with `_` is meant to be unused.

use crate::ast::{Item, Name, Use};
use crate::diagnostic::Diagnostic;
use crate::span::Span;
use rustc_hash::{FxHashMap, FxHashSet};

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A `let`, or a `cell` of a test.
    Local,
    /// A line of a `rec`.
    Line,
    Hyperparameter,
    Parameter,
    Buffer,
    SubCell,
    /// What nobody is told about.
    Other,
}

struct Binding<'a> {
    name: &'a str,
    span: Option<Span>,
    kind: Kind,
    used: bool,
}

/// The names bound where a walk is, and what became of those bound before.
#[derive(Default)]
pub(crate) struct Names<'a> {
    bindings: Vec<Binding<'a>>,
    /// Numbers of the bindings of a name, innermost last.
    bound: FxHashMap<&'a str, Vec<usize>>,
    undo: Vec<&'a str>,
    fields: FxHashSet<&'a str>,
    globals: FxHashSet<&'a str>,
    /// The line of a recurrence that is walked: reading itself is no use.
    pub(crate) line: Option<&'a str>,
}

impl<'a> Names<'a> {
    pub(crate) fn bind(&mut self, name: &'a str, span: Option<Span>, kind: Kind) {
        self.bound.entry(name).or_default().push(self.bindings.len());
        self.bindings.push(Binding { name, span, kind, used: false });
        self.undo.push(name);
    }

    pub(crate) fn mark(&self) -> usize {
        self.undo.len()
    }

    pub(crate) fn leave(&mut self, mark: usize) {
        while self.undo.len() > mark {
            if let Some(numbers) = self.undo.pop().and_then(|name| self.bound.get_mut(name)) {
                numbers.pop();
            }
        }
    }

    fn innermost(&mut self, name: &str) -> Option<&mut Binding<'a>> {
        let number = *self.bound.get(name)?.last()?;
        self.bindings.get_mut(number)
    }

    pub(crate) fn is_bound(&self, name: &str) -> bool {
        self.bound.get(name).is_some_and(|numbers| !numbers.is_empty())
    }

    /// Whether the innermost binding of a name has been used.
    pub(crate) fn is_used(&mut self, name: &str) -> bool {
        self.innermost(name).is_some_and(|binding| binding.used)
    }

    /// A name is read. Gives whether it is bound here.
    pub(crate) fn read(&mut self, name: &'a str) -> bool {
        let own = self.line == Some(name);
        match self.innermost(name) {
            Some(binding) => {
                binding.used |= !(own && binding.kind == Kind::Line);
                true
            }
            None => {
                self.globals.insert(name);
                false
            }
        }
    }

    pub(crate) fn field(&mut self, name: &'a str) {
        self.fields.insert(name);
    }

    /// The names bound here.
    pub(crate) fn all(&self) -> impl Iterator<Item = &'a str> {
        self.bound.iter().filter(|(_, numbers)| !numbers.is_empty()).map(|(name, _)| *name)
    }

    /// What nothing uses.
    pub(crate) fn unused(self, items: &'a [Item]) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for binding in self.bindings.iter().filter(|binding| !binding.used && !binding.name.starts_with('_'))
        {
            let Some(span) = binding.span else { continue };
            let name = binding.name;
            let member = self.fields.contains(name);
            let (title, hint) = match binding.kind {
                Kind::Local => (format!("`{name}` is not used"), Some(format!("`_{name}`, or leave it out"))),
                Kind::Line => (format!("the sequence `{name}` is not used"), None),
                Kind::Hyperparameter => (format!("the hyperparameter `{name}` is not used"), None),
                Kind::Parameter if !member => (format!("the parameter `{name}` is not used"), None),
                Kind::Buffer if !member => (format!("the buffer `{name}` is not used"), None),
                Kind::SubCell if !member => (format!("the cell `{name}` is not used"), None),
                Kind::Parameter | Kind::Buffer | Kind::SubCell | Kind::Other => continue,
            };
            let diagnostic = Diagnostic::warning(title, span, "nothing reads it");
            found.push(match hint {
                Some(hint) => diagnostic.hint(hint),
                None => diagnostic,
            });
        }
        for item in items {
            if let Item::Use(line) = item
                && let Some(name) = named(line).filter(|name| !self.globals.contains(name.text.as_str()))
            {
                let title = format!("`{}` is not used", name.text);
                found.push(Diagnostic::warning(title, line.span, "nothing in this file reads it"));
            }
        }
        found
    }
}

/// The one name that a `use` brings, as far as its form shows.
fn named(line: &Use) -> Option<&Name> {
    let files = match line.root {
        crate::ast::UseRoot::Library => 2,
        crate::ast::UseRoot::Beside | crate::ast::UseRoot::Above(_) => 1,
    };
    line.path.get(files)
}
