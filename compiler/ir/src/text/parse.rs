//! Graphs from text. Types are taken as written; [`crate::verify()`] tells whether they are right.

use super::ParseError;
use super::attributes;
use super::lex::{MAX_DEPTH, Token, Tokens};
use super::size::{dim, ty};
use crate::form::Form;
use crate::graph::{Graph, Input, Node, NodeId, Require, Role, Value, ValueId};
use crate::op::{Direction, Op, Rec, RecState, Repeat};

/// Parses one graph.
///
/// # Errors
/// Where the text is no graph.
pub fn parse_graph(text: &str) -> Result<Graph, ParseError> {
    let mut tokens = Tokens::new(text)?;
    tokens.word("graph")?;
    let mut graph = Graph { name: tokens.name()?, ..Graph::default() };
    block(&mut tokens, &mut graph)?;
    tokens.end()?;
    Ok(graph)
}

/// `{ inputs requires nodes outputs }`.
fn block(tokens: &mut Tokens, graph: &mut Graph) -> Result<(), ParseError> {
    if tokens.depth >= MAX_DEPTH {
        return tokens.error("bodies nested too deep");
    }
    tokens.depth += 1;
    tokens.mark('{')?;
    while !tokens.mark_if('}') {
        if tokens.word_if("input") {
            input(tokens, graph)?;
        } else if tokens.word_if("require") {
            require(tokens, graph)?;
        } else if tokens.word_if("output") {
            let name = tokens.name()?;
            tokens.mark('=')?;
            let value = value(tokens)?;
            graph.outputs.push((name, value));
        } else {
            node(tokens, graph)?;
        }
    }
    tokens.depth -= 1;
    Ok(())
}

fn input(tokens: &mut Tokens, graph: &mut Graph) -> Result<(), ParseError> {
    let number: usize = tokens.integer()?;
    if number != graph.inputs.len() {
        return tokens.error(format!("input {number} where number {} comes next", graph.inputs.len()));
    }
    let name = tokens.name()?;
    tokens.mark(':')?;
    let ty = ty(tokens)?;
    let role = match tokens.any_word("a role")?.as_str() {
        "argument" => Role::Argument,
        "param" => Role::Param { path: tokens.text()? },
        "buffer" => Role::Buffer { path: tokens.text()? },
        "state" => Role::State,
        "local" => Role::Local,
        other => return tokens.error(format!("there is no role `{other}`")),
    };
    graph.inputs.push(Input { name, ty, role });
    Ok(())
}

fn require(tokens: &mut Tokens, graph: &mut Graph) -> Result<(), ParseError> {
    let kind = tokens.any_word("a kind of condition")?;
    let left = dim(tokens)?;
    let require = match kind.as_str() {
        "whole" => Require::Whole(left),
        "equal" | "at_most" => {
            tokens.mark(',')?;
            let right = dim(tokens)?;
            if kind == "equal" { Require::Equal(left, right) } else { Require::AtMost(left, right) }
        }
        _ => return tokens.error(format!("there is no condition `{kind}`")),
    };
    graph.requires.push((require, tokens.text()?));
    Ok(())
}

/// `v3, v4 = op v1, v2 : type, type`.
fn node(tokens: &mut Tokens, graph: &mut Graph) -> Result<(), ParseError> {
    let mut results = vec![value(tokens)?];
    while tokens.mark_if(',') {
        results.push(value(tokens)?);
    }
    tokens.mark('=')?;
    let word = tokens.any_word("an op")?;
    let (mut op, operands) = match word.as_str() {
        "rec" => rec(tokens)?,
        "repeat" => repeat(tokens)?,
        word => {
            let op = attributes::op(tokens, word)?;
            let none = matches!(tokens.peek(), Some(Token::Mark(':')));
            (op, if none { Vec::new() } else { values(tokens)? })
        }
    };
    tokens.mark(':')?;
    let here = NodeId(u32::try_from(graph.nodes.len()).unwrap_or(u32::MAX));
    for (index, result) in results.iter().enumerate() {
        if index > 0 {
            tokens.mark(',')?;
        }
        if result.0 as usize != graph.values.len() {
            return tokens.error(format!("{result} where v{} comes next", graph.values.len()));
        }
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        graph.values.push(Value { node: here, index, ty: ty(tokens)? });
    }
    if let Some(body) = op.body_mut() {
        block(tokens, body)?;
    }
    graph.nodes.push(Node { op, operands, results, origin: None });
    Ok(())
}

fn value(tokens: &mut Tokens) -> Result<ValueId, ParseError> {
    if let Some(Token::Word(word)) = tokens.peek()
        && let Some(digits) = word.strip_prefix('v')
        && let Ok(number) = digits.parse()
    {
        tokens.take();
        return Ok(ValueId(number));
    }
    tokens.expected("a value such as `v0`")
}

fn values(tokens: &mut Tokens) -> Result<Vec<ValueId>, ParseError> {
    let mut values = vec![value(tokens)?];
    while tokens.mark_if(',') {
        values.push(value(tokens)?);
    }
    Ok(values)
}

fn group(tokens: &mut Tokens, word: &str) -> Result<Vec<ValueId>, ParseError> {
    tokens.word(word)?;
    tokens.list('(', ')', value)
}

/// `rec NAME forward T axis 0 sequences(..) constants(..) states(line 0 depth 1) start(..)`.
fn rec(tokens: &mut Tokens) -> Result<(Op, Vec<ValueId>), ParseError> {
    let body = Graph { name: tokens.name()?, ..Graph::default() };
    let direction = if tokens.word_if("backward") {
        Direction::Backward
    } else {
        tokens.word("forward")?;
        Direction::Forward
    };
    let length = dim(tokens)?;
    tokens.word("axis")?;
    let axis = tokens.integer()?;
    let form = if tokens.word_if("form") { form(tokens)? } else { Form::Step };
    let mut operands = group(tokens, "sequences")?;
    let sequences = operands.len();
    operands.extend(group(tokens, "constants")?);
    let constants = operands.len() - sequences;
    tokens.word("states")?;
    let states = tokens.list('(', ')', |tokens| {
        tokens.word("line")?;
        let line = tokens.integer()?;
        tokens.word("depth")?;
        Ok(RecState { line, depth: tokens.integer()? })
    })?;
    operands.extend(group(tokens, "start")?);
    let rec = Rec { length, axis, direction, form, sequences, constants, states, body };
    Ok((Op::Rec(Box::new(rec)), operands))
}

/// `step`, `chunk(64)`.
fn form(tokens: &mut Tokens) -> Result<Form, ParseError> {
    let mut text = tokens.any_word("a form")?;
    if tokens.mark_if('(') {
        let number: u32 = tokens.integer()?;
        tokens.mark(')')?;
        text = format!("{text}({number})");
    }
    match text.parse() {
        Ok(form) => Ok(form),
        Err(error) => tokens.error(error.to_string()),
    }
}

/// `repeat NAME 24 carried(..) constants(..) stacked(..)`.
fn repeat(tokens: &mut Tokens) -> Result<(Op, Vec<ValueId>), ParseError> {
    let body = Graph { name: tokens.name()?, ..Graph::default() };
    let count = tokens.integer()?;
    let mut operands = group(tokens, "carried")?;
    let carried = operands.len();
    operands.extend(group(tokens, "constants")?);
    let constants = operands.len() - carried;
    operands.extend(group(tokens, "stacked")?);
    let stacked = operands.len() - carried - constants;
    Ok((Op::Repeat(Box::new(Repeat { count, carried, constants, stacked, body })), operands))
}
