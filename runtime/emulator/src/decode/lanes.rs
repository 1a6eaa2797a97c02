//! Functions of single lanes to kernels of whole warps.

use crate::code::{Kernel, Lanes};

/// Lane loops of one operand; lanes outside the mask are left alone.
pub(crate) fn map1(f: impl Fn(u64) -> u64 + Send + Sync + 'static) -> Kernel {
    Box::new(move |[a, ..], mask, out| each(mask, out, a.iter(), |a| f(*a)))
}

fn each<T>(mask: u32, out: &mut Lanes, input: impl Iterator<Item = T>, f: impl Fn(T) -> u64) {
    if mask == u32::MAX {
        for (out, input) in out.iter_mut().zip(input) {
            *out = f(input);
        }
        return;
    }
    for (lane, (out, input)) in out.iter_mut().zip(input).enumerate() {
        if mask >> lane & 1 == 1 {
            *out = f(input);
        }
    }
}

/// As [`map1`], of two operands.
pub(crate) fn map2(f: impl Fn(u64, u64) -> u64 + Send + Sync + 'static) -> Kernel {
    Box::new(move |[a, b, ..], mask, out| each(mask, out, a.iter().zip(b.iter()), |(a, b)| f(*a, *b)))
}

/// As [`map1`], of three operands.
pub(crate) fn map3(f: impl Fn(u64, u64, u64) -> u64 + Send + Sync + 'static) -> Kernel {
    Box::new(move |[a, b, c, _], mask, out| {
        each(mask, out, a.iter().zip(b.iter()).zip(c.iter()), |((a, b), c)| f(*a, *b, *c));
    })
}

/// As [`map1`], of four operands.
pub(crate) fn map4(f: impl Fn(u64, u64, u64, u64) -> u64 + Send + Sync + 'static) -> Kernel {
    Box::new(move |[a, b, c, d], mask, out| {
        let input = a.iter().zip(b.iter()).zip(c.iter().zip(d.iter()));
        each(mask, out, input, |((a, b), (c, d))| f(*a, *b, *c, *d));
    })
}
