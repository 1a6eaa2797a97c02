//! `docs/emulator.md` lists the instructions of the table.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helpers too"
)]

use tensc_emulator::isa;

const MARK: &str = "--test reference` writes it.\n";

#[test]
fn the_documentation_lists_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/emulator.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (introduction, listed) =
        page.split_once(MARK).expect("the page says where its generated part begins");
    let generated = isa::documentation();
    if std::env::var_os("TENSC_UPDATE_DOCS").is_some() {
        std::fs::write(path, format!("{introduction}{MARK}{generated}")).unwrap();
        return;
    }
    assert!(listed == generated, "docs/emulator.md is out of date, its last section says how to write it");
}
