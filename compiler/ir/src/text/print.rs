//! Prints graphs.

use super::lex::{is_word, is_word_start};
use crate::form::Form;
use crate::graph::{Graph, Input, Node, Require, Role, ValueId};
use crate::infer::label_char;
use crate::op::{Constant, Contraction, Direction, Distribution, Op, Rec, Repeat};
use std::fmt::{self, Display, Formatter, Write};

impl Display for Graph {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "graph {} {{", name(&self.name))?;
        body(f, self, 1)?;
        writeln!(f, "}}")
    }
}

fn body(f: &mut Formatter<'_>, graph: &Graph, depth: usize) -> fmt::Result {
    let indent = "  ".repeat(depth);
    for (number, Input { name: input, ty, role }) in graph.inputs.iter().enumerate() {
        writeln!(f, "{indent}input {number} {} : {ty} {}", name(input), show_role(role))?;
    }
    for (require, message) in &graph.requires {
        let message = quote(message);
        match require {
            Require::Whole(a) => writeln!(f, "{indent}require whole {a} {message}")?,
            Require::Equal(a, b) => writeln!(f, "{indent}require equal {a}, {b} {message}")?,
            Require::AtMost(a, b) => writeln!(f, "{indent}require at_most {a}, {b} {message}")?,
        }
    }
    for node in &graph.nodes {
        print_node(f, graph, node, depth)?;
    }
    for (output, value) in &graph.outputs {
        writeln!(f, "{indent}output {} = {value}", name(output))?;
    }
    Ok(())
}

fn print_node(f: &mut Formatter<'_>, graph: &Graph, node: &Node, depth: usize) -> fmt::Result {
    let indent = "  ".repeat(depth);
    write!(f, "{indent}{} = ", values(&node.results))?;
    match &node.op {
        Op::Rec(rec) => print_rec(f, rec, &node.operands)?,
        Op::Repeat(repeat) => print_repeat(f, repeat, &node.operands)?,
        op => {
            print_op(f, op)?;
            if !node.operands.is_empty() {
                write!(f, " {}", values(&node.operands))?;
            }
        }
    }
    f.write_str(" : ")?;
    for (n, result) in node.results.iter().enumerate() {
        f.write_str(if n == 0 { "" } else { ", " })?;
        match graph.values.get(result.0 as usize) {
            Some(value) => write!(f, "{}", value.ty)?,
            None => f.write_str("?")?,
        }
    }
    if let Some(inner) = node.op.body() {
        writeln!(f, " {{")?;
        body(f, inner, depth + 1)?;
        write!(f, "{indent}}}")?;
    }
    writeln!(f)
}

/// The op with its attributes, without operands.
fn print_op(f: &mut Formatter<'_>, op: &Op) -> fmt::Result {
    let word = op.name();
    match op {
        Op::Input(number) => write!(f, "{word} {number}"),
        Op::Const(constant) => write!(f, "{word} {}", show_constant(*constant)),
        Op::DimValue(dim) => write!(f, "{word} {dim}"),
        Op::Iota { len, start } => write!(f, "{word} {len} from {start}"),
        Op::Unary(_) | Op::Binary(_) | Op::Select => f.write_str(word),
        Op::Cast(dtype) => write!(f, "{word} {dtype}"),
        Op::Reduce { kind, axes } => write!(f, "{word} {} axes {}", kind.name(), list(axes)),
        Op::Cumsum { axis }
        | Op::Concat { axis }
        | Op::Flip { axis }
        | Op::Conv { axis }
        | Op::Last { axis } => {
            write!(f, "{word} axis {axis}")
        }
        Op::Contract(contraction) => write!(f, "{word} \"{contraction}\""),
        Op::Reshape { shape } => write!(f, "{word} {}", list(shape)),
        Op::Transpose { perm } => write!(f, "{word} {}", list(perm)),
        Op::Broadcast { shape, axes } => write!(f, "{word} {} axes {}", list(shape), list(axes)),
        Op::Slice { axis, start, len } => write!(f, "{word} axis {axis} from {start} len {len}"),
        Op::Pad { axis, before, after } => write!(f, "{word} axis {axis} before {before} after {after}"),
        Op::Gather { batch } => write!(f, "{word} batch {batch}"),
        Op::Shift { axis, by } => write!(f, "{word} axis {axis} by {by}"),
        Op::Fft { axis, n, .. } => write!(f, "{word} axis {axis} n {n}"),
        Op::Keep { site, keep, shape } => write!(f, "{word} site {site} {} {}", real(*keep), list(shape)),
        Op::Draw { distribution, key: (path, number), shape } => {
            let (kind, numbers) = match distribution {
                Distribution::Uniform(low, high) => ("uniform", vec![*low, *high]),
                Distribution::Normal(mean, deviation) => ("normal", vec![*mean, *deviation]),
                Distribution::Xavier(gain) => ("xavier", vec![*gain]),
                Distribution::Orthogonal(gain) => ("orthogonal", vec![*gain]),
            };
            let numbers: Vec<String> = numbers.into_iter().map(real).collect();
            write!(f, "{word} {kind} ({}) {} {number} {}", numbers.join(", "), quote(path), list(shape))
        }
        Op::Rec(_) | Op::Repeat(_) => f.write_str(word),
    }
}

