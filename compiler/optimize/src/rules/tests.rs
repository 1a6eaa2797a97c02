//! Tests made from the rule tables: each rule fires where its example says, is stopped where its condition says, and every term that it makes equal computes
//! the same function through the interpreter.

use super::{Action, Rule, rules};
use crate::decode::decode;
use crate::encode::{Encoded, encode, known_by_role};
use crate::extract::extract;
use crate::facts::Known;
use crate::language::{Head, Term};
use egg::{ENodeOrVar, Id, Pattern};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use tensc_ir::array::{Array, Data};
use tensc_ir::interpret::{Options, interpret};
use tensc_ir::{Builder, Constant, DType, Graph, Input, Op, Role, Sizes, Type, ValueId, parse_graph, verify};

/// Entries of run-time sizes in the tests.
const LENGTHS: [i64; 4] = [0, 1, 2, 7];

/// A case of a rule as a graph: its own text, or its left side over the metavariables of these types.
fn case(rule: &Rule, text: &str) -> Graph {
    if text.starts_with("graph") {
        return parse_graph(text).unwrap_or_else(|error| panic!("`{}`: {error}", rule.name));
    }
    let Action::Pattern { left, .. } = &rule.action else { panic!("`{}` needs a graph", rule.name) };
    let mut builder = Builder::new(rule.name);
    let mut variables: BTreeMap<String, ValueId> = BTreeMap::new();
    let mut depth = 0;
    let mut parts = vec![String::new()];
    for c in text.chars() {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().unwrap().push(c);
    }
    for part in parts {
        let (name, ty) = part.trim().split_once(": ").unwrap();
        let (kind, ty) = match ty.split_once(' ') {
            Some((kind @ ("w" | "0" | "1"), ty)) => (kind, ty),
            _ => ("", ty),
        };
        let ty = parse_type(ty);
        let value = match kind {
            "0" | "1" => {
                let constant = Constant::Float(ty.dtype, kind.parse().unwrap());
                builder.push(Op::Const(constant), &[], None).unwrap()
            }
            "w" => builder.input(Input {
                name: name[1..].into(),
                ty,
                role: Role::Param { path: name[1..].into() },
            }),
            _ => builder.input(Input { name: name[1..].into(), ty, role: Role::Argument }),
        };
        variables.insert(name.to_owned(), value);
    }
    let result = build(&mut builder, left, &variables);
    builder.finish(vec![("result".into(), result)])
}

fn parse_type(text: &str) -> Type {
    let (dtype, shape) = text.split_once('[').unwrap_or((text, "]"));
    let shape = shape.trim_end_matches(']').split(", ").filter(|dim| !dim.is_empty());
    Type::new(DType::from_name(dtype).unwrap(), shape.map(|dim| tensc_ir::parse_dim(dim).unwrap()).collect())
}

fn build(builder: &mut Builder, pattern: &Pattern<Term>, variables: &BTreeMap<String, ValueId>) -> ValueId {
    let mut values = Vec::new();
    for node in pattern.ast.iter() {
        let value = match node {
            ENodeOrVar::Var(var) => variables[&var.to_string()],
            ENodeOrVar::ENode(term) => {
                let operands: Vec<ValueId> =
                    term.children.iter().map(|id| values[usize::from(*id)]).collect();
                let op = match term.head {
                    Head::Proj => Op::Contract(crate::facts::projection(builder.ty(operands[0]).rank())),
                    Head::Unary(op) => Op::Unary(op),
                    Head::Binary(op) => Op::Binary(op),
                    Head::Select => Op::Select,
                    Head::Cast(dtype) => Op::Cast(dtype),
                    Head::Op(_) | Head::Get(_) => panic!("a pattern holds named heads only"),
                };
                builder.push(op, &operands, None).unwrap()
            }
        };
        values.push(value);
    }
    *values.last().unwrap()
}

fn encoded(graph: &Graph) -> Encoded {
    let known: Vec<Known> = graph.inputs.iter().map(|input| known_by_role(&input.role)).collect();
    encode(graph, &known)
}

fn fired(rule: &Rule, encoded: &mut Encoded) -> usize {
    let count = rule.apply(&mut encoded.egraph).len();
    encoded.egraph.rebuild();
    assert_eq!(encoded.egraph.analysis.conflicts, Vec::<String>::new(), "`{}`", rule.name);
    count
}

/// Deterministic numbers in -2..2, none of them 0.
fn random_input(ty: &Type, seed: u64, sizes: &Sizes) -> Array {
    let shape: Vec<usize> =
        ty.shape.iter().map(|dim| usize::try_from(dim.eval(sizes).unwrap()).unwrap()).collect();
    let len: usize = shape.iter().product();
    let number = |n: usize| {
        let mut hasher = DefaultHasher::new();
        (seed, n).hash(&mut hasher);
        let unit = (hasher.finish() >> 11) as f64 / (1u64 << 53) as f64;
        let x = 4.0 * unit - 2.0;
        f64::from((if x.abs() < 0.1 { x + 0.5 } else { x }) as f32)
    };
    let data = match ty.dtype {
        DType::Bool => Data::Bool((0..len).map(|n| number(n) > 0.0).collect()),
        DType::I32 | DType::U8 => Data::Int((0..len).map(|n| (number(n) * 50.0) as i64).collect()),
        DType::C64 => Data::Complex((0..len).map(|n| [number(2 * n), number(2 * n + 1)]).collect()),
        DType::F32 | DType::F16 | DType::BF16 | DType::F64 => Data::Real((0..len).map(number).collect()),
    };
    Array::new(ty.dtype, shape, data).unwrap()
}

