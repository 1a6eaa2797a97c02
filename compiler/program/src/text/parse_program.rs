//! Programs from text.

use super::lines::{Line, Lines, MAX_DEPTH, ParseError};
use super::parse_kernel;
use crate::program::{
    Buffer, BufferId, BufferKind, BufferRef, Call, CheckSite, Gemm, Keep, KernelId, Launch, Panels, Program,
    Step,
};
use tensc_ir::{Dim, FftKind, Origin, Require};

/// Reads a program from its text form.
///
/// # Errors
/// The first mistake, with its line.
pub fn parse_program(text: &str) -> Result<Program, ParseError> {
    let mut lines = Lines::new(text);
    let mut header = lines.need("a program")?;
    header.word_is("program")?;
    let mut program = Program { name: header.quoted()?, ..Program::default() };
    header.ends()?;
    while let Some(mut line) = lines.take() {
        if line.word_if("require") {
            program.requires.push(require(&mut line)?);
            line.ends()?;
        } else if line.word_if("check") {
            program.checks.push(check(&mut line)?);
            line.ends()?;
        } else if line.word_if("kernel") {
            numbered(&mut line, "k", program.kernels.len())?;
            program.kernels.push(parse_kernel::kernel(&mut lines, line)?);
        } else if line.word_if("prepare") {
            line.mark("{")?;
            program.prepare = steps(&mut lines, 0)?;
        } else if line.word_if("main") {
            line.mark("{")?;
            program.main = steps(&mut lines, 0)?;
        } else {
            numbered(&mut line, "b", program.buffers.len())?;
            program.buffers.push(buffer(&mut line)?);
            line.ends()?;
        }
    }
    Ok(program)
}

fn numbered(line: &mut Line, letter: &str, expected: usize) -> Result<(), ParseError> {
    let number: usize = line.id(letter)? as usize;
    if number == expected {
        return Ok(());
    }
    line.error(format!("expected `{letter}{expected}`, found `{letter}{number}`"))
}

fn require(line: &mut Line) -> Result<(Require, String), ParseError> {
    let kind = line.word("`whole`, `equal` or `at_most`")?;
    let left = line.dim()?;
    let right = |line: &mut Line| {
        line.mark(",")?;
        line.dim()
    };
    let require = match kind {
        "whole" => Require::Whole(left),
        "equal" => Require::Equal(left, right(line)?),
        "at_most" => Require::AtMost(left, right(line)?),
        other => return line.error(format!("expected `whole`, `equal` or `at_most`, found `{other}`")),
    };
    Ok((require, line.quoted()?))
}

fn check(line: &mut Line) -> Result<CheckSite, ParseError> {
    let message = line.quoted()?;
    let mut origin = None;
    if line.word_if("at") {
        origin = Some(Origin { file: line.number()?, start: line.number()?, end: line.number()? });
    }
    Ok(CheckSite { message, origin })
}

fn buffer(line: &mut Line) -> Result<Buffer, ParseError> {
    let name = line.quoted()?;
    let kind = match line.word("what the buffer is for")? {
        "argument" => BufferKind::Argument,
        "weight" => BufferKind::Weight { path: line.quoted()? },
        "prepared" => BufferKind::Prepared,
        "state_in" => BufferKind::StateIn,
        "state_out" => BufferKind::StateOut,
        "state_start" => BufferKind::StateStart { state: line.number()? },
        "result" => BufferKind::Result,
        "scratch" => BufferKind::Scratch,
        other => return line.error(format!("`{other}` is no kind of buffer")),
    };
    let dtype = line.dtype()?;
    let shape = line.list(("[", "]"), Line::dim)?;
    Ok(Buffer { name, kind, dtype, shape, varies: line.word_if("varies") })
}

