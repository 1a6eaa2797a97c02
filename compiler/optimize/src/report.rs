//! What the optimiser did and why, as data; the driver prints it.

use crate::cost::{Point, Target};
use std::fmt;
use tensc_ir::{Form, Origin};

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
    /// Whether both sides have the same bits.
    pub exact: bool,
    /// How many terms it joined to equals.
    pub count: usize,
    /// How many of them the result uses.
    pub used: usize,
    /// Seconds that the result would cost more without it, by the model; 0 where another rule gives the same.
    pub bought: f64,
    /// Where in the source the first place that it serves is.
    pub origin: Option<Origin>,
}

/// An alternative that was found and is dearer.
#[derive(Clone, Debug, PartialEq)]
pub struct Lost {
    /// The rule that found it.
    pub rule: &'static str,
    /// What it is: the word of its op, the form of a recurrence.
    pub what: String,
    /// Seconds by which a call of the unit would be slower.
    pub by: f64,
    /// Where in the source.
    pub origin: Option<Origin>,
}

/// A law that would fit, or looks as if, and was not applied.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    /// The rule, or what looks like one.
    pub rule: &'static str,
    /// The law.
    pub law: &'static str,
    /// Why not.
    pub why: String,
    /// Where in the source.
    pub origin: Option<Origin>,
}

/// A recurrence with the form that it has.
#[derive(Clone, Debug, PartialEq)]
pub struct Recurrence {
    /// Its class, as `--form` names it; several for several lines.
    pub class: String,
    /// Its form.
    pub form: Form,
    /// Other forms with the seconds by which a call of the unit would be slower.
    pub others: Vec<(Form, f64)>,
    /// Forms that it does not have, with the reason.
    pub without: Vec<(&'static str, &'static str)>,
    /// Where in the source.
    pub origin: Option<Origin>,
}

/// What computes a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// The caller: an argument or a state.
    Argument,
    /// Nobody: a weight or a constant.
    Given,
    /// Prepare, once per set of weights.
    Prepared,
    /// Each call.
    Main,
}

/// A node of a picture of a graph.
#[derive(Clone, Debug, PartialEq)]
pub struct PictureNode {
    /// The op: `x @ w`, `rec`, `exp`.
    pub label: String,
    /// Its type.
    pub ty: String,
    /// Positions of its operands in the picture.
    pub operands: Vec<usize>,
    /// Work of a call.
    pub cost: Cost,
    /// Who computes it.
    pub kind: NodeKind,
    /// Whether it is a result of the unit.
    pub result: bool,
    /// Whether it is not in the other graph.
    pub changed: bool,
    /// Where in the source.
    pub origin: Option<Origin>,
}

/// A result that calls of some sizes run.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// For which B and T; empty where for all.
    pub when: String,
    /// Seconds of a call, at each of the report's points.
    pub seconds: Vec<f64>,
    /// The form of each recurrence, units inner ones first.
    pub forms: Vec<Form>,
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
    /// Alternatives that were found and lost, the closest first.
    pub lost: Vec<Lost>,
    /// What was not done, with the reason.
    pub refused: Vec<Refused>,
    /// Recurrences.
    pub recurrences: Vec<Recurrence>,
    /// The graph as written.
    pub picture_before: Vec<PictureNode>,
    /// The graph as extracted.
    pub picture_after: Vec<PictureNode>,
    /// Classes of the e-graph at the end.
    pub classes: usize,
    /// Nodes of the e-graph at the end.
    pub nodes: usize,
}

/// What was done to every unit, inner ones first.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Batch and length that the report speaks of.
    pub hint: Point,
    /// Whose roofline.
    pub target: Target,
    /// Units, inner ones first.
    pub units: Vec<UnitReport>,
    /// Batches and lengths that were extracted for.
    pub points: Vec<Point>,
    /// What calls run.
    pub variants: Vec<Variant>,
}

/// `1.50 G`, `3.20 MB`.
#[must_use]
pub fn scaled(value: f64, unit: &str) -> String {
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
#[must_use]
pub fn duration(seconds: f64) -> String {
    match seconds {
        s if s >= 1.0 => format!("{s:.2} s"),
        s if s >= 1e-3 => format!("{:.2} ms", s * 1e3),
        s => format!("{:.2} us", s * 1e6),
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "B {} T {}", self.batch, self.time)
    }
}
