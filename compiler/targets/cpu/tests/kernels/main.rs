//! Kernels on compiled code and on the interpreter. The GPU target's tests take the same cases.

#[path = "../common/mod.rs"]
mod common;

mod ops;
mod random;
