//! What a loop computes in fewer instructions than its ops are.
//!
//! A sum with a product that nobody else reads is one instruction, and rounds once, where the machine has it: `a * b + c`. And `e^(x w)` with a w that the loop does not
//! change is `2^(x w')`, which is cheaper, with `w' = w log2 e` computed in front of the loop; its error is that of one rounded product more.
//!
//! Only loops: there the chain from turn to turn is what takes time, and nobody counts on `x * x - y * y` being 0 for equal numbers. What is contracted follows from the
//! kernel alone, so every place of every turn has the same rounding.

use super::tree::Tree;
use std::collections::{HashMap, HashSet};
use tensc_ir::{BinaryOp, UnaryOp};
use tensc_program::{Element, TileId, TileOp};

/// `± a * b ± c`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct MultiplyAdd {
    /// The product that is not computed by itself.
    pub(crate) product: TileId,
    pub(crate) factors: [TileId; 2],
    pub(crate) addend: TileId,
    /// Whether the product is subtracted.
    pub(crate) minus_product: bool,
    /// Whether the addend is subtracted.
    pub(crate) minus_addend: bool,
}

/// `e^(varying * fixed)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Power {
    /// The product that is not computed by itself.
    pub(crate) product: TileId,
    pub(crate) varying: TileId,
    pub(crate) fixed: TileId,
}

/// The exponentials of products with something fixed, by their tiles.
pub(super) fn powers(tree: &Tree) -> HashMap<TileId, Power> {
    let depth = |id: TileId| tree.defs[id.0 as usize].depth;
    let mut found = HashMap::new();
    for n in 0..tree.defs.len() {
        let id = TileId(n as u32);
        let Some(TileOp::Unary(UnaryOp::Exp, product)) = tree.op(id) else { continue };
        if depth(id) == 0 || tree.kernel.tiles[n].element != Element::F32 {
            continue;
        }
        let Some([a, b]) = own_product(tree, id, *product) else { continue };
        let one = |varying: TileId, fixed: TileId| {
            (depth(fixed) < depth(id)).then_some(Power { product: *product, varying, fixed })
        };
        if let Some(power) = one(a, b).or_else(|| one(b, a)) {
            found.insert(id, power);
        }
    }
    found
}

/// The sums and differences that contract, by their tiles.
pub(super) fn multiply_adds(tree: &Tree) -> HashMap<TileId, MultiplyAdd> {
    let mut state = State { tree, known: HashMap::new() };
    let mut found = HashMap::new();
    for n in 0..tree.defs.len() {
        let id = TileId(n as u32);
        let Some(TileOp::Binary(op @ (BinaryOp::Add | BinaryOp::Sub), left, right)) = tree.op(id) else {
            continue;
        };
        let (left, right, minus) = (*left, *right, *op == BinaryOp::Sub);
        if tree.defs[n].depth == 0 || tree.kernel.tiles[n].element != Element::F32 {
            continue;
        }
        let of_right = own_product(tree, id, right).map(|factors| MultiplyAdd {
            product: right,
            factors,
            addend: left,
            minus_product: minus,
            minus_addend: false,
        });
        let of_left = own_product(tree, id, left).map(|factors| MultiplyAdd {
            product: left,
            factors,
            addend: right,
            minus_product: false,
            minus_addend: minus,
        });
        // The product that waits for the turn before comes last.
        let later = [of_right, of_left].into_iter().flatten().max_by_key(|one| state.reads(one.product));
        if let Some(one) = later {
            found.insert(id, one);
        }
    }
    found
}

/// The factors of a product in the same loop that only this reader has.
fn own_product(tree: &Tree, reader: TileId, product: TileId) -> Option<[TileId; 2]> {
    let Some(TileOp::Binary(BinaryOp::Mul, a, b)) = tree.op(product) else { return None };
    let [here, there] = [reader, product].map(|id| tree.defs[id.0 as usize].depth);
    (here == there && tree.users[product.0 as usize].len() == 1).then_some([*a, *b])
}

/// Which tiles are computed from what a loop carries.
struct State<'t, 'k> {
    tree: &'t Tree<'k>,
    known: HashMap<TileId, bool>,
}

impl State<'_, '_> {
    fn reads(&mut self, id: TileId) -> bool {
        let mut open = vec![id];
        let mut seen = HashSet::new();
        let mut reads = false;
        while let Some(next) = open.pop() {
            if !seen.insert(next) {
                continue;
            }
            match (self.known.get(&next), self.tree.op(next)) {
                (Some(known), _) => reads |= *known,
                (None, None) => reads = true,
                (None, Some(op)) => open.extend(op.operands()),
            }
        }
        self.known.insert(id, reads);
        reads
    }
}
