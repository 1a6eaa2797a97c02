//! The listings of README and docs: every block marked `seq` is a file that checks, and its test blocks pass.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is how a test reports"
)]

use std::path::PathBuf;
use tensc_tests::binary::{root, tensc};
use tensc_tests::parallel::check_all;

struct Listing {
    page: String,
    line: usize,
    text: String,
}

fn pages() -> Vec<PathBuf> {
    let docs = std::fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut pages: Vec<PathBuf> = docs.filter(|path| path.extension().is_some_and(|e| e == "md")).collect();
    pages.push(root().join("README.md"));
    pages.sort();
    pages
}

/// The blocks between "```seq" and "```"; a block marked `seq fragment` is no whole file.
fn listings() -> Vec<Listing> {
    let mut found = Vec::new();
    for path in pages() {
        let page = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let mut lines = text.lines().enumerate();
        while let Some((number, line)) = lines.next() {
            if line == "```seq" {
                let body: Vec<&str> =
                    lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").collect();
                found.push(Listing { page: page.clone(), line: number + 1, text: body.join("\n") + "\n" });
            }
        }
    }
    found
}

#[test]
fn listings_check_and_their_tests_pass() {
    check_all(
        &listings(),
        |listing| format!("{}:{}", listing.page, listing.line),
        |listing| {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("listing.seq");
            std::fs::write(&file, &listing.text).unwrap();
            let file = file.to_str().unwrap();
            tensc(["check", file]).success()?;
            tensc(["fmt", "--check", file]).success()?;
            if listing.text.contains("\ntest \"") {
                tensc(["test", file]).success()?;
            }
            Ok(())
        },
    );
}

#[test]
fn links_between_pages_lead_somewhere() {
    for path in pages() {
        let text = std::fs::read_to_string(&path).unwrap();
        for link in text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            let file = link.split('#').next().unwrap();
            if !file.is_empty() && !file.contains("://") {
                assert!(path.parent().unwrap().join(file).exists(), "{} links to {file}", path.display());
            }
        }
    }
}

/// The page shows a run over its own bytes.
#[test]
fn the_readme_knows_its_own_length() {
    let text = std::fs::read_to_string(root().join("README.md")).unwrap();
    let shown = format!("f32[{}, 256]", text.len());
    assert!(
        text.contains(&shown),
        "README.md is {} bytes long, so the run that it shows gives {shown}",
        text.len()
    );
}
