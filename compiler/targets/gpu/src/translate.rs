//! From MLIR to PTX, by LLVM. LLVM may end the process over a mistake, so callers do this in one of its own.

#![expect(unsafe_code, reason = "takes the text out of a `gpu.binary`, for which melior has no safe way")]

use crate::module::GpuError;
use melior::Context;
use melior::dialect::DialectRegistry;
use melior::ir::operation::OperationLike;
use melior::ir::{AttributeLike, BlockLike, Module, RegionLike};
use melior::pass::PassManager;
use melior::utility::{
    parse_pass_pipeline, register_all_dialects, register_all_llvm_translations, register_all_passes,
};
use std::cell::RefCell;
use std::rc::Rc;

/// To the LLVM dialect.
const LOWER: &str = "convert-scf-to-cf,convert-vector-to-llvm,arith-expand,convert-arith-to-llvm,convert-cf-to-llvm,\
                     convert-nvvm-to-llvm,reconcile-unrealized-casts";

/// What to make of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// The module in MLIR's LLVM dialect: what LLVM is given.
    Llvm,
    /// PTX.
    Ptx,
}

/// Translates a module.
///
/// # Errors
/// What MLIR's verifier or a pass says.
pub fn translate(mlir: &str, output: Output) -> Result<String, GpuError> {
    let registry = DialectRegistry::new();
    register_all_dialects(&registry);
    register_all_passes();
    let context = Context::new();
    context.append_dialect_registry(&registry);
    context.load_all_available_dialects();
    register_all_llvm_translations(&context);
    let said = Rc::new(RefCell::new(Vec::<String>::new()));
    let heard = Rc::clone(&said);
    context.attach_diagnostic_handler(move |diagnostic| {
        heard.borrow_mut().push(format!("{}: {diagnostic}", diagnostic.location()));
        true
    });
    let failed = |what: &str| {
        let said = said.borrow();
        GpuError::Translate(if said.is_empty() { what.to_owned() } else { said.join("\n") })
    };
    let mut module = Module::parse(&context, mlir).ok_or_else(|| failed("the module cannot be read"))?;
    let passes = match output {
        Output::Llvm => LOWER.to_owned(),
        Output::Ptx => format!("{LOWER},gpu-module-to-binary{{format=isa}}"),
    };
    let manager = PassManager::new(&context);
    parse_pass_pipeline(manager.as_operation_pass_manager(), &format!("builtin.module({passes})"))
        .map_err(|error| failed(&error.to_string()))?;
    manager.run(&mut module).map_err(|error| failed(&error.to_string()))?;
    match output {
        Output::Llvm => Ok(module.as_operation().to_string()),
        Output::Ptx => ptx_of(&module).ok_or_else(|| failed("no PTX came out")),
    }
}

/// The text of the first object of the first binary.
fn ptx_of(module: &Module) -> Option<String> {
    let body = module.body();
    let mut operation = body.first_operation();
    while let Some(current) = operation {
        if let Ok(objects) = current.attribute("objects") {
            // SAFETY: the attribute belongs to the module, which outlives this; its kind is asked for before it is used as such, and the text is copied.
            let text = unsafe {
                let objects = objects.to_raw();
                if !mlir_sys::mlirAttributeIsAArray(objects)
                    || mlir_sys::mlirArrayAttrGetNumElements(objects) == 0
                {
                    return None;
                }
                let object = mlir_sys::mlirArrayAttrGetElement(objects, 0);
                if !mlir_sys::mlirAttributeIsAGPUObjectAttr(object) {
                    return None;
                }
                let text = mlir_sys::mlirGPUObjectAttrGetObject(object);
                std::slice::from_raw_parts(text.data.cast::<u8>(), text.length).to_vec()
            };
            return String::from_utf8(text).ok().map(|text| text.trim_end_matches('\0').to_owned());
        }
        operation = current.next_in_block();
    }
    None
}
