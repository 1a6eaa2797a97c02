//! Random well-typed programs.
//!
//! A program is a model with a few parameters and a chain of `let` and `rec` statements, each made by a [`Rule`] that
//! picks operands of the types it needs among what is there already. Values stay of moderate size, and what jumps (a
//! comparison, `floor`, an index) is asked of exact values only, so that f32 and f64 decide alike.

mod random;
mod recurrence;
mod rules;

pub use random::Random;

use crate::array::{Array, Data};
use std::collections::BTreeMap;

/// An element type that generated values have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// f32
    F32,
    /// c64
    C64,
    /// i32
    I32,
    /// bool
    Bool,
}

/// A size: that of the sequence, or a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// `T`
    T,
    /// A number.
    N(usize),
}

/// A value with a name.
#[derive(Clone, Debug)]
pub struct Value {
    text: String,
    kind: Kind,
    shape: Vec<Size>,
    /// Same bits in f32 and f64.
    exact: bool,
    /// Whether an entry depends on no later entry of any input; only a value with a leading T may be.
    causal: bool,
    used: bool,
}

/// A way to make a value. It finds no operands where it gives nothing.
pub struct Rule {
    /// What the coverage report calls it.
    pub label: &'static str,
    make: fn(&mut Draw) -> Option<Made>,
}

/// What a rule makes.
struct Made {
    /// Statements in front, and the name of the value where they define it.
    before: Vec<String>,
    text: String,
    kind: Kind,
    shape: Vec<Size>,
    exact: bool,
    causal: bool,
    /// What else the coverage report counts.
    also: Vec<&'static str>,
}

/// A program in the making.
struct Draw {
    random: Random,
    values: Vec<Value>,
    names: usize,
}

/// A generated program.
#[derive(Debug)]
pub struct Program {
    /// Its source.
    pub text: String,
    /// Its inputs.
    pub inputs: BTreeMap<String, Array>,
    /// Names of its results, and whether each is causal.
    pub results: Vec<(String, bool)>,
    /// Length of the sequence.
    pub length: usize,
    /// What it is made of.
    pub used: Vec<&'static str>,
}

const LENGTHS: [usize; 11] = [0, 1, 2, 3, 5, 8, 17, 33, 63, 64, 65];

/// Longest sequence that a generated program accepts.
pub const CONTEXT: usize = 65;

const PARAMS: &str = "    param w: f32[4, 3]     = normal(0, 0.5)
    param u: f32[4, 4]     = normal(0, 0.3)
    param b: f32[4]        = normal(0, 1)
    param decay: f32[4]    = uniform(0.2, 0.95)
    param lambda: c64[4]   = polar(uniform(0.5, 0.95), uniform(-3, 3))
    param taps: f32[3, 4]  = normal(0, 0.5)
    param table: f32[5, 4] = normal(0, 1)
    param pos: f32[65, 4]  = normal(0, 1)
";

const INPUTS: [(&str, Kind, &[Size]); 9] = [
    ("x", Kind::F32, &[Size::T, Size::N(4)]),
    ("y", Kind::F32, &[Size::T, Size::N(4)]),
    ("v", Kind::F32, &[Size::T, Size::N(3)]),
    ("s", Kind::F32, &[Size::T]),
    ("z", Kind::C64, &[Size::T, Size::N(4)]),
    ("n", Kind::I32, &[Size::T]),
    ("hit", Kind::Bool, &[Size::T]),
    ("c0", Kind::F32, &[Size::N(4)]),
    ("k", Kind::I32, &[]),
];

/// The type as it is written.
fn spell(kind: Kind, shape: &[Size]) -> String {
    let kind = match kind {
        Kind::F32 => "f32",
        Kind::C64 => "c64",
        Kind::I32 => "i32",
        Kind::Bool => "bool",
    };
    let sizes: Vec<String> = shape
        .iter()
        .map(|size| match size {
            Size::T => "T".to_owned(),
            Size::N(n) => n.to_string(),
        })
        .collect();
    if sizes.is_empty() { kind.to_owned() } else { format!("{kind}[{}]", sizes.join(", ")) }
}