fn run(graph: &Graph, seed: u64, sizes: &Sizes) -> Vec<Array> {
    let inputs: Vec<Array> =
        (0..).zip(&graph.inputs).map(|(n, input)| random_input(&input.ty, seed + n, sizes)).collect();
    let verified = verify(graph.clone()).unwrap_or_else(|error| panic!("{error}\n{graph}"));
    interpret(&verified, &inputs, sizes, &Options::default())
        .unwrap_or_else(|error| panic!("{error}\n{graph}"))
}

fn assert_equal(name: &str, graph: &Graph, left: &[Array], right: &[Array]) {
    // The operands of a recurrence are rounded to f32, as programs store them.
    let rounds = graph.nodes.iter().any(|node| matches!(node.op, Op::Rec(_)));
    let tolerance = if rounds { 1e-6 } else { 1e-12 };
    for (a, b) in left.iter().zip(right) {
        assert_eq!(a.shape(), b.shape(), "`{name}`");
        let numbers = |array: &Array| -> Vec<f64> {
            match array.data() {
                Data::Real(x) => x.clone(),
                Data::Complex(x) => x.iter().flatten().copied().collect(),
                Data::Int(x) => x.iter().map(|n| *n as f64).collect(),
                Data::Bool(x) => x.iter().map(|b| f64::from(u8::from(*b))).collect(),
            }
        };
        for (x, y) in numbers(a).into_iter().zip(numbers(b)) {
            assert!((x - y).abs() <= tolerance * (1.0 + x.abs()), "`{name}`: {x} is not {y} in\n{graph}");
        }
    }
}

/// Extracts terms by random prices and compares each graph with the original.
fn assert_extractions_agree(name: &str, graph: &Graph, encoded: &Encoded, tries: u64) {
    let outputs: Vec<(String, Id)> =
        graph.outputs.iter().map(|(name, value)| (name.clone(), encoded.classes[value])).collect();
    for seed in 0..tries {
        let roots: Vec<Id> = outputs.iter().map(|(_, id)| *id).collect();
        let choice = extract(&encoded.egraph, &roots, &|_, _, term| {
            let mut hasher = DefaultHasher::new();
            (seed, term).hash(&mut hasher);
            1 + hasher.finish() % 1000
        });
        let other = decode(graph, &outputs, &encoded.egraph, &choice, &BTreeMap::new()).unwrap();
        assert_eq!(other.outputs.len(), graph.outputs.len(), "`{name}` extracts a circle");
        for length in LENGTHS {
            let sizes = Sizes::from([("T".into(), length)]);
            assert_equal(name, &other, &run(graph, seed, &sizes), &run(&other, seed, &sizes));
        }
    }
}

#[test]
fn each_rule_fires_in_its_example_and_keeps_the_function() {
    for rule in rules().unwrap() {
        let graph = case(&rule, rule.row.fires);
        let mut encoded = encoded(&graph);
        assert!(fired(&rule, &mut encoded) > 0, "`{}` does not fire in\n{graph}", rule.name);
        assert_extractions_agree(rule.name, &graph, &encoded, 4);
    }
}

#[test]
fn each_condition_stops_its_rule() {
    for rule in rules().unwrap() {
        if !rule.row.stops.is_empty() {
            let graph = case(&rule, rule.row.stops);
            assert_eq!(fired(&rule, &mut encoded(&graph)), 0, "`{}` fires in\n{graph}", rule.name);
        }
    }
}

#[test]
fn all_rules_together_keep_the_function_of_each_example() {
    let all = rules().unwrap();
    let together: Vec<&Rule> = all.iter().collect();
    for rule in &all {
        let graph = case(rule, rule.row.fires);
        let mut encoded = encoded(&graph);
        crate::saturate::saturate(&mut encoded.egraph, &together).unwrap();
        assert_extractions_agree(rule.name, &graph, &encoded, 32);
    }
}

#[test]
fn names_are_distinct_and_in_kebab_case() {
    let mut names: Vec<&str> = rules().unwrap().iter().map(|rule| rule.name).collect();
    assert!(names.iter().all(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '-')));
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn a_wrong_rule_is_named() {
    let graph = case(&rules().unwrap()[0], "?c: f32[T, 5], ?w: w f32[5, 3], ?s: w f32");
    let mut wrong = rules().unwrap().remove(0);
    wrong.name = "inputs-are-all-alike";
    wrong.action = Action::Function(|egraph| {
        let inputs = super::terms_where(egraph, |_, term| term.children.is_empty());
        let first = inputs[0].0;
        inputs.iter().filter_map(|(class, _)| super::join(egraph, first, *class)).collect()
    });
    let mut encoded = encoded(&graph);
    let unsound = crate::saturate::saturate(&mut encoded.egraph, &[&wrong]).unwrap_err();
    assert_eq!(unsound.rule, "inputs-are-all-alike");
    assert!(unsound.conflict.contains("not the same type"), "{}", unsound.conflict);
}
