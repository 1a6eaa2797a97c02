//! The function that the options choose, as a graph, with the weights that it runs on.

use crate::Context;
use crate::cli::Common;
use crate::failure::{Failure, Result};
use crate::options;
use crate::source::Checked;
use std::path::Path;
use std::sync::Arc;
use tensc_frontend::SourceMap;
use tensc_frontend::check::{Elaborated, Entry, Failure as Refused, ParamInfo};
use tensc_ir::{Graph, Verified, verify};
use tensc_runtime::file::safetensors;
use tensc_runtime::{ParamSpec, Weights, init};

/// The function that is run when none is named.
pub(crate) const DEFAULT_FUNCTION: &str = "forward";

/// A chosen function.
pub(crate) struct Chosen {
    pub(crate) elaborated: Elaborated,
    pub(crate) graph: Arc<Verified<Graph>>,
}

/// Elaborates the function that the options choose. Inputs in `omit` take their defaults.
pub(crate) fn choose(checked: &Checked, common: &Common, omit: &[String]) -> Result<Chosen> {
    let settings = options::settings(common)?;
    let entry = Entry {
        model: common.model.as_deref(),
        function: common.function.as_deref().unwrap_or(DEFAULT_FUNCTION),
        preset: common.preset.as_deref(),
        settings: &settings,
        training: common.train,
        omit,
    };
    let elaborated =
        checked.program.elaborate(&entry).map_err(|refused| failure(&checked.sources, refused))?;
    let graph = verified(elaborated.graph.clone(), "check")?;
    Ok(Chosen { elaborated, graph: Arc::new(graph) })
}

/// Elaborates the function with defaults for those inputs that have one and are not given.
pub(crate) fn choose_given(checked: &Checked, common: &Common, given: &[&str]) -> Result<Chosen> {
    let chosen = choose(checked, common, &[])?;
    let arguments = &chosen.elaborated.arguments;
    let left_out = arguments.iter().filter(|one| one.has_default && !given.contains(&one.name.as_str()));
    let omit: Vec<String> = left_out.map(|one| one.name.clone()).collect();
    if omit.is_empty() { Ok(chosen) } else { choose(checked, common, &omit) }
}

/// What the checker refuses, for the user.
pub(crate) fn failure(sources: &SourceMap, refused: Refused) -> Failure {
    match refused {
        Refused::Source(diagnostics) => Failure::diagnostics(sources, diagnostics),
        Refused::Request { title, hint } => {
            let failure = Failure::user(title);
            match hint {
                Some(hint) => failure.hint(hint),
                None => failure,
            }
        }
    }
}

/// The graph that a pass made, which must be right.
pub(crate) fn verified(graph: Graph, pass: &str) -> Result<Verified<Graph>> {
    verify(graph).map_err(|error| {
        Failure::machine(format!("internal error: the pass `{pass}` made a graph that is not right: {error}"))
    })
}

/// The size that counts a sequence's entries: `T` where an input has it, else the leading size of the first input that has a name there.
pub(crate) fn time_size(elaborated: &Elaborated) -> Option<String> {
    let arguments = || elaborated.arguments.iter().filter(|one| !one.omitted);
    let dims = || arguments().flat_map(|one| &one.ty.shape).filter_map(|dim| dim.as_var());
    if dims().any(|name| name == "T") {
        return Some("T".to_owned());
    }
    let mut leading = arguments().filter_map(|one| one.ty.shape.first()?.as_var());
    leading.next().map(str::to_owned)
}

/// What a weight file must hold.
pub(crate) fn specs(params: &[ParamInfo]) -> Vec<ParamSpec> {
    let spec = |param: &ParamInfo| ParamSpec {
        path: param.path.clone(),
        dtype: param.dtype,
        shape: param.shape.clone(),
    };
    params.iter().map(spec).collect()
}

/// The weights of a file, which must be exactly those of the model.
pub(crate) fn load_weights(path: &Path, params: &[ParamInfo]) -> Result<Weights> {
    let file = safetensors::load(path)?;
    Weights::matched(&specs(params), file.tensors)
        .map_err(|error| Failure::user(error.to_string()).with_note(format!("weights: {}", path.display())))
}

/// The weights that the options name, or initial ones.
pub(crate) fn weights(
    elaborated: &Elaborated,
    common: &Common,
    sources: &SourceMap,
    context: &Context,
) -> Result<Weights> {
    match &common.weights {
        Some(path) => load_weights(path, &elaborated.params),
        None => initial(&elaborated.init, common.seed, sources, context),
    }
}

/// Initial weights by seed.
pub(crate) fn initial(graph: &Graph, seed: u64, sources: &SourceMap, context: &Context) -> Result<Weights> {
    let _progress = context.console.progress("initial weights");
    let graph = verified(graph.clone(), "check")?;
    init(&graph, seed, &context.cancel).map_err(|error| Failure::run(error, Some(sources)))
}
