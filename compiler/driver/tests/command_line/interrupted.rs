//! Ctrl-C, full disks and unwritable places leave no half-written file behind.

use crate::bench::{Bench, npy};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// About 400 MB of weights, which takes a while to make and to write.
const LARGE: &str = "\
model large(n = 10000) {
    param w: f32[n, n] = 1.0
    fn forward(x: f32[T]) -> f32[T] { x }
}
";

const SMALL: &str = "fn forward(x: f32[T]) -> f32[T] { x + 1 }\n";

#[test]
fn a_write_that_is_interrupted_leaves_nothing() {
    let bench = Bench::new(&[("large.seq", LARGE)]);
    // Interrupted at several moments, whatever the program does then.
    for pause in [5, 100, 400, 800, 1500] {
        let mut child = bench
            .command(&["init", "large.seq", "-o", "w.safetensors"])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(pause));
        let signalled = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        let code = child.wait().unwrap().code();
        let whole = bench.files().contains(&"w.safetensors".to_owned());
        if whole {
            // It was done before the signal came.
            assert_eq!(std::fs::metadata(bench.path("w.safetensors")).unwrap().len() / 100_000_000, 4);
            std::fs::remove_file(bench.path("w.safetensors")).unwrap();
        } else {
            assert!(signalled.success());
            // Before the handler is set the signal itself ends the process.
            assert!(code.is_none() || code == Some(130), "{code:?}");
        }
        assert_eq!(bench.files(), ["large.seq"], "after {pause} ms");
    }
}

#[test]
fn ctrl_c_during_the_write_itself_keeps_the_old_file() {
    let bench = Bench::new(&[("large.seq", LARGE), ("w.safetensors", "old")]);
    let mut child =
        bench.command(&["init", "large.seq", "-o", "w.safetensors"]).stderr(Stdio::null()).spawn().unwrap();
    let start = Instant::now();
    // The new file appears beside the old one when writing begins.
    while bench.files().len() < 3 && start.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(1));
    }
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let code = child.wait().unwrap().code();
    let text = std::fs::read(bench.path("w.safetensors")).unwrap();
    assert!(code == Some(130) && text == b"old" || code == Some(0) && text.len() > 400_000_000);
    assert_eq!(bench.files(), ["large.seq", "w.safetensors"]);
}

#[test]
fn a_full_disk_is_the_machine_s_fault() {
    let bench = Bench::new(&[("small.seq", SMALL)]);
    npy(&bench.path("x.npy"), &[100_000], &vec![1.0; 100_000]);
    let printed = bench.run(&["run", "small.seq", "--input", "x=x.npy", "--output", "/dev/full"]);
    assert_eq!(printed.code, 2);
    assert_eq!(printed.err, "error: cannot write `/dev/full`: the disk is full\n");
    // A limit on the size of files stops a write in the middle.
    let command = format!(
        "ulimit -f 64; trap '' XFSZ; exec '{}' run small.seq --input x=x.npy --output y.npy",
        env!("CARGO_BIN_EXE_tensc")
    );
    let output = Command::new("bash")
        .args(["-c", &command])
        .current_dir(bench.path("x.npy").parent().unwrap())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("cannot write `y.npy`"), "{said}");
    assert_eq!(bench.files(), ["small.seq", "x.npy"]);
}

#[test]
fn unwritable_places_are_told() {
    let bench = Bench::new(&[("small.seq", SMALL)]);
    npy(&bench.path("x.npy"), &[2], &[1.0, 2.0]);
    for (output, reason) in [("no/such/y.npy", "there is no such file"), (".", "it is a folder")] {
        let printed = bench.run(&["run", "small.seq", "--input", "x=x.npy", "--output", output]);
        assert_eq!(printed.code, 2, "{}", printed.err);
        assert!(printed.err.contains(&format!("cannot write `{output}`: {reason}")), "{}", printed.err);
    }
}