fn input(random: &mut Random, kind: Kind, shape: &[Size], length: usize) -> Array {
    let shape: Vec<usize> =
        shape.iter().map(|size| if let Size::N(n) = size { *n } else { length }).collect();
    let count = shape.iter().product();
    let data = match kind {
        // Multiples of 1/64, so that a few sums and doublings are exact.
        Kind::F32 => Data::F32((0..count).map(|_| random.below(257) as f32 / 64.0 - 2.0).collect()),
        Kind::C64 => Data::C64((0..count).map(|_| [random.unit() - 0.5, random.unit() - 0.5]).collect()),
        Kind::I32 => Data::I32((0..count).map(|_| random.below(5) as i32).collect()),
        Kind::Bool => Data::Bool((0..count).map(|_| random.below(3) == 0).collect()),
    };
    Array { shape, data }
}

impl Draw {
    /// A value that passes, taken at random; those of late statements are likelier, so that programs get deep.
    fn pick(&mut self, wanted: impl Fn(&Value) -> bool) -> Option<Value> {
        let found: Vec<usize> = (0..self.values.len()).filter(|&i| wanted(&self.values[i])).collect();
        if found.is_empty() {
            return None;
        }
        let (one, other) = (self.random.below(found.len()), self.random.below(found.len()));
        let value = &mut self.values[found[one.max(other)]];
        value.used = true;
        Some(value.clone())
    }

    fn name(&mut self) -> String {
        self.names += 1;
        format!("r{}", self.names)
    }
}

/// Labels of everything that programs can be made of.
pub fn labels() -> Vec<&'static str> {
    let mut labels: Vec<_> = rules::RULES.iter().chain(recurrence::RULES).map(|rule| rule.label).collect();
    labels.extend(recurrence::SHAPES);
    labels
}

/// The program of a seed.
pub fn program(seed: u64) -> Program {
    let mut random = Random::new(seed);
    let length = LENGTHS[random.below(LENGTHS.len())];
    let inputs: BTreeMap<String, Array> = INPUTS
        .iter()
        .map(|(name, kind, shape)| ((*name).to_owned(), input(&mut random, *kind, shape, length)))
        .collect();
    let values = INPUTS
        .iter()
        .map(|(name, kind, shape)| Value {
            text: (*name).to_owned(),
            kind: *kind,
            shape: shape.to_vec(),
            exact: *kind != Kind::C64,
            causal: shape.first() == Some(&Size::T),
            used: true,
        })
        .collect();
    let mut draw = Draw { random, values, names: 0 };
    let (mut lines, mut used) = (Vec::new(), Vec::new());
    let count = 4 + draw.random.below(9);
    for attempt in 0.. {
        if lines.len() >= count {
            break;
        }
        let table = if draw.random.below(4) == 0 { recurrence::RULES } else { rules::RULES };
        let mut rule = &table[draw.random.below(table.len())];
        if attempt == 0 {
            // Every rule has its turn as the first of a program, where it finds operands.
            let turn = seed as usize % (rules::RULES.len() + recurrence::RULES.len());
            rule = rules::RULES.iter().chain(recurrence::RULES).nth(turn).expect("turns are counted");
        }
        let Some(made) = (rule.make)(&mut draw) else { continue };
        used.push(rule.label);
        used.extend(made.also);
        lines.extend(made.before);
        let name = draw.name();
        lines.push(format!("let {name} = {}", made.text));
        let Made { kind, shape, exact, causal, .. } = made;
        draw.values.push(Value { text: name, kind, shape, exact, causal, used: false });
    }
    let results: Vec<Value> = draw.values.into_iter().filter(|value| !value.used).collect();
    let signature: Vec<String> =
        INPUTS.iter().map(|(name, kind, shape)| format!("{name}: {}", spell(*kind, shape))).collect();
    // One more, so that there are always several and every result has its own name.
    let gives: Vec<String> =
        results.iter().map(|value| format!("{}: {}", value.text, spell(value.kind, &value.shape))).collect();
    let names: Vec<&str> = results.iter().map(|value| value.text.as_str()).collect();
    let text = format!(
        "model random() {{\n{PARAMS}\n    fn forward({}) -> ({}, same: f32[T, 4]) {{\n{}        ({}, x)\n    }}\n}}\n",
        signature.join(", "),
        gives.join(", "),
        lines.iter().map(|line| format!("        {line}\n")).collect::<String>(),
        names.join(", "),
    );
    let results = results.iter().map(|value| (value.text.clone(), value.causal)).collect();
    Program { text, inputs, results, length, used }
}
