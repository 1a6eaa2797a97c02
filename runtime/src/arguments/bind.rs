//! Named sizes and the batch from the shapes of arrays; then what is random gets its shape.

use super::load::Loaded;
use super::{ArgumentError, ArgumentSpec, Bound, Hint};
use crate::tensor::{Tensor, convert};
use std::sync::Arc;
use tensc_ir::random::Stream;
use tensc_ir::{DType, Dim, Sizes};

/// What arrays have told so far.
#[derive(Default)]
struct Known {
    sizes: Sizes,
    /// Which input gave each size.
    sources: Vec<(Arc<str>, String)>,
    batch: Option<(usize, String)>,
    errors: Vec<ArgumentError>,
}

pub(super) fn bind(
    loaded: Vec<(&ArgumentSpec, Loaded)>,
    hint: Hint,
    seed: u64,
) -> Result<Bound, Vec<ArgumentError>> {
    let mut known = Known::default();
    let mut any_array = false;
    for (spec, value) in &loaded {
        if let Loaded::Array(tensor) = value {
            any_array |= spec.ty.rank() > 0;
            known.names(spec, tensor);
        }
    }
    let random = loaded.iter().any(|(_, value)| matches!(value, Loaded::Random));
    if random && !any_array {
        known.batch = Some((hint.batch, "--hint".to_owned()));
    }
    known.hinted(&loaded, hint);
    for (spec, value) in &loaded {
        if let Loaded::Array(tensor) = value {
            known.check(spec, tensor);
        }
    }
    if !known.errors.is_empty() {
        return Err(known.errors);
    }
    let batch = known.batch.as_ref().map(|(batch, _)| *batch);
    let mut arguments = Vec::new();
    for (spec, value) in loaded {
        match known.argument(spec, value, batch, seed) {
            Ok(argument) => arguments.push(argument),
            Err(error) => known.errors.push(error),
        }
    }
    if known.errors.is_empty() {
        Ok(Bound { arguments, batch, sizes: known.sizes })
    } else {
        Err(known.errors)
    }
}

impl Known {
    /// Takes names and the batch from an array's axes.
    fn names(&mut self, spec: &ArgumentSpec, tensor: &Tensor) {
        let (rank, shape) = (spec.ty.rank(), tensor.shape());
        let own = match shape.len().checked_sub(rank) {
            Some(0) => shape,
            Some(1) => {
                if let Some((&batch, own)) = shape.split_first() {
                    self.take_batch(&spec.name, batch);
                    own
                } else {
                    shape
                }
            }
            Some(_) | None => {
                let axes = match shape.len() {
                    1 => "1 axis".to_owned(),
                    n => format!("{n} axes"),
                };
                self.errors.push(ArgumentError::Rank {
                    name: spec.name.clone(),
                    expected: spec.ty.to_string(),
                    found: tensor.to_string(),
                    axes,
                    rank,
                });
                return;
            }
        };
        for (dim, &size) in spec.ty.shape.iter().zip(own) {
            if let Some(name) = dim.as_var() {
                let name: Arc<str> = Arc::from(name);
                if !self.sizes.contains_key(&name) {
                    self.sizes.insert(name.clone(), i64::try_from(size).unwrap_or(i64::MAX));
                    self.sources.push((name, spec.name.clone()));
                }
            }
        }
    }

    /// A batch of 1 goes with any other, as NumPy broadcasts.
    fn take_batch(&mut self, name: &str, batch: usize) {
        match &self.batch {
            Some((known, first)) if *known != batch && *known != 1 && batch != 1 => {
                self.errors.push(ArgumentError::Batch {
                    first: first.clone(),
                    first_batch: *known,
                    second: name.to_owned(),
                    second_batch: batch,
                });
            }
            Some((known, _)) if *known != 1 => {}
            Some(_) | None => self.batch = Some((batch, name.to_owned())),
        }
    }

    /// Sizes that only random inputs have are those of the hint.
    fn hinted(&mut self, loaded: &[(&ArgumentSpec, Loaded)], hint: Hint) {
        for (spec, value) in loaded {
            if matches!(value, Loaded::Random) {
                for name in spec.ty.shape.iter().filter_map(Dim::as_var) {
                    let length = i64::try_from(hint.length).unwrap_or(i64::MAX);
                    self.sizes.entry(Arc::from(name)).or_insert(length);
                }
            }
        }
    }

