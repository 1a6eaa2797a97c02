//! What is written to the terminal: results to standard output, everything else to standard error; nothing here can panic.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// How to talk to the user.
#[derive(Clone, Copy, Debug)]
pub struct Console {
    /// Errors and results only.
    pub quiet: bool,
    /// One JSON object on standard output.
    pub json: bool,
    /// Colours on standard error.
    pub colour: bool,
}

impl Console {
    /// Looks at the terminal and at `NO_COLOR`.
    #[must_use]
    pub fn new(quiet: bool, json: bool) -> Self {
        let colour = io::stderr().is_terminal()
            && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        Self { quiet, json, colour }
    }

    /// Writes to standard output.
    ///
    /// # Errors
    /// What the system says; nothing when the reader has gone away (`tensc .. | head`).
    pub fn print(&self, text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            done => done,
        }
    }

    /// Tells something that is no result, unless told to be quiet.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            self.error(text);
        }
    }

    /// Writes a line to standard error.
    pub fn error(&self, text: &str) {
        // When standard error is gone there is nobody left to tell.
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// Shows, once it has taken a second, that something is going on; until the value is dropped.
    #[must_use]
    pub fn progress(&self, what: &str) -> Progress {
        if self.quiet || !io::stderr().is_terminal() {
            return Progress { bar: None, stop: None, thread: None };
        }
        let bar = ProgressBar::with_draw_target(Some(1000), ProgressDrawTarget::hidden());
        let style = ProgressStyle::with_template("{spinner} {msg} {elapsed} {bar:30} {percent}%");
        if let Ok(style) = style {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        let (stop, stopped) = channel();
        let shown = bar.clone();
        let thread = std::thread::spawn(move || {
            let mut wait = Duration::from_secs(1);
            while stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                if shown.is_hidden() {
                    shown.set_draw_target(ProgressDrawTarget::stderr());
                }
                shown.tick();
                wait = Duration::from_millis(100);
            }
            shown.finish_and_clear();
        });
        Progress { bar: Some(bar), stop: Some(stop), thread: Some(thread) }
    }
}

/// Something that is going on.
pub struct Progress {
    bar: Option<ProgressBar>,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Progress {
    /// How much is done, 0 to 1.
    pub fn set(&self, share: f64) {
        if let Some(bar) = &self.bar {
            bar.set_position((share.clamp(0.0, 1.0) * 1000.0) as u64);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It only draws; that it ended early changes nothing.
            let _ = thread.join();
        }
    }
}
