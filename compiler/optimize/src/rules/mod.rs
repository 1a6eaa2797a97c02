//! The laws, a file per family.
//!
//! A rule is *exact* (the same f32 bits) or *real* (equal over the reals; its right side's error is at most 4 times the left's + 1e-6). Most are a line of pattern;
//! those that must look at an op's data (axes, labels, sizes) are a function.

mod elementwise;
mod mixing;
mod movement;
mod projection;
#[cfg(test)]
mod tests;

use crate::facts::{Facts, Graph};
use crate::language::Term;
use egg::{Id, Pattern, Searcher, Subst, Var};

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

type Condition = fn(&Graph, &dyn Fn(&str) -> Option<Id>) -> bool;

enum Action {
    Pattern { left: Pattern<Term>, right: Pattern<Term>, condition: Condition },
    Function(fn(&mut Graph) -> Vec<Id>),
}

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
    Rewrite(&'static str, &'static str, Condition),
    Function(fn(&mut Graph) -> Vec<Id>),
}

fn always(_: &Graph, _: &dyn Fn(&str) -> Option<Id>) -> bool {
    true
}

/// Every rule, in the order in which they are applied.
///
/// # Errors
/// A pattern with a misspelt operator.
pub fn rules() -> Result<Vec<Rule>, String> {
    let families: [(&'static str, &'static [Row]); 4] = [
        ("projection", projection::ROWS),
        ("mixing", mixing::ROWS),
        ("movement", movement::ROWS),
        ("elementwise", elementwise::ROWS),
    ];
    let mut rules = Vec::new();
    for (family, rows) in families {
        for row in rows {
            let parse = |text: &str| -> Result<Pattern<Term>, String> {
                text.parse().map_err(|error| format!("rule `{}`: {error}", row.name))
            };
            let action = match row.what {
                What::Rewrite(left, right, condition) => {
                    Action::Pattern { left: parse(left)?, right: parse(right)?, condition }
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
    /// Applies it everywhere; the classes that it joined to others.
    pub(crate) fn apply(&self, egraph: &mut Graph) -> Vec<Id> {
        match &self.action {
            Action::Function(function) => function(egraph),
            Action::Pattern { left, right, condition } => {
                let mut fired = Vec::new();
                for found in left.search(egraph) {
                    for subst in &found.substs {
                        if condition(egraph, &|name| binding(subst, name)) {
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

/// Joins two classes; gives the first if they were apart.
pub(crate) fn join(egraph: &mut Graph, a: Id, b: Id) -> Option<Id> {
    (egraph.find(a) != egraph.find(b) && egraph.union(a, b)).then_some(a)
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

/// Depends on weights and constants alone.
fn weights_only(egraph: &Graph, id: Option<Id>) -> bool {
    id.is_some_and(|id| egraph[id].data.known.weights_only)
}

/// Both have one type, and it is the same.
fn same_type(egraph: &Graph, a: Option<Id>, b: Option<Id>) -> bool {
    let ty = |id: Option<Id>| id.and_then(|id| egraph[id].data.ty().cloned());
    ty(a).is_some() && ty(a) == ty(b)
}

/// Has no axes.
fn scalar(egraph: &Graph, id: Option<Id>) -> bool {
    id.and_then(|id| egraph[id].data.ty()).is_some_and(|ty| ty.shape.is_empty())
}

/// Is this constant.
fn is_constant(egraph: &Graph, id: Option<Id>, value: f64) -> bool {
    id.is_some_and(|id| egraph[id].data.constant == Some(value))
}
