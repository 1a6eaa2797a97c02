//! `tensc doctor --device D`: a norm, a product and a recurrence on a device that may never have been seen before, against this processor.

use crate::Context;
use crate::cli::{Common, Device};
use crate::failure::{Failure, Result};
use crate::machine::{Scheduled, on_device};
use tensc_frontend::SourceMap;
use tensc_ir::{DType, Sizes};
use tensc_program::{parse_program, verify};
use tensc_runtime::{Call, Tensor, Weights};

const PROGRAM: &str = include_str!("self_check.txt");

/// Sequences and entries of each: no multiple of anything.
const SIZES: [usize; 2] = [3, 77];

/// How far results may be apart, relative to the largest.
const TOLERANCE: f32 = 1e-5;

/// How far the device's results are from this processor's, relative to the largest; an error beyond the tolerance.
pub(crate) fn check(device: Device, context: &Context) -> Result<f32> {
    let expected = results(Device::Cpu, context)?;
    let found = results(device, context)?;
    let largest = expected.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
    let worst = expected.iter().zip(&found).fold(0.0_f32, |worst, (a, b)| {
        // NaN is as far off as can be.
        let gap = (a - b).abs() / largest;
        if gap > worst || gap.is_nan() { if gap.is_nan() { f32::INFINITY } else { gap } } else { worst }
    });
    if worst <= TOLERANCE {
        return Ok(worst);
    }
    Err(Failure::machine(format!(
        "the device computes something else than this processor: results are {worst:.1e} apart, of which {TOLERANCE:.0e} are allowed"
    )))
}

fn results(device: Device, context: &Context) -> Result<Vec<f32>> {
    let internal =
        |what: &dyn std::fmt::Display| Failure::machine(format!("internal error: the self-check: {what}"));
    let program = parse_program(PROGRAM).map_err(|error| internal(&error))?;
    let program = verify(program).map_err(|error| internal(&error))?;
    let scheduled = Scheduled { strides: Vec::new(), program, time: None };
    let (common, sources) = (Common::default(), SourceMap::new());
    let mut session = on_device(device, scheduled, &Weights::default(), &common, &sources, context)?;
    let [batch, length] = SIZES;
    let arguments = [(vec![batch, length, 64], true), (vec![64, 48], false), (vec![48], false)];
    let arguments: Option<Vec<(Tensor, bool)>> = arguments
        .into_iter()
        .enumerate()
        .map(|(n, (shape, batched))| Some((numbers(n, shape)?, batched)))
        .collect();
    let arguments = arguments.ok_or_else(|| internal(&"its inputs do not fit"))?;
    let sizes = Sizes::from([("T".into(), length as i64)]);
    let call = Call { arguments: &arguments, batch, sizes: &sizes, state: None, progress: &|_| () };
    let outcome = session.run(&call).map_err(|error| Failure::run(error, None))?;
    let result = outcome.results.first().ok_or_else(|| internal(&"it has no result"))?;
    let (words, _) = result.bytes().as_chunks::<4>();
    Ok(words.iter().map(|word| f32::from_le_bytes(*word)).collect())
}

/// Numbers between -1 and 1, the same on every machine.
fn numbers(seed: usize, shape: Vec<usize>) -> Option<Tensor> {
    let count: usize = shape.iter().product();
    let number = |n: usize| ((n * 37 + seed * 11) % 101) as f32 / 50.0 - 1.0;
    let bytes: Vec<u8> = (0..count).flat_map(|n| number(n).to_le_bytes()).collect();
    Tensor::from_bytes(DType::F32, shape, &bytes)
}
