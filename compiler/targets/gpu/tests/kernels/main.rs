//! Kernels as PTX on the emulator, against the interpreter of programs: the cases of the CPU target, and those of this one.
//!
//! LLVM is in the `tensc` binary alone: `TENSC_GPU` names one that was built with the feature `gpu`. Without it there is no PTX to test, and the tests say so.

mod common;
mod traffic;

#[path = "../../../cpu/tests/kernels/ops.rs"]
mod ops;
#[path = "../../../cpu/tests/kernels/random.rs"]
mod random;

mod calls;
mod functions;
