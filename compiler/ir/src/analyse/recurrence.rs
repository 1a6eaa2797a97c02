//! What kind of recurrence a `rec` is: how the lines of its body depend on the earlier state, through groups, `if` and functions.
//!
//! In goes a [`Rec`], out come its groups of lines in an order in which they can be computed: a line that reads another's state without being read by it is a group of its own, for which the other
//! is an input. `c[t] = (lambda * c[t-1] + beta[t]) @ r` is one group, dense and constant: a term `c[t-1]` scaled by `lambda`, then through `r`; and an input `beta[t]` through `r`.
//!
//! The analysis is by dependence: each value of the body is expanded into a sum of terms, each the earlier state or a value free of it, followed by linear steps (see `linear`). It never guesses: what it does
//! not recognise is [`Class::Affine`] or [`Class::Nonlinear`], and those run step by step.

mod linear;
mod periodic;
mod shape;

pub use linear::{Source, Step, Term};

use crate::graph::ValueId;
use crate::op::Rec;
use linear::{Expansion, Linear};

/// Lines that depend on one another's earlier entries, or one line that does not.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Numbers of the lines (outputs of the body), in order.
    pub lines: Vec<usize>,
    /// How they depend on their earlier entries.
    pub class: Class,
    /// What is added in each step: for one line, its terms that are free of the state.
    pub input: Vec<Term>,
}

/// How a group depends on its earlier entries. Values are of the body.
#[derive(Clone, Debug, PartialEq)]
pub enum Class {
    /// `lambda o h`: each entry on its own, by a factor that is the same in all steps.
    DiagonalConstant {
        /// The factor, a sum of products; empty is 0.
        decay: Vec<Product>,
    },
    /// `a[t] o h`: each entry on its own. Resets are factors of 0 or 1.
    DiagonalVarying {
        /// The factor, a sum of products; empty is 0.
        decay: Vec<Product>,
    },
    /// `h @ A`, A the same in all steps.
    DenseConstant {
        /// The sum of these is the transition.
        terms: Vec<DenseTerm>,
    },
    /// `a[t] o S + k v'`: a matrix state to which outer products are added; the decay is the same along one of its axes.
    DecayedOuter {
        /// The factor, a sum of products.
        decay: Vec<Product>,
        /// The two vectors of each outer product among the input's terms.
        outer: Vec<[ValueId; 2]>,
    },
    /// `a[t] o S - b k (k S)`: the delta rule and its gated form.
    RankOne {
        /// The factor of the state itself, a sum of products.
        decay: Vec<Product>,
        /// The vector that reads the state, `k` in `k @ S`.
        read: ValueId,
        /// Factors of what was read.
        rate: Product,
        /// The vector along which it is put back.
        write: ValueId,
    },
    /// One class, but another at every `period`-th step.
    Periodic {
        /// Steps from one exception to the next.
        period: i64,
        /// The exception is where `t % period == phase`.
        phase: i64,
        /// The class of all other steps.
        within: Box<Class>,
        /// The class of the exception.
        exception: Box<Class>,
        /// Whether no gradient passes the exception.
        truncates: bool,
    },
    /// Affine in the earlier state, and none of the above: several states or lags at once, or another structure.
    Affine,
    /// Not affine.
    Nonlinear,
}

impl Class {
    /// Its name in reports.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::DiagonalConstant { .. } => "diagonal, constant",
            Self::DiagonalVarying { .. } => "diagonal, varying",
            Self::DenseConstant { .. } => "dense, constant",
            Self::DecayedOuter { .. } => "decayed outer products",
            Self::RankOne { .. } => "rank-one update",
            Self::Periodic { .. } => "periodic",
            Self::Affine => "affine",
            Self::Nonlinear => "nonlinear",
        }
    }
}

/// A product of values, elementwise.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Product {
    /// Whether its sign is turned.
    pub negative: bool,
    /// What is multiplied.
    pub factors: Vec<Factor>,
}

/// A factor that is free of the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Factor {
    /// Times the value.
    Times(ValueId),
    /// Over the value.
    Over(ValueId),
    /// 1 where the condition is as given, else 0.
    Where {
        /// The condition.
        condition: ValueId,
        /// What it should be.
        holds: bool,
    },
}

/// One term of a dense transition: `((state o before) @ matrix) o after`.
#[derive(Clone, Debug, PartialEq)]
pub struct DenseTerm {
    /// Factors in front of the matrix.
    pub before: Product,
    /// The matrix and its axis that is summed; `None` for a term that is diagonal.
    pub matrix: Option<(ValueId, usize)>,
    /// Factors behind it.
    pub after: Product,
}

/// Classifies a recurrence: its groups in an order in which they can be computed. Lines that nothing reads at earlier entries and that are no
/// state are in no group.
#[must_use]
pub fn classify(rec: &Rec) -> Vec<Group> {
    let reads = linear::states_read(rec);
    groups(rec, &reads)
        .into_iter()
        .map(|states| {
            let lines: Vec<usize> =
                states.iter().filter_map(|n| rec.states.get(*n)).map(|s| s.line).collect();
            let expansion = Expansion::new(rec, &states, &reads);
            match (lines.as_slice(), states.as_slice()) {
                ([line], [state]) if rec.states.get(*state).is_some_and(|state| state.depth == 1) => {
                    let (class, input) = one_line(&expansion, *line);
                    Group { lines, class, input }
                }
                _ => {
                    let affine = lines.iter().all(|line| *expansion.line(*line) != Linear::Nonlinear);
                    let class = if affine { Class::Affine } else { Class::Nonlinear };
                    Group { lines, class, input: Vec::new() }
                }
            }
        })
        .collect()
}

