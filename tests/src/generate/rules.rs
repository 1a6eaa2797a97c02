//! How a value other than a recurrence is made.

use super::{Draw, Kind, Made, Rule, Size, Value};

/// An elementwise result: the operands' shape (equal shapes), exact in none.
fn like(value: &Value, text: String) -> Made {
    shaped(value, value.shape.clone(), text)
}

fn shaped(value: &Value, shape: Vec<Size>, text: String) -> Made {
    Made { before: vec![], text, kind: value.kind, shape, exact: false, causal: value.causal, also: vec![] }
}

fn of_kind(value: &Value, kind: Kind, text: String) -> Made {
    Made { kind, ..like(value, text) }
}

fn real(draw: &mut Draw) -> Option<Value> {
    draw.pick(|value| value.kind == Kind::F32)
}

fn complex(draw: &mut Draw) -> Option<Value> {
    draw.pick(|value| value.kind == Kind::C64)
}

fn rows(draw: &mut Draw, kind: Kind, width: usize) -> Option<Value> {
    draw.pick(|value| value.kind == kind && value.shape == [Size::T, Size::N(width)])
}

fn exact(draw: &mut Draw, kind: Kind) -> Option<Value> {
    draw.pick(|value| value.kind == kind && value.exact)
}

/// Another value of the same type.
fn partner(draw: &mut Draw, value: &Value) -> Option<Value> {
    let (kind, shape) = (value.kind, value.shape.clone());
    draw.pick(|other| other.kind == kind && other.shape == shape)
}

fn both(one: &Value, other: &Value, made: Made) -> Made {
    // A value without time counts as causal beside one with it.
    let causal = |value: &Value| value.causal || !value.shape.contains(&Size::T);
    Made { causal: causal(one) && causal(other) && made.shape.first() == Some(&Size::T), ..made }
}

macro_rules! binary {
    ($label:literal, $text:literal) => {
        Rule {
            label: $label,
            make: |draw| {
                let a = real(draw)?;
                let b = partner(draw, &a)?;
                let text = format!($text, a = a.text, b = b.text);
                Some(both(&a, &b, like(&a, text)))
            },
        }
    };
}

/// Of rows of a width; the text is a format of `{a}`.
macro_rules! shape_rule {
    ($label:literal, $width:literal, $text:literal, $shape:expr) => {
        Rule {
            label: $label,
            make: |draw| {
                let a = rows(draw, Kind::F32, $width)?;
                Some(shaped(&a, $shape.to_vec(), format!($text, a = a.text)))
            },
        }
    };
}

macro_rules! elementwise {
    ($label:literal, $text:literal) => {
        Rule {
            label: $label,
            make: |draw| {
                let a = real(draw)?;
                Some(like(&a, format!($text, a = a.text)))
            },
        }
    };
}

macro_rules! on_complex {
    ($label:literal, $text:literal, $kind:expr) => {
        Rule {
            label: $label,
            make: |draw| {
                let a = complex(draw)?;
                Some(of_kind(&a, $kind, format!($text, a = a.text)))
            },
        }
    };
}

/// A reduction of the last axis, which must not be time.
macro_rules! reduction {
    ($label:literal) => {
        Rule {
            label: $label,
            make: |draw| {
                let a = draw.pick(|value| {
                    value.kind == Kind::F32 && matches!(value.shape.last(), Some(Size::N(_)))
                })?;
                let shape = a.shape[..a.shape.len() - 1].to_vec();
                let made = shaped(&a, shape, format!(concat!($label, "({a})"), a = a.text));
                Some(Made { causal: made.causal && !made.shape.is_empty(), ..made })
            },
        }
    };
}

macro_rules! comparison {
    ($label:literal, $op:literal) => {
        Rule {
            label: $label,
            make: |draw| {
                let a = exact(draw, Kind::F32)?;
                let made = Made {
                    exact: true,
                    ..of_kind(&a, Kind::Bool, format!(concat!("{a} ", $op, " 0.5"), a = a.text))
                };
                Some(made)
            },
        }
    };
}

const T: Size = Size::T;
const N2: Size = Size::N(2);
const N3: Size = Size::N(3);
const N4: Size = Size::N(4);

