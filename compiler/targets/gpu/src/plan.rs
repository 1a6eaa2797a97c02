//! How a kernel's work is spread: threads of a grid point, grid points of a block, pieces of independent axes, and a layout for each tile.
//!
//! A kernel without products of matrices has one layout for all of its tiles, so that nothing but reductions ever moves between threads. Otherwise tiles that meet
//! elementwise share a layout, and products bring their factors together through shared memory.

use crate::facts::{axes, bits, bound, contiguous_axis, crossed, each, is_matrix_product, is_vector, loops};
use crate::layout::{Bit, Layout};
use std::collections::{BTreeMap, BTreeSet};
use tensc_program::{AxisId, Kernel, Memory, TileId, TileOp};

/// Threads of a block, where several grid points share one.
const PACKED_THREADS: u32 = 7;

/// Threads of a warp.
const WARP: u32 = 5;

/// How many neighbours a vector has, as bits.
const VECTOR: u32 = 2;

/// The spread of a kernel's work. Numbers of threads and points are powers of two, given as exponents.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Threads of a grid point.
    pub(crate) threads: u32,
    /// Grid points of a block.
    pub(crate) points: u32,
    /// Axes cut into pieces, each a grid point of its own, with the width of a piece.
    pub(crate) pieces: Vec<(AxisId, usize)>,
    /// All layouts.
    pub(crate) layouts: Vec<Layout>,
    /// The layout of each tile.
    pub(crate) of_tile: Vec<usize>,
}

impl Plan {
    /// Plans a kernel; `alignments` are those of its parameters, in elements.
    pub(crate) fn new(kernel: &Kernel, alignments: &[i64]) -> Self {
        let mut has_product = false;
        each(&kernel.body, &mut |inst| {
            if let TileOp::Dot { axis, a, b } = &inst.op {
                has_product |= is_matrix_product(kernel, *axis, *a, *b);
            }
        });
        let mut plan = if has_product { by_groups(kernel, alignments) } else { as_one(kernel, alignments) };
        plan.points = points(kernel, plan.threads);
        // A warp is whole: threads without entries of their own hold copies.
        plan.threads = plan.threads.max(WARP.saturating_sub(plan.points));
        plan
    }

    /// The width of a piece of an axis; its bound where it is whole.
    pub(crate) fn piece(&self, axis: AxisId) -> Option<usize> {
        self.pieces.iter().find(|(a, _)| *a == axis).map(|(_, width)| *width)
    }
}

/// Points of a block: as many as fill it, where their threads need not wait for each other.
fn points(kernel: &Kernel, threads: u32) -> u32 {
    let loops = loops(kernel);
    let grid: Vec<&str> =
        kernel.grid().enumerate().map(|(n, _)| kernel.axis_name(AxisId(n as u32))).collect();
    let alike = loops.iter().all(|inner| !grid.iter().any(|name| inner.extent.mentions(name)));
    match (kernel.locals.is_empty(), threads, loops.is_empty()) {
        (true, 0..=5, true) => PACKED_THREADS - threads,
        // Sequential work gets blocks of its own, so that few points still reach all multiprocessors.
        (true, 0..=5, false) if alike => WARP - threads,
        _ => 0,
    }
}

/// The tile axes that any tile has.
fn used_axes(kernel: &Kernel) -> Vec<AxisId> {
    let used: BTreeSet<AxisId> = kernel.tiles.iter().flat_map(|tile| tile.axes.iter().copied()).collect();
    let mut all = used;
    each(&kernel.body, &mut |inst| {
        if let TileOp::Store { index, .. } = &inst.op {
            all.extend(tensc_program::rules::place_axes(kernel, index));
        }
    });
    all.into_iter().collect()
}

/// Whether some access can move four neighbours along this axis at once.
fn vectors_along(kernel: &Kernel, axis: AxisId, alignments: &[i64]) -> bool {
    let mut found = false;
    each(&kernel.body, &mut |inst| {
        if let TileOp::Load { memory, index, mask } | TileOp::Store { memory, index, mask, .. } = &inst.op {
            found |= is_vector(kernel, *memory, index, *mask, axis, (1 << VECTOR, alignments));
        }
    });
    found && bits(bound(kernel, axis)) >= VECTOR
}

