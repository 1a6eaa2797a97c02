//! What a bundle holds: for each function the graph that it means, the program that runs, and what its inputs and results are; the weights on request.
//!
//! Sections: `file.N` (the text of each file that it was made of), `NAME.graph` (for `--device reference` and `--verify`), `NAME.program` with `NAME.program.1`, .. for further variants, for a GPU beside each `NAME.sm_90.program`, `.launches` and `.ptx`, `init` (initial weights by seed), `weights` (a `.safetensors` file).

use crate::Context;
use crate::cli::Common;
use crate::failure::{Failure, Result};
use crate::gpu::{self, Compiled};
use crate::machine::{Scheduled, optimized, scheduled};
use crate::model::{Chosen, DEFAULT_FUNCTION, choose, load_weights, specs, verified};
use crate::source::Checked;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use std::path::Path;
use tensc_frontend::SourceMap;
use tensc_frontend::check::{ArgumentInfo, Elaborated, ParamInfo, ResultInfo};
use tensc_gpu::Chip;
use tensc_ir::{DType, Type, parse_dim, parse_graph};
use tensc_optimize::{NoSelector, Selector};
use tensc_program::{DeviceCode, parse_program, verify as verify_program};
use tensc_runtime::Weights;
use tensc_runtime::file::bundle as file;
use tensc_runtime::file::safetensors;
use tensc_runtime::suggest::suggest;

/// The manifest.
#[derive(Serialize, Deserialize)]
struct Manifest {
    target: String,
    source: String,
    hyperparameters: IndexMap<String, String>,
    functions: IndexMap<String, Function>,
    params: Vec<Array>,
    weights: bool,
    /// Names of the files that it was made of, for messages with their lines.
    #[serde(default)]
    files: Vec<String>,
}

/// A function of a bundle.
#[derive(Serialize, Deserialize)]
struct Function {
    arguments: Vec<Array>,
    results: Vec<Array>,
    /// The size along which it runs in pieces.
    time: Option<String>,
    /// Which of its programs a call runs; one program where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    variants: Option<String>,
}

/// A name with a type, in text.
#[derive(Serialize, Deserialize)]
struct Array {
    name: String,
    dtype: String,
    shape: Vec<String>,
}

impl Array {
    fn new(name: &str, ty: &Type) -> Self {
        Self {
            name: name.to_owned(),
            dtype: ty.dtype.name().to_owned(),
            shape: ty.shape.iter().map(ToString::to_string).collect(),
        }
    }

    fn ty(&self) -> Option<Type> {
        let shape = self.shape.iter().map(|text| parse_dim(text).ok()).collect::<Option<_>>()?;
        Some(Type::new(DType::from_name(&self.dtype)?, shape))
    }
}

