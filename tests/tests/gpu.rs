//! Every example as PTX: on the emulator against the interpreter, and through NVIDIA's assembler.
//!
//! `TENSC_GPU` names a `tensc` with the feature `gpu`, `TENSC_PTXAS` the assembler; `cargo xtask test gpu` sets both. Without them these tests say so and pass.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a panic is how a test reports"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use tensc_tests::binary::root;
use tensc_tests::parallel::check_all;

/// Of a whole run, as on every device.
const TOLERANCE: f64 = 1e-4;

fn tool(variable: &str) -> Option<PathBuf> {
    let found = std::env::var_os(variable).map(PathBuf::from);
    if found.is_none() {
        eprintln!("{variable} is not set: nothing is tested here");
    }
    found
}

fn examples() -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(root().join("examples"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter_map(|name| name.strip_suffix(".seq").map(str::to_owned))
        .collect();
    names.sort();
    names
}

fn output(program: &Path, args: &[&str]) -> Result<String, String> {
    let output = Command::new(program).args(args).current_dir(root()).env("NO_COLOR", "1").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    Err(format!("{}\n{text}{}", output.status, String::from_utf8_lossy(&output.stderr)))
}

fn agrees(tensc: &Path, file: &str, more: &[&str]) -> Result<(), String> {
    let start = ["run", file, "--verify", "--json", "--device", "emulator"];
    let text = output(tensc, &[&start, more].concat())?;
    let json: serde_json::Value = serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))?;
    for result in json["results"].as_array().unwrap() {
        let error = result["relative_rms_error"].as_f64().ok_or_else(|| format!("no error in {result}"))?;
        if error > TOLERANCE || error.is_nan() {
            return Err(format!("{} is {error:.1e} off", result["name"]));
        }
    }
    Ok(())
}

#[test]
fn examples_agree_with_the_interpreter() {
    let Some(tensc) = tool("TENSC_GPU") else { return };
    let mut runs = Vec::new();
    for name in examples() {
        for function in ["forward", "next", "loss"] {
            runs.push((name.clone(), function));
        }
    }
    check_all(
        &runs,
        |(name, function)| format!("{name} {function}"),
        |(name, function)| {
            let file = format!("examples/{name}.seq");
            let more = ["--preset", "tiny", "--fn", function, "--hint", "B=2,T=21"];
            let inputs = inputs(&tensc, &file, function)?;
            let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
            agrees(&tensc, &file, &[&more[..], &inputs].concat())
        },
    );
}

/// `--input NAME=random` for each input of a function.
fn inputs(tensc: &Path, file: &str, function: &str) -> Result<Vec<String>, String> {
    let graph =
        output(tensc, &["compile", file, "--preset", "tiny", "--fn", function, "--emit", "schedule"])?;
    let mut inputs = Vec::new();
    for line in graph.lines().filter(|line| line.contains("\" argument ")) {
        let name = line.split('"').nth(1).ok_or_else(|| line.to_owned())?;
        inputs.extend(["--input".to_owned(), format!("{name}=random")]);
    }
    Ok(inputs)
}

#[test]
fn a_bundle_runs_what_was_compiled() {
    let Some(tensc) = tool("TENSC_GPU") else { return };
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("ten.tenb").display().to_string();
    let compile = [
        "compile",
        "examples/ten.seq",
        "--preset",
        "tiny",
        "--fn",
        "forward",
        "--target",
        "sm_80",
        "-o",
        &bundle,
    ];
    output(&tensc, &compile).unwrap();
    // Any build runs it: this is the one without LLVM where there is one.
    let plain = tensc_tests::binary::binary();
    agrees(plain, &bundle, &["--input", "tokens=random", "--hint", "B=1,T=33"]).unwrap();
}

/// Registers, stack and spills of each kernel, as the assembler tells them.
fn resources(said: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut kernel = String::new();
    for line in said.lines() {
        if let Some(rest) = line.split("Compiling entry function '").nth(1) {
            kernel = rest.split('\'').next().unwrap_or_default().to_owned();
        }
        if line.contains("bytes stack frame") {
            found.entry(kernel.clone()).or_insert_with(String::new).push_str(line.trim());
        }
        if let Some(rest) = line.split("Used ").nth(1) {
            let entry = found.entry(kernel.clone()).or_default();
            entry.push_str("; ");
            entry.push_str(rest.trim());
        }
    }
    found
}

#[test]
fn the_assembler_takes_every_kernel_and_spills_nothing() {
    let (Some(tensc), Some(ptxas)) = (tool("TENSC_GPU"), tool("TENSC_PTXAS")) else { return };
    let mut runs = Vec::new();
    for name in examples() {
        for chip in ["sm_80", "sm_90"] {
            runs.push((name.clone(), chip));
        }
    }
    check_all(
        &runs,
        |(name, chip)| format!("{name} for {chip}"),
        |(name, chip)| {
            let folder = tempfile::tempdir().unwrap();
            let (ptx, cubin) = (folder.path().join("k.ptx"), folder.path().join("k.cubin"));
            let text = output(
                &tensc,
                &[
                    "compile",
                    &format!("examples/{name}.seq"),
                    "--preset",
                    "tiny",
                    "--target",
                    chip,
                    "--emit",
                    "ptx",
                ],
            )?;
            std::fs::write(&ptx, text).unwrap();
            let assembled =
                Command::new(&ptxas).args(["-v", "-arch", chip, "-o"]).args([&cubin, &ptx]).output().unwrap();
            let said = String::from_utf8_lossy(&assembled.stderr).into_owned()
                + &String::from_utf8_lossy(&assembled.stdout);
            if !assembled.status.success() {
                return Err(said);
            }
            let found = resources(&said);
            if found.is_empty() {
                return Err(format!("no kernels in {said}"));
            }
            let spilled: Vec<_> = found
                .iter()
                .filter(|(_, line)| !line.contains(", 0 bytes spill stores, 0 bytes spill loads"))
                .collect();
            if !spilled.is_empty() {
                return Err(format!("spills: {spilled:?}"));
            }
            Ok(())
        },
    );
}
