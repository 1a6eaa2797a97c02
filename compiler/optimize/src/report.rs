//! What the optimiser did and why, as data; the driver prints it.

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
    /// How many terms it added or joined.
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
