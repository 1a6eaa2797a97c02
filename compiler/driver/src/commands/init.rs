//! `tensc init`: the initial weights of a model, as a file.

use crate::Context;
use crate::cli::InitArgs;
use crate::failure::{Failure, Result, output_failed};
use crate::model::{choose, initial};
use crate::options::{refuse_unsupported, without_effect};
use crate::source::read_right;
use indexmap::IndexMap;
use serde_json::json;
use tensc_runtime::Tensor;
use tensc_runtime::file::safetensors;
use tensc_runtime::tensor::bytes_text;

pub(crate) fn run(args: &InitArgs, context: &Context) -> Result<()> {
    let common = &args.common;
    refuse_unsupported(common)?;
    if common.weights.is_some() {
        return Err(Failure::user("`tensc init` makes weights, it reads none").hint("leave out --weights"));
    }
    let used = ["--model", "--fn", "--preset", "--set", "--seed", "--train"];
    without_effect(common, "init", &used).iter().for_each(|note| context.console.note(note));
    let checked = read_right(&args.file)?;
    let chosen = choose(&checked, common, &[])?;
    let weights = initial(&chosen.elaborated.init, common.seed, &checked.sources, context)?;
    // An array without entries, such as `b` of `Linear(n, m, bias = false)`, is not there for the user.
    let tensors = weights.tensors().iter().filter(|(_, tensor)| !tensor.is_empty());
    let tensors: IndexMap<String, Tensor> =
        tensors.map(|(path, tensor)| (path.clone(), tensor.clone())).collect();
    if tensors.is_empty() {
        context.console.note("note: this model has no parameters");
    }
    let metadata = IndexMap::from([
        ("format".to_owned(), "tensc".to_owned()),
        ("seed".to_owned(), common.seed.to_string()),
    ]);
    safetensors::save(&args.output, &tensors, &metadata, &context.cancel)?;
    let bytes: usize = tensors.values().map(|tensor| tensor.bytes().len()).sum();
    let entries: usize = tensors.values().map(Tensor::len).sum();
    let arrays = tensors.len();
    if context.console.json {
        let object = json!({ "file": args.output, "arrays": arrays, "entries": entries, "bytes": bytes });
        return context.console.print(&format!("{object}\n")).map_err(|error| output_failed(&error));
    }
    let size = bytes_text(bytes as u64);
    context.console.note(&format!("{}: {arrays} arrays, {entries} entries, {size}", args.output.display()));
    Ok(())
}
