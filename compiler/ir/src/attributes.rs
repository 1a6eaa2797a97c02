//! What ops hold besides operands, by kind: their bodies and the sizes they mention.

use crate::dim::Dim;
use crate::graph::Graph;
use crate::op::Op;
use std::sync::Arc;

impl Op {
    /// The body of a `rec` or a repeat.
    #[must_use]
    pub fn body(&self) -> Option<&Graph> {
        if let Self::Rec(rec) = self {
            Some(&rec.body)
        } else if let Self::Repeat(repeat) = self {
            Some(&repeat.body)
        } else {
            None
        }
    }

    /// The body of a `rec` or a repeat, to be changed.
    pub fn body_mut(&mut self) -> Option<&mut Graph> {
        if let Self::Rec(rec) = self {
            Some(&mut rec.body)
        } else if let Self::Repeat(repeat) = self {
            Some(&mut repeat.body)
        } else {
            None
        }
    }

    /// The sizes that the op itself mentions; a body's ops speak for themselves.
    #[must_use]
    pub fn dims(&self) -> Vec<&Dim> {
        match self {
            Self::DimValue(dim) => vec![dim],
            Self::Iota { len, start } => vec![len, start],
            Self::Slice { start, len, .. } => vec![start, len],
            Self::Pad { before, after, .. } => vec![before, after],
            Self::Fft { n, .. } => vec![n],
            Self::Reshape { shape }
            | Self::Broadcast { shape, .. }
            | Self::Keep { shape, .. }
            | Self::Draw { shape, .. } => shape.iter().collect(),
            Self::Rec(rec) => vec![&rec.length],
            Self::Input(_)
            | Self::Const(_)
            | Self::Unary(_)
            | Self::Binary(_)
            | Self::Select
            | Self::Cast(_)
            | Self::Reduce { .. }
            | Self::Cumsum { .. }
            | Self::Contract(_)
            | Self::Transpose { .. }
            | Self::Concat { .. }
            | Self::Flip { .. }
            | Self::Gather { .. }
            | Self::Shift { .. }
            | Self::Conv { .. }
            | Self::Last { .. }
            | Self::Repeat(_) => Vec::new(),
        }
    }
}

impl Graph {
    /// Every named run-time size that it and its bodies mention, sorted.
    #[must_use]
    pub fn size_names(&self) -> Vec<Arc<str>> {
        fn walk(graph: &Graph, names: &mut Vec<Arc<str>>) {
            let types = graph.inputs.iter().map(|input| &input.ty);
            for ty in types.chain(graph.values.iter().map(|value| &value.ty)) {
                names.extend(ty.shape.iter().flat_map(Dim::names));
            }
            for node in &graph.nodes {
                names.extend(node.op.dims().into_iter().flat_map(Dim::names));
                if let Some(body) = node.op.body() {
                    walk(body, names);
                }
            }
        }
        let mut names = Vec::new();
        walk(self, &mut names);
        names.sort();
        names.dedup();
        names
    }
}
