//! The e-graph optimiser: a graph in, an equal and cheaper graph out, and a report of what was done and why.
//!
//! Each unit (the entry, and the body of every repeat) is one e-graph: encoded, saturated by the rules within bounds on nodes and
//! iterations (never time), and extracted by the cost of the target. Bodies of `rec` never enter: egg has no binders.
//!
//! ```text
//! v5 = contract "ab,bc->ac" v4, r        v7 = contract "ab,bc->ac" r, w_out      (weights only: prepare pays once)
//! v6 = contract "ab,bc->ac" v5, w_out    v6 = contract "ab,bc->ac" v4, v7
//! ```
//!
//! In reading order:

pub mod cost; // what a term costs on a target
mod decode; // chosen terms -> graph
mod encode; // graph -> terms
mod explain; // what was done and why
mod extract; // the cheapest graph of an e-graph, shared work priced once
mod facts; // what is known of each class
mod language; // terms
mod optimize; // the pass
#[cfg(test)]
mod oracle; // tests of extraction
pub mod report; // what was done and why, as data
pub mod rules; // the laws, a file per family
mod sample; // equal graphs at random
mod saturate; // applying rules within bounds
mod select; // which variant a call runs
mod unit; // the entry or a repeated body

pub use cost::{Point, Target};
pub use language::{Head, OpId, Term};
pub use optimize::{OptimizeError, Optimized, Options, optimize};
pub use report::{Cost, Fired, Report, UnitReport};
pub use sample::sample;
pub use select::{NoSelector, Selector};