fn print_rec(f: &mut Formatter<'_>, rec: &Rec, operands: &[ValueId]) -> fmt::Result {
    let direction = match rec.direction {
        Direction::Forward => "forward",
        Direction::Backward => "backward",
    };
    write!(f, "rec {} {direction} {} axis {}", name(&rec.body.name), rec.length, rec.axis)?;
    if rec.form != Form::Step {
        write!(f, " form {}", rec.form)?;
    }
    let (sequences, others) = operands.split_at(rec.sequences.min(operands.len()));
    let (constants, start) = others.split_at(rec.constants.min(others.len()));
    let states: Vec<String> =
        rec.states.iter().map(|state| format!("line {} depth {}", state.line, state.depth)).collect();
    write!(f, " sequences({}) constants({})", values(sequences), values(constants))?;
    write!(f, " states({}) start({})", states.join(", "), values(start))
}

fn print_repeat(f: &mut Formatter<'_>, repeat: &Repeat, operands: &[ValueId]) -> fmt::Result {
    let (carried, others) = operands.split_at(repeat.carried.min(operands.len()));
    let (constants, stacked) = others.split_at(repeat.constants.min(others.len()));
    write!(f, "repeat {} {} carried({})", name(&repeat.body.name), repeat.count, values(carried))?;
    write!(f, " constants({}) stacked({})", values(constants), values(stacked))
}

/// `ab,bc->ac`.
impl Display for Contraction {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let word = |labels: &[u8]| labels.iter().map(|label| label_char(*label)).collect::<String>();
        write!(f, "{},{}->{}", word(&self.left), word(&self.right), word(&self.result))
    }
}

fn show_role(role: &Role) -> String {
    match role {
        Role::Argument => "argument".to_owned(),
        Role::Param { path } => format!("param {}", quote(path)),
        Role::Buffer { path } => format!("buffer {}", quote(path)),
        Role::State => "state".to_owned(),
        Role::Local => "local".to_owned(),
    }
}

fn show_constant(constant: Constant) -> String {
    match constant {
        Constant::Float(dtype, x) => format!("{dtype} {}", real(x)),
        Constant::Complex(re, im) => format!("c64 {}, {}", real(re), real(im)),
        Constant::Int(dtype, n) => format!("{dtype} {n}"),
        Constant::Bool(b) => format!("bool {b}"),
    }
}

/// A number that reads back to the same bits.
fn real(x: f64) -> String {
    if x.is_nan() {
        let plain = x.to_bits() == f64::NAN.to_bits();
        return if plain { "nan".to_owned() } else { format!("bits \"{:016x}\"", x.to_bits()) };
    }
    format!("{x:?}")
}

fn values(values: &[ValueId]) -> String {
    joined(values)
}

fn list<T: Display>(items: &[T]) -> String {
    format!("[{}]", joined(items))
}

fn joined<T: Display>(items: &[T]) -> String {
    let mut text = String::new();
    for (n, item) in items.iter().enumerate() {
        let separator = if n == 0 { "" } else { ", " };
        // Writing to a string does not fail.
        let _ = write!(text, "{separator}{item}");
    }
    text
}

/// A name as a bare word where it can be one.
fn name(text: &str) -> String {
    let mut chars = text.chars();
    let bare = chars.next().is_some_and(is_word_start) && chars.all(is_word);
    if bare { text.to_owned() } else { quote(text) }
}

fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}
