//! A fixed set of threads that share the items of one job at a time.
//!
//! Which thread runs which items is left to chance; every item's result depends on the item alone, so that the number of threads never shows.

#![expect(
    unsafe_code,
    reason = "hands a borrowed job to threads that outlive the borrow, and waits for them"
)]

use super::ExecError;
use crate::tensor::AlignedBytes;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// Looks at a flag before a thread goes to sleep, some hundred microseconds: launches follow each other faster than a sleeping thread wakes up.
const SPINS: u32 = 20_000;
/// The same where there are more threads than processors, so that looking keeps others from working.
const CROWDED_SPINS: u32 = 100;

/// Items are handed out in so many pieces per thread, so that a slow piece holds up nobody for long.
const PIECES_PER_THREAD: i64 = 8;

/// Memory that one thread uses while it runs items of a job.
#[derive(Default)]
pub(super) struct Scratch {
    bytes: Option<AlignedBytes>,
}

impl Scratch {
    /// Memory of at least so many bytes; grows, and stays.
    fn ensure(&mut self, len: usize) -> Result<*mut u8, ExecError> {
        let bytes = match self.bytes.take() {
            Some(bytes) if bytes.len() >= len => bytes,
            Some(_) | None => AlignedBytes::zeroed(len.max(4096), "a thread's scratch memory")?,
        };
        let start = bytes.as_ptr();
        self.bytes = Some(bytes);
        Ok(start)
    }
}

/// Runs items `range` with this scratch memory.
pub(super) type Work<'a> = dyn Fn(Range<i64>, *mut u8) + Sync + 'a;

struct Job<'a> {
    work: &'a Work<'a>,
    items: i64,
    piece: i64,
    scratch: usize,
    next: AtomicI64,
    failed: AtomicBool,
}

impl Job<'_> {
    /// Takes pieces until none are left.
    fn share(&self, scratch: &mut Scratch) {
        let done = catch_unwind(AssertUnwindSafe(|| {
            let Ok(memory) = scratch.ensure(self.scratch) else {
                self.failed.store(true, Ordering::Relaxed);
                return;
            };
            loop {
                let from = self.next.fetch_add(self.piece, Ordering::Relaxed);
                if from >= self.items {
                    return;
                }
                (self.work)(from..(from + self.piece).min(self.items), memory);
            }
        }));
        if done.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
    }
}

