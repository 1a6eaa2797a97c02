//! What looks like a law and is none.
//!
//! `tensc explain` tells where one of these would have fitted and why it was not done. Nothing here is ever applied; the tests of this file show for each that the two sides differ.

use super::{Refusal, terms_where};
use crate::facts::Graph;
use crate::language::{Head, Term};
use egg::{Id, Pattern, Searcher};
use tensc_ir::analyse::recurrence::{Class, classify};
use tensc_ir::{Form, Op, Rec};

/// Something that is not done, with the reason.
pub(crate) struct Lookalike {
    pub(crate) name: &'static str,
    /// What one would like to write.
    pub(crate) law: &'static str,
    /// Where it would fit, each with the reason.
    pub(crate) places: fn(&Graph) -> Vec<Refusal>,
}

pub(crate) const LOOKALIKES: &[Lookalike] = &[
    Lookalike {
        name: "resonance-out-of-the-loop",
        law: "(rec c = (a c + b) r) is not (rec c = a c + b) r",
        places: resonance_in_loop,
    },
    Lookalike { name: "tanh-for-erf", law: "erf GELU is not tanh GELU", places: erf_gelu },
    Lookalike {
        name: "another-period",
        law: "an exception every n steps is not one every m steps",
        places: periodic,
    },
    Lookalike {
        name: "parallel-forms",
        law: "only what is linear in its earlier state has other forms",
        places: nonlinear,
    },
];

fn recurrences(egraph: &Graph) -> Vec<(Id, &Rec)> {
    let mut found = Vec::new();
    for (class, term) in terms_where(egraph, |_, term| matches!(term.head, Head::Op(_))) {
        if let Head::Op(id) = term.head
            && let Some(Op::Rec(rec)) = egraph.analysis.op(id)
            && rec.form == Form::Step
        {
            found.push((class, rec.as_ref()));
        }
    }
    found
}

fn resonance_in_loop(egraph: &Graph) -> Vec<Refusal> {
    let inside = |rec: &Rec| {
        classify(rec).iter().any(|group| match &group.class {
            Class::DenseConstant { terms } => terms.iter().any(|term| term.matrix.is_some()),
            Class::DiagonalConstant { .. }
            | Class::DiagonalVarying { .. }
            | Class::DecayedOuter { .. }
            | Class::RankOne { .. }
            | Class::Periodic { .. }
            | Class::Affine
            | Class::Nonlinear => false,
        })
    };
    let found = recurrences(egraph).into_iter().filter(|(_, rec)| inside(rec));
    let why =
        "the matrix acts on the state in every step; outside it would act once, which is another function";
    found.map(|(class, _)| Refusal { class, why: why.to_owned() }).collect()
}

fn erf_gelu(egraph: &Graph) -> Vec<Refusal> {
    let text = "(mul (mul ?x ?half) (add (erf (mul ?x ?scale)) ?one))";
    let Ok(pattern) = text.parse::<Pattern<Term>>() else { return Vec::new() };
    let why = "they differ by up to 5e-4";
    pattern
        .search(egraph)
        .into_iter()
        .map(|found| Refusal { class: found.eclass, why: why.to_owned() })
        .collect()
}

fn periodic(egraph: &Graph) -> Vec<Refusal> {
    let mut found = Vec::new();
    for (class, rec) in recurrences(egraph) {
        for group in classify(rec) {
            if let Class::Periodic { period, .. } = group.class {
                let why = format!(
                    "the period {period} is part of the function: with another its values are others"
                );
                found.push(Refusal { class, why });
            }
        }
    }
    found
}

