//! The laws, a file per family.
//!
//! A rule is *exact* (the same f32 bits) or *real* (equal over the reals; its right side's error is at most 4 times the left's + 1e-6). Most are a line of pattern;
//! those that must look at an op's data (axes, labels, sizes) are a function.

mod complex; // mixing: parts of complex modes
mod elementwise; // arithmetic that does nothing
mod forms; // recurrence: other ways to compute one
mod frequency; // mixing: products of spectra
pub(crate) mod lookalikes; // what is no law
mod losses; // what is asked of logits
mod movement; // last entries, slices, transposes
mod projection; // x @ w
mod recurrence; // what moves across a recurrence
mod resonance; // products that join into projections
#[cfg(test)]
mod tests;

use crate::facts::{Data, Facts, Graph};
use crate::language::{Head, Term};
use egg::{Id, Pattern, Searcher, Subst, Var};
use std::fmt;
use tensc_ir::{DType, Op, Type};

/// Whether both sides have the same f32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Equality {
    /// The same bits.
    Exact,
    /// Equal over the reals.
    Real,
}

/// A law with how to apply it.
pub struct Rule {
    /// `noun-law`, as `--without-rule` takes it.
    pub name: &'static str,
    /// The law in a line of maths.
    pub law: &'static str,
    /// Family, that is the file's name.
    pub family: &'static str,
    /// Exact or real.
    pub equality: Equality,
    action: Action,
    #[cfg(test)]
    row: &'static Row,
}

/// What must be known of a rule's metavariables for it to be applied.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Condition {
    /// Depends on weights and constants alone.
    WeightsOnly(&'static str),
    /// Has no axes.
    Scalar(&'static str),
    /// Is this constant.
    Is(&'static str, f64),
    /// Is f32: a complex number made of it has it as its real part, without loss.
    F32(&'static str),
}

impl Condition {
    fn holds(self, egraph: &Graph, subst: &Subst) -> bool {
        let data = |name| binding(subst, name).map(|id| &egraph[id].data);
        match self {
            Self::WeightsOnly(name) => data(name).is_some_and(|data| data.known.weights_only),
            Self::Scalar(name) => data(name).and_then(Data::ty).is_some_and(|ty| ty.shape.is_empty()),
            Self::Is(name, value) => data(name).and_then(|data| data.constant) == Some(value),
            Self::F32(name) => data(name).and_then(Data::ty).is_some_and(|ty| ty.dtype == DType::F32),
        }
    }
}

/// Why it does not hold, as a person reads it.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |name: &str| name.trim_start_matches('?').to_owned();
        match self {
            Self::WeightsOnly(name) => write!(f, "{} depends on more than weights", plain(name)),
            Self::Scalar(name) => write!(f, "{} has axes", plain(name)),
            Self::Is(name, value) => write!(f, "{} is not {value}", plain(name)),
            Self::F32(name) => write!(f, "{} is no f32", plain(name)),
        }
    }
}

/// An application of a rule that changed something.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Firing {
    /// The class that the rule's left side is in.
    pub(crate) class: Id,
    /// What it is equal to now: the terms of the right side.
    pub(crate) terms: Vec<Term>,
}

/// A place where a law would fit but was not applied.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) class: Id,
    pub(crate) why: String,
}

enum Action {
    Pattern { left: Pattern<Term>, right: Pattern<Term>, conditions: &'static [Condition] },
    Function(Function),
}

type Function = fn(&mut Graph) -> Vec<Firing>;

/// A rule as its family's table writes it.
#[cfg_attr(not(test), expect(dead_code, reason = "the rules' tests are made from `fires` and `stops`"))]
struct Row {
    name: &'static str,
    law: &'static str,
    equality: Equality,
    what: What,
    /// Types of the metavariables in a case where the rule fires (`w` before a type: depends on weights alone), or a graph's text. The rule's tests are made from it.
    fires: &'static str,
    /// The same for a case that its condition stops; empty where it has none.
    stops: &'static str,
}

enum What {
    Rewrite(&'static str, &'static str, &'static [Condition]),
    Function(Function),
}

/// Every rule, in the order in which they are applied.
///
/// # Errors
/// A pattern with a misspelt operator.
pub fn rules() -> Result<Vec<Rule>, String> {
    let families: [(&'static str, &'static [Row]); 9] = [
        ("projection", projection::ROWS),
        ("resonance", resonance::ROWS),
        ("recurrence", forms::ROWS),
        ("recurrence", recurrence::ROWS),
        ("mixing", complex::ROWS),
        ("mixing", frequency::ROWS),
        ("movement", movement::ROWS),
        ("elementwise", elementwise::ROWS),
        ("losses", losses::ROWS),
    ];
    let mut rules = Vec::new();
    for (family, rows) in families {
        for row in rows {
            let parse = |text: &str| -> Result<Pattern<Term>, String> {
                text.parse().map_err(|error| format!("rule `{}`: {error}", row.name))
            };
            let action = match row.what {
                What::Rewrite(left, right, conditions) => {
                    Action::Pattern { left: parse(left)?, right: parse(right)?, conditions }
                }
                What::Function(function) => Action::Function(function),
            };
            let Row { name, law, equality, .. } = *row;
            rules.push(Rule {
                name,
                law,
                family,
                equality,
                action,
                #[cfg(test)]
                row,
            });
        }
    }
    Ok(rules)
}

impl Rule {
    /// Applies it everywhere; what it joined.
    pub(crate) fn apply(&self, egraph: &mut Graph) -> Vec<Firing> {
        match &self.action {
            Action::Function(function) => function(egraph),
            Action::Pattern { left, right, conditions } => {
                let mut fired = Vec::new();
                for found in left.search(egraph) {
                    for subst in &found.substs {
                        if conditions.iter().all(|condition| condition.holds(egraph, subst)) {
                            let id = instantiate(egraph, right, subst);
                            // A side that the other stretched by broadcasting is no equal: `re(a + i b) = a` needs a of full shape.
                            if same_type(egraph, Some(found.eclass), Some(id)) {
                                fired.extend(join(egraph, found.eclass, id));
                            }
                        }
                    }
                }
                fired
            }
        }
    }

