//! Source text to typed graph.
