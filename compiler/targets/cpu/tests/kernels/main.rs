//! Kernels on compiled code and on the interpreter. The GPU target's tests take the same cases.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "../common/mod.rs"]
mod common;

mod ops;
mod random;
