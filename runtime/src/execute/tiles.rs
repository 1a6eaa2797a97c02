//! How a call is cut into pieces, so that activation memory grows neither with the length of a sequence nor with their number.
//!
//! A block of sequences runs from its first entry to its last, piece by piece, with the state carried; then the next block. Pieces follow from shapes alone. The
//! rows of a piece (sequences times entries) are about [`TILE_ROWS`], more where they are short: enough for products to run at full speed, few enough for a cache. Long sequences
//! run one at a time, so that the rows of a result are contiguous and are written where they belong.

use std::ops::Range;
use tensc_ir::Dim;
use tensc_program::{BufferKind, Program};

/// Rows of a piece, where there are as many.
pub const TILE_ROWS: usize = 512;
/// Rows so short that a piece would be over before it began go together up to this many bytes, and up to this many rows.
const TILE_BYTES: usize = 1 << 20;
const MOST_ROWS: usize = 1 << 16;

/// Rows of a piece of a program: what it reads, writes and keeps per entry decides.
pub(super) fn rows(program: &Program, time: &str) -> usize {
    let per_entry = program.buffers.iter().map(|buffer| {
        let is_activation =
            matches!(buffer.kind, BufferKind::Argument | BufferKind::Result | BufferKind::Scratch);
        match (is_activation, time_axis(&buffer.shape, time)) {
            (true, TimeAxis::At(axis)) => {
                let others = buffer.shape.iter().enumerate().filter(|(n, _)| *n != axis);
                let entries: i64 = others.map(|(_, size)| size.as_constant().unwrap_or(1).max(1)).product();
                buffer.dtype.bytes().saturating_mul(usize::try_from(entries).unwrap_or(usize::MAX))
            }
            (true, TimeAxis::Mixed) => TILE_BYTES,
            (true, TimeAxis::Absent) | (false, _) => 0,
        }
    });
    let bytes = per_entry.fold(1_usize, usize::saturating_add);
    let rows = (TILE_BYTES / bytes / TILE_ROWS).max(1) * TILE_ROWS;
    rows.min(MOST_ROWS)
}

/// Where the streamed size stands in the shape of one sequence's array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimeAxis {
    /// Nowhere.
    Absent,
    /// It is this axis.
    At(usize),
    /// It enters a size in another way; such an array cannot be cut.
    Mixed,
}

/// Where `time` stands in a shape.
pub(super) fn time_axis(shape: &[Dim], time: &str) -> TimeAxis {
    let mut found = TimeAxis::Absent;
    for (axis, dim) in shape.iter().enumerate() {
        if dim.as_var() == Some(time) && found == TimeAxis::Absent {
            found = TimeAxis::At(axis);
        } else if dim.mentions(time) {
            return TimeAxis::Mixed;
        }
    }
    found
}

/// Sequences that run at once, and entries of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tiling {
    pub(super) sequences: usize,
    pub(super) entries: usize,
}

/// The tiling of `batch` sequences of `length` entries each; `cut` tells whether sequences may be cut.
pub(super) fn tiling(batch: usize, length: usize, cut: bool, rows: usize) -> Tiling {
    let rows = rows.max(1);
    let entries = if cut { length.min(rows) } else { length };
    let sequences = (rows / entries.max(1)).clamp(1, batch.max(1));
    Tiling { sequences, entries: entries.max(1) }
}

/// `0..len` in pieces of at most `size`; one empty piece for nothing.
pub(super) fn pieces(len: usize, size: usize) -> impl Iterator<Item = Range<usize>> {
    let size = size.max(1);
    (0..len.div_ceil(size).max(1)).map(move |n| n * size..((n + 1) * size).min(len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_the_whole() {
        assert_eq!(pieces(5, 2).collect::<Vec<_>>(), [0..2, 2..4, 4..5]);
        assert_eq!(pieces(4, 2).collect::<Vec<_>>(), [0..2, 2..4]);
        assert_eq!(pieces(0, 2).map(|piece| (piece.start, piece.end)).collect::<Vec<_>>(), [(0, 0)]);
    }

    #[test]
    fn long_sequences_run_one_at_a_time_and_short_ones_together() {
        let of = |batch, length, cut| {
            let Tiling { sequences, entries } = tiling(batch, length, cut, 512);
            (sequences, entries)
        };
        assert_eq!(of(8, 4096, true), (1, 512));
        assert_eq!(of(16, 256, true), (2, 256));
        assert_eq!(of(8, 1, true), (8, 1));
        assert_eq!(of(8, 4096, false), (1, 4096));
        assert_eq!(of(1, 0, true), (1, 1));
        assert_eq!(of(0, 7, true), (1, 7));
    }

    #[test]
    fn the_time_axis_is_found() {
        let dims = |texts: &[&str]| -> Vec<Dim> {
            texts.iter().map(|text| tensc_ir::parse_dim(text).unwrap()).collect()
        };
        assert_eq!(time_axis(&dims(&["8", "T"]), "T"), TimeAxis::At(1));
        assert_eq!(time_axis(&dims(&["8", "S"]), "T"), TimeAxis::Absent);
        assert_eq!(time_axis(&dims(&["T / 2"]), "T"), TimeAxis::Mixed);
        assert_eq!(time_axis(&dims(&["T", "T"]), "T"), TimeAxis::Mixed);
    }
}
