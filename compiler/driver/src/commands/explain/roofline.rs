//! The roofline of a target, with each kernel's work per byte and what the cost model gives it: inline SVG.

use super::page::escaped;
use std::fmt::Write as _;
use tensc_optimize::Target;
use tensc_optimize::report::{Cost, NodeKind, PictureNode, duration, scaled};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 330.0;
const LEFT: f64 = 62.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 44.0;
/// Decades of FLOPs per byte, and of FLOP/s.
const INTENSITY: (f64, f64) = (-2.0, 3.0);
const SPEED: (f64, f64) = (8.0, 12.0);

/// A call before and after, and the kernels of all units after, each with how often it runs.
pub(super) fn picture(target: &Target, before: Cost, after: Cost, kernels: &[(&PictureNode, f64)]) -> String {
    let mut svg = format!(r#"<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="roofline">"#);
    grid(&mut svg);
    roof(&mut svg, target);
    let longest = kernels.iter().map(|(node, times)| node.cost.seconds * times).fold(1e-12, f64::max);
    for (node, times) in kernels {
        let cost = node.cost;
        if node.kind != NodeKind::Main || cost.flops <= 0.0 || cost.seconds <= 0.0 {
            continue;
        }
        let radius = 3.0 + 9.0 * (cost.seconds * times / longest).sqrt();
        let tip = format!(
            "{} {} · {} FLOPs · {} · {}",
            node.label,
            node.ty,
            scaled(cost.flops, ""),
            scaled(cost.bytes, "B"),
            duration(cost.seconds)
        );
        let class = if node.changed { "dot new" } else { "dot" };
        let (x, y) = at(cost);
        let _ = write!(
            svg,
            r#"<circle class="{class}" cx="{x:.1}" cy="{y:.1}" r="{radius:.1}"><title>{}</title></circle>"#,
            escaped(&tip)
        );
    }
    for (name, class, cost, above) in
        [("before", "whole old", before, false), ("after", "whole", after, true)]
    {
        let (x, y) = at(cost);
        let _ = write!(svg, r#"<path class="{class}" d="M {x:.1} {:.1} l 6 6 l -6 6 l -6 -6 z"/>"#, y - 6.0);
        let label = if above { y - 14.0 } else { y + 22.0 };
        let _ = write!(
            svg,
            r#"<text class="name" x="{x:.1}" y="{label:.1}" text-anchor="middle">{name} {}</text>"#,
            duration(cost.seconds)
        );
    }
    svg.push_str("</svg>");
    svg
}

fn x(intensity: f64) -> f64 {
    let share = (intensity.max(1e-9).log10() - INTENSITY.0) / (INTENSITY.1 - INTENSITY.0);
    LEFT + share.clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
}

fn y(speed: f64) -> f64 {
    let share = (speed.max(1.0).log10() - SPEED.0) / (SPEED.1 - SPEED.0);
    HEIGHT - BOTTOM - share.clamp(0.0, 1.0) * (HEIGHT - TOP - BOTTOM)
}

fn at(cost: Cost) -> (f64, f64) {
    (x(cost.flops / cost.bytes.max(1.0)), y(cost.flops / cost.seconds.max(1e-12)))
}

fn grid(svg: &mut String) {
    let (floor, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
    for (decade, name) in (-2..=3).zip(["0.01", "0.1", "1", "10", "100", "1000"]) {
        let x = x(10f64.powi(decade));
        let _ = write!(svg, r#"<path class="grid" d="M {x:.1} {TOP} V {floor}"/>"#);
        let _ = write!(svg, r#"<text x="{x:.1}" y="{}" text-anchor="middle">{name}</text>"#, floor + 16.0);
    }
    for (decade, name) in (8..=12).zip(["0.1 G", "1 G", "10 G", "100 G", "1 T"]) {
        let y = y(10f64.powi(decade));
        let _ = write!(svg, r#"<path class="grid" d="M {LEFT} {y:.1} H {right}"/>"#);
        let _ = write!(svg, r#"<text x="{}" y="{:.1}" text-anchor="end">{name}</text>"#, LEFT - 6.0, y + 4.0);
    }
    let middle = (LEFT + right) / 2.0;
    let _ =
        write!(svg, r#"<text x="{middle}" y="{}" text-anchor="middle">FLOPs per byte</text>"#, HEIGHT - 8.0);
    let _ = write!(
        svg,
        r#"<text transform="translate(14 {}) rotate(-90)" text-anchor="middle">FLOP/s</text>"#,
        (TOP + floor) / 2.0
    );
}

fn roof(svg: &mut String, target: &Target) {
    let lowest = 10f64.powf(INTENSITY.0);
    for (peak, class, name) in
        [(target.vector_flops, "roof thin", "vectors"), (target.matrix_flops, "roof", "products")]
    {
        let ridge = peak / target.bandwidth;
        let _ = write!(
            svg,
            r#"<path class="{class}" d="M {:.1} {:.1} L {:.1} {:.1} H {}"/>"#,
            x(lowest),
            y(lowest * target.bandwidth),
            x(ridge),
            y(peak),
            WIDTH - RIGHT
        );
        let _ = write!(
            svg,
            r#"<text x="{:.1}" y="{:.1}" text-anchor="end">{name} {}FLOP/s</text>"#,
            x(ridge) - 12.0,
            y(peak) + 3.0,
            scaled(peak, "")
        );
    }
    let middle = 0.06;
    let _ = write!(
        svg,
        r#"<text x="{:.1}" y="{:.1}" text-anchor="end">memory {}/s</text>"#,
        x(middle) - 6.0,
        y(middle * target.bandwidth) - 4.0,
        scaled(target.bandwidth, "B")
    );
}
