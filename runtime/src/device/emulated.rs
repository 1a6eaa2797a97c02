//! The emulator as a GPU: every access checked, everything counted.

use super::{Address, DeviceFailure, Gpu, Launch};
use std::sync::{Arc, Mutex, PoisonError};
use tensc_emulator::{Arg, Config, Device, DeviceError, DevicePointer, ModuleId, Report, Shape};

/// What each launch did, by kernel, in order.
pub type Reports = Arc<Mutex<Vec<(String, Report)>>>;

/// An emulated GPU.
pub struct Emulated {
    device: Device,
    module: Option<ModuleId>,
    reports: Option<Reports>,
}

impl Default for Emulated {
    fn default() -> Self {
        Self::new(Config::default())
    }
}

impl Emulated {
    /// A GPU that runs as `config` says.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self { device: Device::with_config(config), module: None, reports: None }
    }

    /// Keeps what each launch did.
    #[must_use]
    pub fn with_reports(mut self, reports: &Reports) -> Self {
        self.reports = Some(Arc::clone(reports));
        self
    }

    fn failed(place: &str) -> impl Fn(DeviceError) -> DeviceFailure {
        move |error| DeviceFailure::Run {
            device: "the emulator".to_owned(),
            place: place.to_owned(),
            what: error.to_string(),
        }
    }
}

impl Gpu for Emulated {
    fn name(&self) -> String {
        "the emulator".to_owned()
    }

    fn finds_mistakes(&self) -> bool {
        true
    }

    fn allocate(&mut self, bytes: u64, what: &str) -> Result<Address, DeviceFailure> {
        Ok(Address(self.device.alloc_named(bytes, what).0))
    }

    fn free(&mut self, at: Address) -> Result<(), DeviceFailure> {
        self.device.free(DevicePointer(at.0)).map_err(Self::failed("free"))
    }

    fn copy_to(&mut self, to: Address, bytes: &[u8]) -> Result<(), DeviceFailure> {
        self.device.copy_to(DevicePointer(to.0), bytes).map_err(Self::failed("a copy to it"))
    }

    fn copy_from(&mut self, from: Address, bytes: &mut [u8]) -> Result<(), DeviceFailure> {
        self.device.copy_from(DevicePointer(from.0), bytes).map_err(Self::failed("a copy from it"))
    }

    fn copy_within(&mut self, from: Address, to: Address, bytes: u64) -> Result<(), DeviceFailure> {
        let mut buffer = vec![0; usize::try_from(bytes).unwrap_or(usize::MAX)];
        self.copy_from(from, &mut buffer)?;
        self.copy_to(to, &buffer)
    }

    fn load(&mut self, ptx: &str, _target: &str) -> Result<(), DeviceFailure> {
        let module = self.device.load_module(ptx).map_err(|error| DeviceFailure::Code(error.to_string()))?;
        self.module = Some(module);
        Ok(())
    }

    fn launch(&mut self, launch: &Launch<'_>) -> Result<(), DeviceFailure> {
        let module = self.module.ok_or_else(|| DeviceFailure::Code("no code is loaded".to_owned()))?;
        let argument = |(n, word): (usize, &u64)| {
            if n < launch.pointers { Arg::Pointer(DevicePointer(*word)) } else { Arg::U64(*word) }
        };
        let arguments: Vec<Arg> = launch.arguments.iter().enumerate().map(argument).collect();
        let shape = Shape::linear(launch.blocks, launch.threads);
        let report = self
            .device
            .launch(module, launch.entry, shape, &arguments)
            .map_err(Self::failed(&format!("kernel `{}`", launch.entry)))?;
        if let Some(reports) = &self.reports {
            let mut reports = reports.lock().unwrap_or_else(PoisonError::into_inner);
            reports.push((launch.entry.to_owned(), report));
        }
        Ok(())
    }
}
