//! Memory that knows who wrote what.
//!
//! Each space keeps, beside its bytes, whether they were ever written and who accessed them last, and turns an
//! access into a [`crate::fault::Trouble`] where the program is wrong. [`global`] is shared by all blocks,
//! [`shared`] and [`frame`] belong to one.

pub(crate) mod blocks;
pub(crate) mod clock;
pub(crate) mod frame;
pub(crate) mod global;
pub(crate) mod shadow;
pub(crate) mod shared;
