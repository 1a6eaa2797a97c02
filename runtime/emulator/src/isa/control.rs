//! Control flow and what only guides execution: ISA 9.7.12, 9.7.13.13 and 9.7.19.

use super::Kind::Control as Flow;
use super::{Entry, row};
use crate::code::{Control, Op};
use crate::decode::Builder;
use crate::syntax::ast::{Class, Type};

type Made = Result<Op, String>;

pub(super) const ENTRIES: &[Entry] = &[
    row(
        Flow,
        ("bra", "9.7.12.3"),
        &["bra[.uni]"],
        "label",
        "branches; threads that disagree diverge and meet again",
        bra,
    ),
    row(
        Flow,
        ("brx.idx", "9.7.12.4"),
        &["brx.idx[.uni]"],
        "index, targets",
        "branches to one of a list of labels",
        brx,
    ),
    row(
        Flow,
        ("call", "9.7.12.5"),
        &["call[.uni]"],
        "[(results),] name[, (arguments)]",
        "calls a function of the module; no recursion, no function pointers",
        call,
    ),
    row(Flow, ("ret", "9.7.12.6"), &["ret[.uni]"], "", "returns; in a kernel, exits", ret),
    row(Flow, ("exit", "9.7.12.7"), &["exit"], "", "ends the thread", exit),
    row(
        Flow,
        ("griddepcontrol", "9.7.13.13"),
        &["griddepcontrol.{launch_dependents|wait}"],
        "",
        "launches do not overlap here: nothing to wait for",
        hint,
    ),
    row(Flow, ("brkpt", "9.7.19.1"), &["brkpt"], "", "ignored: there is no debugger", hint),
    row(Flow, ("nanosleep", "9.7.19.2"), &["nanosleep.u32"], "t", "a hint", nanosleep),
    row(
        Flow,
        ("pmevent", "9.7.19.3"),
        &["pmevent[.mask]"],
        "a",
        "ignored: there are no performance monitors",
        pmevent,
    ),
    row(Flow, ("trap", "9.7.19.4"), &["trap"], "", "aborts the kernel", trap),
    row(
        Flow,
        ("setmaxnreg", "9.7.19.5"),
        &["setmaxnreg.{inc|dec}.sync.aligned.u32"],
        "n",
        "a hint on registers; checked to be a multiple of 8 from 24 to 256",
        setmaxnreg,
    ),
];

fn bra(b: &mut Builder<'_>) -> Made {
    b.expect(1..=1)?;
    Ok(Op::Control(Control::Branch { target: b.label(0)? }))
}

fn brx(b: &mut Builder<'_>) -> Made {
    b.expect(2..=2)?;
    let index = b.source(0, Type { class: Class::Unsigned, bits: 32 })?;
    Ok(Op::Control(Control::Table { index, targets: b.targets(1)? }))
}

fn call(b: &mut Builder<'_>) -> Made {
    b.call()
}

fn ret(b: &mut Builder<'_>) -> Made {
    b.expect(0..=0)?;
    Ok(Op::Control(Control::Return))
}

fn exit(b: &mut Builder<'_>) -> Made {
    b.expect(0..=0)?;
    Ok(Op::Control(Control::Exit))
}

fn trap(b: &mut Builder<'_>) -> Made {
    b.expect(0..=0)?;
    Ok(Op::Control(Control::Trap))
}

fn hint(b: &mut Builder<'_>) -> Made {
    b.expect(0..=0)?;
    Ok(Op::Hint)
}

fn nanosleep(b: &mut Builder<'_>) -> Made {
    b.expect(1..=1)?;
    b.source(0, Type { class: Class::Unsigned, bits: 32 })?;
    Ok(Op::Hint)
}

fn pmevent(b: &mut Builder<'_>) -> Made {
    b.expect(1..=1)?;
    b.immediate(0, 0..=0xffff)?;
    Ok(Op::Hint)
}

fn setmaxnreg(b: &mut Builder<'_>) -> Made {
    b.expect(1..=1)?;
    let registers = b.immediate(0, 24..=256)?;
    if registers % 8 != 0 {
        return Err(format!("{registers} registers are no multiple of 8"));
    }
    Ok(Op::Hint)
}
