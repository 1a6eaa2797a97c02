//! Columns: neighbouring declarations line up their names, types and `=`, neighbouring lines their comments.
//!
//! ```text
//! param w: f32[D, K] = 0       param w:    f32[D, K] = 0
//! param bias: f32[K] = 0  ->   param bias: f32[K]    = 0
//! cell a = A(D)                cell  a = A(D)
//! ```
//! Neighbours are lines of one class and indentation with nothing between them. Types and `=` line up among those that
//! state a type, and among those that don't. A line that would become too long stands alone.

use super::doc::{Line, Mark, WIDTH};

/// Widths that differ by more are no neighbours: the gap would be harder to read over than the missing column.
const WIDEST_GAP: usize = 24;

/// Between a line and its comment.
const COMMENT_GAP: usize = 2;

/// Inserts the blanks, and gives the whole text.
pub(super) fn align(mut lines: Vec<Line>) -> String {
    for run in runs(&mut lines, |line| line.class.map(|class| (class, line.indent))) {
        align_mark(run, Mark::Name);
        for run in runs(run, |line| Some(line.has(Mark::Type))) {
            align_mark(run, Mark::Type);
            align_mark(run, Mark::Value);
        }
    }
    for run in runs(&mut lines, |line| line.comment.as_ref().map(|_| line.indent)) {
        align_comments(run);
    }
    let mut text = String::new();
    for line in &lines {
        if !line.text.is_empty() {
            text.extend(std::iter::repeat_n(' ', line.indent));
        }
        text.push_str(&line.text);
        text.push_str(line.comment.as_deref().unwrap_or(""));
        text.push('\n');
    }
    text
}

/// The longest stretches of lines with an equal key; lines without one are in none.
fn runs<K: PartialEq>(lines: &mut [Line], key: impl Fn(&Line) -> Option<K>) -> Vec<&mut [Line]> {
    lines
        .chunk_by_mut(|a, b| key(a) == key(b))
        .filter(|run| run.first().is_some_and(|line| key(line).is_some()))
        .collect()
}

impl Line {
    fn at(&self, mark: Mark) -> Option<usize> {
        self.marks.iter().find(|(_, other)| *other == mark).map(|(at, _)| *at)
    }

    fn has(&self, mark: Mark) -> bool {
        self.at(mark).is_some()
    }

    /// Characters in front of the mark.
    fn column(&self, mark: Mark) -> usize {
        self.at(mark).and_then(|at| self.text.get(..at)).map_or(0, |before| before.chars().count())
    }

    fn width(&self) -> usize {
        self.indent + self.text.chars().count()
    }

    fn pad(&mut self, mark: Mark, blanks: usize) {
        let Some(at) = self.at(mark) else { return };
        self.text.insert_str(at, &" ".repeat(blanks));
        for (other, _) in self.marks.iter_mut().filter(|(other, kind)| *other >= at && *kind != mark) {
            *other += blanks;
        }
    }
}

/// Moves the mark of all lines to the column of the rightmost; lines for which that goes too far part the run.
fn align_mark(mut lines: &mut [Line], mark: Mark) {
    while !lines.is_empty() {
        let mut count = 0;
        let (mut least, mut most, mut room) = (usize::MAX, 0, usize::MAX);
        for line in lines.iter() {
            let column = line.column(mark);
            let (less, more) = (least.min(column), most.max(column));
            // How far the mark may move right before the line is too long.
            let left = room.min(column + WIDTH.saturating_sub(line.width()));
            if count > 0 && (more - less > WIDEST_GAP || more > left) {
                break;
            }
            (least, most, room) = (less, more, left);
            count += 1;
        }
        let (run, rest) = lines.split_at_mut(count);
        for line in run {
            line.pad(mark, most - line.column(mark));
        }
        lines = rest;
    }
}

fn align_comments(lines: &mut [Line]) {
    let most = lines.iter().map(Line::width).max().unwrap_or(0);
    for line in lines {
        let gap = if line.text.is_empty() { 0 } else { most - line.width() + COMMENT_GAP };
        line.comment = line.comment.as_ref().map(|comment| " ".repeat(gap) + comment);
    }
}
