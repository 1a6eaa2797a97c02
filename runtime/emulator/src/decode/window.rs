//! Where the state spaces lie among generic addresses (ISA 5.1, 6.4.1).

use crate::syntax::ast::Space;

/// Generic address windows of the spaces that are not global.
pub(crate) const SHARED_WINDOW: u64 = 0x1000_0000_0000;
pub(crate) const LOCAL_WINDOW: u64 = 0x2000_0000_0000;
pub(crate) const PARAM_WINDOW: u64 = 0x3000_0000_0000;
/// Size of each window.
pub(crate) const WINDOW: u64 = 1 << 32;

/// Where window addresses of a space start; global and const addresses are generic as they are.
pub(crate) const fn window(space: Space) -> u64 {
    match space {
        Space::Shared => SHARED_WINDOW,
        Space::Local => LOCAL_WINDOW,
        Space::Param => PARAM_WINDOW,
        Space::Generic | Space::Global | Space::Const => 0,
    }
}
