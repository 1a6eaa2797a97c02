//! Where the time of a call goes: one row per kernel, product, transform and copy.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What the steps of one kind did in a call.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct StepProfile {
    /// The kernel's name, or what a library call does.
    pub name: String,
    /// How often it ran.
    pub runs: u64,
    /// For how long, all runs together.
    pub time: Duration,
    /// Operations, as counted from the program.
    pub flops: f64,
    /// Bytes read and written, no array more than once a run.
    pub bytes: f64,
}

/// Collects while a plan runs.
#[derive(Debug, Default)]
pub(super) struct Profile {
    rows: Mutex<BTreeMap<String, StepProfile>>,
}

impl Profile {
    pub(super) fn add(&self, name: String, time: Duration, flops: f64, bytes: f64) {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let row = rows.entry(name.clone()).or_insert_with(|| StepProfile { name, ..StepProfile::default() });
        row.runs += 1;
        row.time += time;
        row.flops += flops;
        row.bytes += bytes;
    }

    /// The rows, the longest first.
    pub(super) fn finish(self) -> Vec<StepProfile> {
        let rows = self.rows.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut rows: Vec<StepProfile> = rows.into_values().collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.time));
        rows
    }
}
