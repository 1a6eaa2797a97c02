//! Runs a compiled program: arrays, file formats, weights, and the devices that execute.
//!
//! In reading order:

#![warn(missing_docs)]

pub mod cancel; // Ctrl-C
pub mod file; // npy, safetensors, bundles; files that appear whole or not at all
pub mod suggest; // "did you mean"
pub mod tensor; // arrays
pub mod weights; // arrays by path, matched against a model

pub use cancel::Cancel;
pub use tensor::Tensor;
pub use weights::{Mismatch, ParamSpec, Weights, WeightsError};
