//! Many small checks at once, and all of their failures in one report.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Runs `check` on every entry, on all cores, and panics with every failure, the entry's name in front.
pub fn check_all<T: Sync>(
    entries: &[T],
    name: impl Fn(&T) -> String + Sync,
    check: impl Fn(&T) -> Result<(), String> + Sync,
) {
    assert!(!entries.is_empty(), "nothing to check");
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, Into::into) {
            scope.spawn(|| {
                while let Some(entry) = entries.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(message) = check(entry) {
                        failures.lock().unwrap().push(format!("{}: {message}", name(entry)));
                    }
                }
            });
        }
    });
    let mut failures = failures.into_inner().unwrap();
    failures.sort();
    assert!(failures.is_empty(), "{} of {} failed\n\n{}", failures.len(), entries.len(), failures.join("\n"));
}
