//! One question in each turn for all powers of two that it computes, instead of one for each.
//!
//! The exponents are `x w` with a w that the loop does not change. In front of the loop the largest w of each lane is found; in a turn, `x` times that is in range
//! only if all exponents of the lane are. The turn is written out twice, for either answer, and neither version branches.

use super::{Cell, Emit};
use crate::maths;
use crate::plan::contract::Power;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use tensc_program::{AxisId, Loop, TileId};

/// The varying factor of some exponents at a place, and the largest that it is multiplied with there.
pub(super) struct Guard {
    varying: TileId,
    cell: Cell,
    largest: Value,
}

impl Emit<'_, '_> {
    /// Guards for all powers in a loop's body; none where a power's varying factor has places besides the lanes.
    pub(super) fn guards(&mut self, inner: &Loop, lane: AxisId, lanes: &[Cell]) -> Vec<Guard> {
        let results = inner.body.insts.iter().flat_map(|inst| &inst.results);
        let powers: Vec<Power> = results
            .filter_map(|id| self.plan.powers.get(id))
            .filter(|power| self.is_power(power))
            .copied()
            .collect();
        let along_lanes = |power: &Power| self.plan.tile(power.varying).axes.iter().all(|axis| *axis == lane);
        if !powers.iter().all(along_lanes) {
            return Vec::new();
        }
        let mut guards = Vec::new();
        for power in powers {
            for cell in lanes {
                let places =
                    self.group_places(&self.plan.tile(power.fixed).axes, lane, std::slice::from_ref(cell));
                let factors: Vec<Value> =
                    places.iter().map(|place| self.fixed_factor(&power, place)).collect();
                let Some(largest) = maths::largest(self, &factors) else { continue };
                let float = if self.is_vector(largest) { types::F32X4 } else { types::F32 };
                let largest = self.reinterpret(float, largest);
                guards.push(Guard { varying: power.varying, cell: cell.clone(), largest });
            }
        }
        guards
    }

    /// Whether all exponents of this turn are in range; nothing where nothing is guarded.
    pub(super) fn in_range(&mut self, guards: &[Guard]) -> Option<Value> {
        let mut exponents = Vec::new();
        for guard in guards {
            let varying = self.eval(guard.varying, &guard.cell);
            let [varying, largest] = self.align([varying, guard.largest]);
            exponents.push(self.b.ins().fmul(varying, largest));
        }
        maths::exp2_in_range(self, &exponents)
    }
}