/// The table; a label is what the rule exercises.
pub(super) const RULES: &[Rule] = &[
    elementwise!("exp", "exp(-abs({a}))"),
    elementwise!("log", "log(1.5 + abs({a}))"),
    elementwise!("sqrt", "sqrt(abs({a}) + 0.25)"),
    elementwise!("rsqrt", "rsqrt({a} * {a} + 1)"),
    elementwise!("tanh", "tanh({a})"),
    elementwise!("sigmoid", "sigmoid({a})"),
    elementwise!("silu", "silu({a})"),
    elementwise!("relu", "relu({a})"),
    elementwise!("softplus", "softplus({a})"),
    elementwise!("sin", "sin({a})"),
    elementwise!("cos", "cos({a})"),
    elementwise!("gelu", "gelu({a})"),
    elementwise!("gelu_tanh", "gelu_tanh({a})"),
    elementwise!("operator ^", "tanh({a}) ^ 2"),
    elementwise!("operator unary -", "-{a}"),
    elementwise!("pipe", "{a} |> tanh |> max(0.1)"),
    elementwise!("block", "{{ let inner = tanh({a}); inner * inner }}"),
    elementwise!("detach", "detach({a})"),
    elementwise!("dropout", "dropout({a}, 0.5)"),
    elementwise!("comprehension", "sum(tanh({a} * i) for i in 1..4)"),
    elementwise!("list", "[tanh({a}), {a}][1]"),
    binary!("operator +", "{a} + {b}"),
    binary!("operator -", "{a} - {b}"),
    binary!("operator *", "tanh({a}) * {b}"),
    binary!("operator /", "{a} / (1.5 + abs({b}))"),
    binary!("max", "max({a}, {b})"),
    binary!("min", "min({a}, {b})"),
    Rule {
        label: "floor",
        make: |draw| {
            let a = exact(draw, Kind::F32)?;
            Some(like(&a, format!("floor(2 * {}) / 2", a.text)))
        },
    },
    Rule {
        label: "ceil",
        make: |draw| {
            let a = exact(draw, Kind::F32)?;
            Some(like(&a, format!("ceil({}) - {0}", a.text)))
        },
    },
    Rule {
        label: "round",
        make: |draw| {
            let a = exact(draw, Kind::F32)?;
            Some(like(&a, format!("round(4 * {})", a.text)))
        },
    },
    comparison!("operator <", "<"),
    comparison!("operator <=", "<="),
    comparison!("operator >", ">"),
    comparison!("operator >=", ">="),
    comparison!("operator ==", "=="),
    comparison!("operator !=", "!="),
    Rule {
        label: "and or !",
        make: |draw| {
            let a = exact(draw, Kind::Bool)?;
            let b = partner(draw, &a)?;
            let text = format!("({} or !{}) and !({0} and {1})", a.text, b.text);
            Some(Made { exact: true, ..both(&a, &b, like(&a, text)) })
        },
    },
    Rule {
        label: "where",
        make: |draw| {
            let a = rows(draw, Kind::F32, 4)?;
            let b = partner(draw, &a)?;
            let c = draw.pick(|value| value.kind == Kind::Bool && value.exact && value.shape == [T])?;
            let made = both(&a, &b, like(&a, format!("where({}[.., none], {}, {})", c.text, a.text, b.text)));
            Some(both(&a, &c, Made { causal: made.causal, ..like(&a, made.text) }))
        },
    },
    Rule {
        label: "if elementwise",
        make: |draw| {
            let a = exact(draw, Kind::F32)?;
            let text = format!("if {0} > 0.25 {{ {0} }} else {{ 0.1 * {0} - 1 }}", a.text);
            Some(like(&a, text))
        },
    },
    Rule {
        label: "if scalar",
        make: |draw| {
            let a = real(draw)?;
            Some(like(&a, format!("if k > 2 {{ sin({0}) }} else {{ {0} / 2 }}", a.text)))
        },
    },
    Rule {
        label: "integers",
        make: |draw| {
            let a = exact(draw, Kind::I32)?;
            Some(Made { exact: true, ..like(&a, format!("(3 * {0} + k - 7) % 5", a.text)) })
        },
    },
    Rule {
        label: "integer to float",
        make: |draw| {
            let a = exact(draw, Kind::I32)?;
            Some(Made { exact: true, ..of_kind(&a, Kind::F32, format!("f32({}) / 4", a.text)) })
        },
    },
    Rule {
        label: "float to integer",
        make: |draw| {
            let a = exact(draw, Kind::F32)?;
            Some(Made { exact: true, ..of_kind(&a, Kind::I32, format!("i32(8 * {}) % 5", a.text)) })
        },
    },
    Rule {
        label: "bool to float",
        make: |draw| {
            let a = exact(draw, Kind::Bool)?;
            Some(Made { exact: true, ..of_kind(&a, Kind::F32, format!("f32({})", a.text)) })
        },
    },
    reduction!("sum"),
    reduction!("mean"),
    reduction!("var"),
    reduction!("norm"),
    reduction!("logsumexp"),
    Rule {
        label: "max over an axis",
        make: |draw| {
            let a = rows(draw, Kind::F32, 4)?;
            Some(shaped(&a, vec![T], format!("max({}) - min({0})", a.text)))
        },
    },
    Rule {
        label: "argmax",
        make: |draw| {
            let a = draw.pick(|value| value.kind == Kind::F32 && value.exact && value.shape == [T, N4])?;
            Some(Made { exact: true, kind: Kind::I32, ..shaped(&a, vec![T], format!("argmax({})", a.text)) })
        },
    },
    shape_rule!("softmax", 4, "softmax({a})", [T, N4]),
    shape_rule!("log_softmax", 4, "log_softmax({a})", [T, N4]),
    shape_rule!("reduction that keeps its axis", 4, "{a} - mean({a}, keep = true)", [T, N4]),
    shape_rule!("cumsum over time", 4, "cumsum(tanh({a}), axis = 0) / 8", [T, N4]),
    shape_rule!("cumsum", 4, "cumsum({a})", [T, N4]),
    shape_rule!("@ a parameter", 4, "{a} @ w", [T, N3]),
    shape_rule!("@ twice", 4, "{a} @ u @ w", [T, N3]),
    shape_rule!("@ a transpose", 3, "{a} @ transpose(w)", [T, N4]),
    shape_rule!("@ a vector", 4, "{a} @ b", [T]),
    shape_rule!("einsum", 4, "einsum(\"td,de->te\", {a}, w)", [T, N3]),
    shape_rule!(
        "einsum over heads",
        4,
        "reshape(einsum(\"thi,hij->thj\", reshape({a}, [T, 2, 2]), reshape(u, [4, 2, 2])[0..2]), [T, 4])",
        [T, N4]
    ),
    shape_rule!("reshape", 4, "reshape({a}, [T, 2, 2])", [T, N2, N2]),
    shape_rule!("permute", 4, "permute(reshape({a}, [T, 2, 2]), [0, 2, 1])", [T, N2, N2]),
    shape_rule!("concat", 3, "concat([{a}, {a}[.., 0..1]], axis = 1)", [T, N4]),
    shape_rule!("stack", 4, "stack([{a}[.., 0], {a}[.., 2]], axis = 1)", [T, N2]),
    shape_rule!("split", 4, "split({a}, 2, axis = 1)[1]", [T, N2]),
    shape_rule!("pad", 3, "pad({a}, 0, 1, axis = 1)", [T, N4]),
    shape_rule!("repeat", 2, "repeat({a}, 2, axis = 1)", [T, N4]),
    shape_rule!("flip", 4, "flip({a}, axis = 1)", [T, N4]),
    shape_rule!("shift", 4, "shift({a}, 2)", [T, N4]),
    shape_rule!("conv", 4, "conv({a}, taps)", [T, N4]),
    shape_rule!("column", 4, "{a}[.., -1]", [T]),
    shape_rule!("range of columns", 4, "{a}[.., 1..]", [T, N3]),
    shape_rule!("positions", 4, "{a} + pos[0..T]", [T, N4]),
    shape_rule!("iota", 4, "{a} * cos(iota(T) / 8)[.., none]", [T, N4]),
    shape_rule!("one_hot", 4, "{a} * f32(one_hot(n % 4, 4))", [T, N4]),
    shape_rule!("tril", 4, "{a} @ tril(u, -1)", [T, N4]),
    shape_rule!("triu", 4, "{a} @ triu(u)", [T, N4]),
    shape_rule!("eye", 4, "{a} @ (eye(4) + u)", [T, N4]),
    shape_rule!("linspace", 4, "{a} * linspace(0, 1, 4)", [T, N4]),
    shape_rule!("zeros ones", 4, "{a} * (ones([4]) + zeros([T, 1]))", [T, N4]),
    shape_rule!("outer", 4, "{a} @ outer(b, b)", [T, N4]),
    shape_rule!("weights only", 4, "{a} @ (u @ w / (1 + norm(u, axis = all)))", [T, N3]),
    shape_rule!("rfft irfft", 4, "irfft(rfft({a}, axis = 1) * 0.5, axis = 1)", [T, N4]),
    Rule {
        label: "new axis",
        make: |draw| {
            let a = draw.pick(|value| value.kind == Kind::F32 && value.shape == [T])?;
            Some(shaped(&a, vec![T, N4], format!("{}[.., none] * b", a.text)))
        },
    },
    Rule {
        label: "gather",
        make: |draw| {
            let a = draw.pick(|value| value.kind == Kind::I32 && value.exact && value.shape == [T])?;
            Some(Made { kind: Kind::F32, ..shaped(&a, vec![T, N4], format!("table[{} % 5]", a.text)) })
        },
    },
    Rule {
        label: "guarded gather",
        make: |draw| {
            // -2 and -1 would be out of range, were they looked up.
            let a = draw.pick(|value| value.kind == Kind::I32 && value.exact && value.shape == [T])?;
            let text = format!("if {0} % 5 > 1 {{ b[{0} % 5 - 2] }} else {{ -1 }}", a.text);
            Some(Made { kind: Kind::F32, ..like(&a, text) })
        },
    },
    Rule {
        label: "last",
        make: |draw| {
            let a = rows(draw, Kind::F32, 4)?;
            Some(Made { causal: false, ..shaped(&a, vec![N4], format!("last({})", a.text)) })
        },
    },
    Rule {
        label: "sum over time",
        make: |draw| {
            let a = rows(draw, Kind::F32, 4)?;
            Some(Made {
                causal: false,
                ..shaped(&a, vec![N4], format!("sum(tanh({}), axis = 0) / 8", a.text))
            })
        },
    },
    Rule {
        label: "flip time",
        make: |draw| {
            let a = rows(draw, Kind::F32, 4)?;
            Some(Made { causal: false, ..like(&a, format!("flip({})", a.text)) })
        },
    },
    Rule {
        label: "shift to later",
        make: |draw| {
            let a = rows(draw, Kind::F32, 4)?;
            Some(Made { causal: false, ..like(&a, format!("shift({}, -1)", a.text)) })
        },
    },
    Rule {
        label: "attention",
        make: |draw| {
            let a = rows(draw, Kind::F32, 4)?;
            let b = rows(draw, Kind::F32, 3)?;
            let scores = format!("tanh({0}) @ transpose({0})", a.text);
            let masked = format!("softmax(where(iota(T)[.., none] >= iota(T), {scores}, -inf)) @ {}", b.text);
            Some(Made { causal: false, ..shaped(&b, vec![T, N3], masked) })
        },
    },
    Rule {
        label: "complex",
        make: |draw| {
            let a = rows(draw, Kind::F32, 4)?;
            let b = partner(draw, &a)?;
            Some(both(&a, &b, of_kind(&a, Kind::C64, format!("complex({}, {})", a.text, b.text))))
        },
    },
    Rule {
        label: "polar",
        make: |draw| {
            let a = real(draw)?;
            Some(of_kind(&a, Kind::C64, format!("polar(sigmoid({0}), {0})", a.text)))
        },
    },
    Rule {
        label: "cis",
        make: |draw| {
            let a = real(draw)?;
            Some(of_kind(&a, Kind::C64, format!("cis({})", a.text)))
        },
    },
    on_complex!("re", "re({a})", Kind::F32),
    on_complex!("im", "im({a})", Kind::F32),
    on_complex!("abs of complex", "abs({a})", Kind::F32),
    on_complex!("conj", "conj({a}) * {a} / (1 + abs({a}))", Kind::C64),
    on_complex!("complex exp", "exp(-{a} * conj({a}))", Kind::C64),
    on_complex!("complex sqrt", "sqrt({a} * conj({a}) + 1)", Kind::C64),
    on_complex!("complex /", "{a} / (1.5 + {a} * conj({a}))", Kind::C64),
    on_complex!("arg", "cos(arg({a} + 4))", Kind::F32),
    Rule {
        label: "complex @ real",
        make: |draw| {
            let a = rows(draw, Kind::C64, 4)?;
            Some(shaped(&a, vec![T, N3], format!("{} @ w", a.text)))
        },
    },
    Rule {
        label: "complex @ complex",
        make: |draw| {
            let a = rows(draw, Kind::C64, 4)?;
            Some(shaped(&a, vec![T], format!("{} @ lambda", a.text)))
        },
    },
    Rule {
        label: "fft ifft",
        make: |draw| {
            let a = rows(draw, Kind::C64, 4)?;
            Some(shaped(&a, vec![T, N4], format!("ifft(fft({}, axis = 1) * lambda, axis = 1)", a.text)))
        },
    },
];
