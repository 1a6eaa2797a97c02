//! Tile kernels, buffers and launches: what both targets compile.
