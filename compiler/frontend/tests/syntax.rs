//! What text means: precedence, where statements end, every form of index, number and `use`.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops at surprises")]

use tensc_frontend::{FileId, parse};

/// The text form of the ast of `text`, which has no errors.
fn ast(text: &str) -> String {
    let (file, diagnostics) = parse(FileId(0), text);
    assert!(diagnostics.is_empty(), "{text}\n{diagnostics:#?}");
    file.to_string()
}

/// The text form of an expression.
fn expr(text: &str) -> String {
    let file = ast(&format!("const X = {text}"));
    file.trim_end().strip_prefix("const X = ").unwrap().to_owned()
}

/// The text forms of the statements of a block.
fn stmts(text: &str) -> Vec<String> {
    let file = ast(&format!("fn f() -> f32 {{\n{text}\n}}"));
    file.lines().skip(1).map(|line| line.trim_start().to_owned()).collect()
}

/// Titles of the errors in a text.
fn errors(text: &str) -> Vec<String> {
    let (_, diagnostics) = parse(FileId(0), text);
    diagnostics.into_iter().filter(|one| one.is_error()).map(|one| one.title).collect()
}

#[test]
fn precedence_is_the_table_of_the_page() {
    for (text, expect) in [
        ("a.b(c)[d] ^ e", "(^ (index (call (field a b) c) d) e)"),
        ("2 ^ 3 ^ 2", "(^ 2 (^ 3 2))"),
        ("2 ^ -1", "(^ 2 (- 1))"),
        ("2 ^ -x ^ 2", "(^ 2 (- (^ x 2)))"),
        ("-x ^ 2", "(- (^ x 2))"),
        ("-x * y", "(* (- x) y)"),
        ("!a == b", "(== (! a) b)"),
        ("- - a", "(- (- a))"),
        ("a * b / c % d @ e", "(@ (% (/ (* a b) c) d) e)"),
        ("a - b - c", "(- (- a b) c)"),
        ("a + b * c", "(+ a (* b c))"),
        ("a - -b", "(- a (- b))"),
        ("a < b + c", "(< a (+ b c))"),
        ("a == b and c != d or e", "(or (and (== a b) (!= c d)) e)"),
        ("a or b and c", "(or a (and b c))"),
        ("a + b |> f |> g(c)", "(|> (|> (+ a b) f) (call g c))"),
        ("(a + b) * c", "(* (+ a b) c)"),
        ("if a { b } else { c } + d", "(+ (if a { b } { c }) d)"),
        ("if a { b } else if c { d } else { e }", "(if a { b } (if c { d } { e }))"),
        ("{ a; b } * c", "(* { a; b } c)"),
        ("f(x)(y)", "(call (call f x) y)"),
        ("flows[0](x).state", "(field (call (index flows 0) x) state)"),
    ] {
        assert_eq!(expr(text), expect, "{text}");
    }
}

#[test]
fn every_index_has_its_form() {
    for (text, expect) in [
        ("x[0..T]", "(index x (range 0 T))"),
        ("x[a..]", "(index x (range a _))"),
        ("x[..b]", "(index x (range _ b))"),
        ("x[..]", "(index x (range _ _))"),
        ("x[.., 3]", "(index x (range _ _) 3)"),
        ("x[-1]", "(index x (- 1))"),
        ("x[.., none]", "(index x (range _ _) none)"),
        ("x[t-1, 0..K,]", "(index x (- t 1) (range 0 K))"),
        ("x[a + 1..b * 2]", "(index x (range (+ a 1) (* b 2)))"),
        ("x[tokens[t]]", "(index x (index tokens t))"),
    ] {
        assert_eq!(expr(text), expect, "{text}");
    }
}

