//! What a GPU target makes of a program: one text for all kernels, and how each is launched.
//!
//! A kernel's arguments are its pointers, then, where it has checks, a pointer to one 64-bit number per check of the program; then as 64-bit numbers its sizes, the
//! extent of each grid axis, the number of pieces of each axis that is cut, and the product of all those: the number of points. Blocks count along x, points are row-major
//! over grid axes and pieces.
//!
//! A check's number begins as all ones. A failure leaves the smallest `(position xor 2^31) << 32 | value`.

use crate::kernel::{AxisId, Kernel};
use crate::{CheckId, Failure};
use serde::{Deserialize, Serialize};
use tensc_ir::{DimError, Sizes};

/// A program's kernels for a GPU.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeviceCode {
    /// The architecture: `sm_80`, `sm_90`.
    pub target: String,
    /// All kernels as PTX.
    pub ptx: String,
    /// By kernel of the program: how to launch it; none for kernels that only prepare uses, which the host runs.
    pub kernels: Vec<Option<DeviceKernel>>,
}

/// How a kernel is launched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceKernel {
    /// The function's name.
    pub entry: String,
    /// Threads of a block.
    pub threads: u32,
    /// Points of a block.
    pub points: u32,
    /// Axes that are cut, by number, with the width of a piece.
    pub pieces: Vec<(u32, usize)>,
    /// Bytes of static shared memory of a block.
    pub shared: usize,
    /// Whether it takes the pointer to the numbers of checks.
    pub checks: bool,
}

/// The numbers of one launch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaunchNumbers {
    /// What follows the pointers.
    pub numbers: Vec<i64>,
    /// Blocks of the grid; none where there is nothing to do.
    pub blocks: i64,
}

impl DeviceKernel {
    /// Numbers and grid for these values of the kernel's size parameters.
    ///
    /// # Errors
    /// An extent without a value, or more points than 64 bits can count.
    pub fn numbers(&self, kernel: &Kernel, values: &[i64]) -> Result<LaunchNumbers, DimError> {
        let sizes: Sizes =
            kernel.sizes.iter().zip(values).map(|(name, n)| (name.as_str().into(), *n)).collect();
        let mut numbers = values.to_vec();
        let mut points = 1_i64;
        let mut push = |n: i64, what: &dyn Fn() -> String| {
            numbers.push(n);
            points = points.checked_mul(n).ok_or_else(|| DimError::OutOfRange(what()))?;
            Ok::<(), DimError>(())
        };
        for extent in kernel.grid() {
            push(extent.eval(&sizes)?.max(0), &|| extent.to_string())?;
        }
        for (axis, width) in &self.pieces {
            let Some((bound, extent)) = kernel.tile_axis(AxisId(*axis)) else { continue };
            // An extent that varies over the grid is at most the bound.
            let bound = bound as i64;
            let entries = extent.eval(&sizes).map_or(bound, |n| n.clamp(0, bound));
            // One piece even of nothing: what does not have the axis is stored by it.
            let pieces = (entries as u64).div_ceil(*width as u64).max(1);
            push(pieces as i64, &|| extent.to_string())?;
        }
        numbers.push(points);
        let blocks = (points as u64).div_ceil(u64::from(self.points.max(1))) as i64;
        Ok(LaunchNumbers { numbers, blocks })
    }
}

/// What the numbers of all checks say: the first failure by position, then by check.
#[must_use]
pub fn first_failure(numbers: &[u64]) -> Option<Failure> {
    let mut first = None;
    for (site, number) in (0..).zip(numbers) {
        if *number != u64::MAX {
            let position = ((*number >> 32) as u32 ^ (1 << 31)).cast_signed();
            let value = (*number as u32).cast_signed();
            Failure::record(&mut first, Failure { site: CheckId(site), value, position });
        }
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse_kernel;

    #[test]
    fn points_count_grid_axes_and_pieces() {
        let kernel = parse_kernel(
            "kernel \"copy\" (read x: f32, write y: f32) sizes(T, N) {\n    grid t < T\n    tile c <= 64 < N\n    %0 = load x[64 * t + c] : f32[c]\n    store y[64 * t + c], %0\n}\n",
        )
        .unwrap();
        let device = DeviceKernel {
            entry: "copy".into(),
            threads: 32,
            points: 4,
            pieces: vec![(1, 16)],
            shared: 0,
            checks: false,
        };
        let launch = device.numbers(&kernel, &[3, 40]).unwrap();
        assert_eq!(launch, LaunchNumbers { numbers: vec![3, 40, 3, 3, 9], blocks: 3 });
        assert_eq!(device.numbers(&kernel, &[0, 40]).unwrap().blocks, 0);
    }

    #[test]
    fn the_first_failure_by_position_is_told() {
        let at = |position: i32, value: i32| {
            u64::from(position.cast_unsigned() ^ (1 << 31)) << 32 | u64::from(value.cast_unsigned())
        };
        assert_eq!(first_failure(&[u64::MAX; 2]), None);
        let failure = first_failure(&[at(7, -1), at(3, 999)]).unwrap();
        assert_eq!((failure.site, failure.value, failure.position), (CheckId(1), 999, 3));
    }
}
