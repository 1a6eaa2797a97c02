//! The canonical layout: a file of the page's style is one already, nothing is lost, nothing changes twice.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops at surprises")]

use std::path::Path;
use tensc_frontend::{FileId, format, parse};

mod corpus;

/// Formats, and checks what must hold for every text: the same tree, the same comments, and a fixed point.
fn formatted(text: &str) -> String {
    let once = format(text).unwrap_or_else(|errors| panic!("{text}\n{errors:#?}"));
    corpus::assert_same_meaning(text, &once);
    assert_eq!(format(&once).unwrap(), once, "not a fixed point of\n{text}");
    once
}

/// A layout that must stay as it is.
fn fixed(text: &str) {
    assert_eq!(formatted(text), text);
}

#[test]
fn the_page_is_a_fixed_point() {
    fixed(&corpus::read("ten.seq"));
}

#[test]
fn the_corpus_keeps_its_meaning() {
    let files = corpus::files();
    assert!(files.len() >= 3);
    for (_, text) in files {
        formatted(&text);
    }
}

#[test]
fn the_layout_of_every_construct() {
    let text = formatted(&corpus::read("expressions.seq"));
    insta::with_settings!({ snapshot_path => Path::new("snapshots"), prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("layout-of-every-construct", text);
    });
}

#[test]
fn blanks_are_canonical() {
    let text = "const  A=[ 1,2 ]\nfn f( x :f32[ T,D ])->f32{x [ t - 1 ,0 .. T]*-x|>g( a=1 )}";
    let expect = "const A = [1, 2]\nfn f(x: f32[T, D]) -> f32 { x[t-1, 0..T] * -x |> g(a = 1) }\n";
    assert_eq!(formatted(text), expect);
}

#[test]
fn an_empty_line_stays_and_a_second_does_not() {
    assert_eq!(formatted("\n\nconst A = 1\n\n\n\nconst B = 2\n\n"), "const A = 1\n\nconst B = 2\n");
    assert_eq!(formatted("// a\n\n\n// b\nconst A = 1"), "// a\n\n// b\nconst A = 1\n");
    assert_eq!(formatted("\n  \n"), "");
    assert_eq!(formatted("// only"), "// only\n");
}

#[test]
fn braces_on_one_line_stay_there_where_they_fit() {
    fixed("fn f(x: f32) -> f32 { x }\n");
    fixed("fn f(x: f32) -> f32 {\n    x\n}\n");
    fixed("fn f(x: f32) -> f32 { let a = x; a }\n");
    let name = "long_name_that_takes_much_of_a_line";
    let text = format!("fn f(x: f32) -> f32 {{ let a = {name}; let b = {name}; a }}\n");
    let expect = format!("fn f(x: f32) -> f32 {{\n    let a = {name}\n    let b = {name}\n    a\n}}\n");
    assert_eq!(formatted(&text), expect);
}

#[test]
fn blocks_of_an_if_break_together() {
    let text = "const A = if a { 1 } else {\n 2 }\n";
    assert_eq!(formatted(text), "const A = if a {\n    1\n} else {\n    2\n}\n");
}

#[test]
fn what_is_too_long_breaks_behind_operators_and_commas() {
    let a = "a_name_of_thirty_characters_aa";
    let text = format!("const A = {a} + {a} * {a} - {a}\nconst B = f({a}, {a}, [{a}, {a}])\n");
    let expect = format!(
        "const A = {a} +\n    {a} * {a} -\n    {a}\nconst B = f(\n    {a},\n    {a},\n    [{a}, {a}],\n)\n"
    );
    assert_eq!(formatted(&text), expect);
    let numbers = format!("const N = [{}]", "1.25, -3, ".repeat(20));
    let lines = formatted(&numbers);
    assert!(lines.lines().count() < 6 && lines.lines().all(|line| line.len() <= 100), "{lines}");
}

#[test]
fn neighbours_share_columns() {
    fixed(
        "\
cell C(D) {
    param  w:    f32[D, D] = 0  // a
    buffer bias: bool      = 1  // b
    cell   a   = A(D)
    cell   bcd = A(D)

    cell e = A(D)
    // alone
    cell long = A(D)

    preset p    { D = 1 }
    preset long { D = 1 }
}
",
    );
}

#[test]
fn a_line_that_would_become_too_long_stands_alone() {
    let long = format!("[{}]", "12345678, ".repeat(8).trim_end_matches(", "));
    let text = format!("const A = {long}\nconst NAME_OF_SOME_LENGTH = 2\nconst B = 2\n");
    let expect = format!("const A = {long}\nconst NAME_OF_SOME_LENGTH = 2\nconst B                   = 2\n");
    assert_eq!(formatted(&text), expect);
}

#[test]
fn comments_stay_between_their_tokens() {
    fixed(
        "\
// before
fn f(  // inputs
    x: f32,  // first
    // own line
    y: f32,
    // last
) -> f32 {  // body
    // in front
    let a = f(
        x,  // one
        // two
        y,
    )  // behind

    // apart
    let b =  // value
        a +  // plus
            // own line
            y
    rec c[t] = b  // start
        from y
    if a > b {  // then
        a
        // end of then
    } else {
        // empty
    }
}  // end

// the end
",
    );
}

#[test]
fn comments_without_a_place_move_on() {
    let text = "const A = (x // a\n . y // b\n (1)) // c\n";
    let once = formatted(text);
    for comment in ["// a", "// b", "// c"] {
        assert_eq!(once.matches(comment).count(), 1, "{once}");
    }
    let text = "fn f() -> f32 { if a { 1 } // why\n else { 2 } }";
    assert!(formatted(text).contains("1\n        // why") || formatted(text).contains("1  // why"));
}

#[test]
fn errors_are_returned() {
    let errors = format("const = 1\nfn").unwrap_err();
    assert_eq!(errors.len(), 2);
    assert_eq!(parse(FileId(0), "const = 1\nfn").1, errors);
}