fn nonlinear(egraph: &Graph) -> Vec<Refusal> {
    let is = |rec: &Rec| classify(rec).iter().any(|group| group.class == Class::Nonlinear);
    let found = recurrences(egraph).into_iter().filter(|(_, rec)| is(rec));
    found
        .map(|(class, _)| Refusal { class, why: "its step is not linear in the earlier state".to_owned() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::{encode, known_by_role};
    use tensc_ir::{Array, Graph as Written, Options, Sizes, interpret, parse_graph, verify};

    fn values(text: &str, inputs: &[Array]) -> Vec<f64> {
        let graph = verify(parse_graph(text).unwrap()).unwrap();
        let sizes = Sizes::from([("T".into(), 4)]);
        let results = interpret(&graph, inputs, &sizes, &Options::default()).unwrap();
        match results[0].data() {
            tensc_ir::array::Data::Real(x) => x.clone(),
            other => panic!("{other:?}"),
        }
    }

    fn places(graph: &Written, name: &str) -> usize {
        let known: Vec<_> = graph.inputs.iter().map(|input| known_by_role(&input.role)).collect();
        let lookalike = LOOKALIKES.iter().find(|one| one.name == name).unwrap();
        (lookalike.places)(&encode(graph, &known).egraph).len()
    }

    const INSIDE: &str = r#"graph inside {
  input 0 x : f32[T, 2] argument
  input 1 r : f32[2, 2] param "r"
  v0 = input 0 : f32[T, 2]
  v1 = input 1 : f32[2, 2]
  v2 = const f32 0.0 : f32
  v3 = broadcast [2] axes [] v2 : f32[2]
  v4, v5 = rec step forward T axis 0 sequences(v0) constants(v1) states(line 0 depth 1) start(v3) : f32[T, 2], f32[2] {
    input 0 t : i32 local
    input 1 c.1 : f32[2] local
    input 2 sequence0 : f32[2] local
    input 3 outer0 : f32[2, 2] local
    v0 = input 1 : f32[2]
    v1 = input 2 : f32[2]
    v2 = input 3 : f32[2, 2]
    v3 = add v0, v1 : f32[2]
    v4 = contract "a,ab->b" v3, v2 : f32[2]
    output c = v4
  }
  output y = v4
}"#;

    const OUTSIDE: &str = r#"graph outside {
  input 0 x : f32[T, 2] argument
  input 1 r : f32[2, 2] param "r"
  v0 = input 0 : f32[T, 2]
  v1 = input 1 : f32[2, 2]
  v2 = cumsum axis 0 v0 : f32[T, 2]
  v3 = contract "ab,bc->ac" v2, v1 : f32[T, 2]
  output y = v3
}"#;

    #[test]
    fn resonance_inside_and_outside_are_two_functions() {
        let x = Array::f32(&[4, 2], &[1.0, 0.5, -1.0, 2.0, 0.25, 1.0, 0.0, -1.0]).unwrap();
        let r = Array::f32(&[2, 2], &[1.0, 0.1, -0.2, 1.0]).unwrap();
        let (inside, outside) = (values(INSIDE, &[x.clone(), r.clone()]), values(OUTSIDE, &[x, r]));
        let apart = inside.iter().zip(&outside).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(apart > 0.1, "{inside:?} {outside:?}");
        assert_eq!(places(&parse_graph(INSIDE).unwrap(), "resonance-out-of-the-loop"), 1);
        assert_eq!(places(&parse_graph(OUTSIDE).unwrap(), "resonance-out-of-the-loop"), 0);
    }

    #[test]
    fn erf_gelu_is_told() {
        let text = r#"graph gelu {
  input 0 x : f32[T] argument
  v0 = input 0 : f32[T]
  v1 = const f32 0.5 : f32
  v2 = mul v0, v1 : f32[T]
  v3 = const f32 0.7071067811865476 : f32
  v4 = mul v0, v3 : f32[T]
  v5 = erf v4 : f32[T]
  v6 = const f32 1.0 : f32
  v7 = add v5, v6 : f32[T]
  v8 = mul v2, v7 : f32[T]
  output y = v8
}"#;
        assert_eq!(places(&parse_graph(text).unwrap(), "tanh-for-erf"), 1);
        // The difference that the reason speaks of, at its largest.
        let erf = |x: f64| x / 2.0 * (1.0 + erf_series(x / 2f64.sqrt()));
        let tanh = |x: f64| {
            x / 2.0 * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x * x * x)).tanh())
        };
        let most = (0..800)
            .map(|n| f64::from(n) / 100.0 - 4.0)
            .map(|x| (erf(x) - tanh(x)).abs())
            .fold(0.0, f64::max);
        assert!((2e-4..5e-4).contains(&most), "{most}");
    }

    /// By its series: Abramowitz and Stegun 7.1.5.
    fn erf_series(x: f64) -> f64 {
        let mut term = x;
        let mut sum = x;
        for n in 1..60 {
            let n = f64::from(n);
            term *= -x * x / n;
            sum += term / (2.0 * n + 1.0);
        }
        2.0 / std::f64::consts::PI.sqrt() * sum
    }
}
