//! A PTX emulator that checks every access.
