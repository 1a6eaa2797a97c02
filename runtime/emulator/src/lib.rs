//! A PTX emulator that checks every access.
//!
//! It executes PTX (ISA 7.0 to 9.0, as compilers emit it) on the CPU and stops at the first mistake: an access out of
//! bounds, a read of what nothing wrote, a race, a barrier that not all threads reach. It is the test bench for generated
//! kernels and needs no GPU. `docs/emulator.md` lists the instructions and what each check sees.
//!
//! ```
//! use tensc_emulator::{Arg, Device, Shape};
//!
//! let ptx = "
//! .version 8.0
//! .target sm_80
//! .address_size 64
//! .visible .entry double(.param .u64 data, .param .u32 count)
//! {
//!   .reg .pred %p; .reg .b32 %r<5>; .reg .b64 %rd<4>; .reg .f32 %f<3>;
//!   ld.param.u64 %rd1, [data];
//!   ld.param.u32 %r1, [count];
//!   mov.u32 %r2, %ctaid.x;
//!   mov.u32 %r3, %ntid.x;
//!   mov.u32 %r4, %tid.x;
//!   mad.lo.s32 %r4, %r2, %r3, %r4;
//!   setp.ge.u32 %p, %r4, %r1;
//!   @%p bra DONE;
//!   mul.wide.u32 %rd2, %r4, 4;
//!   add.s64 %rd3, %rd1, %rd2;
//!   ld.global.f32 %f1, [%rd3];
//!   add.f32 %f2, %f1, %f1;
//!   st.global.f32 [%rd3], %f2;
//! DONE:
//!   ret;
//! }";
//! let mut device = Device::new();
//! let data = device.alloc_named(3 * 4, "data");
//! let input: Vec<u8> = [1.0_f32, 2.5, -3.0].iter().flat_map(|value| value.to_le_bytes()).collect();
//! device.copy_to(data, &input)?;
//! let module = device.load_module(ptx)?;
//! let report = device.launch(module, "double", Shape::linear(1, 32), &[Arg::Pointer(data), Arg::U32(3)])?;
//! let mut output = [0; 12];
//! device.copy_from(data, &mut output)?;
//! assert_eq!(output[..4], 2.0_f32.to_le_bytes());
//! assert_eq!(report.counters.global_loads.bytes, 12);
//! println!("{report}");
//! println!("{}", report.to_json());
//!
//! // One element too many is found, and where.
//! let wrong = device.launch(module, "double", Shape::linear(1, 32), &[Arg::Pointer(data), Arg::U32(4)]);
//! assert!(wrong.unwrap_err().to_string().contains("thread (3, 0, 0)"));
//! # Ok::<(), tensc_emulator::DeviceError>(())
//! ```

// Text to statements.
mod error;
mod syntax;
// Statements to operations, by the table of instructions.
mod code;
mod decode;
pub mod isa;
mod number;
// Operations on memory that remembers.
mod execute;
mod fault;
mod memory;
mod tensor_map;
// What the outside sees.
mod arguments;
mod counters;
mod device;
mod driver;
mod image;
mod report;

pub use counters::{Counters, Traffic};
pub use device::{Config, Device, DeviceError};
pub use driver::{Arg, DevicePointer, Driver, ModuleId, Shape};
pub use error::PtxError;
pub use fault::{Fault, FaultKind};
pub use number::approximate::Approximation;
pub use report::{Floor, Report};
pub use tensor_map::{Swizzle, TensorMap};
