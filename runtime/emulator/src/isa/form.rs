//! The modifiers that an instruction takes, in the ISA's own notation.
//!
//! In: a form such as `add[.{rn|rz}][.ftz].f32` and the words behind an opcode. Out: whether they match.

/// The alternatives of one modifier.
type Choice = Vec<&'static str>;

/// One modifier, or several in a row that are optional together, as in `[.xorsign.abs]`.
struct Slot {
    choices: Vec<Choice>,
    optional: bool,
}

pub(super) struct Form {
    pub(super) text: &'static str,
    pub(super) opcode: &'static str,
    slots: Vec<Slot>,
}

impl Form {
    pub(super) fn parse(text: &'static str) -> Self {
        let end = text.find(['.', '[']).unwrap_or(text.len());
        let (opcode, mut rest) = text.split_at(end);
        let mut slots = Vec::new();
        while !rest.is_empty() {
            if let Some(inner) = rest.strip_prefix('[') {
                let (mut inside, after) = inner.split_once(']').unwrap_or((inner, ""));
                let mut choices = Vec::new();
                while !inside.is_empty() {
                    choices.push(choice(&mut inside));
                }
                slots.push(Slot { choices, optional: true });
                rest = after;
            } else {
                slots.push(Slot { choices: vec![choice(&mut rest)], optional: false });
            }
        }
        Self { text, opcode, slots }
    }

    pub(super) fn matches(&self, words: &[String]) -> bool {
        matches_from(&self.slots, words)
    }

    pub(super) fn mentions(&self, word: &str) -> bool {
        self.slots.iter().flat_map(|slot| &slot.choices).any(|choice| choice.contains(&word))
    }
}

/// Takes `.x` or `.{x|y}` off the front.
fn choice(rest: &mut &'static str) -> Choice {
    let text = rest.strip_prefix('.').unwrap_or(rest);
    let (words, after) = match text.strip_prefix('{') {
        Some(text) => text.split_once('}').unwrap_or((text, "")),
        None => text.split_at(text.find(['.', '[']).unwrap_or(text.len())),
    };
    *rest = after;
    words.split('|').collect()
}

fn matches_from(slots: &[Slot], words: &[String]) -> bool {
    let Some((slot, later)) = slots.split_first() else { return words.is_empty() };
    if let Some((taken, rest)) = words.split_at_checked(slot.choices.len()) {
        let fits = taken.iter().zip(&slot.choices).all(|(word, choice)| choice.contains(&word.as_str()));
        if fits && matches_from(later, rest) {
            return true;
        }
    }
    slot.optional && matches_from(later, words)
}

/// The modifiers of one instruction, which its form has accepted.
#[derive(Clone, Copy)]
pub(crate) struct Words<'a>(pub(crate) &'a [String]);

impl<'a> Words<'a> {
    pub(crate) fn has(self, word: &str) -> bool {
        self.0.iter().any(|found| found == word)
    }

    /// The first modifier that is one of `choices`.
    pub(crate) fn pick<'b>(self, choices: &[&'b str]) -> Option<&'b str> {
        self.0.iter().find_map(|word| choices.iter().copied().find(|choice| choice == word))
    }

    pub(crate) fn iter(self) -> impl DoubleEndedIterator<Item = &'a str> {
        self.0.iter().map(String::as_str)
    }

    pub(crate) fn last(self) -> &'a str {
        self.0.last().map_or("", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::Form;

    fn words(text: &str) -> Vec<String> {
        text.split_terminator('.').map(str::to_owned).collect()
    }

    #[test]
    fn forms_take_what_they_say_in_their_order() {
        let form = Form::parse("add[.{rn|rz}][.ftz].f32");
        assert_eq!(form.opcode, "add");
        for good in ["f32", "rn.f32", "rz.ftz.f32", "ftz.f32"] {
            assert!(form.matches(&words(good)), "{good}");
        }
        for bad in ["", "f64", "ftz.rn.f32", "rn.rz.f32", "f32.ftz", "rm.f32"] {
            assert!(!form.matches(&words(bad)), "{bad}");
        }
        let form = Form::parse("min[.ftz][.xorsign.abs].{f16|f32}");
        for good in ["f32", "xorsign.abs.f16", "ftz.xorsign.abs.f32"] {
            assert!(form.matches(&words(good)), "{good}");
        }
        for bad in ["xorsign.f32", "abs.f32", "abs.xorsign.f32"] {
            assert!(!form.matches(&words(bad)), "{bad}");
        }
        assert!(Form::parse("exit").matches(&[]));
        assert!(Form::parse("bar[.cta].sync").matches(&words("sync")));
    }
}
