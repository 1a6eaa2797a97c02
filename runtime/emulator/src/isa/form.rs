//! The modifiers that an instruction takes, in the ISA's own notation.
//!
//! In: a form such as `add[.{rn|rz}][.ftz].f32` and the words behind an opcode. Out: whether they match.

/// One place for a modifier.
struct Slot {
    words: Vec<&'static str>,
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
            let optional = rest.starts_with('[');
            rest = rest.trim_start_matches(['[', '.']);
            let alternatives = rest.starts_with('{');
            let end = if alternatives {
                rest.find('}').unwrap_or(rest.len())
            } else {
                rest.find(['.', '[', ']']).unwrap_or(rest.len())
            };
            let (words, after) = rest.split_at(end);
            slots.push(Slot { words: words.trim_start_matches('{').split('|').collect(), optional });
            rest = after.trim_start_matches(['}', ']']);
        }
        Self { text, opcode, slots }
    }

    pub(super) fn matches(&self, words: &[String]) -> bool {
        matches_from(&self.slots, words)
    }

    pub(super) fn mentions(&self, word: &str) -> bool {
        self.slots.iter().any(|slot| slot.words.contains(&word))
    }
}

fn matches_from(slots: &[Slot], words: &[String]) -> bool {
    let Some((slot, later)) = slots.split_first() else { return words.is_empty() };
    if let Some((word, rest)) = words.split_first()
        && slot.words.contains(&word.as_str())
        && matches_from(later, rest)
    {
        return true;
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
        assert!(Form::parse("exit").matches(&[]));
        assert!(Form::parse("bar[.cta].sync").matches(&words("sync")));
    }
}
