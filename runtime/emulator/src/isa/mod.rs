//! The instruction set: one table, which decides what is accepted, how it is executed and what the docs list.
//!
//! An [`Entry`] says which opcode and modifiers it takes (its forms), where the ISA defines it, and builds the
//! operation. A form is written as the ISA writes it: `.x` is required, `.{x|y}` is one of several, and
//! `[.x]` is optional. A modifier that no form has is an error.

mod asynchronous;
mod atomic;
mod compare;
mod control;
mod convert;
mod extended;
mod float;
mod form;
mod half;
mod integer;
mod logic;
mod matrix;
mod mbarrier;
mod memory;
mod movement;
mod synchronize;
mod wgmma;

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::code::Op;
use crate::decode::Builder;

pub(crate) use form::Words;

/// The ISA version whose section numbers the table cites.
pub const ISA: &str = "PTX ISA 9.0";

/// What counters group instructions by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Integer arithmetic.
    Integer,
    /// f16 and bf16 arithmetic.
    Half,
    /// f32 arithmetic.
    Single,
    /// f64 arithmetic.
    Double,
    /// Approximate functions.
    Special,
    /// Comparison and selection.
    Compare,
    /// Logic and shifts.
    Logic,
    /// Moves, permutations and address conversions.
    Move,
    /// Conversions.
    Convert,
    /// Loads and stores.
    Memory,
    /// Atomics and reductions in memory.
    Atomic,
    /// Branches, calls, exits.
    Control,
    /// Barriers, fences, and communication in a warp.
    Synchronize,
    /// Matrix instructions.
    Matrix,
    /// Asynchronous copies and what waits for them.
    Async,
}

/// One instruction of the table.
pub struct Entry {
    /// Unique name: the opcode and what tells it from its namesakes.
    pub name: &'static str,
    /// Opcodes with their modifiers.
    pub forms: &'static [&'static str],
    /// Operands, as the ISA writes them.
    pub operands: &'static str,
    /// Section of [`ISA`] that defines it.
    pub section: &'static str,
    /// Meaning and limits in one line.
    pub about: &'static str,
    /// How counters group it.
    pub kind: Kind,
    pub(crate) make: Make,
}

type Make = fn(&mut Builder<'_>) -> Result<Op, String>;

/// A row of the table: name and section, forms and operands, meaning.
const fn row(
    kind: Kind,
    (name, section): (&'static str, &'static str),
    forms: &'static [&'static str],
    operands: &'static str,
    about: &'static str,
    make: Make,
) -> Entry {
    Entry { name, forms, operands, section, about, kind, make }
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.name)
    }
}

/// The families of the table, in the ISA's order.
const FAMILIES: &[(&str, &[Entry])] = &[
    ("Integer arithmetic", integer::ENTRIES),
    ("Extended-precision integers", extended::ENTRIES),
    ("Floating point", float::ENTRIES),
    ("Half precision", half::ENTRIES),
    ("Comparison and selection", compare::ENTRIES),
    ("Logic and shift", logic::ENTRIES),
    ("Data movement", movement::ENTRIES),
    ("Loads and stores", memory::ENTRIES),
    ("Conversion", convert::ENTRIES),
    ("Asynchronous copies", asynchronous::ENTRIES),
    ("Control flow", control::ENTRIES),
    ("Synchronisation and communication", synchronize::ENTRIES),
    ("Atomics", atomic::ENTRIES),
    ("mbarrier", mbarrier::ENTRIES),
    ("Warp matrices", matrix::ENTRIES),
    ("Warpgroup matrices", wgmma::ENTRIES),
];

/// Every instruction that is supported, by family.
pub fn families() -> impl Iterator<Item = (&'static str, &'static [Entry])> {
    FAMILIES.iter().copied()
}

type Index = HashMap<&'static str, Vec<(form::Form, &'static Entry)>>;

fn index() -> &'static Index {
    static INDEX: OnceLock<Index> = OnceLock::new();
    INDEX.get_or_init(|| {
        let mut index = Index::new();
        for entry in FAMILIES.iter().flat_map(|(_, entries)| entries.iter()) {
            for text in entry.forms {
                let form = form::Form::parse(text);
                index.entry(form.opcode).or_default().push((form, entry));
            }
        }
        index
    })
}

/// The entry that takes this opcode with these modifiers.
///
/// # Errors
/// A message and a hint, where none does.
pub(crate) fn lookup(opcode: &str, modifiers: &[String]) -> Result<&'static Entry, (String, String)> {
    let Some(candidates) = index().get(opcode) else {
        return Err((
            format!("unknown instruction `{opcode}`"),
            "docs/emulator.md lists what is supported".into(),
        ));
    };
    if let Some((_, entry)) = candidates.iter().find(|(form, _)| form.matches(modifiers)) {
        return Ok(entry);
    }
    let unknown = modifiers.iter().find(|word| !candidates.iter().any(|(form, _)| form.mentions(word)));
    let message = match unknown {
        Some(word) => format!("`{opcode}` has no modifier `.{word}`"),
        None => format!("`{opcode}` does not take its modifiers in this combination"),
    };
    let forms: Vec<&str> = candidates.iter().map(|(form, _)| form.text).collect();
    Err((message, format!("supported: {}", forms.join(", "))))
}

/// The entry that takes an instruction such as `add.rn.f32`, by its opcode and modifiers.
#[must_use]
pub fn find(instruction: &str) -> Option<&'static Entry> {
    let (opcode, modifiers) = instruction.split_once('.').unwrap_or((instruction, ""));
    let modifiers: Vec<String> = modifiers.split_terminator('.').map(str::to_owned).collect();
    lookup(opcode, &modifiers).ok()
}

/// The table as a page of documentation.
pub fn documentation() -> String {
    let mut page = String::new();
    for (family, entries) in FAMILIES {
        page.push_str(&format!(
            "\n### {family}\n\n| instruction | operands | meaning | {ISA} |\n|---|---|---|---|\n"
        ));
        for entry in *entries {
            let escape = |text: &str| text.replace('|', "\\|");
            let forms: Vec<String> = entry.forms.iter().map(|form| format!("`{}`", escape(form))).collect();
            page.push_str(&format!(
                "| {} | {} | {} | {} |\n",
                forms.join("<br>"),
                escape(entry.operands),
                escape(entry.about),
                entry.section
            ));
        }
    }
    let names: Vec<String> = crate::decode::special_registers().map(|name| format!("`{name}`")).collect();
    page.push_str(&format!("\n### Special registers\n\n{} ({ISA}, section 10).\n", names.join(", ")));
    page
}
