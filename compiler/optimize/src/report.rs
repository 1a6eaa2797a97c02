//! What the optimiser did and why, as data; the driver prints it.

use std::fmt;
use tensc_ir::Origin;

/// What a graph costs by the model, one call at the hint's sizes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Floating-point operations of main.
    pub flops: f64,
    /// Bytes that its kernels move.
    pub bytes: f64,
    /// Kernels and library calls.
    pub kernels: f64,
    /// Seconds on the target's roofline.
    pub seconds: f64,
}

/// A rule that changed the e-graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Fired {
    /// Its name, as `--without-rule` takes it.
    pub rule: &'static str,
    /// The law.
    pub law: &'static str,
    /// How many terms it joined to equals.
    pub count: usize,
    /// Seconds that the result would cost more without it, by the model; 0 where another rule gives the same.
    pub bought: f64,
    /// Where in the source the first place that it serves is.
    pub origin: Option<Origin>,
}

/// One unit: the entry, or the body of a repeat.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitReport {
    /// The entry's name, or `body of ..`.
    pub unit: String,
    /// How often the unit runs in a call.
    pub times: usize,
    /// As written.
    pub before: Cost,
    /// As extracted.
    pub after: Cost,
    /// Rules that fired, in the order of the rule tables.
    pub fired: Vec<Fired>,
    /// Classes and nodes of the e-graph at the end.
    pub classes: usize,
    /// Nodes of the e-graph at the end.
    pub nodes: usize,
    /// Set when the unit was left as written, with the reason.
    pub left_alone: Option<String>,
}

/// What was done to every unit, inner ones first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Units, inner ones first.
    pub units: Vec<UnitReport>,
}

/// The report as a person reads it.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for unit in &self.units {
            write!(f, "{unit}")?;
        }
        Ok(())
    }
}

impl fmt::Display for UnitReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let times = if self.times == 1 { String::new() } else { format!(", {} times", self.times) };
        writeln!(f, "{}{times}", self.unit)?;
        writeln!(f, "  {:8} {:>12} {:>12} {:>9} {:>12}", "", "FLOPs", "bytes", "kernels", "time")?;
        for (name, cost) in [("before", self.before), ("after", self.after)] {
            writeln!(
                f,
                "  {name:8} {:>12} {:>12} {:>9} {:>12}",
                scaled(cost.flops, ""),
                scaled(cost.bytes, "B"),
                cost.kernels,
                duration(cost.seconds),
            )?;
        }
        if let Some(reason) = &self.left_alone {
            writeln!(f, "  left as written: {reason}")?;
        }
        let width = self.fired.iter().map(|fired| fired.rule.len()).max().unwrap_or(0);
        for fired in &self.fired {
            let bought =
                if fired.bought > 0.0 { format!("saves {}", duration(fired.bought)) } else { String::new() };
            let line = format!("  {:width$}  {:<44}  {bought}", fired.rule, fired.law);
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// `1.50 G`, `3.20 MB`.
fn scaled(value: f64, unit: &str) -> String {
    let (value, prefix) = match value {
        v if v >= 1e12 => (v / 1e12, "T"),
        v if v >= 1e9 => (v / 1e9, "G"),
        v if v >= 1e6 => (v / 1e6, "M"),
        v if v >= 1e3 => (v / 1e3, "k"),
        v => (v, ""),
    };
    format!("{value:.2} {prefix}{unit}").trim_end().to_owned()
}

/// `12.3 ms`.
fn duration(seconds: f64) -> String {
    match seconds {
        s if s >= 1.0 => format!("{s:.2} s"),
        s if s >= 1e-3 => format!("{:.2} ms", s * 1e3),
        s => format!("{:.2} us", s * 1e6),
    }
}
