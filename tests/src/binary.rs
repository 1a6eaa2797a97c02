//! Running `tensc`.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// What a run of the binary left.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// All of stdout.
    pub stdout: String,
    /// All of stderr.
    pub stderr: String,
}

impl Outcome {
    /// The outcome itself if the command succeeded, else what it said.
    pub fn success(self) -> Result<Self, String> {
        if self.code == Some(0) {
            Ok(self)
        } else {
            Err(format!("exit {:?}\n{}{}", self.code, self.stdout, self.stderr))
        }
    }
}

/// The folder of the workspace.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The binary: `$TENSC` if set, else the one beside this test, built first so that it is never an old one.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        if let Some(path) = std::env::var_os("TENSC") {
            return path.into();
        }
        let test = std::env::current_exe().expect("a test knows its own path");
        let profile = test.ancestors().nth(2).expect("tests are in target/PROFILE/deps");
        let mut cargo = Command::new(env!("CARGO"));
        cargo.current_dir(root()).args(["build", "--quiet", "--package", "tensc"]);
        cargo.arg("--target-dir").arg(profile.parent().expect("profiles are in a target folder"));
        if profile.ends_with("release") {
            cargo.arg("--release");
        }
        let status = cargo.status().expect("cargo starts");
        assert!(status.success(), "the binary does not build");
        profile.join(format!("tensc{}", std::env::consts::EXE_SUFFIX))
    })
}

/// Runs `tensc ARGS` in the workspace's folder, without colour and without a terminal.
pub fn tensc<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Outcome {
    tensc_in(root(), args)
}

/// Runs `tensc ARGS` in a folder.
pub fn tensc_in<S: AsRef<OsStr>>(folder: &Path, args: impl IntoIterator<Item = S>) -> Outcome {
    let output = Command::new(binary())
        .args(args)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .output()
        .expect("the binary starts");
    Outcome {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
