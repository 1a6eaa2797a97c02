//! The tests of GPU code. LLVM is linked into one binary, `target/gpu/tensc`, which the tests run; without LLVM there is nothing to test.

use crate::shell::{cargo, root, run, works};
use std::path::{Path, PathBuf};

/// Where Debian's packages put LLVM 22.
const PREFIX: &str = "/usr/lib/llvm-22";

/// The package with NVIDIA's assembler.
const PTXAS_PACKAGE: &str = "nvidia-cuda-nvcc==13.0.88";

/// Builds the binary and runs the tests with it.
pub(crate) fn test() -> Result<(), String> {
    let prefix = std::env::var("MLIR_SYS_220_PREFIX").unwrap_or_else(|_| PREFIX.to_owned());
    if !works(&format!("{prefix}/bin/llvm-config"), &["--version"]) {
        println!(
            "skipped: there is no LLVM 22 in {prefix}. Debian's packages are libmlir-22-dev, mlir-22-tools, llvm-22-dev and \
             libclang-22-dev; MLIR_SYS_220_PREFIX names another place"
        );
        return Ok(());
    }
    let mut build = cargo(&["build", "--package", "tensc", "--features", "gpu"]);
    run(build.env("MLIR_SYS_220_PREFIX", &prefix).env("TABLEGEN_220_PREFIX", &prefix))?;
    let folder = root().join("target/gpu");
    let binary = folder.join("tensc");
    std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::copy(root().join("target/debug/tensc"), &binary))
        .map_err(|error| format!("{}: {error}", binary.display()))?;
    let ptxas = ptxas(&folder);
    for args in
        [&["test", "--package", "tensc-gpu"][..], &["test", "--package", "tensc-tests", "--test", "gpu"][..]]
    {
        let mut command = cargo(args);
        command.env("TENSC_GPU", &binary);
        if let Some(ptxas) = &ptxas {
            command.env("TENSC_PTXAS", ptxas);
        }
        run(&mut command)?;
    }
    Ok(())
}

/// NVIDIA's assembler: `$TENSC_PTXAS`, or the one in a virtual environment of this folder, made where there is none.
fn ptxas(folder: &Path) -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("TENSC_PTXAS") {
        return Some(path.into());
    }
    let environment = folder.join("ptxas");
    let python = environment.join("bin/python").display().to_string();
    let shown = environment.display().to_string();
    if !environment.join("done").is_file() {
        let made = works("python3", &["-m", "venv", &shown])
            && works(&python, &["-m", "pip", "install", "--quiet", PTXAS_PACKAGE])
            && std::fs::write(environment.join("done"), "").is_ok();
        if !made {
            println!(
                "ptxas is not tested: `pip install {PTXAS_PACKAGE}` does not work here, and TENSC_PTXAS is not set"
            );
            return None;
        }
    }
    let packages = std::fs::read_dir(environment.join("lib")).ok()?;
    packages
        .filter_map(|entry| Some(entry.ok()?.path().join("site-packages/nvidia/cu13/bin/ptxas")))
        .find(|path| path.is_file())
}
