//! No text makes the front end panic or take long, and what parses can be formatted.
//!
//! Valid files are cut, spliced, repeated and sprinkled with bytes and tokens, the same way in every run.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops at surprises")]

use std::time::{Duration, Instant};
use tensc_frontend::{FileId, SourceMap, diagnostic, format, parse};

mod corpus;

const CASES: u64 = 20_000;

/// SplitMix64, which needs no more than this to be good enough here.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    fn of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }

    fn token(&mut self) -> &'static str {
        TOKENS[self.below(TOKENS.len())]
    }
}

const TOKENS: &[&str] = &[
    "(", ")", "[", "]", "{", "}", ",", ";", ":", ".", "..", "->", "|>", "=", "==", "<", "+", "-", "*", "/",
    "@", "^", "!", "\n", "\n\n", " ", "let ", "rec ", "fn ", "cell ", "model ", "param ", "preset ", "test ",
    "use ", "const ", "if ", " else ", " for ", " in ", " from ", " and ", "none", "all", "x", "f32", "_",
    "1", "2.5", "1e9", "\"s\"", "\"", "// c\n", "/// d\n", "//! e\n", "//", "é", "\u{2028}", "\0", "\r\n",
    "\t", "#", "&&", "f(x)", "x[t-1]",
];

/// A piece of a text, on character boundaries.
fn piece<'a>(random: &mut Random, text: &'a str, longest: usize) -> &'a str {
    let start = text.floor_char_boundary(random.below(text.len() + 1));
    let end = text.floor_char_boundary((start + random.below(longest)).min(text.len()));
    &text[start..end.max(start)]
}

fn mutate(random: &mut Random, texts: &[String]) -> String {
    // A window rather than a file: more of the changes end in a text that still parses.
    let source = random.of(texts);
    let lines: Vec<&str> = source.split_inclusive('\n').collect();
    let mut text = match random.below(4) {
        0 => source.clone(),
        _ => {
            let start = random.below(lines.len());
            let count = 1 + random.below(12);
            lines.iter().skip(start).take(count).copied().collect()
        }
    };
    for _ in 0..random.below(4) {
        let at = text.floor_char_boundary(random.below(text.len() + 1));
        match random.below(6) {
            0 => text.insert_str(at, random.token()),
            1 => {
                let other = random.of(texts);
                text.insert_str(at, piece(random, other, 60));
            }
            2 => text.truncate(at),
            3 => {
                let cut = piece(random, &text, 30).to_owned();
                text = text.replacen(&cut, "", 1);
            }
            4 => {
                let cut = piece(random, &text, 8).to_owned();
                text = text.replacen(&cut, random.token(), 1);
            }
            _ => {
                let again = piece(random, &text, 40).repeat(1 + random.below(5));
                text.insert_str(at, &again);
            }
        }
    }
    text
}

#[test]
fn no_text_breaks_the_front_end() {
    let texts: Vec<String> = corpus::files().into_iter().map(|(_, text)| text).collect();
    let mut parsed = 0;
    for case in 0..CASES {
        let mut random = Random(case);
        let text = mutate(&mut random, &texts);
        let start = Instant::now();
        match format(&text) {
            Ok(once) => {
                parsed += 1;
                corpus::assert_same_meaning(&text, &once);
                assert_eq!(format(&once).unwrap(), once, "case {case}: not a fixed point of\n{text}");
            }
            Err(errors) => {
                let mut sources = SourceMap::new();
                let file = sources.add("fuzz.seq", text.clone());
                assert!(errors.iter().all(|one| one.primary.span.end as usize <= text.len()));
                assert!(diagnostic::render(&sources, &errors, diagnostic::Style::Plain).contains("error"));
                assert_eq!(parse(file, &text).1, errors, "case {case}: not the same twice");
            }
        }
        assert!(start.elapsed() < Duration::from_secs(5), "case {case} takes long:\n{text}");
    }
    assert!(parsed > CASES / 10, "only {parsed} texts parsed: the fuzzer tests too little");
}

#[test]
fn any_bytes_are_read() {
    for case in 0..2_000 {
        let mut random = Random(case ^ 0x5eed);
        let bytes: Vec<u8> = (0..random.below(200)).map(|_| random.next() as u8).collect();
        let text = String::from_utf8_lossy(&bytes);
        let _ = format(&text);
        let tokens: String = (0..random.below(60)).map(|_| random.token()).collect();
        if let Ok(once) = format(&tokens) {
            corpus::assert_same_meaning(&tokens, &once);
        }
    }
}

#[test]
fn time_grows_with_the_text_and_no_faster() {
    let text = corpus::read("expressions.seq").replace("//!", "//");
    let broken = text.replace("= ", "= = ").replace("f32[", "f32[[");
    for text in [text, broken] {
        let long = text.repeat(200);
        let start = Instant::now();
        let (_, _) = parse(FileId(0), &long);
        let _ = format(&long);
        assert!(start.elapsed() < Duration::from_secs(20), "{} lines", long.lines().count());
    }
}
