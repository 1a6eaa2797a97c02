//! A launch's report, as text and as JSON.

use std::fmt;

use serde::Serialize;

use crate::counters::Counters;

/// The least that a kernel has to do, from its formula: what its counters are compared with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Floor {
    /// Bytes that must be read from global memory.
    pub read_bytes: u64,
    /// Bytes that must be written to global memory.
    pub written_bytes: u64,
}

/// What a launch did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Name of the kernel.
    pub kernel: String,
    /// Blocks along x, y, z.
    pub grid: [u32; 3],
    /// Threads of a block along x, y, z.
    pub block: [u32; 3],
    /// Bytes of shared memory of a block.
    pub shared_bytes: u64,
    /// What was executed and moved.
    pub counters: Counters,
    /// The floor it is compared with, where one was given.
    pub floor: Option<Floor>,
    /// What the checks could not see.
    pub notes: Vec<String>,
}

impl Report {
    /// The same report with a floor to compare with.
    #[must_use]
    pub fn against(mut self, floor: Floor) -> Self {
        self.floor = Some(floor);
        self
    }

    /// Used fraction of the sectors that were moved between the kernel and global memory: 1 is perfect.
    #[must_use]
    pub fn coalescing(&self) -> f64 {
        let (loads, stores) = (&self.counters.global_loads, &self.counters.global_stores);
        let moved = loads.sectors + stores.sectors;
        if moved == 0 { 1.0 } else { (loads.ideal_sectors + stores.ideal_sectors) as f64 / moved as f64 }
    }

    /// Lanes that took part in an instruction on average.
    #[must_use]
    pub fn average_lanes(&self) -> f64 {
        let counters = &self.counters;
        if counters.warp_instructions == 0 {
            return 0.0;
        }
        counters.thread_instructions as f64 / counters.warp_instructions as f64
    }

    /// The report as a JSON object.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut value = serde_json::to_value(self).unwrap_or(serde_json::Value::Null);
        if let Some(object) = value.as_object_mut() {
            object.insert("coalescing".into(), self.coalescing().into());
            object.insert("average_lanes".into(), self.average_lanes().into());
        }
        value.to_string()
    }
}

fn triple([x, y, z]: [u32; 3]) -> String {
    format!("{x} x {y} x {z}")
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counters = &self.counters;
        writeln!(
            f,
            "{}  grid {}  block {}  shared {} B",
            self.kernel,
            triple(self.grid),
            triple(self.block),
            self.shared_bytes
        )?;
        writeln!(
            f,
            "  instructions     {} of warps, {} of threads ({:.1} lanes)",
            counters.warp_instructions,
            counters.thread_instructions,
            self.average_lanes()
        )?;
        for (kind, count) in &counters.by_kind {
            writeln!(f, "    {:<14} {count}", format!("{kind:?}").to_lowercase())?;
        }
        for (name, traffic) in
            [("global loads", &counters.global_loads), ("global stores", &counters.global_stores)]
        {
            writeln!(
                f,
                "  {name:<16} {} B in {} requests, {} sectors",
                traffic.bytes, traffic.requests, traffic.sectors
            )?;
        }
        writeln!(f, "  coalescing       {:.1} %", 100.0 * self.coalescing())?;
        for (name, traffic) in
            [("shared loads", &counters.shared_loads), ("shared stores", &counters.shared_stores)]
        {
            writeln!(f, "  {name:<16} {} B in {} requests", traffic.bytes, traffic.requests)?;
        }
        writeln!(f, "  bank conflicts   {}", counters.bank_conflicts)?;
        writeln!(f, "  divergence       {} branches", counters.divergent_branches)?;
        writeln!(f, "  barriers         {} arrivals of warps", counters.barriers)?;
        if counters.matrix_multiply_adds > 0 {
            writeln!(f, "  matrix           {} multiply-adds", counters.matrix_multiply_adds)?;
        }
        if let Some(floor) = self.floor {
            let ratio = |moved: u64, least: u64| if least == 0 { 0.0 } else { moved as f64 / least as f64 };
            let (read, written) = (counters.global_loads.sectors * 32, counters.global_stores.sectors * 32);
            writeln!(
                f,
                "  against floor    read {:.2} x, written {:.2} x",
                ratio(read, floor.read_bytes),
                ratio(written, floor.written_bytes)
            )?;
        }
        for note in &self.notes {
            writeln!(f, "  note: {note}")?;
        }
        Ok(())
    }
}