fn steps(lines: &mut Lines, depth: usize) -> Result<Vec<Step>, ParseError> {
    let mut steps = Vec::new();
    while !lines.closes() {
        let mut line = lines.need("a step or `}`")?;
        if depth >= MAX_DEPTH {
            return line.error("loops nested too deep");
        }
        let word = line.word("a step")?;
        let step = match word {
            "loop" => {
                let variable = line.word("a loop variable")?.to_owned();
                line.mark("<")?;
                let count = line.dim()?;
                let reverse = line.word_if("reverse");
                line.mark("{")?;
                line.ends()?;
                steps.push(Step::Loop { variable, count, reverse, body: self::steps(lines, depth + 1)? });
                continue;
            }
            "launch" => Step::Launch(launch(&mut line)?),
            "gemm" => Step::Call(Call::Gemm(Box::new(gemm(&mut line)?))),
            "keep" => Step::Call(Call::Keep(Box::new(keep(&mut line)?))),
            "copy" => {
                let from = in_brackets(&mut line, place)?;
                line.word_is("to")?;
                let to = in_brackets(&mut line, place)?;
                Step::Copy { from, to, count: named(&mut line, "count")? }
            }
            _ => match FftKind::from_name(word) {
                Some(kind) => {
                    let input = in_brackets(&mut line, place)?;
                    line.word_is("to")?;
                    let output = in_brackets(&mut line, place)?;
                    let (n, batch) = (named(&mut line, "n")?, named(&mut line, "batch")?);
                    Step::Call(Call::Fft { kind, input, output, n, batch })
                }
                None => return line.error(format!("`{word}` is no step")),
            },
        };
        line.ends()?;
        steps.push(step);
    }
    Ok(steps)
}

fn place(line: &mut Line) -> Result<BufferRef, ParseError> {
    let buffer = BufferId(line.id("b")?);
    line.mark("+")?;
    Ok(BufferRef { buffer, offset: line.dim()? })
}

fn in_brackets<'t, T>(
    line: &mut Line<'t>,
    item: impl FnOnce(&mut Line<'t>) -> Result<T, ParseError>,
) -> Result<T, ParseError> {
    line.mark("(")?;
    let item = item(line)?;
    line.mark(")")?;
    Ok(item)
}

/// `count(T)`.
fn named(line: &mut Line, name: &str) -> Result<Dim, ParseError> {
    line.word_is(name)?;
    in_brackets(line, Line::dim)
}

fn keep(line: &mut Line) -> Result<Keep, ParseError> {
    let keep = line.real()?;
    line.word_is("site")?;
    let site = line.number()?;
    line.word_is("to")?;
    let output = in_brackets(line, place)?;
    line.word_is("within")?;
    let within = line.list(("(", ")"), Line::dim)?;
    let first = named(line, "first")?;
    line.word_is("sizes")?;
    let sizes = line.list(("(", ")"), Line::dim)?;
    let Ok(sizes) = sizes.try_into() else { return line.error("expected four sizes") };
    Ok(Keep { output, keep, site, within, first, sizes })
}

fn launch(line: &mut Line) -> Result<Launch, ParseError> {
    let kernel = KernelId(line.id("k")?);
    let arguments = line.list(("(", ")"), place)?;
    line.word_is("sizes")?;
    Ok(Launch { kernel, arguments, sizes: line.list(("(", ")"), Line::dim)? })
}

type Operand = (BufferRef, [Dim; 3], Option<Panels<Dim>>);

fn operand(line: &mut Line, name: &str) -> Result<Operand, ParseError> {
    line.word_is(name)?;
    in_brackets(line, |line| {
        let place = place(line)?;
        let strides = line.list(("[", "]"), Line::dim)?;
        let Ok(strides) = <[Dim; 3]>::try_from(strides) else {
            return line.error("expected three strides: batch, row, column");
        };
        if !(name == "b" && line.word_if("panels")) {
            return Ok((place, strides, None));
        }
        let width = line.number()?;
        if width < 1 {
            return line.error("a panel has at least one column");
        }
        line.word_is("by")?;
        Ok((place, strides, Some(Panels { width, stride: line.dim()? })))
    })
}

fn gemm(line: &mut Line) -> Result<Gemm, ParseError> {
    let accumulate = line.word_if("accumulate");
    let (a, a_strides, _) = operand(line, "a")?;
    let (b, b_strides, b_panels) = operand(line, "b")?;
    let (c, c_strides, _) = operand(line, "c")?;
    let batch = named(line, "batch")?;
    let (m, k, n) = (named(line, "m")?, named(line, "k")?, named(line, "n")?);
    Ok(Gemm { a, b, c, batch, m, k, n, a_strides, b_strides, b_panels, c_strides, accumulate })
}
