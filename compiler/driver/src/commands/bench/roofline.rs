//! The roofline as a picture: operations per byte across, operations per second upwards, both by powers of ten; a dot for each kernel, the larger the longer it takes.

use super::Peak;
use tensc_runtime::StepProfile;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 440.0;
const MARGIN: f64 = 56.0;

/// Where numbers lie in the picture.
struct Axes {
    x: (f64, f64),
    y: (f64, f64),
}

impl Axes {
    fn at(&self, intensity: f64, rate: f64) -> (f64, f64) {
        let share = |value: f64, (low, high): (f64, f64)| (value.max(1e-30).log10() - low) / (high - low);
        let x = MARGIN + share(intensity, self.x) * (WIDTH - 2.0 * MARGIN);
        let y = HEIGHT - MARGIN - share(rate, self.y) * (HEIGHT - 2.0 * MARGIN);
        (x.clamp(MARGIN, WIDTH - MARGIN), y.clamp(MARGIN, HEIGHT - MARGIN))
    }
}

/// An SVG of these steps under the machine's roof.
pub(super) fn picture(steps: &[&StepProfile], peak: Peak) -> String {
    let top = peak.flops.log10().ceil();
    let axes = Axes { x: (-2.0, 3.0), y: (top - 4.0, top) };
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n"
    );
    for power in -2..=3 {
        let (x, y) = axes.at(10_f64.powi(power), 1.0);
        text.push_str(&format!(
            "<path d=\"M{x:.1} {MARGIN} V{y:.1}\" stroke=\"#ddd\"/><text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n",
            y + 16.0,
            10_f64.powi(power)
        ));
    }
    for power in 0..=4 {
        let rate = 10_f64.powf(top - 4.0 + f64::from(power));
        let (x, y) = axes.at(1e-9, rate);
        text.push_str(&format!(
            "<path d=\"M{x:.1} {y:.1} H{:.1}\" stroke=\"#ddd\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\n",
            WIDTH - MARGIN,
            x - 6.0,
            y + 4.0,
            rate / 1e9
        ));
    }
    let ridge = peak.flops / peak.bandwidth;
    let points = [(1e-2, 1e-2 * peak.bandwidth), (ridge, peak.flops), (1e3, peak.flops)];
    let roof: Vec<String> =
        points.iter().map(|(i, r)| axes.at(*i, *r)).map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    text.push_str(&format!(
        "<polyline points=\"{}\" fill=\"none\" stroke=\"black\" stroke-width=\"2\"/>\n",
        roof.join(" ")
    ));
    let total: f64 = steps.iter().map(|step| step.time.as_secs_f64()).sum::<f64>().max(1e-12);
    for step in steps.iter().filter(|step| step.flops > 0.0 && step.bytes > 0.0) {
        let seconds = step.time.as_secs_f64().max(1e-12);
        let (x, y) = axes.at(step.flops / step.bytes, step.flops / seconds);
        let share = seconds / total;
        text.push_str(&format!(
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{:.1}\" fill=\"#3366cc\" fill-opacity=\"0.55\"><title>{}: {:.1} % of the time</title></circle>\n",
            3.0 + 18.0 * share.sqrt(),
            escaped(&step.name),
            100.0 * share
        ));
        if share >= 0.02 {
            text.push_str(&format!(
                "<text x=\"{:.1}\" y=\"{:.1}\">{}</text>\n",
                x + 8.0,
                y - 8.0,
                escaped(&step.name)
            ));
        }
    }
    text.push_str(&format!(
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">operations per byte</text>\n<text x=\"{MARGIN}\" y=\"{:.1}\">GFLOP/s; roof: {:.0} GFLOP/s, {:.1} GB/s</text>\n</svg>\n",
        WIDTH / 2.0,
        HEIGHT - 12.0,
        MARGIN - 16.0,
        peak.flops / 1e9,
        peak.bandwidth / 1e9
    ));
    text
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
