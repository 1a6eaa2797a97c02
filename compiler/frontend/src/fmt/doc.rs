//! Text with choices: what stands on one line where it fits in [`WIDTH`], and on several where it does not.
//!
//! A [`Doc::group`] is flat as a whole or breaks at each of its lines (Wadler, "A prettier printer", in the form that
//! Prettier gave it). What leaves here are [`Line`]s with their comment apart and with marks for the
//! [columns](super::columns).

/// How long a line may be, its comment apart.
pub(super) const WIDTH: usize = 100;

/// A step of indentation.
const STEP: usize = 4;

/// Text with choices.
#[derive(Debug)]
pub(super) struct Doc {
    kind: Kind,
    /// There is a forced end of line in it.
    hard: bool,
}

#[derive(Debug)]
enum Kind {
    Text(String),
    Concat(Vec<Doc>),
    /// Flat if all of it fits, else broken at each of its lines.
    Group(Box<Doc>),
    Indent(Box<Doc>),
    /// The text where flat, the end of a line where broken.
    Line(&'static str),
    /// The end of a line.
    Hard,
    /// An empty line, where a line has just ended.
    Blank,
    /// Text where broken only.
    Broken(&'static str),
    /// As many on each line as fit, a blank between two.
    Fill(Vec<String>),
    /// A comment behind all else on its line.
    Comment(String),
    /// A place that is moved right to meet its neighbours'.
    Mark(Mark),
    /// A statement whose marks count where it takes one line.
    Aligned(Class, Box<Doc>),
}

/// A place in a line that is moved right to meet its neighbours'.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// In front of a declaration's name.
    Name,
    /// In front of its type.
    Type,
    /// In front of its `=` or `{`.
    Value,
}

/// Lines of one class share their columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// `param`, `buffer`, `cell`
    Declaration,
    /// `let`, `rec`
    Binding,
    /// `c[t] = ..` in the braces of a `rec`
    Define,
    /// `const`
    Const,
    /// `preset`
    Preset,
}

/// A line of the result.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// Without its indentation.
    pub(super) text: String,
    /// Blanks in front of it.
    pub(super) indent: usize,
    /// The comment behind it.
    pub(super) comment: Option<String>,
    /// Set for a statement that takes just this line.
    pub(super) class: Option<Class>,
    /// Where in the text the marks are, in bytes, ascending.
    pub(super) marks: Vec<(usize, Mark)>,
}

impl Doc {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self { kind: Kind::Text(text.into()), hard: false }
    }

    pub(super) fn nil() -> Self {
        Self::concat([])
    }

    pub(super) fn concat(parts: impl IntoIterator<Item = Self>) -> Self {
        let parts: Vec<Self> = parts.into_iter().collect();
        let hard = parts.iter().any(|part| part.hard);
        Self { kind: Kind::Concat(parts), hard }
    }

    pub(super) fn group(self) -> Self {
        let hard = self.hard;
        Self { kind: Kind::Group(Box::new(self)), hard }
    }

    pub(super) fn indent(self) -> Self {
        let hard = self.hard;
        Self { kind: Kind::Indent(Box::new(self)), hard }
    }

    pub(super) fn line(flat: &'static str) -> Self {
        Self { kind: Kind::Line(flat), hard: false }
    }

    pub(super) fn hard() -> Self {
        Self { kind: Kind::Hard, hard: true }
    }

    pub(super) fn blank() -> Self {
        Self { kind: Kind::Blank, hard: true }
    }

    pub(super) fn broken(text: &'static str) -> Self {
        Self { kind: Kind::Broken(text), hard: false }
    }

    pub(super) fn fill(parts: Vec<String>) -> Self {
        Self { kind: Kind::Fill(parts), hard: false }
    }

    pub(super) fn comment(text: impl Into<String>) -> Self {
        Self { kind: Kind::Comment(text.into()), hard: true }
    }

    pub(super) fn mark(mark: Mark) -> Self {
        Self { kind: Kind::Mark(mark), hard: false }
    }

    pub(super) fn aligned(self, class: Class) -> Self {
        let hard = self.hard;
        Self { kind: Kind::Aligned(class, Box::new(self)), hard }
    }

    /// Comments that each end their line, as comments that each start one.
    pub(super) fn lines_first(self) -> Self {
        let Kind::Concat(mut parts) = self.kind else { return self };
        if let Some(last) = parts.pop() {
            parts.insert(0, last);
        }
        Self::concat(parts)
    }

    /// Whether there is a forced end of line in it.
    pub(super) const fn is_hard(&self) -> bool {
        self.hard
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Flat,
    Broken,
}

#[derive(Clone, Copy)]
enum Command<'d> {
    Print(usize, Mode, &'d Doc),
    /// The statement that started in this line ends.
    End(usize),
}

