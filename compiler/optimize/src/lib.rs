//! The e-graph optimiser.
