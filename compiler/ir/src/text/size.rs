//! Sizes and types from text.

use super::ParseError;
use super::lex::{MAX_DEPTH, Token, Tokens};
use crate::{DType, Dim, Type};

/// `sum := product (('+' | '-') product)*`
pub(super) fn dim(tokens: &mut Tokens) -> Result<Dim, ParseError> {
    if tokens.depth >= MAX_DEPTH {
        return tokens.error("a size nested too deep");
    }
    tokens.depth += 1;
    let mut sum = if tokens.mark_if('-') { -&product(tokens)? } else { product(tokens)? };
    loop {
        if tokens.mark_if('+') {
            sum = &sum + &product(tokens)?;
        } else if tokens.mark_if('-') {
            sum = &sum - &product(tokens)?;
        } else {
            tokens.depth -= 1;
            return Ok(sum);
        }
    }
}

/// `product := factor (('*' | '/') factor)*`
fn product(tokens: &mut Tokens) -> Result<Dim, ParseError> {
    let mut product = factor(tokens)?;
    loop {
        if tokens.mark_if('*') {
            product = &product * &factor(tokens)?;
        } else if tokens.mark_if('/') {
            product = match product.div(&factor(tokens)?) {
                Some(quotient) => quotient,
                None => return tokens.error("a size divided by zero"),
            };
        } else {
            return Ok(product);
        }
    }
}

/// `floor ceil min max`: `None` for a wrong number of sizes.
type Function = fn(&[Dim]) -> Option<Dim>;

/// A number, a name, a sum in parentheses, or `floor ceil min max`.
fn factor(tokens: &mut Tokens) -> Result<Dim, ParseError> {
    if tokens.mark_if('(') {
        let inner = dim(tokens)?;
        tokens.mark(')')?;
        return Ok(inner);
    }
    if let Some(Token::Number(digits)) = tokens.peek() {
        // A coefficient may need more than 64 bits; in parts of 18 digits every part fits.
        let mut number = Dim::default();
        let digits = digits.clone();
        for part in digits.as_bytes().chunks(18) {
            let part = std::str::from_utf8(part).unwrap_or_default();
            let (Ok(value), Ok(length)) = (part.parse::<i64>(), u32::try_from(part.len())) else {
                return tokens.expected("a whole number");
            };
            number = &(&number * &Dim::constant(10_i64.pow(length))) + &Dim::constant(value);
        }
        tokens.take();
        return Ok(number);
    }
    let name = tokens.any_word("a size")?;
    let function: Option<Function> = match name.as_str() {
        "floor" => Some(|args| if let [a] = args { Some(a.floor()) } else { None }),
        "ceil" => Some(|args| if let [a] = args { Some(a.ceil()) } else { None }),
        "min" => Some(|args| if let [a, b] = args { Some(a.minimum(b)) } else { None }),
        "max" => Some(|args| if let [a, b] = args { Some(a.maximum(b)) } else { None }),
        _ => None,
    };
    match (function, tokens.peek()) {
        (Some(function), Some(Token::Mark('('))) => {
            let args = tokens.list('(', ')', dim)?;
            match function(&args) {
                Some(value) => Ok(value),
                None => tokens.error(format!("`{name}` with {} sizes", args.len())),
            }
        }
        _ => Ok(Dim::var(&name)),
    }
}

/// `[T, 8]`.
pub(super) fn shape(tokens: &mut Tokens) -> Result<Vec<Dim>, ParseError> {
    tokens.list('[', ']', dim)
}

pub(super) fn dtype(tokens: &mut Tokens) -> Result<DType, ParseError> {
    if let Some(Token::Word(word)) = tokens.peek()
        && let Some(dtype) = DType::from_name(word)
    {
        tokens.take();
        return Ok(dtype);
    }
    tokens.expected("an element type")
}

/// `f32[T, 8]`, or `f32` for a scalar.
pub(super) fn ty(tokens: &mut Tokens) -> Result<Type, ParseError> {
    let dtype = dtype(tokens)?;
    let shape = if let Some(Token::Mark('[')) = tokens.peek() { shape(tokens)? } else { Vec::new() };
    Ok(Type::new(dtype, shape))
}
