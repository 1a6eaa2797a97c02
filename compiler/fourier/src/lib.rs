//! Fourier transforms planned for any length.
//!
//! `rustfft` and `realfft` are generic over the number type, and their code is generated in the crate that names it. That takes a minute; here it is paid once, and not with every change to a crate that transforms.

pub use realfft::{ComplexToReal, RealToComplex};
pub use rustfft::{Fft, FftDirection, num_complex::Complex};
use std::sync::Arc;

/// A complex transform of `n` numbers in f64, unscaled in both directions.
pub fn complex_f64(n: usize, direction: FftDirection) -> Arc<dyn Fft<f64>> {
    rustfft::FftPlanner::new().plan_fft(n, direction)
}

/// A complex transform of `n` numbers in f32, unscaled in both directions.
pub fn complex_f32(n: usize, direction: FftDirection) -> Arc<dyn Fft<f32>> {
    rustfft::FftPlanner::new().plan_fft(n, direction)
}

/// From `n` real numbers in f32 to the `n / 2 + 1` entries of their spectrum.
pub fn real_to_complex(n: usize) -> Arc<dyn RealToComplex<f32>> {
    realfft::RealFftPlanner::new().plan_fft_forward(n)
}

/// From the `n / 2 + 1` entries of a spectrum to `n` real numbers in f32, unscaled.
pub fn complex_to_real(n: usize) -> Arc<dyn ComplexToReal<f32>> {
    realfft::RealFftPlanner::new().plan_fft_inverse(n)
}
