//! The common options, understood: settings, hint, threads; and those that this version cannot honour, refused by name.

use crate::cli::{Common, WeightType};
use crate::failure::{Failure, Result};
use tensc_ir::analyse::forms::CLASSES;
use tensc_ir::analyse::{classify, why_not};
use tensc_ir::{Form, Graph, Op};
use tensc_runtime::arguments::Hint;
use tensc_runtime::suggest::suggest;

/// Reads `--set NAME=VALUE`.
pub(crate) fn settings(common: &Common) -> Result<Vec<(String, String)>> {
    let read = |text: &String| match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() && !value.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        }
        Some(_) | None => Err(Failure::user(format!("`--set {text}` sets nothing")).hint("--set D=256")),
    };
    common.set.iter().map(read).collect()
}

/// Reads `--hint B=1,T=512`.
pub(crate) fn hint(common: &Common) -> Result<Hint> {
    let mut hint = Hint::default();
    let Some(text) = &common.hint else { return Ok(hint) };
    let wrong = || Failure::user(format!("`--hint {text}` is no batch and length")).hint("--hint B=8,T=2048");
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').ok_or_else(wrong)?;
        let value: usize = value.trim().parse().map_err(|_| wrong())?;
        match name.trim() {
            "B" => hint.batch = value,
            "T" => hint.length = value,
            _ => return Err(wrong()),
        }
    }
    Ok(hint)
}

/// How many threads to use.
pub(crate) fn threads(common: &Common) -> Result<usize> {
    match common.threads {
        Some(0) => Err(Failure::user("`--threads 0` leaves nobody to work").hint("--threads 1")),
        Some(threads) if threads > 4096 => {
            Err(Failure::user(format!("`--threads {threads}` is more than the limit of 4096")))
        }
        Some(threads) => Ok(threads),
        None => Ok(std::thread::available_parallelism().map_or(1, std::num::NonZero::get)),
    }
}

/// Refuses what this version cannot honour.
pub(crate) fn refuse_unsupported(common: &Common) -> Result<()> {
    if common.grad.is_some() {
        return Err(Failure::user("`--grad` is not supported yet: this version computes no gradients"));
    }
    forms(common)?;
    let rules = rule_names()?;
    for name in &common.without_rule {
        if !rules.contains(&name.as_str()) {
            let failure = Failure::user(format!("there is no rule `{name}`"));
            return Err(match suggest(name, rules.iter().copied()) {
                Some(meant) => failure.hint(format!("did you mean `{meant}`?")),
                None => failure.hint(format!("the rules are {}", rules.join(", "))),
            });
        }
    }
    Ok(())
}

/// The rules of the optimiser by name.
fn rule_names() -> Result<Vec<&'static str>> {
    let rules = tensc_optimize::rules::rules();
    let rules = rules.map_err(|error| Failure::machine(format!("internal error: {error}")))?;
    Ok(rules.iter().map(|rule| rule.name).collect())
}

/// Reads `--form CLASS=FORM`.
pub(crate) fn forms(common: &Common) -> Result<Vec<(String, Form)>> {
    common.form.iter().map(|text| read_form(text)).collect()
}

fn read_form(text: &str) -> Result<(String, Form)> {
    let Some((class, form)) = text.split_once('=') else {
        return Err(Failure::user(format!("`--form {text}` names no class and form"))
            .hint("--form diagonal-constant=step"));
    };
    if !CLASSES.contains(&class) {
        let failure = Failure::user(format!("there is no class of recurrences `{class}`"));
        return Err(match suggest(class, CLASSES) {
            Some(meant) => failure.hint(format!("did you mean `{meant}`?")),
            None => failure.hint(format!("the classes are {}", CLASSES.join(", "))),
        });
    }
    match form.parse() {
        Ok(form) => Ok((class.to_owned(), form)),
        Err(error) => Err(Failure::user(format!("{error}")).hint(format!("--form {class}=step"))),
    }
}

/// Refuses a form that no recurrence of its class has.
pub(crate) fn forms_taken(variants: &[Graph], forms: &[(String, Form)]) -> Result<()> {
    for (class, form) in forms {
        let mut reasons = Vec::new();
        for graph in variants {
            form_of_class(graph, class, *form, &mut reasons);
        }
        let option = format!("--form {class}={form}");
        match reasons.as_slice() {
            [] => return Err(Failure::user(format!("`{option}` finds no recurrence of this class"))),
            [Some(reason), rest @ ..] if rest.iter().all(Option::is_some) => {
                return Err(Failure::user(format!("`{option}` fits no recurrence: {reason}"))
                    .hint(format!("--form {class}=step")));
            }
            _ => {}
        }
    }
    Ok(())
}

/// For each recurrence of a class, why it does not have a form.
fn form_of_class(graph: &Graph, class: &str, form: Form, reasons: &mut Vec<Option<&'static str>>) {
    for node in &graph.nodes {
        if let Op::Rec(rec) = &node.op
            && classify(rec).iter().any(|group| group.class.key() == class)
        {
            reasons.push(why_not(rec, form));
        }
        if let Op::Repeat(repeat) = &node.op {
            form_of_class(&repeat.body, class, form, reasons);
        }
    }
}

/// Tells which of the options that were given have nothing to act on in this command.
pub(crate) fn without_effect(common: &Common, command: &str, used: &[&str]) -> Vec<String> {
    let given = [
        ("--model", common.model.is_some()),
        ("--fn", common.function.is_some()),
        ("--preset", common.preset.is_some()),
        ("--set", !common.set.is_empty()),
        ("--weights", common.weights.is_some()),
        ("--seed", common.seed != 0),
        ("--train", common.train),
        ("--dtype", common.dtype != WeightType::F32),
        ("--hint", common.hint.is_some()),
        ("--without-rule", !common.without_rule.is_empty()),
        ("--form", !common.form.is_empty()),
        ("--strict", common.strict),
        ("--threads", common.threads.is_some()),
    ];
    let idle = given.into_iter().filter(|(name, given)| *given && !used.contains(name));
    idle.map(|(name, _)| format!("note: {name} has no effect on `tensc {command}`")).collect()
}
