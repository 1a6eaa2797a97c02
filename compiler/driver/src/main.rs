//! The `tensc` binary; everything is in the library beside it.

fn main() -> std::process::ExitCode {
    tensc_driver::main()
}
