//! Why a command ended without what was asked for, and with which exit code.

use crate::console::Console;
use serde_json::{Value, json};
use std::path::Path;
use tensc_frontend::diagnostic::{Style, render};
use tensc_frontend::{Diagnostic, FileId, SourceMap, Span};
use tensc_ir::Origin;
use tensc_runtime::file::ReadError;
use tensc_runtime::file::bundle::BundleError;
use tensc_runtime::file::safetensors::SafetensorsError;
use tensc_runtime::file::write::WriteError;
use tensc_runtime::tensor::OutOfMemory;
use tensc_runtime::{ArgumentError, ExecError};

/// The exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The user's file or arguments.
    User,
    /// This machine.
    Machine,
    /// Ctrl-C.
    Interrupted,
}

impl Exit {
    /// The number for the shell.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::User => 1,
            Self::Machine => 2,
            Self::Interrupted => 130,
        }
    }
}

/// A problem without a place in a source file.
#[derive(Clone, Debug, Default)]
pub struct Message {
    /// What is wrong.
    pub title: String,
    /// Facts.
    pub notes: Vec<String>,
    /// What to type instead.
    pub hint: Option<String>,
}

/// Why a command ended without what was asked for.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// Problems with a place in the sources.
    pub diagnostics: Vec<Diagnostic>,
    /// Those sources.
    pub sources: SourceMap,
    /// Problems without one.
    pub messages: Vec<Message>,
}

/// What commands return.
pub type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// A mistake in what the user typed.
    pub fn user(title: impl Into<String>) -> Self {
        Self::message(Exit::User, title)
    }

    /// Something that this machine lacks or refuses.
    pub fn machine(title: impl Into<String>) -> Self {
        Self::message(Exit::Machine, title)
    }

    fn message(exit: Exit, title: impl Into<String>) -> Self {
        let message = Message { title: title.into(), ..Message::default() };
        Self { exit, diagnostics: Vec::new(), sources: SourceMap::new(), messages: vec![message] }
    }

    /// Adds what to type instead to the last message.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        if let Some(message) = self.messages.last_mut() {
            message.hint = Some(hint.into());
        }
        self
    }

    /// Adds a fact to the last message.
    #[must_use]
    pub fn with_note(mut self, note: impl Into<String>) -> Self {
        if let Some(message) = self.messages.last_mut() {
            message.notes.push(note.into());
        }
        self
    }

    /// Problems in the user's file.
    #[must_use]
    pub fn diagnostics(sources: &SourceMap, diagnostics: Vec<Diagnostic>) -> Self {
        Self { exit: Exit::User, diagnostics, sources: sources.clone(), messages: Vec::new() }
    }

    /// Ends without words: they have been said.
    #[must_use]
    pub fn silent(exit: Exit) -> Self {
        Self { exit, diagnostics: Vec::new(), sources: SourceMap::new(), messages: Vec::new() }
    }

    /// A run that failed; its place is shown where the sources have it.
    #[must_use]
    pub fn run(error: ExecError, sources: Option<&SourceMap>) -> Self {
        let title = error.to_string();
        match error {
            ExecError::Cancelled => Self::message(Exit::Interrupted, title),
            ExecError::Memory(error) => error.into(),
            ExecError::Check { message, origin } => Self::at(message, origin, sources),
            ExecError::Require(_) | ExecError::Size(_) | ExecError::Argument { .. } => Self::user(title),
            ExecError::Weight(error) => match error {
                tensc_runtime::weights::StackError::Memory(error) => error.into(),
                other => Self::user(other.to_string()),
            },
            ExecError::Internal(_) => Self::machine(title),
            ExecError::Device(failure) => crate::gpu::device_failed(failure),
        }
    }

    /// A mistake at a place of the source, where one is known.
    #[must_use]
    pub fn at(title: String, origin: Option<Origin>, sources: Option<&SourceMap>) -> Self {
        match (origin, sources) {
            (Some(origin), Some(sources)) => {
                Self::diagnostics(sources, vec![Diagnostic::error(title, span_of(origin), "")])
            }
            (_, _) => Self::user(title),
        }
    }

    /// Tells the user.
    pub fn report(&self, console: &Console) {
        if !self.diagnostics.is_empty() {
            let style = if console.colour { Style::Coloured } else { Style::Plain };
            console.error(render(&self.sources, &self.diagnostics, style).trim_end());
        }
        for message in &self.messages {
            let (red, bold, end) =
                if console.colour { ("\x1b[31;1m", "\x1b[1m", "\x1b[0m") } else { ("", "", "") };
            let mut text = format!("{red}error{end}{bold}: {}{end}", message.title);
            for note in &message.notes {
                text.push_str(&format!("\n  = {note}"));
            }
            if let Some(hint) = &message.hint {
                text.push_str(&format!("\n  = hint: {hint}"));
            }
            console.error(&text);
        }
    }

    /// The problems as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let placed = self.diagnostics.iter().map(|diagnostic| diagnostic_json(&self.sources, diagnostic));
        let others = self.messages.iter().map(|message| {
            json!({
                "severity": "error",
                "title": message.title,
                "notes": message.notes,
                "hint": message.hint,
            })
        });
        placed.chain(others).collect()
    }
}

