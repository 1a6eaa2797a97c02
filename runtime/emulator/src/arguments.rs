//! Whether a kernel takes a launch's shape and arguments, and the bytes of its parameters.

use crate::code::{ParameterSlot, Program};
use crate::device::DeviceError;
use crate::driver::{Arg, Shape};
use crate::execute::grid::block_bytes;
use crate::syntax::ast::Class;

/// Memory that one block may take for its registers, frames and shared memory.
const MOST_BLOCK_BYTES: u64 = 160 << 20;

pub(crate) fn check_shape(program: &Program, shape: Shape, most_shared: u64) -> Result<(), DeviceError> {
    let refuse = |message: String| Err(DeviceError::Launch(message));
    let threads: u64 = shape.block.iter().map(|size| u64::from(*size)).product();
    let [_, _, depth] = shape.block;
    if threads == 0 || threads > 1024 || depth > 64 {
        return refuse(format!(
            "a block of {:?} threads: expected 1 to 1024, at most 64 along z",
            shape.block
        ));
    }
    let [x, y, z] = shape.grid;
    if x == 0 || y == 0 || z == 0 || x > i32::MAX as u32 || y > 65535 || z > 65535 {
        return refuse(format!(
            "a grid of {:?} blocks: expected at least 1, at most 2^31-1, 65535 and 65535",
            shape.grid
        ));
    }
    if let Some(required) = program.required_threads
        && required != shape.block
    {
        return refuse(format!(
            "kernel `{}` requires blocks of {required:?} threads, found {:?}",
            program.kernel, shape.block
        ));
    }
    if let Some(most) = program.most_threads {
        let most: u64 = most.iter().map(|size| u64::from(*size)).product();
        if threads > most {
            return refuse(format!(
                "kernel `{}` takes blocks of at most {most} threads, found {threads}",
                program.kernel
            ));
        }
    }
    let shared = program.static_shared + shape.shared_bytes;
    let bytes = block_bytes(program, threads as u32, shape.shared_bytes);
    if bytes > MOST_BLOCK_BYTES {
        return refuse(format!(
            "a block of {threads} threads with {} registers and {} bytes of local memory needs {} MiB here, at most {} MiB fit",
            program.registers.len(),
            program.frame_bytes,
            bytes >> 20,
            MOST_BLOCK_BYTES >> 20
        ));
    }
    if shared > most_shared {
        return refuse(format!(
            "a block needs {shared} bytes of shared memory, the device has {most_shared}"
        ));
    }
    Ok(())
}

/// The bytes of the parameters, each argument checked against its declaration.
pub(crate) fn pack(program: &Program, args: &[Arg]) -> Result<Vec<u8>, DeviceError> {
    let slots = &program.parameters;
    if slots.len() != args.len() {
        let names: Vec<&str> = slots.iter().map(|slot| slot.name.as_str()).collect();
        return Err(DeviceError::Launch(format!(
            "kernel `{}` takes {} arguments ({}), found {}",
            program.kernel,
            slots.len(),
            names.join(", "),
            args.len()
        )));
    }
    let mut bytes = vec![0; program.parameter_bytes as usize];
    for (index, (slot, arg)) in slots.iter().zip(args).enumerate() {
        let value = arg.bytes();
        check_argument(program, index, slot, arg, value.len() as u64)?;
        let place =
            bytes.get_mut(slot.offset as usize..(slot.offset + slot.bytes) as usize).unwrap_or_default();
        place.iter_mut().zip(value).for_each(|(to, from)| *to = from);
    }
    Ok(bytes)
}

fn check_argument(
    program: &Program,
    index: usize,
    slot: &ParameterSlot,
    arg: &Arg,
    bytes: u64,
) -> Result<(), DeviceError> {
    let float = arg.is_float();
    let class = slot.array
        || float.is_none_or(|float| slot.ty.class == Class::Bits || (slot.ty.class == Class::Float) == float);
    if bytes == slot.bytes && class {
        return Ok(());
    }
    Err(DeviceError::Launch(format!(
        "argument {index} of kernel `{}`, `{}`, is {} of {} bytes, found {arg:?}",
        program.kernel, slot.name, slot.ty, slot.bytes
    )))
}
