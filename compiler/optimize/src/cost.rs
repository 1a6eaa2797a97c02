//! What a term costs: a roofline of the target, `max(FLOPs / peak, bytes / bandwidth) + launch`.
//!
//! Sizes are those of the hint. What varies counts once per sequence; what depends on weights alone is done by prepare, once per set of weights, and costs nearly nothing.
//! Elementwise work is priced as if fused into its neighbour (it is: see schedule), views as nothing.

mod recurrence;

use crate::extract::Price;
use crate::facts::Graph;
use crate::language::{Head, OpId, Term};
use egg::Id;
use std::collections::BTreeMap;
use std::ops::AddAssign;
use tensc_ir::{Dim, Op, Sizes, Type};

/// Weights-only work costs this fraction.
const PREPARED: f64 = 1e-6;

/// A machine as the cost model sees it. Built in, so that the same source gives the same program everywhere.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// Name, as `--target` has it.
    pub name: &'static str,
    /// FLOP/s of matrix products in f32.
    pub matrix_flops: f64,
    /// FLOP/s of everything else in f32.
    pub vector_flops: f64,
    /// Bytes per second between memory and cores.
    pub bandwidth: f64,
    /// Seconds to start a kernel.
    pub launch: f64,
}

impl Target {
    /// Two cores with AVX-512 (measured: products 380 GFLOP/s, copies 39 GB/s).
    pub const CPU: Self =
        Self { name: "cpu", matrix_flops: 380e9, vector_flops: 60e9, bandwidth: 39e9, launch: 1e-6 };
}

/// Rows (sequences times entries) that a program works on at once; longer calls run in pieces, each with all launches.
const ROWS_OF_A_PIECE: i64 = 512;

/// A batch and a length that a program is priced at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// Sequences of a call.
    pub batch: i64,
    /// Length that run-time sizes are taken to have.
    pub time: i64,
}

/// Numbers that sizes stand for.
#[derive(Clone, Debug)]
pub(crate) struct Hint {
    pub(crate) point: Point,
    pub(crate) sizes: Sizes,
}

impl Hint {
    pub(crate) fn at(point: Point) -> Self {
        Self { point, sizes: Sizes::new() }
    }

    pub(crate) fn size(&self, dim: &Dim) -> f64 {
        let known = match dim.as_constant() {
            Some(n) => Some(n),
            None => dim
                .substitute(&|name| {
                    let value = if name == tensc_ir::dim::POSITION { 0 } else { self.point.time };
                    Some(Dim::constant(self.sizes.get(name).copied().unwrap_or(value)))
                })
                .floor()
                .as_constant(),
        };
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        known.map_or(1.0, |n| n as f64)
    }

    /// Entries of a sequence and sequences that run at once.
    fn piece(&self) -> (i64, i64) {
        let entries = self.point.time.clamp(1, ROWS_OF_A_PIECE);
        (entries, (ROWS_OF_A_PIECE / entries).clamp(1, self.point.batch.max(1)))
    }

    /// Groups of sequences that run one after the other.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    fn blocks(&self) -> f64 {
        let (_, sequences) = self.piece();
        ((self.point.batch.max(1) + sequences - 1) / sequences) as f64
    }

    /// How often each kernel of a program that runs in pieces is launched.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub(crate) fn pieces(&self) -> f64 {
        let (entries, _) = self.piece();
        self.blocks() * ((self.point.time.max(1) + entries - 1) / entries) as f64
    }

    pub(crate) fn elements(&self, ty: &Type) -> f64 {
        ty.shape.iter().map(|dim| self.size(dim)).product()
    }

    fn bytes(&self, ty: &Type) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "an element is at most 8 bytes")]
        let element = ty.dtype.bytes() as f64;
        self.elements(ty) * element
    }
}

/// FLOPs, bytes and launches of a term for one sequence.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Work {
    pub(crate) matrix_flops: f64,
    pub(crate) vector_flops: f64,
    pub(crate) bytes: f64,
    pub(crate) launches: f64,
    /// Seconds that it takes at least, whatever the batch.
    pub(crate) latency: f64,
}

