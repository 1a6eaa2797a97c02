//! `tensc emulate`: a PTX kernel with every access checked.
//!
//! Arrays are copied to the emulated device, the kernel runs once, and every array is read back and summarised beside the report of what was moved.

use crate::Context;
use crate::cli::EmulateArgs;
use crate::failure::{Failure, Result, output_failed, read_text};
use crate::outputs::{Named, results_json, summary_text};
use serde_json::{Value, json};
use std::path::Path;
use tensc_emulator::{Arg, Device, DeviceError, DevicePointer, ModuleId, Shape};
use tensc_ir::DType;
use tensc_runtime::Tensor;
use tensc_runtime::file::npy;

/// An array on the device.
struct Placed {
    pointer: DevicePointer,
    name: String,
    tensor: Tensor,
    /// Bytes of an entry there; an i64 array comes from a file as i32.
    wide: bool,
}

pub(crate) fn run(args: &EmulateArgs, context: &Context) -> Result<()> {
    let shape = Shape {
        grid: triple("--grid", &args.grid)?,
        block: triple("--block", &args.block)?,
        shared_bytes: u64::from(args.shared),
    };
    let text = read_text(&args.file)?;
    let mut device = Device::new();
    let module = device.load_module(&text).map_err(failed)?;
    let kernel = kernel(args, &device, module)?;
    let (mut list, mut arrays) = (Vec::new(), Vec::new());
    for text in &args.arg {
        list.push(argument(text, &mut device, &mut arrays)?);
    }
    let report = {
        let _progress = context.console.progress(&kernel);
        device.launch(module, &kernel, shape, &list).map_err(failed)?
    };
    let results: Vec<Named> = arrays.iter().map(|array| read_back(&device, array)).collect::<Result<_>>()?;
    let text = if context.console.json {
        let report: Value = serde_json::from_str(&report.to_json()).unwrap_or(Value::Null);
        format!("{}\n", json!({ "kernel": kernel, "report": report, "arrays": results_json(&results, None) }))
    } else {
        format!("{report}\n{}", summary_text(&results))
    };
    context.console.print(&text).map_err(|error| output_failed(&error))
}

fn failed(error: DeviceError) -> Failure {
    Failure::user(error.to_string())
}

/// Reads `X`, `X,Y` or `X,Y,Z`.
fn triple(option: &str, text: &str) -> Result<[u32; 3]> {
    let wrong = || {
        Failure::user(format!("`{option} {text}` is not one to three sizes")).hint(format!("{option} 4,2,1"))
    };
    let sizes: Vec<u32> =
        text.split(',').map(|part| part.trim().parse().map_err(|_| wrong())).collect::<Result<_>>()?;
    match *sizes.as_slice() {
        [x] => Ok([x, 1, 1]),
        [x, y] => Ok([x, y, 1]),
        [x, y, z] => Ok([x, y, z]),
        _ => Err(wrong()),
    }
}

/// The kernel that is named, or the only one.
fn kernel(args: &EmulateArgs, device: &Device, module: ModuleId) -> Result<String> {
    let kernels = device.kernels(module).map_err(failed)?;
    match (&args.kernel, kernels.as_slice()) {
        (Some(name), kernels) if kernels.contains(&name.as_str()) => Ok(name.clone()),
        (Some(name), kernels) => {
            let failure = Failure::user(format!("there is no kernel `{name}`"));
            Err(failure.hint(format!("the kernels are {}", kernels.join(", "))))
        }
        (None, [only]) => Ok((*only).to_owned()),
        (None, []) => Err(Failure::user(format!("`{}` has no kernel", args.file.display()))),
        (None, [first, ..]) => {
            let title =
                format!("`{}` has {} kernels: {}", args.file.display(), kernels.len(), kernels.join(", "));
            Err(Failure::user(title).hint(format!("--kernel {first}")))
        }
    }
}

/// Reads `i64:7` as a value, `f32:a.npy` as a pointer to the array.
fn argument(text: &str, device: &mut Device, arrays: &mut Vec<Placed>) -> Result<Arg> {
    let wrong = |what: &str| {
        Failure::user(format!("`--arg {text}` {what}")).hint("--arg f32:a.npy, --arg i64:7 or --arg f32:0.5")
    };
    let (ty, value) = text.split_once(':').ok_or_else(|| wrong("has no type"))?;
    let number = match ty {
        "f32" => value.parse().ok().map(Arg::F32),
        "f64" => value.parse().ok().map(Arg::F64),
        "i8" => value.parse().ok().map(Arg::I8),
        "i16" => value.parse().ok().map(Arg::I16),
        "i32" => value.parse().ok().map(Arg::I32),
        "u32" => value.parse().ok().map(Arg::U32),
        "i64" => value.parse().ok().map(Arg::I64),
        "u64" => value.parse().ok().map(Arg::U64),
        "f16" | "bf16" | "u8" | "c64" | "bool" => None,
        _ => return Err(wrong("is of no known type")),
    };
    if let Some(number) = number {
        return Ok(number);
    }
    if !value.ends_with(".npy") && !Path::new(value).exists() {
        return Err(wrong(&format!("is neither a number of type {ty} nor a file")));
    }
    let array = array(ty, Path::new(value))?;
    let bytes = device_bytes(&array);
    let pointer = device.alloc_named(bytes.len() as u64, &array.name);
    device.copy_to(pointer, &bytes).map_err(failed)?;
    arrays.push(Placed { pointer, ..array });
    Ok(Arg::Pointer(pointer))
}

fn array(ty: &str, path: &Path) -> Result<Placed> {
    let tensor = npy::load(path).map_err(|error| {
        let hint = error.hint();
        let failure = Failure::user(error.to_string());
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    })?;
    let wide = matches!(ty, "i64" | "u64");
    let dtype = match ty {
        "i64" | "u64" | "u32" => Some(DType::I32),
        other => DType::from_name(other),
    };
    if dtype != Some(tensor.dtype()) {
        let title = format!("`--arg {ty}:{}` names an array of {}", path.display(), tensor.dtype());
        return Err(Failure::user(title).hint(format!("--arg {}:{}", tensor.dtype(), path.display())));
    }
    let name = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    Ok(Placed { pointer: DevicePointer(0), name, tensor, wide })
}

fn device_bytes(array: &Placed) -> Vec<u8> {
    if !array.wide {
        return array.tensor.bytes().to_vec();
    }
    let entries = array.tensor.bytes().chunks_exact(4).filter_map(|bytes| bytes.try_into().ok());
    entries.flat_map(|bytes| i64::from(i32::from_ne_bytes(bytes)).to_le_bytes()).collect()
}

fn read_back(device: &Device, array: &Placed) -> Result<Named> {
    let mut bytes = device_bytes(array);
    device.copy_from(array.pointer, &mut bytes).map_err(failed)?;
    let (dtype, bytes) = if array.wide {
        let entries = bytes.chunks_exact(8).filter_map(|bytes| bytes.try_into().ok());
        (DType::F64, entries.flat_map(|bytes| (i64::from_le_bytes(bytes) as f64).to_ne_bytes()).collect())
    } else {
        (array.tensor.dtype(), bytes)
    };
    let tensor = Tensor::from_bytes(dtype, array.tensor.shape().to_vec(), &bytes)
        .ok_or_else(|| Failure::machine("internal error: an array changed its size"))?;
    Ok(Named { name: array.name.clone(), tensor })
}
