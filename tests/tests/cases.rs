//! Text in, text out: every case of `tests/cases` against its snapshot, a test for each stage.

use tensc_tests::case::{check_stage, orphans};

#[test]
fn check() {
    check_stage("check");
}

#[test]
fn graph() {
    check_stage("graph");
}

#[test]
fn optimize() {
    check_stage("optimize");
}

#[test]
fn schedule() {
    check_stage("schedule");
}

#[test]
fn run() {
    check_stage("run");
}

#[test]
fn every_stage_with_cases_has_a_test_here() {
    let tests = include_str!("cases.rs");
    let folder = tensc_tests::binary::root().join("tests/cases");
    for stage in std::fs::read_dir(folder).unwrap() {
        let stage = stage.unwrap().file_name().into_string().unwrap();
        assert!(tests.contains(&format!("check_stage(\"{stage}\")")), "cases/{stage} is run by no test");
    }
}

#[test]
fn every_snapshot_has_a_case() {
    assert!(orphans().is_empty(), "snapshots without a case: {:#?}", orphans());
}
