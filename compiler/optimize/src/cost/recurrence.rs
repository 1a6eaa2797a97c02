//! What a recurrence costs in each of its forms, for one sequence.
//!
//! The step form does the body's arithmetic once an entry and waits for it: however few the lanes, an entry takes no less than the chain of dependent operations. A scan does the arithmetic
//! twice on segments side by side. Chunked forms turn it into products of matrices, counted per entry from the sizes of the state (`d` keys, `e` values, chunks of `c` entries; Yang et al. 2024,
//! arXiv 2406.06484, section 3).

use super::{Hint, Work, graph_work};
use tensc_ir::analyse::recurrence::{Class, classify};
use tensc_ir::{Form, Rec, Type};

/// Seconds from one entry to the next at least: a load, a multiply-add and a store that wait for each other.
const LATENCY: f64 = 4e-9;
/// Vector operations that hide that latency; a scan has this many times fewer entries to wait for.
const OVERHEAD_OF_A_PRODUCT: f64 = 4e-7;

/// What the recurrence does for one sequence, reading this many bytes.
pub(super) fn work(rec: &Rec, read: f64, hint: &Hint) -> Work {
    let step = graph_work(&rec.body, hint);
    let entries = hint.size(&rec.length);
    let arithmetic = (step.vector_flops + step.matrix_flops) * entries;
    let by_entry = Work {
        matrix_flops: 0.0,
        vector_flops: arithmetic,
        bytes: read,
        launches: 1.0,
        latency: entries * LATENCY,
    };
    match rec.form {
        Form::Step => by_entry,
        Form::Scan(segments) => scan(by_entry, f64::from(segments)),
        Form::Diagonalise(segments) => {
            let Some(state) = State::of(rec, hint) else { return by_entry };
            // Into the coordinates and out of them: complex products with a square matrix.
            let turned = 2.0 * 8.0 * state.values * state.values * entries * state.lanes;
            let diagonal = Work { vector_flops: 8.0 * state.values * state.lanes * entries, ..by_entry };
            let diagonal = if segments > 1 { scan(diagonal, f64::from(segments)) } else { diagonal };
            Work { matrix_flops: turned, launches: 4.0, ..diagonal }
        }
        Form::Chunk(chunk) => {
            let Some(state) = State::of(rec, hint) else { return by_entry };
            let chunk = f64::from(chunk).min(entries.max(1.0));
            let chunks = (entries / chunk).ceil();
            let (flops, products) = state.chunked(chunk);
            Work {
                matrix_flops: flops * entries * state.lanes,
                vector_flops: 12.0 * chunk * entries * state.lanes,
                bytes: read,
                launches: 1.0,
                latency: chunks * state.lanes * products * OVERHEAD_OF_A_PRODUCT,
            }
        }
    }
}

/// Twice the arithmetic; segments wait side by side.
fn scan(step: Work, segments: f64) -> Work {
    Work {
        vector_flops: 2.0 * step.vector_flops,
        latency: 2.0 * step.latency / segments.max(1.0),
        launches: step.launches + 1.0,
        ..step
    }
}

/// The state of a recurrence of one line.
struct State {
    class: Class,
    /// Independent copies: leading axes.
    lanes: f64,
    keys: f64,
    values: f64,
}

impl State {
    fn of(rec: &Rec, hint: &Hint) -> Option<Self> {
        let class = classify(rec).pop()?.class;
        let line = rec.states.first()?.line;
        let (_, value) = rec.body.outputs.get(line)?;
        let ty: &Type = &rec.body.values.get(value.0 as usize)?.ty;
        let size = |from_end: usize| {
            ty.rank().checked_sub(from_end).and_then(|n| ty.shape.get(n)).map_or(1.0, |dim| hint.size(dim))
        };
        let (keys, values) = match class {
            Class::DecayedOuter { .. } | Class::RankOne { .. } => (size(2), size(1)),
            Class::DenseConstant { .. } => (size(1), size(1)),
            Class::DiagonalConstant { .. }
            | Class::DiagonalVarying { .. }
            | Class::Periodic { .. }
            | Class::Affine
            | Class::Nonlinear => (1.0, 1.0),
        };
        let of_a_lane = if matches!(class, Class::DenseConstant { .. }) { values } else { keys * values };
        Some(Self { class, lanes: hint.elements(ty) / of_a_lane.max(1.0), keys, values })
    }

    /// FLOPs an entry and lane, and products a chunk and lane.
    fn chunked(&self, chunk: f64) -> (f64, f64) {
        let (d, e) = (self.keys, self.values);
        // Scores, scores times values, the carried state read and written.
        let attention = 2.0 * chunk * d + 2.0 * chunk * e + 4.0 * d * e;
        match self.class {
            Class::DecayedOuter { .. } => (attention, 4.0),
            // And the triangular inverse, applied to keys and values, and the state that keys read.
            Class::RankOne { .. } => {
                (attention + 2.0 * chunk * d + chunk * chunk / 3.0 + 2.0 * chunk * (d + e) + 2.0 * d * e, 8.0)
            }
            Class::DenseConstant { .. } => (2.0 * d * d + 2.0 * chunk * d, 3.0),
            Class::DiagonalConstant { .. }
            | Class::DiagonalVarying { .. }
            | Class::Periodic { .. }
            | Class::Affine
            | Class::Nonlinear => (2.0 * chunk, 2.0),
        }
    }
}
