//! How a recurrence is made: a transition of some class, in some shape of `rec`.

use super::{Draw, Kind, Made, Rule, Size, Value, spell};

const T: Size = Size::T;
const N4: Size = Size::N(4);

/// What a `rec` may look like beside `rec c[t] = ..`; counted by the coverage report.
pub(super) const SHAPES: &[&str] = &[
    "rec: from",
    "rec: backward",
    "rec: typed line",
    "rec: braces",
    "rec: line that is no state",
    "rec: let in the step",
    "rec: let of a tuple",
    "rec: position",
    "rec: input one back",
    "rec: last of it",
];

/// A transition: the text of the step with `{c}` for the earlier entry and `{t}` for the index.
struct Transition {
    step: String,
    kind: Kind,
    shape: Vec<Size>,
    /// What the start must be like; none where only zero will do.
    start: Option<&'static str>,
    causal: bool,
}

fn rows(draw: &mut Draw) -> Option<Value> {
    draw.pick(|value| value.kind == Kind::F32 && value.shape == [T, N4])
}

fn row_transition(source: &Value, step: String) -> Transition {
    Transition { step, kind: Kind::F32, shape: vec![N4], start: Some("c0"), causal: source.causal }
}

/// Puts a transition into a shape of `rec`.
fn shaped(draw: &mut Draw, transition: Transition) -> Made {
    let Transition { step, kind, shape, start, mut causal } = transition;
    let mut also = Vec::new();
    let name = draw.name();
    let back = draw.random.below(5) == 0;
    if back {
        also.push("rec: backward");
        causal = false;
    }
    let earlier = format!("{name}[t{}1]", if back { '+' } else { '-' });
    let mut step = step.replace("{c}", &earlier);
    let scalar = shape.len() != 1;
    if !scalar && kind == Kind::F32 && draw.random.below(4) == 0 {
        also.push("rec: position");
        step = format!("{step} + cos(t / 8)");
    }
    if !scalar && kind == Kind::F32 && draw.random.below(4) == 0 {
        also.push("rec: input one back");
        step = format!("{step} + 0.5 * x[t-1]");
    }
    let from = match start {
        Some(start) if draw.random.below(3) == 0 => {
            also.push("rec: from");
            format!(" from {start}")
        }
        Some(_) | None => String::new(),
    };
    let typed = if draw.random.below(3) == 0 {
        also.push("rec: typed line");
        format!(": {}", spell(kind, &shape))
    } else {
        String::new()
    };
    let mut lines = Vec::new();
    match draw.random.below(4) {
        0 => {
            also.push("rec: let in the step");
            lines.push(format!("let before = {earlier}"));
            step = step.replace(&earlier, "before");
        }
        1 => {
            also.push("rec: let of a tuple");
            lines.push(format!("let (before, two) = ({earlier}, 2)"));
            step = format!("{} + two - 2", step.replace(&earlier, "before"));
        }
        _ => {}
    }
    lines.push(format!("{name}[t]{typed} = {step}{from}"));
    let mut result = name.clone();
    if !scalar && kind == Kind::F32 && draw.random.below(3) == 0 {
        also.push("rec: line that is no state");
        let other = draw.name();
        lines.push(format!("{other}[t] = tanh({name}[t]) * 2"));
        result = other;
    }
    let before = if lines.len() == 1 {
        format!("rec {}", lines[0])
    } else {
        also.push("rec: braces");
        let lines: String = lines.iter().map(|line| format!("            {line}\n")).collect();
        format!("rec {{\n{lines}        }}")
    };
    let (text, shape) = if draw.random.below(8) == 0 {
        also.push("rec: last of it");
        causal = false;
        (format!("last({result})"), shape)
    } else {
        (result, [vec![T], shape].concat())
    };
    Made { before: vec![before], text, kind, shape, exact: false, causal, also }
}

macro_rules! of_rows {
    ($label:literal, $step:literal) => {
        Rule {
            label: $label,
            make: |draw| {
                let a = rows(draw)?;
                let transition = row_transition(&a, format!($step, c = "{c}", a = a.text));
                Some(shaped(draw, transition))
            },
        }
    };
}

macro_rules! of_two {
    ($label:literal, $step:literal) => {
        Rule {
            label: $label,
            make: |draw| {
                let (a, b) = (rows(draw)?, rows(draw)?);
                let step = format!($step, c = "{c}", a = a.text, b = b.text);
                let transition = Transition { causal: a.causal && b.causal, ..row_transition(&a, step) };
                Some(shaped(draw, transition))
            },
        }
    };
}

