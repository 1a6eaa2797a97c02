//! Ops from text, without operands: the word and what follows it up to the first value.

use super::ParseError;
use super::lex::Tokens;
use super::size::{dim, dtype, shape};
use crate::op::{BinaryOp, Constant, Contraction, Distribution, FftKind, Op, ReduceKind, UnaryOp};
use crate::{DType, Dim};

/// Parses the attributes of the op named `word`; `rec` and `repeat` are not among them.
pub(super) fn op(tokens: &mut Tokens, word: &str) -> Result<Op, ParseError> {
    if let Some(unary) = UnaryOp::from_name(word) {
        return Ok(Op::Unary(unary));
    }
    if let Some(binary) = BinaryOp::from_name(word) {
        return Ok(Op::Binary(binary));
    }
    if let Some(kind) = FftKind::from_name(word) {
        return Ok(Op::Fft { kind, axis: after(tokens, "axis")?, n: dim_after(tokens, "n")? });
    }
    Ok(match word {
        "input" => Op::Input(tokens.integer()?),
        "const" => Op::Const(constant(tokens)?),
        "dim" => Op::DimValue(dim(tokens)?),
        "iota" => Op::Iota { len: dim(tokens)?, start: dim_after(tokens, "from")? },
        "select" => Op::Select,
        "cast" => Op::Cast(dtype(tokens)?),
        "reduce" => Op::Reduce { kind: reduce_kind(tokens)?, axes: axes(tokens)? },
        "cumsum" => Op::Cumsum { axis: after(tokens, "axis")? },
        "contract" => Op::Contract(contraction(tokens)?),
        "reshape" => Op::Reshape { shape: shape(tokens)? },
        "transpose" => Op::Transpose { perm: tokens.list('[', ']', Tokens::integer)? },
        "broadcast" => Op::Broadcast { shape: shape(tokens)?, axes: axes(tokens)? },
        "slice" => Op::Slice {
            axis: after(tokens, "axis")?,
            start: dim_after(tokens, "from")?,
            len: dim_after(tokens, "len")?,
        },
        "concat" => Op::Concat { axis: after(tokens, "axis")? },
        "pad" => Op::Pad {
            axis: after(tokens, "axis")?,
            before: dim_after(tokens, "before")?,
            after: dim_after(tokens, "after")?,
        },
        "flip" => Op::Flip { axis: after(tokens, "axis")? },
        "gather" => Op::Gather { batch: after(tokens, "batch")? },
        "shift" => Op::Shift { axis: after(tokens, "axis")?, by: after(tokens, "by")? },
        "conv" => Op::Conv { axis: after(tokens, "axis")? },
        "last" => Op::Last { axis: after(tokens, "axis")? },
        "keep" => Op::Keep { site: after(tokens, "site")?, keep: tokens.real()?, shape: shape(tokens)? },
        "draw" => draw(tokens)?,
        _ => return tokens.error(format!("there is no op `{word}`")),
    })
}

/// A keyword and a whole number.
fn after<N: std::str::FromStr>(tokens: &mut Tokens, word: &str) -> Result<N, ParseError> {
    tokens.word(word)?;
    tokens.integer()
}

/// A keyword and a size.
fn dim_after(tokens: &mut Tokens, word: &str) -> Result<Dim, ParseError> {
    tokens.word(word)?;
    dim(tokens)
}

fn axes(tokens: &mut Tokens) -> Result<Vec<usize>, ParseError> {
    tokens.word("axes")?;
    tokens.list('[', ']', Tokens::integer)
}

fn constant(tokens: &mut Tokens) -> Result<Constant, ParseError> {
    Ok(match dtype(tokens)? {
        dtype @ (DType::F32 | DType::F16 | DType::BF16 | DType::F64) => {
            Constant::Float(dtype, tokens.real()?)
        }
        DType::C64 => {
            let re = tokens.real()?;
            tokens.mark(',')?;
            Constant::Complex(re, tokens.real()?)
        }
        dtype @ (DType::I32 | DType::U8) => Constant::Int(dtype, tokens.integer()?),
        DType::Bool if tokens.word_if("true") => Constant::Bool(true),
        DType::Bool if tokens.word_if("false") => Constant::Bool(false),
        DType::Bool => return tokens.expected("`true` or `false`"),
    })
}

fn reduce_kind(tokens: &mut Tokens) -> Result<ReduceKind, ParseError> {
    let word = tokens.any_word("a kind of reduction")?;
    match ReduceKind::from_name(&word) {
        Some(kind) => Ok(kind),
        None => tokens.error(format!("there is no reduction `{word}`")),
    }
}

/// `"ab,bc->ac"`.
fn contraction(tokens: &mut Tokens) -> Result<Contraction, ParseError> {
    let text = tokens.text()?;
    let labels = |word: &str| {
        word.bytes()
            .map(|byte| match byte {
                b'a'..=b'z' => Some(byte - b'a'),
                b'A'..=b'Z' => Some(byte - b'A' + 26),
                _ => None,
            })
            .collect::<Option<Vec<u8>>>()
    };
    let parts = text.split_once("->").and_then(|(operands, result)| {
        let (left, right) = operands.split_once(',')?;
        Some(Contraction { left: labels(left)?, right: labels(right)?, result: labels(result)? })
    });
    match parts {
        Some(contraction) => Ok(contraction),
        None => tokens.error(format!("{text:?} is no contraction such as \"ab,bc->ac\"")),
    }
}

fn draw(tokens: &mut Tokens) -> Result<Op, ParseError> {
    let word = tokens.any_word("a distribution")?;
    let numbers = tokens.list('(', ')', Tokens::real)?;
    let distribution = match (word.as_str(), numbers.as_slice()) {
        ("uniform", [low, high]) => Distribution::Uniform(*low, *high),
        ("normal", [mean, deviation]) => Distribution::Normal(*mean, *deviation),
        ("xavier", [gain]) => Distribution::Xavier(*gain),
        ("orthogonal", [gain]) => Distribution::Orthogonal(*gain),
        _ => return tokens.error(format!("there is no distribution `{word}` of {} numbers", numbers.len())),
    };
    Ok(Op::Draw { distribution, key: (tokens.text()?, tokens.integer()?), shape: shape(tokens)? })
}
