//! Predefined registers (ISA section 10) by name.

use crate::code::Special;
use crate::syntax::ast::{Class, Type};

const U32: Type = Type { class: Class::Unsigned, bits: 32 };
const U64: Type = Type { class: Class::Unsigned, bits: 64 };

/// Name, meaning and type. A cluster is one block here.
pub(crate) const TABLE: &[(&str, Special, Type)] = &[
    ("%tid.x", Special::ThreadIndex(0), U32),
    ("%tid.y", Special::ThreadIndex(1), U32),
    ("%tid.z", Special::ThreadIndex(2), U32),
    ("%ntid.x", Special::BlockSize(0), U32),
    ("%ntid.y", Special::BlockSize(1), U32),
    ("%ntid.z", Special::BlockSize(2), U32),
    ("%laneid", Special::LaneIndex, U32),
    ("%warpid", Special::WarpIndex, U32),
    ("%nwarpid", Special::WarpCount, U32),
    ("%ctaid.x", Special::BlockIndex(0), U32),
    ("%ctaid.y", Special::BlockIndex(1), U32),
    ("%ctaid.z", Special::BlockIndex(2), U32),
    ("%nctaid.x", Special::GridSize(0), U32),
    ("%nctaid.y", Special::GridSize(1), U32),
    ("%nctaid.z", Special::GridSize(2), U32),
    ("%smid", Special::Zero(32), U32),
    ("%nsmid", Special::One(32), U32),
    ("%gridid", Special::Zero(64), U64),
    ("%clusterid.x", Special::BlockIndex(0), U32),
    ("%clusterid.y", Special::BlockIndex(1), U32),
    ("%clusterid.z", Special::BlockIndex(2), U32),
    ("%nclusterid.x", Special::GridSize(0), U32),
    ("%nclusterid.y", Special::GridSize(1), U32),
    ("%nclusterid.z", Special::GridSize(2), U32),
    ("%cluster_ctaid.x", Special::Zero(32), U32),
    ("%cluster_ctaid.y", Special::Zero(32), U32),
    ("%cluster_ctaid.z", Special::Zero(32), U32),
    ("%cluster_nctaid.x", Special::One(32), U32),
    ("%cluster_nctaid.y", Special::One(32), U32),
    ("%cluster_nctaid.z", Special::One(32), U32),
    ("%cluster_ctarank", Special::Zero(32), U32),
    ("%cluster_nctarank", Special::One(32), U32),
    ("%lanemask_eq", Special::MaskEqual, U32),
    ("%lanemask_le", Special::MaskLessEqual, U32),
    ("%lanemask_lt", Special::MaskLess, U32),
    ("%lanemask_ge", Special::MaskGreaterEqual, U32),
    ("%lanemask_gt", Special::MaskGreater, U32),
    ("%clock", Special::Clock { high: false, bits: 32 }, U32),
    ("%clock_hi", Special::Clock { high: true, bits: 32 }, U32),
    ("%clock64", Special::Clock { high: false, bits: 64 }, U64),
    ("%globaltimer", Special::Clock { high: false, bits: 64 }, U64),
    ("%globaltimer_lo", Special::Clock { high: false, bits: 32 }, U32),
    ("%globaltimer_hi", Special::Clock { high: true, bits: 32 }, U32),
    ("%dynamic_smem_size", Special::DynamicShared, U32),
    ("%total_smem_size", Special::TotalShared, U32),
];

pub(super) fn find(name: &str) -> Option<(Special, Type)> {
    TABLE.iter().find(|(known, ..)| *known == name).map(|(_, special, ty)| (*special, *ty))
}
