//! Files that appear whole or not at all.
//!
//! Bytes go to a new file in the folder of the target, which is flushed to the disk and then renamed over the target. An error, and Ctrl-C, remove the new
//! file and leave the target as it was. What is not a regular file (a pipe, `/dev/stdout`) is written directly.

use super::reason;
use crate::cancel::Cancel;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A file cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// What the system says.
    #[error("cannot write `{}`: {}", .path.display(), reason(.source))]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Ctrl-C.
    #[error("interrupted; `{}` was not written", .path.display())]
    Cancelled {
        /// Which file.
        path: PathBuf,
    },
}

/// Bytes between two looks at the flag.
const CHUNK: usize = 1 << 20;

/// Hands bytes on in chunks, and stops with an error between two when asked to.
struct Cancellable<'a, W> {
    to: W,
    cancel: &'a Cancel,
}

impl<W: Write> Write for Cancellable<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.cancel.requested() {
            return Err(io::Error::other(Interrupted));
        }
        self.to.write(bytes.get(..CHUNK).unwrap_or(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
struct Interrupted;

/// Writes a file whole or not at all; `fill` writes its bytes.
///
/// # Errors
/// What the system says of the folder, the disk or the target; [`WriteError::Cancelled`] after Ctrl-C.
pub fn write(
    path: &Path,
    cancel: &Cancel,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), WriteError> {
    let done = match std::fs::metadata(path) {
        Ok(target) if target.is_dir() => Err(io::Error::from(io::ErrorKind::IsADirectory)),
        Ok(target) if !target.is_file() => {
            OpenOptions::new().write(true).open(path).and_then(|file| pour(&file, cancel, fill))
        }
        // A link stays a link: what it points at is replaced.
        Ok(target) => {
            std::fs::canonicalize(path).and_then(|real| replace(&real, target.permissions(), cancel, fill))
        }
        Err(_) => replace(path, Permissions::from_mode(0o666), cancel, fill),
    };
    done.map_err(|source| {
        if source.get_ref().is_some_and(|inner| inner.is::<Interrupted>()) {
            WriteError::Cancelled { path: path.to_owned() }
        } else {
            WriteError::Io { path: path.to_owned(), source }
        }
    })
}

/// Writes these bytes whole or not at all.
///
/// # Errors
/// As [`write()`].
pub fn write_bytes(path: &Path, cancel: &Cancel, bytes: &[u8]) -> Result<(), WriteError> {
    write(path, cancel, |to| to.write_all(bytes))
}

fn pour(file: &File, cancel: &Cancel, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut to = io::BufWriter::with_capacity(CHUNK, Cancellable { to: file, cancel });
    let filled = fill(&mut to);
    let flushed = filled.and_then(|()| to.flush());
    // What is still buffered after an error must not be written when the buffer is dropped.
    let _ = to.into_parts();
    flushed
}

fn replace(
    path: &Path,
    permissions: Permissions,
    cancel: &Cancel,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    };
    if path.file_name().is_none() {
        return Err(io::Error::from(io::ErrorKind::IsADirectory));
    }
    let new = tempfile::Builder::new()
        .prefix(".tensc-")
        .permissions(permissions)
        .tempfile_in(folder)
        .map_err(without_temporary_path)?;
    let place = new.path().to_owned();
    cancel.begin_file(&place);
    let done = pour(new.as_file(), cancel, fill)
        .and_then(|()| new.as_file().sync_all())
        .and_then(|()| if cancel.requested() { Err(io::Error::other(Interrupted)) } else { Ok(()) })
        .and_then(|()| new.persist(path).map(drop).map_err(|error| error.error));
    cancel.end_file(&place);
    done?;
    // The rename itself reaches the disk with the folder; a folder that cannot be opened for this was still written to.
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(())
}

/// The error of the system alone: the user does not know the new file's name.
fn without_temporary_path(error: io::Error) -> io::Error {
    error.raw_os_error().map_or_else(|| io::Error::from(error.kind()), io::Error::from_raw_os_error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("y.npy");
        write_bytes(&path, &Cancel::new(), b"old").unwrap();
        let failed = write(&path, &Cancel::new(), |to| {
            to.write_all(&[7; 3 * CHUNK])?;
            Err(io::Error::from(io::ErrorKind::StorageFull))
        });
        let message = failed.unwrap_err().to_string();
        assert!(message.ends_with("y.npy`: the disk is full"), "{message}");
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["y.npy"]);
    }

    #[test]
    fn an_interrupted_write_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("y.npy");
        let cancel = Cancel::new();
        let flag = cancel.clone();
        let failed = write(&path, &cancel, |to| {
            to.write_all(&[7; 2 * CHUNK])?;
            flag.request();
            to.write_all(&[7; 2 * CHUNK])
        });
        assert!(matches!(failed, Err(WriteError::Cancelled { .. })));
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn a_full_device_is_an_error_and_stays_a_device() {
        let failed = write_bytes(Path::new("/dev/full"), &Cancel::new(), b"bytes").unwrap_err();
        assert_eq!(failed.to_string(), "cannot write `/dev/full`: the disk is full");
        assert!(!std::fs::metadata("/dev/full").unwrap().is_file());
    }

    #[test]
    fn a_link_stays_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        std::fs::write(&real, "old").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        write_bytes(&link, &Cancel::new(), b"new").unwrap();
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(std::fs::read(&real).unwrap(), b"new");
    }

    #[test]
    fn a_missing_folder_is_named_in_our_words() {
        let failed = write_bytes(Path::new("/no/such/folder/y.npy"), &Cancel::new(), b"").unwrap_err();
        assert_eq!(failed.to_string(), "cannot write `/no/such/folder/y.npy`: there is no such file");
    }
}