/// What a recurrence of one line multiplies its earlier entry with, elementwise, and whether that is the same in all steps; resets and exceptions at every n-th step are factors of 0 or
/// 1. Nothing for other recurrences.
#[must_use]
pub fn elementwise_decay(rec: &Rec) -> Option<(Vec<Product>, bool)> {
    let reads = linear::states_read(rec);
    let groups = groups(rec, &reads);
    let ([states], [state]) = (groups.as_slice(), rec.states.as_slice()) else { return None };
    if state.depth != 1 {
        return None;
    }
    let expansion = Expansion::new(rec, states, &reads);
    let decay: Vec<Product> = match expansion.line(state.line) {
        Linear::Free(_) => Vec::new(),
        Linear::Terms(terms) => {
            let of_state = terms.iter().filter(|term| matches!(term.source, Source::State { .. }));
            of_state.map(|term| shape::product(&term.steps)).collect::<Option<_>>()?
        }
        Linear::Nonlinear => return None,
    };
    let constant = decay.iter().all(|product| is_constant(&expansion, product));
    Some((decay, constant))
}

/// States that read one another, each set after those that it reads.
fn groups(rec: &Rec, reads: &[Vec<bool>]) -> Vec<Vec<usize>> {
    let count = rec.states.len();
    // reach[i][j]: line of state i depends on the earlier entries of state j.
    let mut reach: Vec<Vec<bool>> = rec
        .states
        .iter()
        .map(|state| {
            let value = rec.body.outputs.get(state.line).map_or(ValueId(0), |(_, value)| *value);
            reads.get(value.0 as usize).cloned().unwrap_or_else(|| vec![false; count])
        })
        .collect();
    for through in 0..count {
        let step = reach.get(through).cloned().unwrap_or_default();
        for row in &mut reach {
            if row.get(through) == Some(&true) {
                row.iter_mut().zip(&step).for_each(|(to, further)| *to |= further);
            }
        }
    }
    let reaches = |from: usize, to: usize| reach.get(from).and_then(|row| row.get(to)) == Some(&true);
    let mut done = vec![false; count];
    let mut order = Vec::new();
    while let Some(next) = (0..count).find(|n| {
        let open = |other: usize| done.get(other) == Some(&false);
        open(*n) && (0..count).all(|m| !open(m) || !reaches(*n, m) || reaches(m, *n) || m == *n)
    }) {
        let group: Vec<usize> =
            (0..count).filter(|m| *m == next || (reaches(next, *m) && reaches(*m, next))).collect();
        for member in &group {
            if let Some(done) = done.get_mut(*member) {
                *done = true;
            }
        }
        order.push(group);
    }
    order
}

fn one_line(expansion: &Expansion<'_>, line: usize) -> (Class, Vec<Term>) {
    match expansion.line(line) {
        // A line that does not read its own earlier entry after all.
        Linear::Free(value) => {
            let class = Class::DiagonalConstant { decay: Vec::new() };
            (class, vec![Term { source: Source::Free(*value), steps: Vec::new() }])
        }
        Linear::Terms(terms) => {
            let (states, input): (Vec<Term>, Vec<Term>) =
                terms.iter().cloned().partition(|term| matches!(term.source, Source::State { .. }));
            (of_terms(expansion, &states, &input), input)
        }
        Linear::Nonlinear => (Class::Nonlinear, Vec::new()),
    }
}

/// The class of a line that is the sum of these terms.
fn of_terms(expansion: &Expansion<'_>, states: &[Term], input: &[Term]) -> Class {
    if let Some(class) = periodic::periodic(expansion, states, input) {
        return class;
    }
    let products: Option<Vec<Product>> = states.iter().map(|term| shape::product(&term.steps)).collect();
    if let Some(decay) = products {
        let outer: Option<Vec<[ValueId; 2]>> =
            input.iter().map(|term| shape::outer_vectors(expansion, term)).collect();
        return match outer {
            Some(outer) if !outer.is_empty() && shape::shares_an_axis(expansion, &decay) => {
                Class::DecayedOuter { decay, outer }
            }
            Some(_) | None if decay.iter().all(|product| is_constant(expansion, product)) => {
                Class::DiagonalConstant { decay }
            }
            Some(_) | None => Class::DiagonalVarying { decay },
        };
    }
    let dense: Option<Vec<DenseTerm>> = states.iter().map(|term| shape::dense(&term.steps)).collect();
    if let Some(terms) = dense
        && terms.iter().all(|term| {
            is_constant(expansion, &term.before)
                && is_constant(expansion, &term.after)
                && term.matrix.is_none_or(|(matrix, _)| expansion.is_constant(matrix))
        })
    {
        return Class::DenseConstant { terms };
    }
    let (plain, others): (Vec<&Term>, Vec<&Term>) =
        states.iter().partition(|term| shape::product(&term.steps).is_some());
    if let [other] = others.as_slice()
        && let Some((read, rate, write)) = shape::rank_one(expansion, &other.steps)
    {
        let decay = plain.iter().filter_map(|term| shape::product(&term.steps)).collect();
        return Class::RankOne { decay, read, rate, write };
    }
    Class::Affine
}

fn is_constant(expansion: &Expansion<'_>, product: &Product) -> bool {
    product.factors.iter().all(|factor| match factor {
        Factor::Times(value) | Factor::Over(value) => expansion.is_constant(*value),
        Factor::Where { condition, .. } => expansion.is_constant(*condition),
    })
}
