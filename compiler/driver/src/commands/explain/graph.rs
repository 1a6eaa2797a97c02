//! A graph as a picture, inputs above, results below: inline SVG.
//!
//! Drawn is what is worth a box: kernels and library calls, arguments, results, what prepare computes for them. Elementwise work and views are drawn as the lines that they become when they are
//! fused into their neighbours. What reaches a box through another one has no line of its own. Layers are longest paths; within a layer, nodes stand near the middle of what they read.

#![expect(clippy::indexing_slicing, reason = "positions are those of the boxes that they index")]

use super::page::escaped;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use tensc_optimize::report::{NodeKind, PictureNode, duration, scaled};

const BOX: (f64, f64) = (122.0, 34.0);
const GAP: (f64, f64) = (12.0, 26.0);

struct Drawn<'a> {
    node: &'a PictureNode,
    operands: Vec<usize>,
    layer: usize,
    x: f64,
}

pub(super) fn picture(nodes: &[PictureNode]) -> String {
    let mut drawn = boxes(nodes);
    let layers = place(&mut drawn);
    let slowest = drawn.iter().map(|one| one.node.cost.seconds).fold(1e-12, f64::max);
    let (pitch_x, pitch_y) = (BOX.0 + GAP.0, BOX.1 + GAP.1);
    let widest = drawn.iter().map(|one| one.x).fold(0.0, f64::max);
    let (width, height) = ((widest + 1.0) * pitch_x + GAP.0, layers as f64 * pitch_y + GAP.1);
    let mut svg = format!(
        r#"<svg class="graph" viewBox="0 0 {width:.0} {height:.0}" style="max-width:{width:.0}px;min-width:{:.0}px" role="img" aria-label="graph">"#,
        width * 0.45
    );
    let corner = |one: &Drawn<'_>| (one.x * pitch_x + GAP.0, one.layer as f64 * pitch_y + GAP.1 / 2.0);
    for one in &drawn {
        let (x, y) = corner(one);
        for operand in &one.operands {
            let (from_x, from_y) = corner(&drawn[*operand]);
            let (start, end) = ((from_x + BOX.0 / 2.0, from_y + BOX.1), (x + BOX.0 / 2.0, y));
            let bend = (end.1 - start.1) / 2.0;
            let _ = write!(
                svg,
                r#"<path class="edge" d="M {:.0} {:.0} C {:.0} {:.0} {:.0} {:.0} {:.0} {:.0}"/>"#,
                start.0,
                start.1,
                start.0,
                start.1 + bend,
                end.0,
                end.1 - bend,
                end.0,
                end.1
            );
        }
    }
    for one in &drawn {
        let (x, y) = corner(one);
        one_box(&mut svg, one.node, x, y, one.node.cost.seconds / slowest);
    }
    svg.push_str("</svg>");
    svg
}

