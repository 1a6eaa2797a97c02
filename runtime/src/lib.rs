//! Runs a compiled program: arrays, file formats, weights, and the devices that execute.
//!
//! In reading order:

#![warn(missing_docs)]

pub mod cancel; // Ctrl-C
pub mod file; // npy, safetensors, bundles; files that appear whole or not at all
pub mod suggest; // "did you mean"
pub mod tensor; // arrays
pub mod weights; // arrays by path, matched against a model

pub mod arguments; // what a user hands in, against what an entry declares
pub mod device; // runs it on a GPU
pub mod execute; // runs a program on this machine's processor
pub mod init; // initial weights
pub mod reference; // runs a graph through the f64 interpreter

pub use arguments::{ArgumentError, ArgumentSpec, Bound, Given, Value};
pub use cancel::Cancel;
pub use device::{Accelerator, Cuda, DeviceFailure, Emulated};
pub use execute::{Call, ExecError, Outcome, Pool, Session, State, StepProfile, Strict};
pub use init::init;
pub use reference::Reference;
pub use tensor::Tensor;
pub use weights::{Mismatch, ParamSpec, Weights, WeightsError};