/// Makes the choices.
pub(super) fn print(doc: &Doc) -> Vec<Line> {
    let mut printer = Printer { lines: vec![Line::default()], column: 0 };
    let mut commands = vec![Command::Print(0, Mode::Broken, doc)];
    while let Some(command) = commands.pop() {
        match command {
            Command::Print(indent, mode, doc) => printer.step(&mut commands, indent, mode, doc),
            Command::End(start) => printer.end(start),
        }
    }
    printer.lines
}

struct Printer {
    lines: Vec<Line>,
    /// Characters in the current line, its indentation too.
    column: usize,
}

impl Printer {
    fn step<'d>(&mut self, commands: &mut Vec<Command<'d>>, indent: usize, mode: Mode, doc: &'d Doc) {
        match &doc.kind {
            Kind::Text(text) => self.put(text),
            Kind::Concat(parts) => {
                commands.extend(parts.iter().rev().map(|part| Command::Print(indent, mode, part)));
            }
            Kind::Group(inner) => {
                let flat = mode == Mode::Flat || (!inner.hard && self.fits(commands, indent, inner));
                let mode = if flat { Mode::Flat } else { Mode::Broken };
                commands.push(Command::Print(indent, mode, inner));
            }
            Kind::Indent(inner) => commands.push(Command::Print(indent + STEP, mode, inner)),
            Kind::Line(flat) if mode == Mode::Flat => self.put(flat),
            Kind::Line(_) | Kind::Hard => self.new_line(indent),
            Kind::Blank => self.new_line(indent),
            Kind::Broken(text) => {
                if mode == Mode::Broken {
                    self.put(text);
                }
            }
            Kind::Fill(parts) => self.fill(parts, indent, mode),
            Kind::Comment(text) => self.comment(text),
            Kind::Mark(mark) => {
                if let Some(line) = self.lines.last_mut() {
                    line.marks.push((line.text.len(), *mark));
                }
            }
            Kind::Aligned(class, inner) => {
                if mode == Mode::Broken
                    && let Some(line) = self.lines.last_mut()
                {
                    line.class = Some(*class);
                    line.marks.clear();
                    commands.push(Command::End(self.lines.len()));
                }
                commands.push(Command::Print(indent, mode, inner));
            }
        }
    }

    fn put(&mut self, text: &str) {
        if let Some(line) = self.lines.last_mut() {
            line.text.push_str(text);
            self.column += text.chars().count();
        }
    }

    fn new_line(&mut self, indent: usize) {
        self.lines.push(Line { indent, ..Line::default() });
        self.column = indent;
    }

    fn comment(&mut self, text: &str) {
        let Some(line) = self.lines.last_mut() else { return };
        match &mut line.comment {
            Some(before) => {
                before.push(' ');
                before.push_str(text);
            }
            none => *none = Some(text.to_owned()),
        }
    }

    fn fill(&mut self, parts: &[String], indent: usize, mode: Mode) {
        for (at, part) in parts.iter().enumerate() {
            if at > 0 && mode == Mode::Broken && self.column + 1 + part.chars().count() > WIDTH {
                self.new_line(indent);
            } else if at > 0 {
                self.put(" ");
            }
            self.put(part);
        }
    }

    /// A statement over several lines has no part in the columns.
    fn end(&mut self, start: usize) {
        if self.lines.len() != start
            && let Some(line) = start.checked_sub(1).and_then(|at| self.lines.get_mut(at))
        {
            line.class = None;
        }
    }

    /// Whether `doc`, flat, and what follows it up to the first end of line fit in the current line.
    fn fits(&self, rest: &[Command<'_>], indent: usize, doc: &Doc) -> bool {
        let mut column = self.column;
        let mut rest = rest.iter().rev();
        let mut commands = vec![Command::Print(indent, Mode::Flat, doc)];
        while column <= WIDTH {
            let Some(command) = commands.pop().or_else(|| rest.next().copied()) else { return true };
            let Command::Print(indent, mode, doc) = command else { continue };
            match &doc.kind {
                Kind::Text(text) => column += text.chars().count(),
                Kind::Concat(parts) => {
                    commands.extend(parts.iter().rev().map(|part| Command::Print(indent, mode, part)));
                }
                Kind::Group(inner) | Kind::Indent(inner) | Kind::Aligned(_, inner) => {
                    commands.push(Command::Print(indent, mode, inner));
                }
                Kind::Line(flat) if mode == Mode::Flat => column += flat.len(),
                Kind::Line(_) | Kind::Hard | Kind::Blank => return true,
                Kind::Broken(text) => column += if mode == Mode::Broken { text.len() } else { 0 },
                Kind::Fill(parts) => {
                    column += parts.iter().map(|part| part.chars().count() + 1).sum::<usize>();
                    column -= usize::from(!parts.is_empty());
                }
                Kind::Comment(_) | Kind::Mark(_) => {}
            }
        }
        false
    }
}
