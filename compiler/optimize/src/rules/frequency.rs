//! Mixing of entries by frequency: products of spectra.
//!
//! A transform followed by its inverse is the operand; a spectrum multiplied by weights and transformed back is a circular convolution, hence a product with a circulant matrix that prepare
//! makes of the weights. For short axes the product is cheaper than two transforms, for long ones it is not: cost decides.

use super::Equality::Real;
use super::What::Function;
use super::{Firing, Row, join, op_of, other_op, terms_where, type_of};
use crate::encode::add;
use crate::facts::Graph;
use crate::language::Head;
use egg::Id;
use tensc_ir::{BinaryOp, Constant, Contraction, DType, Dim, FftKind, Op};

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    // ifft (fft x) == x, irfft (rfft x) == x, of the length that the axis has.
    Row { name: "transform-and-back", law: "ifft(fft x) = x", equality: Real, what: Function(transform_and_back),
        fires: BACK, stops: PADDED },
    // irfft (rfft x o g) == x circularly convolved with irfft g == C x, C[t, s] = (irfft g)[t - s mod n].
    Row { name: "spectrum-as-matrix", law: "irfft(rfft(x) g) = C x, C[t, s] = irfft(g)[(t - s) mod n]", equality: Real, what: Function(spectrum_as_matrix),
        fires: SPECTRUM, stops: SPECTRUM_VARYING },
];

/// Longest axis whose matrix is tried.
const LONGEST: i64 = 256;

/// There and back, complex and real.
const BACK: &str = r#"graph back {
  input 0 x : f32[6, T] argument
  input 1 z : c64[5, T] argument
  v0 = input 0 : f32[6, T]
  v1 = input 1 : c64[5, T]
  v2 = rfft axis 0 n 6 v0 : c64[4, T]
  v3 = irfft axis 0 n 6 v2 : f32[6, T]
  v4 = fft axis 0 n 5 v1 : c64[5, T]
  v5 = ifft axis 0 n 5 v4 : c64[5, T]
  output y = v3
  output z = v5
}"#;

/// A padded transform gives a longer result.
const PADDED: &str = r#"graph padded {
  input 0 x : f32[6, T] argument
  v0 = input 0 : f32[6, T]
  v1 = rfft axis 0 n 8 v0 : c64[5, T]
  v2 = irfft axis 0 n 8 v1 : f32[8, T]
  output y = v2
}"#;

/// A global filter: six entries of two channels.
const SPECTRUM: &str = r#"graph spectrum {
  input 0 x : f32[T, 6, 2] argument
  input 1 g : c64[4, 2] param "g"
  v0 = input 0 : f32[T, 6, 2]
  v1 = input 1 : c64[4, 2]
  v2 = rfft axis 1 n 6 v0 : c64[T, 4, 2]
  v3 = mul v2, v1 : c64[T, 4, 2]
  v4 = irfft axis 1 n 6 v3 : f32[T, 6, 2]
  output y = v4
}"#;

/// The filter is an argument.
const SPECTRUM_VARYING: &str = r#"graph spectrum {
  input 0 x : f32[T, 6, 2] argument
  input 1 g : c64[4, 2] argument
  v0 = input 0 : f32[T, 6, 2]
  v1 = input 1 : c64[4, 2]
  v2 = rfft axis 1 n 6 v0 : c64[T, 4, 2]
  v3 = mul v2, v1 : c64[T, 4, 2]
  v4 = irfft axis 1 n 6 v3 : f32[T, 6, 2]
  output y = v4
}"#;

/// `(class, kind, axis, n, operand)` of every transform.
fn transforms(egraph: &Graph) -> Vec<(Id, FftKind, usize, Dim, Id)> {
    let mut found = Vec::new();
    for (class, term) in terms_where(egraph, |_, term| matches!(term.head, Head::Op(_))) {
        if let (Some(Op::Fft { kind, axis, n }), [child]) =
            (other_op(egraph, &term), term.children.as_slice())
        {
            found.push((class, *kind, *axis, n.clone(), *child));
        }
    }
    found
}

fn inverse_of(kind: FftKind) -> Option<FftKind> {
    match kind {
        FftKind::Ifft => Some(FftKind::Fft),
        FftKind::Irfft => Some(FftKind::Rfft),
        FftKind::Fft | FftKind::Rfft => None,
    }
}