    /// Where its left side is found and a condition stops it.
    pub(crate) fn refusals(&self, egraph: &Graph) -> Vec<Refusal> {
        let Action::Pattern { left, conditions, .. } = &self.action else { return Vec::new() };
        // A condition that asks for a certain constant is part of the pattern.
        let told = conditions.iter().any(|condition| matches!(condition, Condition::WeightsOnly(_)));
        if !told {
            return Vec::new();
        }
        let mut refusals = Vec::new();
        for found in left.search(egraph) {
            for subst in &found.substs {
                if let Some(condition) = conditions.iter().find(|condition| !condition.holds(egraph, subst)) {
                    refusals.push(Refusal { class: found.eclass, why: condition.to_string() });
                }
            }
        }
        refusals.sort_by_key(|refusal| refusal.class);
        refusals.dedup();
        refusals
    }
}

fn binding(subst: &Subst, name: &str) -> Option<Id> {
    name.parse::<Var>().ok().and_then(|var| subst.get(var).copied())
}

/// Adds the pattern's term under the bindings.
fn instantiate(egraph: &mut Graph, pattern: &Pattern<Term>, subst: &Subst) -> Id {
    let mut ids: Vec<Id> = Vec::new();
    for node in pattern.ast.iter() {
        let id = match node {
            egg::ENodeOrVar::Var(var) => subst.get(*var).copied().unwrap_or_default(),
            egg::ENodeOrVar::ENode(term) => {
                let children =
                    term.children.iter().filter_map(|id| ids.get(usize::from(*id)).copied()).collect();
                egraph.add(Term::new(term.head, children))
            }
        };
        ids.push(id);
    }
    ids.last().copied().unwrap_or_default()
}

/// Joins a class to an equal one, if they were apart.
pub(crate) fn join(egraph: &mut Graph, class: Id, equal: Id) -> Option<Firing> {
    if egraph.find(class) == egraph.find(equal) {
        return None;
    }
    let terms = egraph[equal].nodes.clone();
    egraph.union(class, equal).then_some(Firing { class, terms })
}

/// Terms of every class with this shape of head, collected before anything is changed.
fn terms_where(egraph: &Graph, wanted: impl Fn(&Facts, &Term) -> bool) -> Vec<(Id, Term)> {
    let mut found = Vec::new();
    for class in egraph.classes() {
        for term in &class.nodes {
            if wanted(&egraph.analysis, term) {
                found.push((class.id, term.clone()));
            }
        }
    }
    found.sort();
    found
}

/// Both have one type, and it is the same.
fn same_type(egraph: &Graph, a: Option<Id>, b: Option<Id>) -> bool {
    let ty = |id: Option<Id>| id.and_then(|id| egraph[id].data.ty().cloned());
    ty(a).is_some() && ty(a) == ty(b)
}

/// The op behind a term.
fn op_of(egraph: &Graph, term: &Term) -> Option<Op> {
    let rank = term.children.first().and_then(|id| egraph[*id].data.ty()).map_or(0, Type::rank);
    egraph.analysis.head_op(term.head, rank)
}

/// The op behind a term that has no head of its own.
fn other_op<'a>(egraph: &'a Graph, term: &Term) -> Option<&'a Op> {
    if let Head::Op(id) = term.head { egraph.analysis.op(id) } else { None }
}

fn type_of(egraph: &Graph, id: Id) -> Option<Type> {
    egraph[id].data.ty().cloned()
}

/// `(class, outer op, inner op, inner children)` for each pair of nested ops.
fn nested(egraph: &Graph, outer: impl Fn(&Op) -> bool) -> Vec<(Id, Op, Op, Vec<Id>)> {
    let mut found = Vec::new();
    for (class, term) in terms_where(egraph, |_, term| matches!(term.head, Head::Op(_))) {
        if let Some(op) = op_of(egraph, &term).filter(&outer)
            && let [child] = term.children.as_slice()
        {
            for inner in &egraph[*child].nodes {
                if let Some(inner_op) = op_of(egraph, inner) {
                    found.push((class, op.clone(), inner_op, inner.children.clone()));
                }
            }
        }
    }
    found
}
