//! What a term costs: a roofline of the target, `max(FLOPs / peak, bytes / bandwidth) + launch`.
//!
//! Sizes are those of the hint. What varies counts once per sequence; what depends on weights alone is done by prepare, once per set of weights, and costs nearly nothing.
//! Elementwise work is priced as if fused into its neighbour (it is: see schedule), views as nothing.

use crate::extract::Price;
use crate::facts::{Data, Graph};
use crate::language::{Head, Term};
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

/// Numbers that the sizes of a hint stand for.
#[derive(Clone, Debug)]
pub(crate) struct Hint {
    pub(crate) batch: i64,
    pub(crate) sizes: Sizes,
    /// For names without a value.
    pub(crate) time: i64,
}

impl Hint {
    fn size(&self, dim: &Dim) -> f64 {
        let known = dim.substitute(&|name| {
            let value = if name == tensc_ir::dim::POSITION { 0 } else { self.time };
            Some(Dim::constant(self.sizes.get(name).copied().unwrap_or(value)))
        });
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        known.floor().as_constant().map_or(1.0, |n| n as f64)
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
}

impl Work {
    pub(crate) fn seconds(&self, target: &Target) -> f64 {
        let compute = self.matrix_flops / target.matrix_flops + self.vector_flops / target.vector_flops;
        compute.max(self.bytes / target.bandwidth) + self.launches * target.launch
    }
}

/// What a term does for one sequence.
pub(crate) fn work(egraph: &Graph, term: &Term, hint: &Hint) -> Option<Work> {
    let children: Vec<&Data> = term.children.iter().map(|id| &egraph[*id].data).collect();
    let types: Vec<Type> = children.iter().filter_map(|child| child.ty().cloned()).collect();
    if let Head::Get(_) = term.head {
        return Some(Work::default());
    }
    let op = egraph.analysis.head_op(term.head, types.first().map_or(0, Type::rank))?;
    Some(op_work(&op, &types, hint))
}

/// What an op does with operands of these types.
pub(crate) fn op_work(op: &Op, operands: &[Type], hint: &Hint) -> Work {
    let results = tensc_ir::infer::infer(op, operands).unwrap_or_default();
    let out: f64 = results.iter().map(|ty| hint.elements(ty)).sum();
    let moved: f64 = results.iter().chain(operands).map(|ty| hint.bytes(ty)).sum();
    let complex = operands.iter().any(|ty| ty.dtype.is_complex());
    match op {
        Op::Input(_) | Op::Const(_) | Op::DimValue(_) | Op::Reshape { .. } | Op::Broadcast { .. } => {
            Work::default()
        }
        Op::Contract(contraction) => {
            let contracted: f64 =
                (contraction.left.iter().zip(operands.first().iter().flat_map(|ty| &ty.shape)))
                    .filter(|(label, _)| !contraction.result.contains(label))
                    .map(|(_, dim)| hint.size(dim))
                    .product();
            let flops = 2.0 * out * contracted * if complex { 4.0 } else { 1.0 };
            Work { matrix_flops: flops, vector_flops: 0.0, bytes: moved, launches: 1.0 }
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
            Work { matrix_flops: 0.0, vector_flops: flops, bytes: moved / 4.0, launches: 0.0 }
        }
        Op::Slice { .. } | Op::Last { .. } | Op::Transpose { .. } => Work {
            matrix_flops: 0.0,
            vector_flops: 0.0,
            bytes: results.iter().map(|ty| hint.bytes(ty)).sum::<f64>() / 4.0,
            launches: 0.0,
        },
        Op::Reduce { .. } | Op::Cumsum { .. } => {
            let elements: f64 = operands.iter().map(|ty| hint.elements(ty)).sum();
            Work { matrix_flops: 0.0, vector_flops: elements, bytes: moved / 2.0, launches: 1.0 }
        }
        Op::Concat { .. } | Op::Pad { .. } | Op::Flip { .. } | Op::Shift { .. } | Op::Gather { .. } => {
            Work { matrix_flops: 0.0, vector_flops: 0.0, bytes: moved, launches: 1.0 }
        }
        Op::Conv { .. } => {
            let taps = operands.get(1).and_then(|w| w.shape.first()).map_or(1.0, |dim| hint.size(dim));
            Work { matrix_flops: 0.0, vector_flops: 2.0 * out * taps, bytes: moved, launches: 1.0 }
        }
        Op::Fft { n, .. } => {
            let flops = 5.0 * out * hint.size(n).max(2.0).log2();
            Work { matrix_flops: 0.0, vector_flops: flops, bytes: moved * 2.0, launches: 1.0 }
        }
        Op::Rec(rec) => {
            let step = graph_work(&rec.body, hint);
            let times = hint.size(&rec.length);
            Work {
                matrix_flops: 0.0,
                vector_flops: (step.vector_flops + step.matrix_flops) * times,
                bytes: moved,
                launches: 1.0,
            }
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
            }
        }
    }
}

/// The sum over a graph's nodes.
pub(crate) fn graph_work(graph: &tensc_ir::Graph, hint: &Hint) -> Work {
    let mut sum = Work::default();
    for node in &graph.nodes {
        let operands: Vec<Type> = node
            .operands
            .iter()
            .filter_map(|value| graph.values.get(value.0 as usize).map(|value| value.ty.clone()))
            .collect();
        let work = op_work(&node.op, &operands, hint);
        sum.matrix_flops += work.matrix_flops;
        sum.vector_flops += work.vector_flops;
        sum.bytes += work.bytes;
        sum.launches += work.launches;
    }
    sum
}

/// The price of a term: its work times what repeats it.
pub(crate) fn price(egraph: &Graph, term: &Term, target: &Target, hint: &Hint) -> Price {
    let Some(work) = work(egraph, term, hint) else { return Price::MAX / 4 };
    let children = || term.children.iter().map(|id| egraph[*id].data.known);
    let weights_only = !term.children.is_empty() && children().all(|known| known.weights_only);
    let factor = if weights_only {
        PREPARED
    } else if children().any(|known| known.varies) {
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let batch = hint.batch as f64;
        batch
    } else {
        1.0
    };
    let once = Work { launches: 0.0, ..work };
    let seconds = once.seconds(target) * factor
        + work.launches * target.launch * if weights_only { PREPARED } else { 1.0 };
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