fn transform_and_back(egraph: &mut Graph) -> Vec<Firing> {
    let mut equal = Vec::new();
    for (class, kind, axis, n, child) in transforms(egraph) {
        for inner in &egraph[child].nodes {
            if let (Some(Op::Fft { kind: forward, axis: same, n: length }), [x]) =
                (other_op(egraph, inner), inner.children.as_slice())
                && inverse_of(kind) == Some(*forward)
                && (axis, &n) == (*same, length)
                && type_of(egraph, *x).is_some_and(|ty| ty.shape.get(axis) == Some(&n))
            {
                equal.push((class, *x));
            }
        }
    }
    equal.into_iter().filter_map(|(class, x)| join(egraph, class, x)).collect()
}

fn spectrum_as_matrix(egraph: &mut Graph) -> Vec<Firing> {
    let mut found = Vec::new();
    for (class, kind, axis, n, child) in transforms(egraph) {
        let short = n.as_constant().is_some_and(|n| (1..=LONGEST).contains(&n));
        if kind != FftKind::Irfft || !short {
            continue;
        }
        for product in egraph[child].nodes.iter().filter(|term| term.head == Head::Binary(BinaryOp::Mul)) {
            let [a, b] = product.children.as_slice() else { continue };
            for (spectrum, filter) in [(*a, *b), (*b, *a)] {
                if !egraph[filter].data.known.weights_only {
                    continue;
                }
                for inner in &egraph[spectrum].nodes {
                    if let (Some(Op::Fft { kind: FftKind::Rfft, axis: same, n: length }), [x]) =
                        (op_of(egraph, inner), inner.children.as_slice())
                        && (axis, &n) == (same, &length)
                    {
                        found.push((class, axis, n.clone(), *x, filter));
                    }
                }
            }
        }
    }
    let mut fired = Vec::new();
    for (class, axis, n, x, filter) in found {
        if let Some(product) = circulant_product(egraph, axis, &n, x, filter) {
            fired.extend(join(egraph, class, product));
        }
    }
    fired
}

/// `C x` along `axis`, C made of the filter of shape `[n/2+1]` or `[n/2+1, channels]`, channels being the axis behind.
fn circulant_product(egraph: &mut Graph, axis: usize, n: &Dim, x: Id, filter: Id) -> Option<Id> {
    let (x_ty, g_ty) = (type_of(egraph, x)?, type_of(egraph, filter)?);
    let behind = x_ty.rank().checked_sub(axis + 1)?;
    let fits = x_ty.shape.get(axis) == Some(n) && g_ty.rank() == behind + 1 && behind <= 1;
    let same_channels = g_ty.shape.get(1..) == x_ty.shape.get(axis + 1..);
    if !fits || !same_channels {
        return None;
    }
    // Row t of the matrix is the kernel from t backwards, round the end.
    let kernel = add(egraph, &Op::Fft { kind: FftKind::Irfft, axis: 0, n: n.clone() }, vec![filter]);
    let positions = add(egraph, &Op::Iota { len: n.clone(), start: Dim::constant(0) }, Vec::new());
    let column = add(egraph, &Op::Reshape { shape: vec![n.clone(), Dim::constant(1)] }, vec![positions]);
    let difference = add(egraph, &Op::Binary(BinaryOp::Sub), vec![column, positions]);
    let length = add(egraph, &Op::Const(Constant::Int(DType::I32, n.as_constant()?)), Vec::new());
    let lag = add(egraph, &Op::Binary(BinaryOp::Rem), vec![difference, length]);
    let matrix = add(egraph, &Op::Gather { batch: 0 }, vec![kernel, lag]);
    let label = |axis: usize| u8::try_from(axis).ok();
    let left: Vec<u8> = (0..x_ty.rank()).map(label).collect::<Option<_>>()?;
    let fresh = label(x_ty.rank())?;
    let mut right = vec![fresh, label(axis)?];
    right.extend(left.get(axis + 1..)?);
    let mut result = left.clone();
    *result.get_mut(axis)? = fresh;
    Some(add(egraph, &Op::Contract(Contraction { left, right, result }), vec![x, matrix]))
}
