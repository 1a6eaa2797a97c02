//! Ctrl-C: a flag that long work asks, and the half-written files to remove when nobody asks any more.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Whether the user wants us to stop. Clones share the flag.
#[derive(Clone, Debug, Default)]
pub struct Cancel {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    requested: AtomicBool,
    unfinished: Mutex<Vec<PathBuf>>,
}

impl Cancel {
    /// Not yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks all work to stop; true when it had been asked before.
    pub fn request(&self) -> bool {
        self.inner.requested.swap(true, Ordering::SeqCst)
    }

    /// Whether work should stop.
    #[must_use]
    pub fn requested(&self) -> bool {
        self.inner.requested.load(Ordering::Relaxed)
    }

    /// Removes the files that are being written; for the last moment before the process ends.
    pub fn remove_unfinished(&self) {
        for path in self.unfinished().drain(..) {
            // The process ends here; a file that cannot be removed can only be left.
            let _ = std::fs::remove_file(path);
        }
    }

    pub(crate) fn begin_file(&self, path: &Path) {
        self.unfinished().push(path.to_owned());
    }

    pub(crate) fn end_file(&self, path: &Path) {
        self.unfinished().retain(|other| other != path);
    }

    fn unfinished(&self) -> std::sync::MutexGuard<'_, Vec<PathBuf>> {
        self.inner.unfinished.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
