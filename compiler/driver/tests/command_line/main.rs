//! The binary, run as users run it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod bench; // a folder with files, and the binary run in it
mod interrupted; // Ctrl-C, full disks
mod speed;
mod typed; // what is typed and what comes back