#[test]
fn lists_tuples_and_comprehensions() {
    for (text, expect) in [
        ("[]", "(list)"),
        ("[a, b,]", "(list a b)"),
        ("[F(D); n]", "(repeat (call F D) n)"),
        ("[f(x) for f in fs]", "(list-for f fs (call f x))"),
        ("[i / n for i in 0..n]", "(list-for i (range 0 n) (/ i n))"),
        ("sum(f(x) for _ in fs)", "(call sum (for _ fs (call f x)))"),
        ("mean(f(x) for f in fs, axis = 0)", "(call mean (for f fs (call f x)) axis=0)"),
        ("norm(m, axis = all, keep = true)", "(call norm m axis=all keep=true)"),
        ("(a)", "a"),
        ("(a,)", "(tuple a)"),
        ("(a, (b, c))", "(tuple a (tuple b c))"),
        (r#"einsum("hd,hde->he", q, s)"#, r#"(call einsum "hd,hde->he" q s)"#),
        (r#""a \"b\" \\""#, r#""a \"b\" \\""#),
    ] {
        assert_eq!(expr(text), expect, "{text}");
    }
}

#[test]
fn numbers_keep_their_text() {
    for text in ["0", "1_000", "1.5", "1e-8", "1e5", "1_0.5_0E+3", "9223372036854775807"] {
        assert_eq!(expr(text), text);
    }
    assert_eq!(errors("const X = 9223372036854775808"), ["number out of range"]);
    assert_eq!(errors("const X = 1e999"), ["number out of range"]);
    assert_eq!(errors("const X = 1."), ["a float without digits behind its point"]);
    assert_eq!(errors("const X = .5"), ["a float without digits in front of its point"]);
    assert_eq!(errors("const X = 2pi"), ["a number runs into `pi`"]);
}

#[test]
fn a_statement_ends_with_its_line() {
    assert_eq!(stmts("a\nb"), ["a", "b"]);
    assert_eq!(stmts("a; b;; c;"), ["a", "b", "c"]);
    assert_eq!(stmts("a\n-b"), ["a", "(- b)"]);
    assert_eq!(stmts("a\n(b)"), ["a", "b"]);
    assert_eq!(stmts("a\n[b]"), ["a", "(list b)"]);
    assert_eq!(stmts("a // + \nb"), ["a", "b"]);
    assert_eq!(stmts("a\r\nb"), ["a", "b"]);
}

#[test]
fn a_statement_goes_on_behind_an_operator() {
    for op in ["+", "-", "*", "/", "%", "@", "^", "==", "!=", "<", "<=", ">", ">=", "and", "or"] {
        assert_eq!(stmts(&format!("a {op}\n\n  b")), [format!("({op} a b)")], "{op}");
        assert_eq!(stmts(&format!("a {op} // why\n// and how\n b")), [format!("({op} a b)")], "{op}");
    }
    assert_eq!(stmts("let x =\n a"), ["let x = a"]);
    assert_eq!(stmts("a |>\n f"), ["(|> a f)"]);
    assert_eq!(ast("model m() { preset p { a = 1,\n b = 2 } }"), "model m()\n  preset p { a = 1, b = 2 }\n");
}

#[test]
fn a_statement_goes_on_before_pipe_else_and_from() {
    assert_eq!(stmts("a\n  |> f\n\n  // then\n  |> g"), ["(|> (|> a f) g)"]);
    assert_eq!(stmts("if a { b }\nelse { c }"), ["(if a { b } { c })"]);
    assert_eq!(stmts("rec c[t] = c[t-1]\n  from c0"), ["rec c[t] = (index c (- t 1)) from c0"]);
}

#[test]
fn the_innermost_bracket_decides() {
    assert_eq!(stmts("(a\n- b)"), ["(- a b)"]);
    assert_eq!(stmts("[a\n, b\n]"), ["(list a b)"]);
    assert_eq!(stmts("f(\na\n)"), ["(call f a)"]);
    assert_eq!(stmts("f({ a\n-b })"), ["(call f { a; (- b) })"]);
    assert_eq!(stmts("f({ g(a\n-b) })"), ["(call f { (call g (- a b)) })"]);
}

#[test]
fn every_form_of_rec() {
    assert_eq!(
        stmts("rec s[i]: f32[d, e] = s[i+1] from 0"),
        ["rec s[i]: f32[d, e] = (index s (+ i 1)) from 0"]
    );
    assert_eq!(
        stmts("rec { f[t] = a; let (u, _) = g\n s[t]: f32 = u\n from 1 }"),
        ["rec", "f[t] = a", "let (u, _) = g", "s[t]: f32 = u from 1"]
    );
}

#[test]
fn every_form_of_use() {
    for line in [
        "use std.norm.LayerNorm",
        "use std.norm",
        "use ./blocks.Block",
        "use ./a/b/c",
        "use ../../up/blocks.Block",
    ] {
        assert_eq!(ast(line), format!("{line}\n"));
    }
}

#[test]
fn documentation_belongs_to_the_next_item() {
    let text =
        "//! file\n\n/// one\n// plain\n/// two\nconst A = 1\ncell C() {\n  /// p\n  param p: f32 = 0\n}";
    let expect = "//! file\n/// one\n/// two\nconst A = 1\ncell C()\n  /// p\n  param p: f32 = 0\n";
    assert_eq!(ast(text), expect);
    let (file, diagnostics) = parse(FileId(0), "const A = 1\n/// lost\n");
    assert_eq!(file.to_string(), "const A = 1\n");
    assert_eq!(diagnostics.len(), 1);
    assert!(!diagnostics[0].is_error());
}

#[test]
fn an_error_costs_its_statement_alone() {
    let text = "
const A = = 1
fn f(x: f32) -> f32 {
    let a = if x { { let b = * ; c } } else { 1 }
    let d = )
    let e = 5
    d +
}
const B = 2
cell C(D {
    param w: f32[D] = 1
    param v f32 = 2
    fn forward(x: f32) -> f32 { x + + }
}
const C = 3
";
    let (file, diagnostics) = parse(FileId(0), text);
    let titles: Vec<&str> = diagnostics.iter().map(|one| one.title.as_str()).collect();
    assert_eq!(
        titles,
        [
            "expected an expression, found `=`",
            "expected an expression, found `*`",
            "unexpected `)`",
            "expected an expression, found the end of the line",
            "`(` is not closed",
            "expected `:`, found `f32`",
            "expected an expression, found `+`",
        ]
    );
    let ast = file.to_string();
    for kept in ["let e = 5", "const B = 2", "const C = 3"] {
        assert!(ast.contains(kept), "{ast}");
    }
}

#[test]
fn missing_braces_are_found_where_they_are_missing() {
    let text = "
cell A(D) {
    fn f(x: f32) -> f32 {
        let y = if x > 0 { 1 } else { 2
        y
    fn g(x: f32) -> f32 { x }
}
model m() { fn forward(x: f32) -> f32 { x } }
";
    let titles = errors(text);
    assert_eq!(titles, ["`{` is not closed", "`{` is not closed"]);
    let (file, _) = parse(FileId(0), text);
    assert!(file.to_string().contains("model m()\n  fn forward"), "{file}");
    assert_eq!(errors("const A = 1 }\nconst B = 2"), ["unexpected `}`"]);
}

#[test]
fn depth_is_limited_and_length_is_not() {
    let depth = 100_000;
    for text in [
        format!("const X = {}1{}", "(".repeat(depth), ")".repeat(depth)),
        format!("const X = {}1", "(".repeat(depth)),
        format!("const X = {}1{}", "[".repeat(depth), "]".repeat(depth)),
        format!("const X = {}1{}", "{".repeat(depth), "}".repeat(depth)),
        format!("const X = {}", "{".repeat(depth)),
        format!("const X = {}1", "-".repeat(depth)),
        format!("const X = {}1", "2 ^ ".repeat(depth)),
        format!("const X = {}1", "1 + ".repeat(depth)),
        format!("const X = x{}", "[0]".repeat(depth)),
        format!("const X = x{}", ".y".repeat(depth)),
        format!("const X = x{}", " |> f".repeat(depth)),
        format!("const X = {} {{ 1 }}", "if a { 1 } else ".repeat(depth)),
        format!("fn f() -> f32 {{ let {}x{} = 1 }}", "(".repeat(depth), ")".repeat(depth)),
    ] {
        let titles = errors(&text);
        assert!(!titles.is_empty() && titles.len() < 3, "{} {titles:?}", &text[..40]);
    }
    let long = format!("const X = [{}]", "1, ".repeat(depth));
    assert!(errors(&long).is_empty());
}