/// Bits of axes that are still to be given out.
struct Shares {
    left: BTreeMap<AxisId, u32>,
    layout: Layout,
    threads: u32,
}

impl Shares {
    fn new(kernel: &Kernel, axes: &[AxisId]) -> Self {
        let left = axes.iter().map(|axis| (*axis, bits(bound(kernel, *axis)))).collect();
        let layout = Layout { axes: axes.iter().map(|axis| (*axis, Vec::new())).collect() };
        Self { left, layout, threads: 0 }
    }

    fn left(&self, axis: AxisId) -> u32 {
        self.left.get(&axis).copied().unwrap_or(0)
    }

    fn give(&mut self, axis: AxisId, wanted: u32, mut bit: impl FnMut() -> Bit) -> u32 {
        let count = wanted.min(self.left(axis));
        let bits = self.layout.axes.entry(axis).or_default();
        bits.extend((0..count).map(|_| bit()));
        if let Some(left) = self.left.get_mut(&axis) {
            *left -= count;
        }
        count
    }

    fn slots(&mut self, axis: AxisId, wanted: u32) -> u32 {
        self.give(axis, wanted, || Bit::Slot)
    }

    fn thread_bits(&mut self, axis: AxisId, wanted: u32) {
        let mut next = self.threads;
        self.give(axis, wanted, || {
            next += 1;
            Bit::Thread(next - 1)
        });
        self.threads = next;
    }
}

/// One layout for all tiles.
fn as_one(kernel: &Kernel, alignments: &[i64]) -> Plan {
    let all = used_axes(kernel);
    let crossed = crossed(kernel);
    let mut shares = Shares::new(kernel, &all);
    let fast = contiguous_axis(kernel, &all);
    if let Some(fast) = fast.filter(|fast| vectors_along(kernel, *fast, alignments)) {
        shares.slots(fast, VECTOR);
    }
    let parallel: Vec<AxisId> = all.iter().copied().filter(|axis| !crossed.contains(axis)).collect();
    let met: Vec<AxisId> = all.iter().copied().filter(|axis| crossed.contains(axis)).collect();
    for axis in met.iter().filter(|axis| Some(**axis) != fast) {
        // Short sums stay in a thread, and so does a part of longer ones where other axes feed the threads.
        if shares.left(*axis) <= 2 || !parallel.is_empty() {
            shares.slots(*axis, 2);
        }
    }
    let to_meet: u32 = met.iter().map(|axis| shares.left(*axis)).sum();
    let most = match (met.is_empty(), loops(kernel).is_empty()) {
        (true, true) => 7,
        // Up to 32 entries in a thread, all within one warp: reductions are shuffles alone.
        _ if to_meet <= 10 => 5,
        _ => 8,
    };
    for axis in fast.into_iter().chain(met.iter().copied()).chain(parallel.iter().copied().rev()) {
        let free = most - shares.threads;
        shares.thread_bits(axis, free);
    }
    let mut slots = 0;
    for axis in &met {
        slots += shares.slots(*axis, u32::MAX);
    }
    let budget = if met.is_empty() { 0 } else { 4_u32.saturating_sub(slots) };
    let mut pieces = Vec::new();
    for axis in parallel.iter().rev() {
        shares.slots(*axis, budget);
        if shares.left(*axis) > 0 {
            pieces.push((*axis, shares.layout.width(*axis)));
        }
    }
    let (layout, threads) = (shares.layout, shares.threads);
    Plan { threads, points: 0, pieces, layouts: vec![layout], of_tile: vec![0; kernel.tiles.len()] }
}

/// Tiles that meet elementwise, as sets.
struct Groups(Vec<usize>);

impl Groups {
    fn find(&self, mut n: usize) -> usize {
        while let Some(&parent) = self.0.get(n).filter(|parent| **parent != n) {
            n = parent;
        }
        n
    }

    fn join(&mut self, tiles: &[TileId]) {
        let Some((first, rest)) = tiles.split_first() else { return };
        for other in rest {
            let (a, b) = (self.find(first.0 as usize), self.find(other.0 as usize));
            if let Some(parent) = self.0.get_mut(a.max(b)) {
                *parent = a.min(b);
            }
        }
    }
}

