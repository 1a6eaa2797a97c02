//! The binary, run as users run it.

mod bench; // a folder with files, and the binary run in it
mod interrupted; // Ctrl-C, full disks
mod typed; // what is typed and what comes back
