//! A chunk as the grammar gives it, and as what its place holds.

use crate::ast::{Item, Member, RecLine, Setting, Stmt};
use crate::span::Span;

/// A chunk, parsed.
#[derive(Debug)]
pub(crate) enum Chunk {
    /// At the top level.
    Item(Box<Item>),
    /// In a cell or model.
    Member(Box<Member>),
    /// In a block.
    Stmt(Box<Stmt>),
    /// In a `rec`.
    Line(Box<RecLine>),
    /// In a preset: those between two ends of lines.
    Settings(Vec<Setting>),
    /// It could not be read, and that has been reported.
    Error(Span),
}

// The first token of a chunk names its place, so that a place meets its own chunks only.
impl Chunk {
    /// At the top level.
    pub(super) fn into_item(self) -> Option<Item> {
        match self {
            Self::Item(item) => Some(*item),
            Self::Error(span) => Some(Item::Error(span)),
            Self::Member(_) | Self::Stmt(_) | Self::Line(_) | Self::Settings(_) => None,
        }
    }

    /// In a cell or model.
    pub(super) fn into_member(self) -> Option<Member> {
        match self {
            Self::Member(member) => Some(*member),
            Self::Error(span) => Some(Member::Error(span)),
            Self::Item(_) | Self::Stmt(_) | Self::Line(_) | Self::Settings(_) => None,
        }
    }

    /// In a block.
    pub(super) fn into_stmt(self) -> Option<Stmt> {
        match self {
            Self::Stmt(stmt) => Some(*stmt),
            Self::Error(span) => Some(Stmt::Error(span)),
            Self::Item(_) | Self::Member(_) | Self::Line(_) | Self::Settings(_) => None,
        }
    }

    /// In a `rec`.
    pub(super) fn into_line(self) -> Option<RecLine> {
        match self {
            Self::Line(line) => Some(*line),
            Self::Error(span) => Some(RecLine::Error(span)),
            Self::Item(_) | Self::Member(_) | Self::Stmt(_) | Self::Settings(_) => None,
        }
    }

    /// In a preset.
    pub(super) fn into_settings(self) -> Vec<Setting> {
        match self {
            Self::Settings(settings) => settings,
            Self::Error(_) | Self::Item(_) | Self::Member(_) | Self::Stmt(_) | Self::Line(_) => Vec::new(),
        }
    }
}