/// A layout for each group of tiles that meet; tiles of one axis and none adapt to whom they meet.
fn by_groups(kernel: &Kernel, alignments: &[i64]) -> Plan {
    let mut groups = Groups((0..kernel.tiles.len()).collect());
    let mut largest = 0;
    each(&kernel.body, &mut |inst| {
        let mut together: Vec<TileId> =
            inst.op.operands().into_iter().chain(inst.results.iter().copied()).collect();
        match &inst.op {
            TileOp::Dot { axis, a, b } if is_matrix_product(kernel, *axis, *a, *b) => {
                let result = inst.results.first().map_or(&[][..], |id| axes(kernel, *id));
                largest = largest.max(result.iter().map(|axis| bits(bound(kernel, *axis))).sum());
                return;
            }
            TileOp::Rename { .. } | TileOp::TriangularSolve { .. } => return,
            TileOp::Loop(inner) => {
                for (((inside, start), yielded), result) in
                    inner.carried.iter().zip(&inner.body.yields).zip(&inst.results)
                {
                    let mut one = vec![*inside, *start, *yielded, *result];
                    one.retain(|id| axes(kernel, *id).len() >= 2);
                    groups.join(&one);
                }
                return;
            }
            TileOp::Const { .. }
            | TileOp::Iota(_)
            | TileOp::Load { .. }
            | TileOp::Store { .. }
            | TileOp::Unary(..)
            | TileOp::Binary(..)
            | TileOp::Fma(..)
            | TileOp::Select(..)
            | TileOp::Cast(..)
            | TileOp::Reduce { .. }
            | TileOp::Scan { .. }
            | TileOp::Dot { .. }
            | TileOp::Check { .. } => {}
        }
        together.retain(|id| axes(kernel, *id).len() >= 2);
        groups.join(&together);
    });
    let threads = u32::clamp(largest.saturating_sub(4), 5, 8);
    let mut layouts: Vec<Layout> = Vec::new();
    let mut number: BTreeMap<usize, usize> = BTreeMap::new();
    let mut of_tile = vec![0; kernel.tiles.len()];
    for n in 0..kernel.tiles.len() {
        if axes(kernel, TileId(n as u32)).len() < 2 {
            continue;
        }
        let root = groups.find(n);
        let at = *number.entry(root).or_insert_with(|| {
            let members = (0..kernel.tiles.len()).filter(|m| groups.find(*m) == root);
            let own: BTreeSet<AxisId> =
                members.flat_map(|m| axes(kernel, TileId(m as u32)).iter().copied()).collect();
            layouts.push(spread(kernel, &own.into_iter().collect::<Vec<_>>(), threads, alignments));
            layouts.len() - 1
        });
        if let Some(slot) = of_tile.get_mut(n) {
            *slot = at;
        }
    }
    // Tiles of one axis: a layout that has the axis.
    for n in 0..kernel.tiles.len() {
        if let [axis] = axes(kernel, TileId(n as u32)) {
            let at = layouts.iter().position(|layout| layout.axes.contains_key(axis)).unwrap_or_else(|| {
                layouts.push(spread(kernel, &[*axis], threads, alignments));
                layouts.len() - 1
            });
            if let Some(slot) = of_tile.get_mut(n) {
                *slot = at;
            }
        }
    }
    Plan { threads, points: 0, pieces: Vec::new(), layouts, of_tile }
}

/// All bits of these axes over this many threads: vectors, then half a warp along the contiguous axis, the rest over the others.
pub(crate) fn spread(kernel: &Kernel, axes: &[AxisId], threads: u32, alignments: &[i64]) -> Layout {
    let mut shares = Shares::new(kernel, axes);
    let fast = contiguous_axis(kernel, axes);
    let others = || axes.iter().copied().filter(move |axis| Some(*axis) != fast);
    if let Some(fast) = fast {
        if vectors_along(kernel, fast, alignments) {
            shares.slots(fast, VECTOR);
        }
        shares.thread_bits(fast, 4);
    }
    for axis in others().chain(fast) {
        let free = threads - shares.threads;
        shares.thread_bits(axis, free);
    }
    for axis in axes {
        shares.slots(*axis, u32::MAX);
    }
    shares.layout
}

/// Whether a place is in the memory of a grid point.
pub(crate) const fn is_local(memory: Memory) -> bool {
    matches!(memory, Memory::Local(_))
}
