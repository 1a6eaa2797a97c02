//! Runs a compiled program: tensors, weights, file formats, executors.
