//! Reads at positions that are data.

use super::{Reader, Val};
use crate::ScheduleError;
use crate::index::Ix;
use crate::scope::ScopeId;
use tensc_ir::{BinaryOp, Node, ValueId};
use tensc_program::{CheckId, CheckSite};

impl Reader<'_, '_> {
    /// An entry of a table. A position outside is reported, unless a guard says that it does not matter; it reads zero either way.
    pub(super) fn gather(
        &mut self,
        at: ScopeId,
        node: &Node,
        (table, indices, guard): (ValueId, ValueId, Option<ValueId>),
        batch: usize,
        idx: &[Ix],
    ) -> Result<Val, ScheduleError> {
        let scope = self.cx.scope(at);
        let rank = scope.ty(indices).rank();
        let (Some(position), Some(rest)) = (idx.get(..rank), idx.get(rank..)) else {
            return Err(ScheduleError::Malformed("`gather` read at a position of another rank".to_owned()));
        };
        let index = self.read(at, indices, position)?.real();
        let guard = match guard {
            Some(guard) => Some(self.read(at, guard, position)?.real()),
            None => None,
        };
        let size = scope.ty(table).shape.get(batch).cloned().unwrap_or_default();
        let ix = Ix::tile(index);
        let valid = self.in_range(&ix, &size);
        if let Some(valid) = valid {
            self.report(node, &size.to_string(), valid, index, guard, position, &scope.ty(indices).shape);
        }
        let wanted = self.em.both(valid, guard);
        let mut inner: Vec<Ix> = position.iter().take(batch).cloned().collect();
        inner.push(ix);
        inner.extend(rest.iter().cloned());
        self.under(wanted, |reader| reader.read(at, table, &inner))
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one message")]
    fn report(
        &mut self,
        node: &Node,
        size: &str,
        valid: tensc_program::TileId,
        index: tensc_program::TileId,
        guard: Option<tensc_program::TileId>,
        position: &[Ix],
        shape: &[tensc_ir::Dim],
    ) {
        let message =
            format!("index {{value}} at position {{position}} is out of range for an axis of size {size}");
        let site = CheckSite { message, origin: node.origin };
        let number = self.checks.iter().position(|known| *known == site).unwrap_or_else(|| {
            self.checks.push(site);
            self.checks.len() - 1
        });
        let id = CheckId((self.cx.checks() + number) as u32);
        let mut flat = Ix::zero();
        for (ix, stride) in position.iter().zip(crate::index::row_major(shape)) {
            let stride = self.em.size(&stride);
            flat = flat.plus(&ix.scaled(&stride));
        }
        let place = self.em.number(&flat);
        // Where nobody asks for the entry, any index will do.
        let mut fine = valid;
        for condition in self.conditions.clone().into_iter().chain(guard) {
            let unasked = self.em.unary(tensc_ir::UnaryOp::Not, condition);
            fine = self.em.binary(BinaryOp::Or, fine, unasked);
        }
        self.em.check(fine, id, index, place);
    }
}
