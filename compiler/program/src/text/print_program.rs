//! Programs as text.

use super::print_kernel;
use crate::program::{Buffer, BufferId, BufferKind, BufferRef, Call, Keep, KernelId, Program, Step};
use std::fmt;
use tensc_ir::{Dim, Require};

impl fmt::Display for BufferId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b{}", self.0)
    }
}

impl fmt::Display for KernelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "k{}", self.0)
    }
}

impl fmt::Display for BufferRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} + {}", self.buffer, self.offset)
    }
}

impl fmt::Display for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} ", self.name)?;
        match &self.kind {
            BufferKind::Argument => f.write_str("argument")?,
            BufferKind::Weight { path } => write!(f, "weight {path:?}")?,
            BufferKind::Prepared => f.write_str("prepared")?,
            BufferKind::StateIn => f.write_str("state_in")?,
            BufferKind::StateOut => f.write_str("state_out")?,
            BufferKind::StateStart { state } => write!(f, "state_start {state}")?,
            BufferKind::Result => f.write_str("result")?,
            BufferKind::Scratch => f.write_str("scratch")?,
        }
        write!(f, " {}[{}]", self.dtype, dims(&self.shape))?;
        if self.varies { f.write_str(" varies") } else { Ok(()) }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "program {:?}", self.name)?;
        for (require, message) in &self.requires {
            match require {
                Require::Whole(a) => writeln!(f, "require whole {a} {message:?}")?,
                Require::Equal(a, b) => writeln!(f, "require equal {a}, {b} {message:?}")?,
                Require::AtMost(a, b) => writeln!(f, "require at_most {a}, {b} {message:?}")?,
            }
        }
        for site in &self.checks {
            write!(f, "check {:?}", site.message)?;
            if let Some(origin) = site.origin {
                write!(f, " at {} {} {}", origin.file, origin.start, origin.end)?;
            }
            writeln!(f)?;
        }
        for (n, buffer) in self.buffers.iter().enumerate() {
            writeln!(f, "b{n} {buffer}")?;
        }
        for (n, kernel) in self.kernels.iter().enumerate() {
            print_kernel::print(kernel, f, &format!("k{n} "))?;
        }
        for (name, part) in [("prepare", &self.prepare), ("main", &self.main)] {
            writeln!(f, "{name} {{")?;
            steps(f, part, 1)?;
            writeln!(f, "}}")?;
        }
        Ok(())
    }
}

fn dims(dims: &[Dim]) -> String {
    dims.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn steps(f: &mut fmt::Formatter<'_>, list: &[Step], depth: usize) -> fmt::Result {
    let indent = "    ".repeat(depth);
    for step in list {
        f.write_str(&indent)?;
        match step {
            Step::Launch(launch) => {
                let arguments: Vec<String> = launch.arguments.iter().map(ToString::to_string).collect();
                writeln!(
                    f,
                    "launch {}({}) sizes({})",
                    launch.kernel,
                    arguments.join(", "),
                    dims(&launch.sizes)
                )?;
            }
            Step::Call(Call::Gemm(gemm)) => {
                let operand = |place: &BufferRef, strides: &[Dim; 3]| format!("{place} [{}]", dims(strides));
                let panels = gemm.b_panels.as_ref().map_or_else(String::new, |panels| {
                    format!(" panels {} by {}", panels.width, panels.stride)
                });
                let verb = if gemm.accumulate { "gemm accumulate" } else { "gemm" };
                writeln!(
                    f,
                    "{verb} a({}) b({}{panels}) c({}) batch({}) m({}) k({}) n({})",
                    operand(&gemm.a, &gemm.a_strides),
                    operand(&gemm.b, &gemm.b_strides),
                    operand(&gemm.c, &gemm.c_strides),
                    gemm.batch,
                    gemm.m,
                    gemm.k,
                    gemm.n,
                )?;
            }
            Step::Call(Call::Fft { kind, input, output, n, batch }) => {
                writeln!(f, "{} ({input}) to ({output}) n({n}) batch({batch})", kind.name())?;
            }
            Step::Call(Call::Keep(mask)) => {
                let Keep { output, keep, site, within, first, sizes } = &**mask;
                let (within, sizes) = (dims(within), dims(sizes));
                writeln!(
                    f,
                    "keep {keep:?} site {site} to ({output}) within({within}) first({first}) sizes({sizes})"
                )?;
            }
            Step::Loop { variable, count, reverse, body } => {
                let reverse = if *reverse { " reverse" } else { "" };
                writeln!(f, "loop {variable} < {count}{reverse} {{")?;
                steps(f, body, depth + 1)?;
                writeln!(f, "{indent}}}")?;
            }
            Step::Copy { from, to, count } => writeln!(f, "copy ({from}) to ({to}) count({count})")?,
        }
    }
    Ok(())
}
