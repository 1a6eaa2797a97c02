//! What can be wrong with a module's text.

/// A module that cannot be loaded: where, what, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("PTX line {line}: {message}{}{}", source_suffix(.text), hint_suffix(.hint))]
pub struct PtxError {
    /// Line in the module's text, from 1.
    pub line: u32,
    /// What is wrong, lower case, no full stop.
    pub message: String,
    /// The statement as written; empty where there is none.
    pub text: String,
    /// Something to try; empty where there is nothing to say.
    pub hint: String,
}

fn source_suffix(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("\n  {text}") }
}

fn hint_suffix(hint: &str) -> String {
    if hint.is_empty() { String::new() } else { format!("\n  hint: {hint}") }
}

impl PtxError {
    pub(crate) fn syntax(line: u32, message: impl Into<String>) -> Self {
        Self { line, message: message.into(), text: String::new(), hint: String::new() }
    }

    pub(crate) fn with_text(mut self, text: &str) -> Self {
        text.clone_into(&mut self.text);
        self
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }
}