/// Compiles the chosen function, or all of the model's, into a file.
pub(crate) fn write(
    path: &Path,
    checked: &Checked,
    chip: Option<Chip>,
    common: &Common,
    context: &Context,
) -> Result<()> {
    let names = match &common.function {
        Some(name) => vec![name.clone()],
        None => functions(checked, common),
    };
    let mut functions = IndexMap::new();
    let mut sections: IndexMap<String, Vec<u8>> = IndexMap::new();
    let mut model: Option<Elaborated> = None;
    for name in names {
        let options = Common { function: Some(name.clone()), ..common.clone() };
        let chosen = choose(checked, &options, &[])?;
        let optimized = optimized(&chosen, &options, false, context)?;
        let arguments = chosen.elaborated.arguments.iter();
        let results = chosen.elaborated.results.iter();
        let function = Function {
            arguments: arguments.map(|one| Array::new(&one.name, &one.ty)).collect(),
            results: results.map(|one| Array::new(&one.name, &one.ty)).collect(),
            time: optimized.time.clone(),
            variants: (optimized.variants.len() > 1).then(|| optimized.selector.to_string()),
        };
        functions.insert(name.clone(), function);
        sections.insert(format!("{name}.graph"), chosen.graph.to_string().into_bytes());
        for (n, graph) in optimized.variants.iter().enumerate() {
            let scheduled = scheduled(graph, optimized.time.as_deref(), &options, &checked.sources, context)?;
            sections.insert(section(&name, "program", n), scheduled.program.to_string().into_bytes());
            let Some(chip) = chip else { continue };
            let Compiled { program, code } = gpu::compiled(&scheduled.program, chip, context)?;
            let launches = serde_json::to_vec(&code.kernels).map_err(|error| {
                Failure::machine(format!("internal error: launches have no text: {error}"))
            })?;
            let section = |part: &str| section(&format!("{name}.{}", chip.name), part, n);
            sections.insert(section("program"), program.to_string().into_bytes());
            sections.insert(section("launches"), launches);
            sections.insert(section("ptx"), code.ptx.into_bytes());
        }
        model.get_or_insert(chosen.elaborated);
    }
    let model = model.ok_or_else(|| Failure::user("the file has no function to compile"))?;
    sections.insert("init".to_owned(), model.init.to_string().into_bytes());
    if let Some(weights) = &common.weights {
        let weights = load_weights(weights, &model.params)?;
        sections.insert("weights".to_owned(), safetensors::to_bytes(weights.tensors(), &IndexMap::new()));
    }
    let mut files = Vec::new();
    for (n, (_, name, text)) in checked.sources.iter().enumerate() {
        files.push(name.to_owned());
        sections.insert(format!("file.{n}"), text.as_bytes().to_vec());
    }
    let dims = |shape: &[usize]| shape.iter().map(ToString::to_string).collect();
    let array = |param: &ParamInfo| Array {
        name: param.path.clone(),
        dtype: param.dtype.name().to_owned(),
        shape: dims(&param.shape),
    };
    let manifest = Manifest {
        target: chip.map_or("cpu", |chip| chip.name).to_owned(),
        source: checked.sources.name(checked.program.root()).to_owned(),
        hyperparameters: model.hyperparameters.iter().cloned().collect(),
        functions,
        params: model.params.iter().map(array).collect(),
        weights: common.weights.is_some(),
        files,
    };
    let manifest = serde_json::to_value(manifest)
        .map_err(|error| Failure::machine(format!("internal error: the manifest has no text: {error}")))?;
    Ok(file::save(path, manifest, &sections, &context.cancel)?)
}

/// The functions of the model that the options choose, or of the top level; those alone that can be entered with what the options say.
pub(crate) fn functions(checked: &Checked, common: &Common) -> Vec<String> {
    let owner = common.model.clone().or_else(|| {
        let models = checked.program.models();
        let has = |name: &str| checked.program.functions(Some(name)).contains(&DEFAULT_FUNCTION);
        let first = models.iter().map(|model| model.name.text.as_str()).find(|name| has(name));
        first.map(str::to_owned)
    });
    checked.program.functions(owner.as_deref()).into_iter().map(str::to_owned).collect()
}

/// The name of a section about one variant of a function.
fn section(name: &str, part: &str, variant: usize) -> String {
    if variant == 0 { format!("{name}.{part}") } else { format!("{name}.{part}.{variant}") }
}

/// A function out of a bundle, as `choose` and `scheduled` would give it.
pub(crate) struct Loaded {
    pub(crate) chosen: Chosen,
    /// A program for each variant, with its code for a GPU.
    pub(crate) programs: Vec<(Scheduled, Option<Compiled>)>,
    /// Which one a call runs.
    pub(crate) selector: Selector,
    /// Weights that are in it.
    pub(crate) inside: Option<Weights>,
    /// The files that it was made of.
    pub(crate) sources: SourceMap,
}

