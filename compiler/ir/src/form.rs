//! The forms in which a recurrence can be computed. All are the same function: the interpreter, which is the meaning, takes no notice of them.
//!
//! The text form says `form chunk(64)` behind the axis of a `rec`, and nothing for the step form.

use std::fmt;
use std::str::FromStr;

/// How a recurrence is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Form {
    /// Entry by entry.
    #[default]
    Step,
    /// The sequence in this many segments side by side, each first from zero, then from what the segment in front of it leaves.
    Scan(u32),
    /// This many entries at a time, as products of matrices; the state goes from chunk to chunk.
    Chunk(u32),
    /// In coordinates in which a dense transition is diagonal, with a scan of this many segments there (1: entry by entry). Weights for which that is not exact enough run in the step form.
    Diagonalise(u32),
}

/// The most segments of a scan and entries of a chunk.
const LARGEST: u32 = 4096;

impl Form {
    /// Its name, without the number.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Step => "step",
            Self::Scan(_) => "scan",
            Self::Chunk(_) => "chunk",
            Self::Diagonalise(_) => "diagonalise",
        }
    }

    /// The number behind its name.
    #[must_use]
    pub const fn parameter(self) -> Option<u32> {
        match self {
            Self::Step => None,
            Self::Scan(n) | Self::Chunk(n) | Self::Diagonalise(n) => Some(n),
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parameter() {
            Some(n) => write!(f, "{}({n})", self.name()),
            None => f.write_str(self.name()),
        }
    }
}

/// A text that is no form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no form; the forms are step, scan(8), chunk(64), diagonalise(1), with numbers from 1 to {LARGEST}"
)]
pub struct NoForm(String);

impl FromStr for Form {
    type Err = NoForm;

    fn from_str(text: &str) -> Result<Self, NoForm> {
        let wrong = || NoForm(text.to_owned());
        let text = text.trim();
        if text == "step" {
            return Ok(Self::Step);
        }
        let (name, number) = text.split_once('(').ok_or_else(wrong)?;
        let number: u32 = number.strip_suffix(')').and_then(|n| n.trim().parse().ok()).ok_or_else(wrong)?;
        if !(1..=LARGEST).contains(&number) {
            return Err(wrong());
        }
        match name.trim() {
            "scan" => Ok(Self::Scan(number)),
            "chunk" => Ok(Self::Chunk(number)),
            "diagonalise" => Ok(Self::Diagonalise(number)),
            _ => Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_form_is_read_back() {
        for form in [Form::Step, Form::Scan(8), Form::Chunk(64), Form::Diagonalise(1)] {
            assert_eq!(form.to_string().parse(), Ok(form));
        }
    }

    #[test]
    fn other_texts_are_no_forms() {
        for text in
            ["", "chunk", "chunk()", "chunk(0)", "chunk(-4)", "chunk(5000)", "step(2)", "leap(2)", "chunk(2"]
        {
            assert!(text.parse::<Form>().is_err(), "{text}");
        }
    }
}
