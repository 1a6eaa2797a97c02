//! Snapshots: those that no test reads, and accepting new ones.

use crate::shell::{cargo, root, run};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs the tests and lets them write their snapshots.
pub(crate) fn accept() -> Result<(), String> {
    run(cargo(&["test", "--workspace", "--no-fail-fast"]).env("INSTA_UPDATE", "always"))?;
    run(&mut crate::shell::command("git", &["status", "--short", "--", "*.snap"]))
}

/// A file in which the tests note each snapshot that they read.
pub(crate) struct References {
    file: PathBuf,
}

impl References {
    /// An empty one.
    pub(crate) fn new() -> Result<Self, String> {
        let folder = root().join("target");
        let file = folder.join("snapshot-references.txt");
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(&file, ""))
            .map_err(|error| format!("{}: {error}", file.display()))?;
        Ok(Self { file })
    }

    /// Makes the tests that a command runs note what they read.
    pub(crate) fn record<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("INSTA_SNAPSHOT_REFERENCES_FILE", &self.file)
    }

    /// Fails if there is a snapshot that no test read, or one that waits to be accepted.
    pub(crate) fn check(&self) -> Result<(), String> {
        let text = std::fs::read_to_string(&self.file)
            .map_err(|error| format!("{}: {error}", self.file.display()))?;
        let read: BTreeSet<PathBuf> =
            text.lines().filter_map(|line| Path::new(line).canonicalize().ok()).collect();
        let mut problems = Vec::new();
        for path in snapshots(root())? {
            let shown = path.strip_prefix(root()).unwrap_or(&path).display();
            if path.extension().is_some_and(|extension| extension == "new") {
                problems.push(format!("{shown} waits to be accepted or removed"));
            } else if !path.canonicalize().is_ok_and(|path| read.contains(&path)) {
                problems.push(format!("{shown} is read by no test"));
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(format!("snapshots:\n    {}", problems.join("\n    "))) }
    }
}

fn snapshots(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for entry in entries {
        let path = entry.map_err(|error| format!("{}: {error}", folder.display()))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if !name.starts_with('.') && !name.starts_with("target") {
                found.extend(snapshots(&path)?);
            }
        } else if name.ends_with(".snap") || name.ends_with(".snap.new") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