/// One diagnostic as JSON; lines and columns count from 1.
#[must_use]
pub fn diagnostic_json(sources: &SourceMap, diagnostic: &Diagnostic) -> Value {
    let place = |span: Span, text: &str| {
        let (line, column) = sources.line_column(span);
        let (end_line, end_column) = sources.line_column(span.after());
        json!({
            "file": sources.name(span.file),
            "line": line,
            "column": column,
            "end_line": end_line,
            "end_column": end_column,
            "text": text,
        })
    };
    let labels: Vec<Value> = diagnostic.labels.iter().map(|label| place(label.span, &label.text)).collect();
    json!({
        "severity": if diagnostic.is_error() { "error" } else { "warning" },
        "title": diagnostic.title,
        "primary": place(diagnostic.primary.span, &diagnostic.primary.text),
        "labels": labels,
        "notes": diagnostic.notes,
        "hint": diagnostic.hint,
    })
}

/// A place of the graph in the source map.
#[must_use]
pub fn span_of(origin: Origin) -> Span {
    Span::new(FileId(origin.file), origin.start, origin.end)
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        let exit = match error.source.kind() {
            std::io::ErrorKind::NotFound
            | std::io::ErrorKind::IsADirectory
            | std::io::ErrorKind::NotADirectory
            | std::io::ErrorKind::InvalidData => Exit::User,
            _ => Exit::Machine,
        };
        Self::message(exit, error.to_string())
    }
}

impl From<WriteError> for Failure {
    fn from(error: WriteError) -> Self {
        match &error {
            WriteError::Cancelled { .. } => Self::message(Exit::Interrupted, error.to_string()),
            WriteError::Io { .. } => Self::machine(error.to_string()),
        }
    }
}

impl From<OutOfMemory> for Failure {
    fn from(error: OutOfMemory) -> Self {
        Self::machine(error.to_string())
    }
}

impl From<SafetensorsError> for Failure {
    fn from(error: SafetensorsError) -> Self {
        match error {
            SafetensorsError::Read(error) => error.into(),
            SafetensorsError::Malformed { .. } => Self::user(error.to_string()),
        }
    }
}

impl From<BundleError> for Failure {
    fn from(error: BundleError) -> Self {
        match error {
            BundleError::Read(error) => error.into(),
            BundleError::Malformed { .. } => Self::user(error.to_string()),
        }
    }
}

impl From<Vec<ArgumentError>> for Failure {
    fn from(errors: Vec<ArgumentError>) -> Self {
        let exit = if errors.iter().all(ArgumentError::is_machine) { Exit::Machine } else { Exit::User };
        let messages = errors.iter().map(|error| Message {
            title: error.to_string(),
            notes: Vec::new(),
            hint: error.hint(),
        });
        Self { exit, diagnostics: Vec::new(), sources: SourceMap::new(), messages: messages.collect() }
    }
}

/// Standard output that cannot be written.
#[must_use]
pub fn output_failed(error: &std::io::Error) -> Failure {
    Failure::machine(format!("cannot write to standard output: {}", tensc_runtime::file::reason(error)))
}

/// A file of text.
///
/// # Errors
/// When it is not there or is not UTF-8.
pub fn read_text(path: &Path) -> Result<String> {
    let failed = |source| ReadError { path: path.to_owned(), source };
    let bytes = std::fs::read(path).map_err(failed)?;
    String::from_utf8(bytes).map_err(|error| {
        let place = error.utf8_error().valid_up_to();
        Failure::user(format!("`{}` is not UTF-8: byte {place} begins no character", path.display()))
    })
}