/// Reads a bundle and takes a function out of it.
pub(crate) fn read(path: &Path, common: &Common) -> Result<Loaded> {
    let bundle = file::load(path)?;
    let damaged = |what: &str| Failure::user(format!("`{}` is not a usable bundle: {what}", path.display()));
    let manifest: Manifest = serde_json::from_value(bundle.manifest.clone())
        .map_err(|error| damaged(&format!("its manifest cannot be read: {error}")))?;
    let name = common.function.as_deref().unwrap_or(DEFAULT_FUNCTION);
    let Some(function) = manifest.functions.get(name) else {
        let there: Vec<&str> = manifest.functions.keys().map(String::as_str).collect();
        let failure = Failure::user(format!("the bundle has no function `{name}`"));
        return Err(match suggest(name, there.iter().copied()) {
            Some(meant) => failure.hint(format!("did you mean `{meant}`?")),
            None => failure.hint(format!("--fn {}", there.join(", or --fn "))),
        });
    };
    let text = |section: &str| {
        bundle.text(section).ok_or_else(|| damaged(&format!("its section `{section}` is missing")))
    };
    let graph = parse_graph(text(&format!("{name}.graph"))?).map_err(|error| damaged(&error.to_string()))?;
    let init = parse_graph(text("init")?).map_err(|error| damaged(&error.to_string()))?;
    let selector: Selector = match &function.variants {
        Some(text) => text.parse().map_err(|error: NoSelector| damaged(&error.to_string()))?,
        None => Selector::always(0),
    };
    let variants = selector.variants();
    if variants.iter().enumerate().any(|(n, variant)| n != *variant) {
        return Err(damaged("its variants are not numbered in order"));
    }
    let program = |section: &str| {
        let program = parse_program(text(section)?).map_err(|error| damaged(&error.to_string()))?;
        verify_program(program).map_err(|error| damaged(&error.to_string()))
    };
    let target = manifest.target.as_str();
    let compiled = |n: usize| -> Result<Compiled> {
        let section = |part: &str| section(&format!("{name}.{target}"), part, n);
        let kernels = serde_json::from_str(text(&section("launches"))?)
            .map_err(|error| damaged(&format!("its launches cannot be read: {error}")))?;
        let ptx = text(&section("ptx"))?.to_owned();
        let code = DeviceCode { target: target.to_owned(), ptx, kernels };
        Ok(Compiled { program: program(&section("program"))?, code })
    };
    let variant = |n: usize| -> Result<(Scheduled, Option<Compiled>)> {
        let program = program(&section(name, "program", n))?;
        let scheduled = Scheduled { strides: Vec::new(), program, time: function.time.clone() };
        let gpu = if target == "cpu" { None } else { Some(compiled(n)?) };
        Ok((scheduled, gpu))
    };
    let programs = variants.into_iter().map(variant).collect::<Result<_>>()?;
    let types = |arrays: &[Array]| -> Result<Vec<(String, Type)>> {
        let each = arrays.iter().map(|array| {
            let ty = array.ty().ok_or_else(|| damaged("a type in its manifest cannot be read"))?;
            Ok((array.name.clone(), ty))
        });
        each.collect()
    };
    let arguments = types(&function.arguments)?.into_iter();
    let results = types(&function.results)?.into_iter();
    let params = types(&manifest.params)?.into_iter().map(|(path, ty)| {
        let sizes = ty.shape.iter().map(|dim| dim.as_constant().and_then(|n| usize::try_from(n).ok()));
        let shape =
            sizes.collect::<Option<_>>().ok_or_else(|| damaged("a shape in its manifest is not known"))?;
        Ok(ParamInfo { path, dtype: ty.dtype, shape, trained: true })
    });
    let elaborated = Elaborated {
        graph: graph.clone(),
        params: params.collect::<Result<_>>()?,
        init,
        arguments: arguments
            .map(|(name, ty)| ArgumentInfo { name, ty, has_default: false, omitted: false })
            .collect(),
        results: results.map(|(name, ty)| ResultInfo { name, ty }).collect(),
        hyperparameters: manifest.hyperparameters.clone().into_iter().collect(),
    };
    let inside = match bundle.sections.get("weights").filter(|_| manifest.weights) {
        Some(section) => {
            let file = safetensors::parse(section).map_err(|fault| damaged(&fault.to_string()))?;
            let weights = Weights::matched(&specs(&elaborated.params), file.tensors);
            Some(weights.map_err(|error| damaged(&error.to_string()))?)
        }
        None => None,
    };
    let mut sources = SourceMap::new();
    for (n, name) in manifest.files.iter().enumerate() {
        sources.add(name.clone(), text(&format!("file.{n}"))?);
    }
    let graph = verified(graph, "compile")?;
    Ok(Loaded {
        chosen: Chosen { elaborated, graph: std::sync::Arc::new(graph) },
        programs,
        selector,
        inside,
        sources,
    })
}