impl Work {
    pub(crate) fn seconds(&self, target: &Target) -> f64 {
        let compute = self.matrix_flops / target.matrix_flops + self.vector_flops / target.vector_flops;
        compute.max(self.bytes / target.bandwidth) + self.launches * target.launch
    }
}

impl AddAssign for Work {
    fn add_assign(&mut self, other: Self) {
        self.matrix_flops += other.matrix_flops;
        self.vector_flops += other.vector_flops;
        self.bytes += other.bytes;
        self.launches += other.launches;
        self.latency += other.latency;
    }
}

/// What a term of a class does for one sequence.
pub(crate) fn work(egraph: &Graph, class: Id, term: &Term, hint: &Hint) -> Option<Work> {
    let types: Vec<&Type> = term.children.iter().filter_map(|id| egraph[*id].data.ty()).collect();
    let results = &egraph[class].data.types;
    if let Head::Get(n) = term.head {
        return Some(read_result(egraph, term, n, results, hint));
    }
    let op = egraph.analysis.head_op(term.head, types.first().map_or(0, |ty| ty.rank()))?;
    Some(op_work(&op, &types, results, hint))
}

/// A line of a recurrence is written where it is read; its own entry says so, since a line that nobody reads stays in registers.
fn read_result(egraph: &Graph, term: &Term, n: u32, results: &[Type], hint: &Hint) -> Work {
    let of_rec = term.children.first().is_some_and(|child| {
        egraph[*child].nodes.iter().any(|inner| {
            matches!(inner.head, Head::Op(id) if matches!(egraph.analysis.op(id), Some(Op::Rec(rec)) if (n as usize) < rec.body.outputs.len()))
        })
    });
    let bytes = if of_rec { results.iter().map(|ty| hint.bytes(ty)).sum() } else { 0.0 };
    Work { bytes, ..Work::default() }
}

/// What an op does with operands and results of these types.
pub(crate) fn op_work(op: &Op, operands: &[&Type], results: &[Type], hint: &Hint) -> Work {
    let out: f64 = results.iter().map(|ty| hint.elements(ty)).sum();
    let moved: f64 = results.iter().chain(operands.iter().copied()).map(|ty| hint.bytes(ty)).sum();
    let complex = operands.iter().any(|ty| ty.dtype.is_complex());
    match op {
        Op::Input(_) | Op::Const(_) | Op::DimValue(_) | Op::Reshape { .. } | Op::Broadcast { .. } => {
            Work::default()
        }
        Op::Contract(contraction) => {
            let contracted: f64 =
                (contraction.left.iter().zip(operands.first().into_iter().flat_map(|ty| &ty.shape)))
                    .filter(|(label, _)| !contraction.result.contains(label))
                    .map(|(_, dim)| hint.size(dim))
                    .product();
            let flops = 2.0 * out * contracted * if complex { 4.0 } else { 1.0 };
            Work { matrix_flops: flops, vector_flops: 0.0, bytes: moved, launches: 1.0, latency: 0.0 }
        }
        // Fused into a neighbour: arithmetic, and a share of the traffic so that fewer passes win.
        Op::Unary(_)
        | Op::Binary(_)
        | Op::Select
        | Op::Cast(_)
        | Op::Iota { .. }
        | Op::Keep { .. }
        | Op::Draw { .. } => {
            let flops = out * if complex { 4.0 } else { 1.0 };
            Work { matrix_flops: 0.0, vector_flops: flops, bytes: moved / 4.0, launches: 0.0, latency: 0.0 }
        }
        // Read where it is.
        Op::Slice { .. } | Op::Last { .. } | Op::Transpose { .. } => {
            Work { bytes: results.iter().map(|ty| hint.bytes(ty)).sum::<f64>() / 16.0, ..Work::default() }
        }
        Op::Reduce { .. } | Op::Cumsum { .. } => {
            let elements: f64 = operands.iter().map(|ty| hint.elements(ty)).sum();
            Work {
                matrix_flops: 0.0,
                vector_flops: elements,
                bytes: moved / 2.0,
                launches: 1.0,
                latency: 0.0,
            }
        }
        Op::Concat { .. } | Op::Pad { .. } | Op::Flip { .. } | Op::Shift { .. } | Op::Gather { .. } => {
            Work { matrix_flops: 0.0, vector_flops: 0.0, bytes: moved, launches: 1.0, latency: 0.0 }
        }
        Op::Conv { .. } => {
            let taps = operands.get(1).and_then(|w| w.shape.first()).map_or(1.0, |dim| hint.size(dim));
            Work {
                matrix_flops: 0.0,
                vector_flops: 2.0 * out * taps,
                bytes: moved,
                launches: 1.0,
                latency: 0.0,
            }
        }
        Op::Fft { n, .. } => {
            let flops = 5.0 * out * hint.size(n).max(2.0).log2();
            Work { matrix_flops: 0.0, vector_flops: flops, bytes: moved * 2.0, launches: 1.0, latency: 0.0 }
        }
        Op::Rec(rec) => {
            let read: f64 = operands.iter().take(rec.sequences).map(|ty| hint.bytes(ty)).sum();
            recurrence::work(rec, read, hint)
        }
        Op::Repeat(repeat) => {
            let body = graph_work(&repeat.body, hint);
            #[expect(clippy::cast_precision_loss, reason = "an estimate")]
            let times = repeat.count as f64;
            Work {
                matrix_flops: body.matrix_flops * times,
                vector_flops: body.vector_flops * times,
                bytes: body.bytes * times,
                launches: body.launches * times,
                latency: body.latency * times,
            }
        }
    }
}

