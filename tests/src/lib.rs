//! Harness and cases.
