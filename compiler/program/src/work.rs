//! What a kernel or product computes and moves, counted from its text: for measurements and nothing else.
//!
//! An arithmetic instruction is one operation an entry, a multiply-add two, whatever a function costs. Axes count with their extent in the first grid point, so a short last
//! piece counts as a whole one; conditions count as met.

use crate::kernel::{AxisId, Block, Kernel, Memory, ParamId, TileId, TileOp};
use tensc_ir::{Dim, Sizes};

/// Operations, and bytes by parameter.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Work {
    /// Floating-point and integer operations.
    pub flops: f64,
    /// Bytes loaded from or stored to each parameter of the kernel.
    pub bytes: Vec<f64>,
}

/// The work of `points` grid points at these values of the size parameters.
#[must_use]
pub fn work(kernel: &Kernel, sizes: &[i64], points: i64) -> Work {
    let named = kernel.sizes.iter().zip(sizes).map(|(name, n)| (name.as_str().into(), *n));
    let mut counter = Counter {
        kernel,
        sizes: named.collect(),
        work: Work { flops: 0.0, bytes: vec![0.0; kernel.params.len()] },
    };
    counter.block(&kernel.body, points.max(0) as f64);
    counter.work
}

struct Counter<'k> {
    kernel: &'k Kernel,
    sizes: Sizes,
    work: Work,
}

impl Counter<'_> {
    /// The value of an extent where grid axes and loop variables are 0.
    fn extent(&self, dim: &Dim) -> f64 {
        let mut sizes = self.sizes.clone();
        for name in dim.names() {
            sizes.entry(name).or_insert(0);
        }
        dim.eval(&sizes).unwrap_or(0).max(0) as f64
    }

    fn axis(&self, axis: AxisId) -> f64 {
        self.kernel.tile_axis(axis).map_or(1.0, |(bound, extent)| self.extent(extent).min(bound as f64))
    }

    fn entries(&self, tile: TileId) -> f64 {
        let tile = self.kernel.tiles.get(tile.0 as usize);
        tile.map_or(1.0, |tile| tile.axes.iter().map(|axis| self.axis(*axis)).product())
    }

    fn moved(&mut self, memory: Memory, entries: f64) {
        let Memory::Param(ParamId(n)) = memory else { return };
        let bytes = self.kernel.params.get(n as usize).map_or(0, |param| param.dtype.bytes());
        if let Some(slot) = self.work.bytes.get_mut(n as usize) {
            *slot += entries * bytes as f64;
        }
    }

    /// A block that runs so many times.
    fn block(&mut self, block: &Block, times: f64) {
        for inst in &block.insts {
            let result = inst.results.first().map_or(1.0, |tile| self.entries(*tile));
            let operations = match &inst.op {
                TileOp::Const { .. } | TileOp::Iota(_) | TileOp::Rename { .. } | TileOp::Check { .. } => 0.0,
                TileOp::Load { memory, .. } => {
                    self.moved(*memory, result * times);
                    0.0
                }
                TileOp::Store { memory, value, .. } => {
                    let entries = self.entries(*value);
                    self.moved(*memory, entries * times);
                    0.0
                }
                TileOp::Unary(..) | TileOp::Binary(..) | TileOp::Select(..) | TileOp::Cast(..) => result,
                TileOp::Fma(..) => 2.0 * result,
                TileOp::Reduce { value, .. } => self.entries(*value),
                TileOp::Scan { a, b, .. } => self.entries(*b) * if a.is_some() { 2.0 } else { 1.0 },
                TileOp::Dot { axis, .. } => 2.0 * result * self.axis(*axis),
                TileOp::TriangularSolve { row, .. } => result * self.axis(*row),
                TileOp::Loop(inner) => {
                    let turns = self.extent(&inner.extent);
                    self.block(&inner.body, times * turns);
                    0.0
                }
            };
            self.work.flops += operations * times;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse_kernel;

    #[test]
    fn a_running_sum_reads_and_adds_each_entry_once() {
        let kernel = parse_kernel(
            "kernel \"sum\" (read x: f32, write y: f32) sizes(T, B) {\n    grid b < B\n    tile c <= 16 < 16\n    %0 = const f32 0.0 : f32\n    \
             %1 = loop t < T carry(%2: f32[c] = %0) : f32[c] {\n        %3 = load x[16 * T * b + 16 * t + c] : f32[c]\n        \
             %4 = add %2, %3 : f32[c]\n        store y[16 * T * b + 16 * t + c], %4\n        yield %4\n    }\n}\n",
        )
        .unwrap();
        let work = work(&kernel, &[10, 3], 3);
        assert_eq!(work, Work { flops: 480.0, bytes: vec![1920.0, 1920.0] });
    }
}
