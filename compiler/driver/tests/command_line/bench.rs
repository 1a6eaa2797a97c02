//! Runs the binary in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder with files, and `tensc` run in it.
pub(crate) struct Bench {
    folder: tempfile::TempDir,
}

/// What a run printed.
pub(crate) struct Printed {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Bench {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tensc"));
        command.args(args).current_dir(self.folder.path()).env("NO_COLOR", "1");
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Printed {
        let Output { status, stdout, stderr } = self.command(args).output().unwrap();
        let printed = Printed {
            code: status.code().unwrap_or(-1),
            out: String::from_utf8(stdout).unwrap(),
            err: String::from_utf8(stderr).unwrap(),
        };
        assert!(
            !printed.err.contains("panicked") && !printed.err.contains("internal error"),
            "{}",
            printed.err
        );
        printed
    }

    /// Runs what must succeed; what it printed.
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let printed = self.run(args);
        assert_eq!(printed.code, 0, "{args:?}\n{}{}", printed.out, printed.err);
        printed.out
    }

    /// Runs what must fail with exit code 1; what it said.
    pub(crate) fn refused(&self, args: &[&str]) -> String {
        let printed = self.run(args);
        assert_eq!(printed.code, 1, "{args:?}\n{}{}", printed.out, printed.err);
        printed.err
    }

    pub(crate) fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// Writes f32 entries as a `.npy` file.
pub(crate) fn npy(path: &Path, shape: &[usize], values: &[f32]) {
    let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_ne_bytes()).collect();
    let tensor = tensc_runtime::Tensor::from_bytes(tensc_ir::DType::F32, shape.to_vec(), &bytes).unwrap();
    tensc_runtime::file::npy::save(path, &tensor, &tensc_runtime::Cancel::new()).unwrap();
}

/// Reads the entries of a `.npy` file.
pub(crate) fn read(path: &Path) -> (Vec<usize>, Vec<f64>) {
    let tensor = tensc_runtime::file::npy::load(path).unwrap();
    let values = (0..tensor.len()).map(|i| tensor.entry(i).unwrap().0).collect();
    (tensor.shape().to_vec(), values)
}
