//! The same source and options give the same bytes, in every process: hash tables are seeded anew in each.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is how a test reports"
)]

use tensc_tests::binary::{root, tensc};
use tensc_tests::parallel::check_all;

#[test]
fn the_optimiser_and_its_report_are_the_same_in_every_process() {
    let examples = ["ten", "ten_v1", "ten_2026_selective", "gated_deltanet", "retnet", "mamba"];
    check_all(
        &examples,
        |name| (*name).to_owned(),
        |name| {
            let file = root().join(format!("examples/{name}.seq")).display().to_string();
            for args in [
                &["compile", "--emit", "optimize"][..],
                &["compile", "--fn", "loss", "--emit", "optimize"][..],
                &["compile", "--emit", "schedule"][..],
                &["explain", "--json"][..],
            ] {
                let (command, options) = args.split_first().unwrap();
                let all: Vec<&str> = [*command, &file, "--preset", "tiny"]
                    .into_iter()
                    .chain(options.iter().copied())
                    .collect();
                let text = || tensc(all.iter().copied()).success().map(|outcome| outcome.stdout);
                let first = text()?;
                if first != text()? || first != text()? {
                    return Err(format!("`tensc {}` differs from run to run", all.join(" ")));
                }
            }
            Ok(())
        },
    );
}
