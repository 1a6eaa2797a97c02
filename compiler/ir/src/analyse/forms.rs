//! Which forms a recurrence has, by its class; and how a form is asked for.
//!
//! A form is for recurrences of one group of one line. Others run in the step form.

use super::matrix::matrix;
use super::recurrence::{Class, Group, classify, elementwise_decay};
use crate::form::Form;
use crate::graph::Graph;
use crate::op::{Op, Rec};

/// The names of the classes, as `--form CLASS=FORM` takes them.
pub const CLASSES: [&str; 8] = [
    "diagonal-constant",
    "diagonal-varying",
    "dense-constant",
    "decayed-outer",
    "rank-one",
    "periodic",
    "affine",
    "nonlinear",
];

impl Class {
    /// Its name in `--form CLASS=FORM`.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::DiagonalConstant { .. } => "diagonal-constant",
            Self::DiagonalVarying { .. } => "diagonal-varying",
            Self::DenseConstant { .. } => "dense-constant",
            Self::DecayedOuter { .. } => "decayed-outer",
            Self::RankOne { .. } => "rank-one",
            Self::Periodic { .. } => "periodic",
            Self::Affine => "affine",
            Self::Nonlinear => "nonlinear",
        }
    }
}

/// The one group of a recurrence, if it has one, of one line.
#[must_use]
pub fn only_group(rec: &Rec) -> Option<Group> {
    let mut groups = classify(rec);
    let group = groups.pop().filter(|group| groups.is_empty() && group.lines.len() == 1)?;
    (group.class != Class::Affine && group.class != Class::Nonlinear).then_some(group)
}

/// The forms of a recurrence with numbers that suit them, the step form first.
#[must_use]
pub fn forms(rec: &Rec) -> Vec<Form> {
    // Where keys are decayed one by one, a chunk is written out row by row: the work of that grows with its square.
    let along_keys = matrix(rec).is_ok_and(|matrix| matrix.decay_along_key);
    let chunk = if along_keys { 16 } else { 32 };
    let candidates = [Form::Scan(48), Form::Chunk(chunk)];
    let fitting = candidates.into_iter().filter(|form| why_not(rec, *form).is_none());
    std::iter::once(Form::Step).chain(fitting).collect()
}

/// Why a recurrence cannot be computed in a form; nothing where it can.
#[must_use]
pub fn why_not(rec: &Rec, form: Form) -> Option<&'static str> {
    if form == Form::Step {
        return None;
    }
    let Some(group) = only_group(rec) else {
        return Some("its lines depend on each other's earlier entries, or not linearly");
    };
    match (form, &group.class) {
        (Form::Scan(_), Class::DiagonalConstant { .. } | Class::DiagonalVarying { .. }) => None,
        (Form::Scan(_), Class::Periodic { .. }) if elementwise_decay(rec).is_some() => None,
        (Form::Chunk(_), Class::DecayedOuter { .. } | Class::RankOne { .. } | Class::Periodic { .. }) => {
            matrix(rec).err()
        }
        (Form::Step | Form::Scan(_) | Form::Chunk(_) | Form::Diagonalise(_), _) => {
            Some("its class has no such form")
        }
    }
}

/// Sets the form of every recurrence of a class that has it; says how many there were.
pub fn set_form(graph: &mut Graph, class: &str, form: Form) -> usize {
    let mut changed = 0;
    for node in &mut graph.nodes {
        if let Op::Rec(rec) = &mut node.op
            && only_group(rec).is_some_and(|group| group.class.key() == class)
            && why_not(rec, form).is_none()
        {
            rec.form = form;
            changed += 1;
        }
        if let Op::Repeat(repeat) = &mut node.op {
            changed += set_form(&mut repeat.body, class, form);
        }
    }
    changed
}
