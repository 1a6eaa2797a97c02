//! What the tests of the whole compiler share. Everything here goes through the binary, as a user does.
//!
//! The tests themselves are in `tests/tests`, a file per claim; cases with snapshots are in `tests/cases`, numbers from
//! NumPy in `tests/golden`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "runs inside tests only, where a panic is the report"
)]

pub mod array;
pub mod binary;
pub mod case;
pub mod compare;
pub mod generate;
pub mod golden;
pub mod parallel;
