//! Right operands of products in the layout in which they are read, made once by prepare.
//!
//! A large matrix that depends on weights alone is copied into panels of a few columns, one row of a panel after the other:
//! ```text
//! w[k, n]  ->  packed[n / 16, k, n % 16]
//! ```
//! so that a product reads memory from its first to its last byte, be it for one row or for thousands, and packs nothing itself. Where axes do not allow
//! panels, a matrix that lies column by column is copied into rows.

use crate::ScheduleError;
use crate::emit::rest;
use crate::index::{Ix, dim, is_one, known, pieces, product};
use crate::place::Place;
use crate::read::Reader;
use crate::schedule::Scheduler;
use crate::scope::ScopeId;
use std::collections::BTreeSet;
use tensc_ir::{Contraction, DType, Dim, ValueId};
use tensc_program::{Panels, Step};

/// Right operands of this many entries are packed; smaller ones fit a cache however they lie.
const LARGE: usize = 1 << 14;
/// Rows of a panel that one grid point copies.
const ROWS: usize = 64;

/// A packed operand.
pub(crate) struct Packed {
    /// Under panels, strides are those within one.
    pub(crate) place: Place,
    pub(crate) panels: Option<Panels<Dim>>,
}

impl Scheduler<'_> {
    /// A copy, made by prepare, of a right operand that depends on weights alone.
    pub(crate) fn packed(
        &mut self,
        at: ScopeId,
        value: ValueId,
        contraction: &Contraction,
        place: &Place,
        steps: &mut Vec<Step>,
    ) -> Result<Option<Packed>, ScheduleError> {
        let (fact, ty) = (self.scope(at).fact(value), self.scope(at).ty(value));
        let Some(prepare) = self.scope(at).prepare.filter(|_| fact.fixed) else { return Ok(None) };
        let labels = &contraction.right;
        let (columns, depth): (Vec<usize>, Vec<usize>) = (0..labels.len())
            .partition(|axis| labels.get(*axis).is_some_and(|label| contraction.result.contains(label)));
        let shared = |axis: &usize| labels.get(*axis).is_some_and(|label| contraction.left.contains(label));
        let large = known(&product(&ty.shape)).is_some_and(|n| n >= LARGE);
        if !large || columns.iter().any(shared) {
            return Ok(None);
        }
        if let (Some(width), [column], [row], DType::F32) =
            (self.options.panels, columns.as_slice(), depth.as_slice(), ty.dtype)
        {
            return self.in_panels([at, prepare], value, [*row, *column], width, steps).map(Some);
        }
        if columns.last().and_then(|axis| place.strides.get(*axis)).is_none_or(is_one) {
            return Ok(None);
        }
        let order: Vec<usize> = depth.into_iter().chain(columns).collect();
        let shape: Vec<Dim> = order.iter().filter_map(|axis| ty.shape.get(*axis).cloned()).collect();
        let back: Vec<usize> =
            (0..order.len()).filter_map(|axis| order.iter().position(|other| *other == axis)).collect();
        let name = format!("packed {}", self.value_name(at, value));
        let [here, there] = self.prepared_places([at, prepare], &name, ty.dtype, &shape, [true; 2]);
        steps.extend(self.compute_elsewhere(prepare, value, &there.transpose(&back))?);
        Ok(Some(Packed { place: here.transpose(&back), panels: None }))
    }

    /// A matrix in panels, with axes `[row, column]` of the value.
    fn in_panels(
        &mut self,
        [at, prepare]: [ScopeId; 2],
        value: ValueId,
        [row, column]: [usize; 2],
        width: usize,
        steps: &mut Vec<Step>,
    ) -> Result<Packed, ScheduleError> {
        let ty = self.scope(at).ty(value);
        let size = |axis: usize| ty.shape.get(axis).cloned().unwrap_or_default();
        let (rows, columns) = (size(row), size(column));
        let shape = [pieces(&columns, width), rows.clone(), dim(width)];
        let name = format!("packed {}", self.value_name(at, value));
        let memory = self.options.weights;
        let [here, there] = self.prepared_places([at, prepare], &name, memory, &shape, [true; 2]);

        let mut reader = Reader::new(self, self.scope(prepare).wide);
        let panel = reader.em.grid("j", pieces(&columns, width));
        let block = reader.em.grid("i", pieces(&rows, ROWS));
        let mut taken = BTreeSet::new();
        let mut position = |size: &Dim, bound: usize, piece: &Dim| {
            let axis = reader.em.axis(bound, &rest(size, bound, piece), &taken);
            taken.insert(reader.em.axis_name(axis));
            reader.em.position(axis)
        };
        let (k, n) = (position(&rows, ROWS, &block), position(&columns, width, &panel));
        let k = &(&dim(ROWS) * &block) + &k;
        let mut idx = vec![Ix::zero(); 2];
        for (axis, position) in [(row, k.clone()), (column, &(&dim(width) * &panel) + &n)] {
            let size = size(axis);
            reader.em.span(&position, &size);
            if let Some(slot) = idx.get_mut(axis) {
                *slot = Ix::at(position);
            }
        }
        let val = reader.read(prepare, value, &idx)?;
        reader.store(&there, &[Ix::at(panel), Ix::at(k), Ix::at(n)], val);
        let Reader { em, checks, .. } = reader;
        let (kernel, arguments, sizes) = em.finish("pack".to_owned());
        self.add_checks(checks);
        steps.push(self.launch(kernel, arguments, sizes));

        let stride = &rows * &dim(width);
        let mut strides = vec![Dim::default(); 2];
        for (axis, stride) in [(row, dim(width)), (column, Dim::constant(1))] {
            if let Some(slot) = strides.get_mut(axis) {
                *slot = stride;
            }
        }
        let place = Place { shape: ty.shape.clone(), strides, ..here };
        let width = i64::try_from(width).unwrap_or(i64::MAX);
        Ok(Packed { place, panels: Some(Panels { width, stride }) })
    }
}