fn one_box(svg: &mut String, node: &PictureNode, x: f64, y: f64, heat: f64) {
    let kind = match node.kind {
        NodeKind::Argument => "argument",
        NodeKind::Given => "given",
        NodeKind::Prepared => "prepared",
        NodeKind::Main => "main",
    };
    let new = if node.changed { " new" } else { "" };
    let tip = format!(
        "{} : {}\n{} FLOPs, {}, {}",
        node.label,
        node.ty,
        scaled(node.cost.flops, ""),
        scaled(node.cost.bytes, "B"),
        duration(node.cost.seconds)
    );
    let _ = write!(svg, r#"<g class="{kind}{new}"><title>{}</title>"#, escaped(&tip));
    let _ = write!(svg, r#"<rect x="{x:.0}" y="{y:.0}" width="{}" height="{}" rx="5"/>"#, BOX.0, BOX.1);
    if node.kind == NodeKind::Main {
        let bar = heat.clamp(0.0, 1.0) * BOX.0;
        let _ = write!(
            svg,
            r#"<rect class="heat" x="{x:.0}" y="{:.0}" width="{bar:.1}" height="4"/>"#,
            y + BOX.1 - 4.0
        );
    }
    let middle = x + BOX.0 / 2.0;
    let second = match node.kind {
        NodeKind::Main if node.cost.seconds > 0.0 => duration(node.cost.seconds),
        NodeKind::Main | NodeKind::Argument | NodeKind::Given => node.ty.clone(),
        NodeKind::Prepared => "prepared".to_owned(),
    };
    let _ = write!(
        svg,
        r#"<text class="name" x="{middle:.0}" y="{:.0}" text-anchor="middle">{}</text><text x="{middle:.0}" y="{:.0}" text-anchor="middle">{}</text></g>"#,
        y + 14.0,
        escaped(&shortened(&node.label, 18)),
        y + 26.0,
        escaped(&shortened(&second, 20))
    );
}

fn shortened(text: &str, length: usize) -> String {
    if text.chars().count() <= length {
        return text.to_owned();
    }
    text.chars().take(length - 1).chain(std::iter::once('…')).collect()
}

/// The nodes that get a box, with the boxes that they read.
fn boxes(nodes: &[PictureNode]) -> Vec<Drawn<'_>> {
    // For each node, the boxes that it stands for: itself, or those that it reads.
    let mut stands_for: Vec<BTreeSet<usize>> = Vec::with_capacity(nodes.len());
    let mut drawn: Vec<Drawn<'_>> = Vec::new();
    // For each box, all boxes above it.
    let mut above: Vec<BTreeSet<usize>> = Vec::new();
    for node in nodes {
        let mut read: BTreeSet<usize> =
            node.operands.iter().filter_map(|n| stands_for.get(*n)).flatten().copied().collect();
        let worth = match node.kind {
            NodeKind::Argument => true,
            NodeKind::Given => false,
            NodeKind::Prepared => node.changed && node.cost.kernels > 0.0,
            NodeKind::Main => node.cost.kernels > 0.0 || (node.result && read.len() != 1),
        };
        if worth {
            // A box that is reached through another one needs no line of its own.
            let further: BTreeSet<usize> = read.iter().flat_map(|n| &above[*n]).copied().collect();
            let all: BTreeSet<usize> = read.union(&further).copied().collect();
            read = read.difference(&further).copied().collect();
            above.push(all);
            let layer = read.iter().map(|n| drawn[*n].layer + 1).max().unwrap_or(0);
            drawn.push(Drawn {
                node,
                operands: std::mem::take(&mut read).into_iter().collect(),
                layer,
                x: 0.0,
            });
            read.insert(drawn.len() - 1);
        }
        stands_for.push(read);
    }
    drawn
}

/// Gives each box its place within its layer; how many layers there are.
fn place(drawn: &mut [Drawn<'_>]) -> usize {
    let layers = drawn.iter().map(|one| one.layer + 1).max().unwrap_or(0);
    // What nothing below an input reads stands right above its first reader.
    for n in (0..drawn.len()).rev() {
        let reader = drawn.iter().filter(|one| one.operands.contains(&n)).map(|one| one.layer).min();
        if let (true, Some(reader)) = (drawn[n].operands.is_empty(), reader) {
            drawn[n].layer = reader - 1;
        }
    }
    let widest =
        (0..layers).map(|layer| drawn.iter().filter(|one| one.layer == layer).count()).max().unwrap_or(1);
    for _ in 0..3 {
        for layer in 0..layers {
            let mut members: Vec<(f64, usize)> = Vec::new();
            for (n, one) in drawn.iter().enumerate().filter(|(_, one)| one.layer == layer) {
                let readers: Vec<f64> =
                    drawn.iter().filter(|other| other.operands.contains(&n)).map(|other| other.x).collect();
                let near: Vec<f64> =
                    one.operands.iter().map(|operand| drawn[*operand].x).chain(readers).collect();
                let middle =
                    if near.is_empty() { one.x } else { near.iter().sum::<f64>() / near.len() as f64 };
                members.push((middle, n));
            }
            members.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            let first = (widest - members.len()) as f64 / 2.0;
            for (place, (_, n)) in members.into_iter().enumerate() {
                drawn[n].x = first + place as f64;
            }
        }
    }
    layers
}
