//! What names mean inside a function: innermost scope first.

use std::collections::HashMap;

use crate::code::RegisterId;
use crate::syntax::ast::{Space, Type};

#[derive(Clone, Debug)]
pub(super) enum Name {
    Register {
        register: RegisterId,
        ty: Type,
    },
    /// `address` is in the space's own terms; with `frame` it is an offset in the thread's frame.
    Memory {
        space: Space,
        address: u64,
        frame: bool,
    },
    Label(u32),
    Targets(Vec<String>),
}

/// Where a parameter lies for the function that has it.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// A kernel's parameter.
    Constant {
        offset: u64,
    },
    Frame {
        offset: u64,
        bytes: u64,
    },
    Register {
        register: RegisterId,
        ty: Type,
    },
}

impl Name {
    pub(super) const fn of_place(place: &Place) -> Self {
        match place {
            Place::Constant { offset } => {
                Self::Memory { space: Space::Param, address: *offset, frame: false }
            }
            Place::Frame { offset, .. } => {
                Self::Memory { space: Space::Param, address: *offset, frame: true }
            }
            Place::Register { register, ty } => Self::Register { register: *register, ty: *ty },
        }
    }
}

#[derive(Default)]
pub(super) struct Scopes {
    module: HashMap<String, Name>,
    inner: Vec<HashMap<String, Name>>,
    /// Offset of dynamic shared memory.
    pub(super) dynamic_shared: u64,
}

impl Scopes {
    pub(super) fn enter(&mut self) {
        self.inner.push(HashMap::new());
    }

    pub(super) fn leave(&mut self) {
        self.inner.pop();
    }

    pub(super) fn bind(&mut self, name: &str, bound: Name) {
        self.inner.last_mut().unwrap_or(&mut self.module).insert(name.to_owned(), bound);
    }

    /// Whether the name was free in this scope.
    pub(super) fn bind_new(&mut self, name: &str, bound: Name) -> bool {
        self.inner.last_mut().unwrap_or(&mut self.module).insert(name.to_owned(), bound).is_none()
    }

    pub(super) fn find(&self, name: &str) -> Option<Name> {
        self.inner.iter().rev().find_map(|scope| scope.get(name)).or_else(|| self.module.get(name)).cloned()
    }
}