/// A pointer to the job of the moment, its lifetime forgotten.
#[derive(Clone, Copy)]
struct JobPointer(*const Job<'static>);

// SAFETY: `Job` is `Sync`: its work is, and its counters are atomic.
unsafe impl Send for JobPointer {}

#[derive(Default)]
struct Board {
    job: Option<JobPointer>,
    epoch: u64,
    helpers: usize,
    stop: bool,
}

#[derive(Default)]
struct Shared {
    board: Mutex<Board>,
    posted: Condvar,
    /// The board's epoch, for threads that spin.
    epoch: AtomicU64,
    busy: AtomicUsize,
    finished: Condvar,
}

impl Shared {
    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The threads, and the scratch memory of the one that calls.
pub struct Pool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    own: Mutex<Scratch>,
    spins: u32,
}

impl Pool {
    /// So many threads, the calling one included; at least one.
    ///
    /// # Errors
    /// When the system starts no more threads.
    pub fn new(threads: usize) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let spins = if threads <= processors { SPINS } else { CROWDED_SPINS };
        let mut pool = Self { shared, threads: Vec::new(), own: Mutex::default(), spins };
        for number in 1..threads.max(1) {
            let shared = pool.shared.clone();
            let thread = std::thread::Builder::new()
                .name(format!("tensc-{number}"))
                .spawn(move || help(&shared, number - 1, spins))?;
            pool.threads.push(thread);
        }
        Ok(pool)
    }

    /// How many threads, the calling one included.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.threads.len() + 1
    }

    /// Runs `work` for the items `0..items`, each once, and returns when all are done. Every call of `work` has `scratch` bytes of its own.
    pub(super) fn run(&self, items: i64, scratch: usize, work: &Work<'_>) -> Result<(), ExecError> {
        if items <= 0 {
            return Ok(());
        }
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        let pieces = PIECES_PER_THREAD * i64::try_from(self.threads()).unwrap_or(1);
        let piece = (items / pieces).max(1);
        let job =
            Job { work, items, piece, scratch, next: AtomicI64::new(0), failed: AtomicBool::new(false) };
        let helpers = usize::try_from((items - 1) / piece).unwrap_or(0).min(self.threads.len());
        if helpers > 0 {
            self.post(&job, helpers);
        }
        job.share(&mut own);
        if helpers > 0 {
            self.wait();
        }
        if job.failed.into_inner() {
            return Err(ExecError::Internal("a thread could not finish its work".to_owned()));
        }
        Ok(())
    }

    fn post(&self, job: &Job<'_>, helpers: usize) {
        let pointer = std::ptr::from_ref(job).cast::<Job<'static>>();
        let mut board = self.shared.board();
        board.job = Some(JobPointer(pointer));
        board.helpers = helpers;
        board.epoch += 1;
        self.shared.busy.store(helpers, Ordering::Release);
        self.shared.epoch.store(board.epoch, Ordering::Release);
        drop(board);
        self.shared.posted.notify_all();
    }

    /// Returns when no helper touches the job any more.
    fn wait(&self) {
        for _ in 0..self.spins {
            if self.shared.busy.load(Ordering::Acquire) == 0 {
                return;
            }
            std::hint::spin_loop();
        }
        let mut board = self.shared.board();
        while self.shared.busy.load(Ordering::Acquire) > 0 {
            board = self.shared.finished.wait(board).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// What a helping thread does: waits for a job that wants it, helps, says so.
fn help(shared: &Shared, number: usize, spins: u32) {
    let mut scratch = Scratch::default();
    let mut seen = 0;
    loop {
        for _ in 0..spins {
            if shared.epoch.load(Ordering::Acquire) != seen {
                break;
            }
            std::hint::spin_loop();
        }
        let mut board = shared.board();
        while board.epoch == seen && !board.stop {
            board = shared.posted.wait(board).unwrap_or_else(PoisonError::into_inner);
        }
        if board.stop {
            return;
        }
        seen = board.epoch;
        let job = board.job.filter(|_| number < board.helpers);
        drop(board);
        let Some(JobPointer(job)) = job else { continue };
        // SAFETY: the job was posted for this thread among others, and `Pool::run` keeps it alive until each of them has counted itself
        // out of `busy`, which this thread does after its last use of the reference.
        unsafe { &*job }.share(&mut scratch);
        if shared.busy.fetch_sub(1, Ordering::AcqRel) == 1 {
            // Under the lock, or the waiting thread could look at `busy` just before and sleep just after.
            let board = shared.board();
            shared.finished.notify_all();
            drop(board);
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.board().stop = true;
        self.shared.epoch.fetch_add(1, Ordering::Release);
        self.shared.posted.notify_all();
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so; there is nothing to add.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_run_once() {
        for threads in [1, 2, 5] {
            let pool = Pool::new(threads).unwrap();
            for items in [0, 1, 2, 7, 63, 1000] {
                let counts: Vec<AtomicUsize> = (0..items).map(|_| AtomicUsize::new(0)).collect();
                pool.run(items, 100, &|range, scratch| {
                    assert!(!scratch.is_null());
                    range.for_each(|i| {
                        counts[i as usize].fetch_add(1, Ordering::Relaxed);
                    });
                })
                .unwrap();
                assert!(counts.iter().all(|n| n.load(Ordering::Relaxed) == 1), "{threads} {items}");
            }
        }
    }

    #[test]
    fn many_small_jobs_follow_each_other() {
        let pool = Pool::new(3).unwrap();
        let total = AtomicI64::new(0);
        for _ in 0..5_000 {
            pool.run(4, 0, &|range, _| {
                total.fetch_add(range.end - range.start, Ordering::Relaxed);
            })
            .unwrap();
        }
        assert_eq!(total.into_inner(), 20_000);
    }

    #[test]
    fn a_panic_in_an_item_is_an_error_and_the_pool_lives_on() {
        let pool = Pool::new(2).unwrap();
        assert!(pool.run(50, 0, &|range, _| assert!(range.start < 25)).is_err());
        assert!(pool.run(50, 0, &|_, _| ()).is_ok());
    }
}
