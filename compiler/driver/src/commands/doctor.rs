//! `tensc doctor`: what this machine has.

use crate::Context;
use crate::calibration;
use crate::cli::{Device, DoctorArgs};
use crate::commands::self_check::check;
use crate::failure::{Result, output_failed};
use serde_json::{Value, json};
use std::path::PathBuf;
use tensc_runtime::tensor::{available_memory, bytes_text};

/// One fact: its name, what there is, and what that means.
struct Fact {
    name: &'static str,
    value: Value,
    text: String,
}

pub(crate) fn run(args: &DoctorArgs, context: &Context) -> Result<()> {
    if args.calibrate {
        let (_, path) = calibration::calibrate(context)?;
        context.console.note(&format!("note: kept in {}", path.display()));
    }
    let mut facts = vec![version(), threads(), features(), memory(), rates(), mlir(), ptxas(), driver()];
    if let Some(device) = args.device {
        facts.push(self_check(device, context)?);
    }
    let text = if context.console.json {
        let object: serde_json::Map<String, Value> =
            facts.into_iter().map(|fact| (fact.name.to_owned(), fact.value)).collect();
        format!("{}\n", Value::Object(object))
    } else {
        facts.iter().map(|fact| format!("{:<9} {}\n", fact.name, fact.text)).collect()
    };
    context.console.print(&text).map_err(|error| output_failed(&error))
}

fn version() -> Fact {
    let version = env!("CARGO_PKG_VERSION");
    let text = format!("tensc {version}, {} {}", std::env::consts::ARCH, std::env::consts::OS);
    Fact { name: "version", value: json!(version), text }
}

fn threads() -> Fact {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Fact { name: "threads", value: json!(threads), text: format!("{threads}") }
}

#[cfg(target_arch = "x86_64")]
fn features() -> Fact {
    let known = [
        ("sse4.2", std::arch::is_x86_feature_detected!("sse4.2")),
        ("avx", std::arch::is_x86_feature_detected!("avx")),
        ("avx2", std::arch::is_x86_feature_detected!("avx2")),
        ("fma", std::arch::is_x86_feature_detected!("fma")),
        ("avx512f", std::arch::is_x86_feature_detected!("avx512f")),
        ("avx512bf16", std::arch::is_x86_feature_detected!("avx512bf16")),
    ];
    let names: Vec<&str> = known.iter().filter(|(_, there)| *there).map(|(name, _)| *name).collect();
    let mut text = names.join(" ");
    if !names.contains(&"fma") {
        text.push_str(" (without fma, products and recurrences are several times slower)");
    }
    Fact { name: "features", value: json!(names), text }
}

#[cfg(not(target_arch = "x86_64"))]
fn features() -> Fact {
    Fact { name: "features", value: json!([]), text: "not looked at on this architecture".to_owned() }
}

fn memory() -> Fact {
    let available = available_memory();
    let text =
        available.map_or_else(|| "unknown".to_owned(), |bytes| format!("{} available", bytes_text(bytes)));
    Fact { name: "memory", value: json!({ "available_bytes": available }), text }
}

/// What `--calibrate` has measured.
fn rates() -> Fact {
    let Some(calibration) = calibration::load() else {
        let text = "not measured: `tensc doctor --calibrate`".to_owned();
        return Fact { name: "speed", value: Value::Null, text };
    };
    let line = |rates: &calibration::Rates| {
        let threads =
            if rates.threads == 1 { "1 thread".to_owned() } else { format!("{} threads", rates.threads) };
        format!(
            "{threads}: products {:.0} GFLOP/s, reads {:.1} GB/s, copies {:.1} GB/s",
            rates.products / 1e9,
            rates.read / 1e9,
            rates.copy / 1e9
        )
    };
    let text = calibration.by_threads.iter().map(line).collect::<Vec<_>>().join("; ");
    Fact { name: "speed", value: json!(calibration), text }
}

fn mlir() -> Fact {
    let text = if cfg!(feature = "gpu") {
        "LLVM 22, for sm_80 and sm_90"
    } else {
        "not in this build: GPU code from source needs the `gpu` feature"
    };
    Fact { name: "mlir", value: json!(cfg!(feature = "gpu")), text: text.to_owned() }
}

fn ptxas() -> Fact {
    let found = on_path("ptxas");
    let text = found.as_ref().map_or_else(
        || "not found on PATH (only tests of GPU code use it)".to_owned(),
        |path| path.display().to_string(),
    );
    Fact { name: "ptxas", value: json!(found), text }
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// What the NVIDIA driver says of the first GPU.
fn driver() -> Fact {
    match tensc_runtime::device::facts() {
        Ok(facts) => {
            let cuda = format!("{}.{}", facts.driver / 1000, facts.driver % 1000 / 10);
            let text = format!(
                "{}, sm_{}, {}, driver for CUDA {cuda}",
                facts.name,
                facts.architecture,
                bytes_text(facts.memory)
            );
            let value = json!({
                "name": facts.name,
                "architecture": facts.architecture,
                "memory_bytes": facts.memory,
                "cuda": cuda,
            });
            Fact { name: "gpu", value, text }
        }
        Err(failure) => {
            let text = format!("{failure}: `--device cpu`, `--device emulator` and `--device reference`");
            Fact { name: "gpu", value: Value::Null, text }
        }
    }
}

/// Has a device compute something, and compares.
fn self_check(device: Device, context: &Context) -> Result<Fact> {
    let error = check(device, context)?;
    let text = format!("a norm, a product and a recurrence agree with this processor within {error:.1e}");
    Ok(Fact { name: "check", value: json!({ "error": error }), text })
}