/// The sum over a graph's nodes.
pub(crate) fn graph_work(graph: &tensc_ir::Graph, hint: &Hint) -> Work {
    let mut sum = Work::default();
    let ty = |value: &tensc_ir::ValueId| graph.values.get(value.0 as usize).map(|value| &value.ty);
    for node in &graph.nodes {
        let operands: Vec<&Type> = node.operands.iter().filter_map(ty).collect();
        let results: Vec<Type> = node.results.iter().filter_map(ty).cloned().collect();
        sum += op_work(&node.op, &operands, &results, hint);
    }
    sum
}

/// What a body costs each time, by the op that repeats it.
pub(crate) type Bodies = BTreeMap<OpId, f64>;

/// The price of a term: its work times what repeats it.
pub(crate) fn price(
    egraph: &Graph,
    class: Id,
    term: &Term,
    target: &Target,
    hint: &Hint,
    bodies: &Bodies,
) -> Price {
    let children = || term.children.iter().map(|id| egraph[*id].data.known);
    let prepared = !term.children.is_empty()
        && egraph[class].data.known.weights_only
        && children().all(|known| known.weights_only);
    let seconds = match (term.head, bodies.get(&op_id(term.head))) {
        (Head::Op(_), Some(seconds)) => *seconds,
        _ => {
            let Some(work) = work(egraph, class, term, hint) else { return Price::MAX / 4 };
            #[expect(clippy::cast_precision_loss, reason = "an estimate")]
            let factor =
                if !prepared && children().any(|known| known.varies) { hint.point.batch as f64 } else { 1.0 };
            let once = Work { launches: 0.0, ..work };
            let waits = work.latency * hint.blocks();
            (once.seconds(target) * factor).max(waits) + work.launches * target.launch * hint.pieces()
        }
    };
    let seconds = if prepared { seconds * PREPARED } else { seconds };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates; costs are positive"
    )]
    let picoseconds = (seconds * 1e12) as Price;
    // A term is never free, so that of two equal graphs the one with fewer nodes wins.
    picoseconds.saturating_add(if matches!(term.head, Head::Op(_)) && term.children.is_empty() {
        0
    } else {
        1
    })
}

fn op_id(head: Head) -> OpId {
    if let Head::Op(id) = head { id } else { OpId(u32::MAX) }
}
