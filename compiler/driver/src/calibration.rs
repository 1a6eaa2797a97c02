//! What this machine can do, measured once by `tensc doctor --calibrate` and kept in a file: how fast it reads and copies memory, how fast products run.
//!
//! `tensc bench` compares times with it. It never changes what the compiler makes of a file.

use crate::Context;
use crate::cli::Common;
use crate::failure::{Failure, Result};
use crate::machine::{cpu, optimized, scheduled};
use crate::model::{DEFAULT_FUNCTION, choose, initial};
use crate::source::checked_text;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Instant;
use tensc_ir::{DType, Sizes};
use tensc_runtime::file::write::write_bytes;
use tensc_runtime::{Call, Tensor};

/// The measurements.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Calibration {
    /// By number of threads: the first is one thread.
    pub(crate) by_threads: Vec<Rates>,
}

/// What so many threads reach together.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rates {
    /// How many.
    pub(crate) threads: usize,
    /// Bytes per second that are read.
    pub(crate) read: f64,
    /// Bytes per second that a copy reads and writes.
    pub(crate) copy: f64,
    /// FLOP per second of products.
    pub(crate) products: f64,
}

impl Calibration {
    /// The rates of so many threads, or of the most that were measured.
    pub(crate) fn rates(&self, threads: usize) -> Option<Rates> {
        self.by_threads
            .iter()
            .copied()
            .find(|rates| rates.threads == threads)
            .or(self.by_threads.last().copied())
    }
}

/// Where the file is; none where the system names no place for such files.
pub(crate) fn file() -> Option<PathBuf> {
    let folder = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| std::env::home_dir().map(|home| home.join(".cache")))?;
    Some(folder.join("tensc").join("machine.json"))
}

/// The calibration of this machine, if there is one that can be read.
pub(crate) fn load() -> Option<Calibration> {
    serde_json::from_slice(&std::fs::read(file()?).ok()?).ok()
}

/// Measures, and keeps the result.
pub(crate) fn calibrate(context: &Context) -> Result<(Calibration, PathBuf)> {
    let path = file().ok_or_else(|| {
        Failure::machine("there is no folder for the measurements").hint("set XDG_CACHE_HOME to a folder")
    })?;
    let most = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    // All powers of two up to all threads.
    let mut counts: Vec<usize> = (0..).map(|n| 1 << n).take_while(|n| *n < most).collect();
    counts.push(most);
    let mut by_threads = Vec::new();
    let progress = context.console.progress("calibrate");
    for (n, threads) in counts.iter().copied().enumerate() {
        let (read, copy) = memory(threads);
        by_threads.push(Rates { threads, read, copy, products: products(threads, context)? });
        progress.set((n + 1) as f64 / counts.len() as f64);
    }
    let calibration = Calibration { by_threads };
    let text = serde_json::to_vec_pretty(&calibration).map_err(|error| {
        Failure::machine(format!("internal error: the measurements have no text: {error}"))
    })?;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| {
            let why = tensc_runtime::file::reason(&error);
            Failure::machine(format!("cannot make the folder `{}`: {why}", folder.display()))
        })?;
    }
    write_bytes(&path, &context.cancel, &text)?;
    Ok((calibration, path))
}

/// Bytes of the array that is read and copied: more than caches hold.
const BYTES: usize = 1 << 27;
/// The best of so many runs counts.
const RUNS: usize = 4;

/// Bytes per second that threads read, and that they copy (read and written).
fn memory(threads: usize) -> (f64, f64) {
    // Not zeros: pages that nobody has written are all the same page.
    let (from, mut target) = (vec![1_u8; BYTES], vec![2_u8; BYTES]);
    let source = from.as_slice();
    let piece = source.len().div_ceil(threads).max(1);
    let bytes = source.len() as f64;
    let mut best = (f64::MAX, f64::MAX);
    for _ in 0..RUNS {
        let start = Instant::now();
        std::thread::scope(|scope| {
            for part in source.chunks(piece) {
                scope.spawn(|| std::hint::black_box(sum(part)));
            }
        });
        best.0 = best.0.min(start.elapsed().as_secs_f64());
        let start = Instant::now();
        std::thread::scope(|scope| {
            for (part, target) in source.chunks(piece).zip(target.chunks_mut(piece)) {
                scope.spawn(|| target.copy_from_slice(part));
            }
        });
        best.1 = best.1.min(start.elapsed().as_secs_f64());
    }
    (bytes / best.0, 2.0 * bytes / best.1)
}

/// A sum in enough independent parts that reading is what takes the time.
fn sum(bytes: &[u8]) -> u64 {
    let mut sums = [0_u64; 32];
    for chunk in bytes.chunks_exact(256) {
        for (sum, word) in sums.iter_mut().zip(chunk.as_chunks::<8>().0) {
            *sum = sum.wrapping_add(u64::from_le_bytes(*word));
        }
    }
    sums.iter().fold(0, |all, sum| all.wrapping_add(*sum))
}

/// A product of the size that layers have.
const PRODUCT: &str = "model product(D = 1024) {\n    param w: f32[D, 4 * D] = uniform(-1, 1)\n\n    fn forward(x: f32[T, D]) -> f32[T, 4 * D] { x @ w }\n}\n";
const ROWS: usize = 512;

/// FLOP per second of products on so many threads, by the compiler's own code.
fn products(threads: usize, context: &Context) -> Result<f64> {
    let checked = checked_text("product.seq", PRODUCT)?;
    let common =
        Common { threads: Some(threads), function: Some(DEFAULT_FUNCTION.to_owned()), ..Common::default() };
    let chosen = choose(&checked, &common, &[])?;
    let weights = initial(&chosen.elaborated.init, 0, &checked.sources, context)?;
    let optimized = optimized(&chosen, &common, false, context)?;
    let scheduled = scheduled(optimized.at_hint()?, optimized.time.as_deref(), &common, &checked.sources, context)?;
    let mut session = cpu(scheduled, &weights, &common, Some(&checked.sources), context)?;
    let x = Tensor::zeros(DType::F32, vec![1, ROWS, 1024], "rows")
        .map_err(|error| Failure::machine(error.to_string()))?;
    let sizes = Sizes::from([("T".into(), ROWS as i64)]);
    let arguments = [(x, true)];
    let call = Call { arguments: &arguments, batch: 1, sizes: &sizes, state: None, progress: &|_| () };
    let mut best = f64::MAX;
    for _ in 0..=RUNS {
        let start = Instant::now();
        session.run(&call).map_err(|error| Failure::run(error, Some(&checked.sources)))?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok(2.0 * (ROWS * 1024 * 4096) as f64 / best)
}