/// The table; a label is a class of recurrence.
pub(super) const RULES: &[Rule] = &[
    of_rows!("diagonal, constant", "decay * {c} + {a}[t]"),
    of_rows!("diagonal, constant scalar", "0.75 * {c} + {a}[t]"),
    of_two!("diagonal, varying", "sigmoid({b}[t]) * {c} + {a}[t]"),
    of_rows!("dense, constant", "(decay * {c} + {a}[t]) @ (u / (1 + norm(u, axis = all)))"),
    of_rows!("nonlinear", "tanh({c} @ u + {a}[t])"),
    of_two!("gated", "sigmoid({a}[t]) * {c} + (1 - sigmoid({a}[t])) * tanh({b}[t] + {c})"),
    of_rows!(
        "periodic",
        "decay * (if t % 3 == 0 {{ {c} @ (u / (1 + norm(u, axis = all))) }} else {{ {c} }}) + {a}[t]"
    ),
    of_rows!("truncated gradient", "decay * (if t % 4 == 0 {{ detach({c}) }} else {{ {c} }}) + {a}[t]"),
    of_rows!("resets", "(if hit[t] {{ 0 }} else {{ {c} }}) * decay + {a}[t]"),
    of_rows!("elementwise choice", "0.5 * max({c}, {a}[t]) + min({a}[t], b)"),
    of_rows!("table by position", "table[t % 5] * 0.2 * {c} + {a}[t]"),
    of_rows!("table by token", "decay * {c} + {a}[t] + table[n[t]]"),
    of_rows!("softmax in the step", "softmax({c} + {a}[t])"),
    Rule {
        label: "diagonal, complex",
        make: |draw| {
            let a = draw.pick(|value| value.kind == Kind::C64 && value.shape == [T, N4])?;
            let step = format!("lambda * {{c}} + {}[t]", a.text);
            let made = Transition {
                step,
                kind: Kind::C64,
                shape: vec![N4],
                start: Some("c0 * lambda"),
                causal: a.causal,
            };
            Some(shaped(draw, made))
        },
    },
    Rule {
        label: "diagonal, varying, complex",
        make: |draw| {
            let a = draw.pick(|value| value.kind == Kind::C64 && value.shape == [T, N4])?;
            let b = rows(draw)?;
            let step = format!("polar(sigmoid({0}[t]), {0}[t]) * {{c}} + {1}[t]", b.text, a.text);
            let causal = a.causal && b.causal;
            Some(shaped(
                draw,
                Transition { step, kind: Kind::C64, shape: vec![N4], start: Some("lambda"), causal },
            ))
        },
    },
    Rule {
        label: "scalar state",
        make: |draw| {
            let a = draw.pick(|value| value.kind == Kind::F32 && value.shape == [T])?;
            let step = format!("0.5 * {{c}} + {}[t]", a.text);
            let causal = a.causal;
            Some(shaped(
                draw,
                Transition { step, kind: Kind::F32, shape: vec![], start: Some("b[0]"), causal },
            ))
        },
    },
    Rule {
        label: "integer state",
        make: |draw| {
            let a = draw.pick(|value| value.kind == Kind::I32 && value.exact && value.shape == [T])?;
            let step = format!("({{c}} + {}[t]) % 7", a.text);
            let transition =
                Transition { step, kind: Kind::I32, shape: vec![], start: Some("k"), causal: a.causal };
            Some(Made { exact: true, ..shaped(draw, transition) })
        },
    },
    Rule {
        label: "matrix state",
        make: |draw| {
            let (a, b) = (rows(draw)?, rows(draw)?);
            let step = format!("0.9 * {{c}} + outer(tanh({}[t]), {}[t])", a.text, b.text);
            let causal = a.causal && b.causal;
            Some(shaped(
                draw,
                Transition { step, kind: Kind::F32, shape: vec![N4, N4], start: Some("u"), causal },
            ))
        },
    },
    Rule {
        label: "matrix state, varying decay",
        make: |draw| {
            let (a, b) = (rows(draw)?, rows(draw)?);
            let step =
                format!("sigmoid({0}[t])[.., none] * {{c}} + outer(tanh({0}[t]), {1}[t])", a.text, b.text);
            let causal = a.causal && b.causal;
            Some(shaped(
                draw,
                Transition { step, kind: Kind::F32, shape: vec![N4, N4], start: Some("u"), causal },
            ))
        },
    },
    Rule {
        label: "delta rule",
        make: |draw| {
            let (a, b) = (rows(draw)?, rows(draw)?);
            let key = draw.name();
            let before = format!("let {key} = {0} / (1 + norm({0}, keep = true))", a.text);
            let step = format!("{{c}} + outer({key}[t], 0.5 * ({0}[t] - {key}[t] @ {{c}}))", b.text);
            let causal = a.causal && b.causal;
            let mut made = shaped(
                draw,
                Transition { step, kind: Kind::F32, shape: vec![N4, N4], start: Some("u"), causal },
            );
            made.before.insert(0, before);
            Some(made)
        },
    },
    Rule {
        label: "two steps back",
        make: |draw| {
            let a = rows(draw)?;
            let name = draw.name();
            let before = format!("rec {name}[t] = 0.5 * {name}[t-1] - 0.25 * {name}[t-2] + {}[t]", a.text);
            Some(Made {
                before: vec![before],
                text: name,
                kind: Kind::F32,
                shape: vec![T, N4],
                exact: false,
                causal: a.causal,
                also: vec![],
            })
        },
    },
    Rule {
        label: "coupled lines",
        make: |draw| {
            let (a, b) = (rows(draw)?, rows(draw)?);
            let (f, s) = (draw.name(), draw.name());
            let before = format!(
                "rec {{\n            {f}[t] = decay * {f}[t-1] + {}[t]\n            {s}[t] = 0.5 * {s}[t-1] + tanh({}[t]) * {f}[t] - 0.1 * {f}[t-1]\n        }}",
                a.text, b.text
            );
            let causal = a.causal && b.causal;
            let text = format!("{f} + {s}");
            Some(Made {
                before: vec![before],
                text,
                kind: Kind::F32,
                shape: vec![T, N4],
                exact: false,
                causal,
                also: vec!["rec: braces"],
            })
        },
    },
    Rule {
        label: "a recurrence over its own result",
        make: |draw| {
            let a = rows(draw)?;
            let (inner, outer) = (draw.name(), draw.name());
            let before = vec![
                format!("rec {inner}[t] = decay * {inner}[t-1] + {}[t]", a.text),
                format!("rec {outer}[t] = 0.5 * {outer}[t-1] + {inner}[t-1]"),
            ];
            Some(Made {
                before,
                text: outer,
                kind: Kind::F32,
                shape: vec![T, N4],
                exact: false,
                causal: a.causal,
                also: vec![],
            })
        },
    },
];
