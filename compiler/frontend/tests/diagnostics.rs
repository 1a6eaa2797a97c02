//! What users see when a file cannot be read: each file in `errors/` with all that is said about it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops at surprises")]

use std::path::Path;
use tensc_frontend::{Diagnostic, FileId, SourceMap, Span, diagnostic, parse};

#[test]
fn syntax_errors_read_well() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/errors");
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert!(!names.is_empty());
    for name in names {
        let text = std::fs::read_to_string(folder.join(&name)).unwrap();
        let mut sources = SourceMap::new();
        let file = sources.add(name.as_str(), text.as_str());
        let (_, diagnostics) = parse(file, &text);
        assert!(!diagnostics.is_empty(), "{name}");
        let rendered = diagnostic::render(&sources, &diagnostics, diagnostic::Style::Plain);
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(name.trim_end_matches(".seq"), rendered);
        });
    }
}

#[test]
fn a_diagnostic_looks_like_the_page() {
    let text = "let beta = x @ transpose(w_in)\n";
    let mut sources = SourceMap::new();
    let file = sources.add("ten.seq", text);
    let diagnostic = Diagnostic::error(
        "shapes do not line up in `@`",
        Span::new(file, 11, 12),
        "f32[T, D]: its last axis is D = 1024",
    )
    .label(Span::new(file, 15, 30), "f32[K, D]: contracts over K = 128")
    .hint("`x @ w_in` contracts D with D");
    let rendered = diagnostic::render(&sources, std::slice::from_ref(&diagnostic), diagnostic::Style::Plain);
    let expect = "\
error: shapes do not line up in `@`
  ┌─ ten.seq:1:12
  │
1 │ let beta = x @ transpose(w_in)
  │            ^   --------------- f32[K, D]: contracts over K = 128
  │            │
  │            f32[T, D]: its last axis is D = 1024
  │
  = hint: `x @ w_in` contracts D with D

";
    assert_eq!(rendered, expect);
    let coloured = diagnostic::render(&sources, &[diagnostic], diagnostic::Style::Coloured);
    assert!(coloured.contains("\u{1b}["), "{coloured}");
}

#[test]
fn a_span_outside_its_file_is_still_shown() {
    let mut sources = SourceMap::new();
    let file = sources.add("a.seq", "é");
    for span in [Span::new(file, 1, 9), Span::new(file, 7, 9), Span::new(FileId(4), 0, 1)] {
        let diagnostic = Diagnostic::error("a title", span, "");
        let rendered = diagnostic::render(&sources, &[diagnostic], diagnostic::Style::Plain);
        assert!(rendered.contains("error: a title"), "{rendered}");
    }
}

#[test]
fn lines_and_columns_count_from_one_in_characters() {
    let mut sources = SourceMap::new();
    let file = sources.add("a.seq", "é = 1\nab\n");
    for (start, place) in [(0, (1, 1)), (2, (1, 2)), (7, (2, 1)), (9, (2, 3)), (10, (3, 1))] {
        assert_eq!(sources.line_column(Span::new(file, start, start)), place, "{start}");
    }
    assert_eq!(sources.slice(Span::new(file, 7, 9)), "ab");
    assert_eq!(sources.slice(Span::new(file, 1, 2)), "", "inside of a character");
}