    /// Checks every axis of an array against its declared size.
    fn check(&mut self, spec: &ArgumentSpec, tensor: &Tensor) {
        let extra = match tensor.shape().len().checked_sub(spec.ty.rank()) {
            Some(extra @ (0 | 1)) => extra,
            // That has been said.
            Some(_) | None => return,
        };
        let axes = tensor.shape().iter().enumerate().skip(extra);
        for (dim, (axis, &size)) in spec.ty.shape.iter().zip(axes) {
            let wanted = match size_of(dim, &self.sizes) {
                Ok(wanted) => wanted,
                Err(problem) => {
                    self.errors.push(declared(spec, problem));
                    return;
                }
            };
            if wanted != size {
                let wanted = self.explained(dim, wanted);
                self.errors.push(ArgumentError::Size {
                    name: spec.name.clone(),
                    expected: spec.ty.to_string(),
                    found: tensor.to_string(),
                    axis,
                    size,
                    wanted,
                });
            }
        }
    }

    /// `T = 7 as in `tokens``, or just `64`.
    fn explained(&self, dim: &Dim, value: usize) -> String {
        if dim.as_constant().is_some() {
            return value.to_string();
        }
        let source = dim.as_var().and_then(|name| self.sources.iter().find(|(other, _)| **other == *name));
        let source = source.map_or_else(String::new, |(_, input)| format!(" as in `{input}`"));
        format!("{dim} = {value}{source}")
    }

    fn argument(
        &self,
        spec: &ArgumentSpec,
        value: Loaded,
        batch: Option<usize>,
        seed: u64,
    ) -> Result<(Tensor, bool), ArgumentError> {
        let shape = || -> Result<Vec<usize>, ArgumentError> {
            let sizes = spec.ty.shape.iter().map(|dim| size_of(dim, &self.sizes));
            sizes.collect::<Result<_, _>>().map_err(|problem| declared(spec, problem))
        };
        match value {
            Loaded::Array(tensor) => {
                let batched = tensor.shape().len() > spec.ty.rank();
                // One sequence for a batch of several serves them all.
                let shared = batched && tensor.shape().first() == Some(&1) && batch != Some(1);
                match tensor.shape().split_first() {
                    Some((_, own)) if shared => {
                        let one = tensor.reshaped(own.to_vec());
                        Ok((one.ok_or_else(|| declared(spec, "it lost its shape".to_owned()))?, false))
                    }
                    Some(_) | None => Ok((tensor, batched)),
                }
            }
            Loaded::Random => {
                let batched = batch.is_some() && spec.ty.rank() > 0;
                let mut whole = shape()?;
                if let (true, Some(batch)) = (batched, batch) {
                    whole.insert(0, batch);
                }
                Ok((random(spec, whole, seed)?, batched))
            }
        }
    }
}

fn declared(spec: &ArgumentSpec, problem: String) -> ArgumentError {
    ArgumentError::Declared { name: spec.name.clone(), expected: spec.ty.to_string(), problem }
}

fn size_of(dim: &Dim, sizes: &Sizes) -> Result<usize, String> {
    let size = dim.eval(sizes).map_err(|error| error.to_string())?;
    usize::try_from(size).map_err(|_| format!("`{dim}` is {size}"))
}

/// Standard normal numbers; whole numbers below the size that they index (else below 2); truth values by a fair coin.
fn random(spec: &ArgumentSpec, shape: Vec<usize>, seed: u64) -> Result<Tensor, ArgumentError> {
    let too_large = || declared(spec, "it has more entries than memory can hold".to_owned());
    let count = crate::tensor::elements(&shape).ok_or_else(too_large)?;
    let stream = Stream::new(seed, &format!("input {}", spec.name), 0);
    let dtype = spec.ty.dtype;
    let parts = if dtype.is_complex() { 2 } else { 1 };
    // Three times, as numbers and as bytes, before any of it is touched: what does not fit is an error and no abort.
    let needed = count.checked_mul(3 * parts).ok_or_else(too_large)?;
    Vec::<f64>::new().try_reserve_exact(needed).map_err(|_| too_large())?;
    let numbers = if dtype.is_float() || dtype.is_complex() {
        stream.normals(count * parts)
    } else {
        let most = if dtype == DType::U8 { 256 } else { i64::from(i32::MAX) };
        let below = if dtype == DType::Bool { 2 } else { spec.below.unwrap_or(2).clamp(1, most) };
        stream.uniforms(count).into_iter().map(|u| (u * below as f64).floor()).collect()
    };
    let bytes: Vec<u8> = numbers.iter().flat_map(|x| (*x as f32).to_ne_bytes()).collect();
    if dtype.is_complex() {
        return Tensor::from_bytes(DType::C64, shape, &bytes).ok_or_else(too_large);
    }
    // Whole numbers beyond 2^24 are no f32: they go through f64.
    let bytes: Vec<u8> = numbers.iter().flat_map(|x| x.to_ne_bytes()).collect();
    let doubles = Tensor::from_bytes(DType::F64, shape, &bytes).ok_or_else(too_large)?;
    convert(&doubles, dtype).map_err(|_| too_large())
}
