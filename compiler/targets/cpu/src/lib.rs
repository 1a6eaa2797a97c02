//! Cranelift code for tile kernels.
