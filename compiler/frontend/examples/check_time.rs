//! How long the front end takes for a file: `cargo run --release -p tensc-frontend --example check_time FILE`.
//!
//! Prints the best of some runs, in ms: parsing alone, and the whole check with what the file uses of the library.

use std::error::Error;
use std::time::{Duration, Instant};
use tensc_frontend::check::NoFiles;
use tensc_frontend::{FileId, SourceMap, check, parse};

const RUNS: usize = 5;

fn best(mut run: impl FnMut() -> usize) -> Option<Duration> {
    let times = (0..RUNS).map(|_| {
        let start = Instant::now();
        std::hint::black_box(run());
        start.elapsed()
    });
    times.min()
}

fn main() -> Result<(), Box<dyn Error>> {
    for path in std::env::args().skip(1) {
        let text = std::fs::read_to_string(&path)?;
        let parsed = best(|| parse(FileId(0), &text).1.len());
        let mut problems = 0;
        let checked = best(|| {
            let mut sources = SourceMap::default();
            let file = sources.add(path.clone(), text.as_str());
            problems = check(&mut sources, file, &mut NoFiles).1.len();
            problems
        });
        let ms = |time: Option<Duration>| time.unwrap_or_default().as_secs_f64() * 1e3;
        let lines = text.lines().count();
        println!(
            "{path}: {lines} lines, parse {:.1}, check {:.1}, {problems} problems",
            ms(parsed),
            ms(checked)
        );
    }
    Ok(())
}
