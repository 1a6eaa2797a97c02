//! Whether NVIDIA's assembler takes a test's PTX, where `TENSC_PTXAS` names it.
//!
//! The tests pass without: this keeps hand-written kernels honest. `TENSC_PTXAS=.../ptxas cargo test -p tensc-emulator`.

use std::process::{Command, Stdio};

/// Assembles `ptx`; does nothing where no assembler is named.
pub(crate) fn assemble_if_asked(ptx: &str) {
    use std::io::Write as _;
    let Ok(ptxas) = std::env::var("TENSC_PTXAS") else { return };
    let target =
        ptx.split(".target ").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap_or("sm_80");
    let mut file = tempfile();
    file.1.write_all(ptx.as_bytes()).unwrap();
    let output = Command::new(ptxas)
        .args(["-arch", target, "-o", "/dev/null", &file.0])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    std::fs::remove_file(&file.0).unwrap();
    assert!(
        output.status.success(),
        "{ptx}\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

fn tempfile() -> (String, std::fs::File) {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("tensc-emulator-{}-{number}.ptx", std::process::id()));
    let file = std::fs::File::create(&path).unwrap();
    (path.to_string_lossy().into_owned(), file)
}
