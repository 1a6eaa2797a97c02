//! What an example's header says that it prints, it prints.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is how a test reports"
)]

use tensc_tests::binary::{root, tensc};
use tensc_tests::parallel::check_all;

struct Promise {
    example: String,
    command: Vec<String>,
    printed: Vec<String>,
}

/// The indented lines of the header: a command that begins with `tensc run`, and those that stand below "prints".
fn promises() -> Vec<Promise> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root().join("examples")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let header: Vec<&str> = text.lines().map_while(|line| line.strip_prefix("//!")).collect();
        let Some(says) = header.iter().position(|line| line.contains("It prints")) else { continue };
        let command =
            header[..says].iter().rev().find_map(|line| line.trim().strip_prefix("tensc ")).unwrap();
        found.push(Promise {
            example: path.file_name().unwrap().to_string_lossy().into_owned(),
            command: command.split_whitespace().map(str::to_owned).collect(),
            printed: header[says..]
                .iter()
                .filter_map(|line| line.strip_prefix("     "))
                .map(str::to_owned)
                .collect(),
        });
    }
    found
}

/// Words are equal, numbers to four digits or to 1e-4.
fn alike(promised: &str, found: &str) -> bool {
    let split = |text: &str| -> Vec<String> {
        text.split(|c: char| c.is_whitespace() || "[],".contains(c))
            .filter(|w| !w.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let (promised, found) = (split(promised), split(found));
    promised.len() <= found.len()
        && promised.iter().zip(&found).all(|(a, b)| match (a.parse::<f64>(), b.parse::<f64>()) {
            (Ok(a), Ok(b)) => (a - b).abs() <= 1e-4 * (1.0 + b.abs()),
            _ => a == b,
        })
}

#[test]
fn examples_print_what_their_headers_say() {
    check_all(
        &promises(),
        |promise| promise.example.clone(),
        |promise| {
            let output = tensc(&promise.command).success()?.stdout;
            for line in &promise.printed {
                if !output.lines().any(|found| alike(line, found)) {
                    return Err(format!("`{line}` is not in\n{output}"));
                }
            }
            Ok(())
        },
    );
}
