//! A problem in the user's file, and how it is printed.
//!
//! ```text
//! error: shapes do not line up in `@`
//!    ┌─ ten.seq:16:20
//!    │
//! 16 │         let beta = x @ transpose(w_in)
//!    │                    ^   --------------- f32[K, D]: contracts over K = 128
//!    │                    │
//!    │                    f32[T, D]: its last axis is D = 1024
//!    │
//!    = hint: `x @ w_in` contracts D with D
//! ```

use crate::source::SourceMap;
use crate::span::{FileId, Span};
use codespan_reporting::diagnostic as codespan;
use codespan_reporting::files::{Error, Files, line_starts};
use codespan_reporting::term;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The file still means something.
    Warning,
    /// The file has no meaning.
    Error,
}

/// A place and a fact about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// The fact; may be empty.
    pub text: String,
}

/// One problem: what is wrong, where, the facts that make it wrong, and what to type instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether it stops the compilation.
    pub severity: Severity,
    /// What is wrong, lower case, no full stop.
    pub title: String,
    /// Where it is wrong, with the first fact.
    pub primary: Label,
    /// Other places, with the other facts.
    pub labels: Vec<Label>,
    /// Facts without a place.
    pub notes: Vec<String>,
    /// What to type instead.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// An error at `span`; `fact` stands below it and may be empty.
    pub fn error(title: impl Into<String>, span: Span, fact: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            title: title.into(),
            primary: Label { span, text: fact.into() },
            labels: Vec::new(),
            notes: Vec::new(),
            hint: None,
        }
    }

    /// A warning at `span`.
    pub fn warning(title: impl Into<String>, span: Span, fact: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(title, span, fact) }
    }

    /// Adds a fact about another place.
    #[must_use]
    pub fn label(mut self, span: Span, fact: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: fact.into() });
        self
    }

    /// Adds a fact without a place.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Says what to type instead.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Whether it stops the compilation.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// How [`render`] writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Style {
    /// Text alone.
    #[default]
    Plain,
    /// With ANSI colours.
    Coloured,
}

/// The diagnostics as text, an empty line after each, no blanks at the ends of lines.
pub fn render(sources: &SourceMap, diagnostics: &[Diagnostic], style: Style) -> String {
    let files = Lines::new(sources, diagnostics);
    let config = term::Config { tab_width: 4, ..term::Config::default() };
    let mut text = String::new();
    for diagnostic in diagnostics {
        let diagnostic = to_codespan(sources, diagnostic);
        let mut one = String::new();
        let done = match style {
            Style::Plain => term::emit_to_string(&mut one, &config, &files, &diagnostic),
            Style::Coloured => {
                let mut buffer = term::termcolor::Ansi::new(Vec::new());
                let done = term::emit_to_write_style(&mut buffer, &config, &files, &diagnostic);
                one = String::from_utf8_lossy(&buffer.into_inner()).into_owned();
                done
            }
        };
        // A span outside its file would be our mistake; its message must reach the user all the same.
        if done.is_err() {
            one = format!("error: {}", diagnostic.message);
        }
        for line in one.trim_end().lines() {
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text.push('\n');
    }
    text
}

fn to_codespan(sources: &SourceMap, diagnostic: &Diagnostic) -> codespan::Diagnostic<FileId> {
    let severity = match diagnostic.severity {
        Severity::Warning => codespan::Severity::Warning,
        Severity::Error => codespan::Severity::Error,
    };
    let primary = std::iter::once((codespan::LabelStyle::Primary, &diagnostic.primary));
    let secondary = diagnostic.labels.iter().map(|label| (codespan::LabelStyle::Secondary, label));
    let labels = primary.chain(secondary).map(|(style, label)| {
        codespan::Label::new(style, label.span.file, visible(sources, label.span)).with_message(&label.text)
    });
    let hint = diagnostic.hint.iter().map(|hint| format!("hint: {hint}"));
    codespan::Diagnostic::new(severity)
        .with_message(&diagnostic.title)
        .with_labels(labels.collect())
        .with_notes(diagnostic.notes.iter().cloned().chain(hint).collect())
}

/// The span's bytes, kept inside the text and on character boundaries.
fn visible(sources: &SourceMap, span: Span) -> std::ops::Range<usize> {
    let text = sources.text(span.file);
    let snap = |at: u32| text.floor_char_boundary((at as usize).min(text.len()));
    let start = snap(span.start);
    start..snap(span.end).max(start)
}

/// The source map with the starts of the lines of those files that are shown.
struct Lines<'a> {
    sources: &'a SourceMap,
    starts: std::collections::BTreeMap<FileId, Vec<usize>>,
}

impl<'a> Lines<'a> {
    fn new(sources: &'a SourceMap, diagnostics: &[Diagnostic]) -> Self {
        let labels = diagnostics.iter().flat_map(|one| std::iter::once(&one.primary).chain(&one.labels));
        let mut starts = std::collections::BTreeMap::new();
        for file in labels.map(|label| label.span.file) {
            starts.entry(file).or_insert_with(|| line_starts(sources.text(file)).collect());
        }
        Self { sources, starts }
    }

    fn line_start(&self, file: FileId, line: usize) -> Result<usize, Error> {
        let starts = self.starts.get(&file).ok_or(Error::FileMissing)?;
        let end = self.sources.text(file).len();
        match line.cmp(&starts.len()) {
            std::cmp::Ordering::Equal => Ok(end),
            std::cmp::Ordering::Less | std::cmp::Ordering::Greater => starts
                .get(line)
                .copied()
                .ok_or(Error::LineTooLarge { given: line, max: starts.len().saturating_sub(1) }),
        }
    }
}

impl<'a> Files<'a> for Lines<'a> {
    type FileId = FileId;
    type Name = &'a str;
    type Source = &'a str;

    fn name(&'a self, file: FileId) -> Result<&'a str, Error> {
        Ok(self.sources.name(file))
    }

    fn source(&'a self, file: FileId) -> Result<&'a str, Error> {
        Ok(self.sources.text(file))
    }

    fn line_index(&'a self, file: FileId, byte: usize) -> Result<usize, Error> {
        let starts = self.starts.get(&file).ok_or(Error::FileMissing)?;
        Ok(starts.partition_point(|&start| start <= byte).saturating_sub(1))
    }

    fn line_range(&'a self, file: FileId, line: usize) -> Result<std::ops::Range<usize>, Error> {
        Ok(self.line_start(file, line)?..self.line_start(file, line + 1)?)
    }
}
