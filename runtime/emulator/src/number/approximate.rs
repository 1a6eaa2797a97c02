//! Functions that the ISA specifies by an error bound instead of a result.
//!
//! In: an operand and how to use the bound. Out: the nearest f32 to the true value, or the one at the far end of
//! what the ISA allows. Special operands (zeros, infinities, NaN) have the ISA's exact results in every mode.

/// How approximate instructions use the error that the ISA grants them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Approximation {
    /// The result nearest to the true value.
    #[default]
    Nearest,
    /// The largest result that the documented error allows.
    Largest,
    /// The smallest result that the documented error allows.
    Smallest,
}

/// An error bound of the ISA.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bound {
    /// At most this times the true value.
    Relative(f64),
    /// At most this.
    Absolute(f64),
    /// At most this many units in the last place of the true value in f32.
    Ulp(f64),
}

impl Approximation {
    /// The f32 this mode gives for a function whose true value is `truth`.
    pub(crate) fn result(self, truth: f64, bound: Bound) -> f32 {
        let nearest = truth as f32;
        if !truth.is_finite() || truth == 0.0 || nearest.is_infinite() {
            return nearest;
        }
        let error = match bound {
            Bound::Relative(relative) => truth.abs() * relative,
            Bound::Absolute(absolute) => absolute,
            Bound::Ulp(units) => units * ulp(truth),
        };
        // Rounded inwards, so that the result never leaves the bound.
        match self {
            Self::Nearest => nearest,
            Self::Largest => {
                let limit = truth + error;
                let rounded = limit as f32;
                if f64::from(rounded) > limit { rounded.next_down() } else { rounded }
            }
            Self::Smallest => {
                let limit = truth - error;
                let rounded = limit as f32;
                if f64::from(rounded) < limit { rounded.next_up() } else { rounded }
            }
        }
    }
}

fn ulp(truth: f64) -> f64 {
    let exponent = ((truth.abs().to_bits() >> 52) as i32 - 1023).max(-126);
    f64::from(exponent - 23).exp2()
}

/// 2^x, 9.7.3.21: two units in the last place.
pub(crate) fn ex2(x: f32, mode: Approximation) -> f32 {
    mode.result(f64::from(x).exp2(), Bound::Ulp(2.0))
}

/// log2 x, 9.7.3.20: 2^-22 absolute in (0.5, 2), else 2^-22 relative.
pub(crate) fn lg2(x: f32, mode: Approximation) -> f32 {
    let bound = if x > 0.5 && x < 2.0 {
        Bound::Absolute(0.5_f64.powi(22))
    } else {
        Bound::Relative(0.5_f64.powi(22))
    };
    mode.result(f64::from(x).log2(), bound)
}

/// sin x, 9.7.3.18: 2^-20.5 absolute.
pub(crate) fn sin(x: f32, mode: Approximation) -> f32 {
    mode.result(f64::from(x).sin(), Bound::Absolute((-20.5_f64).exp2()))
}

/// cos x, 9.7.3.19: 2^-20.5 absolute.
pub(crate) fn cos(x: f32, mode: Approximation) -> f32 {
    mode.result(f64::from(x).cos(), Bound::Absolute((-20.5_f64).exp2()))
}

/// tanh x, 9.7.3.22: 2^-11 relative, and never beyond 1.
pub(crate) fn tanh(x: f32, mode: Approximation) -> f32 {
    let result = mode.result(f64::from(x).tanh(), Bound::Relative(0.5_f64.powi(11)));
    result.clamp(-1.0, 1.0)
}

/// 1/x, 9.7.3.13: one unit in the last place.
pub(crate) fn rcp(x: f32, mode: Approximation) -> f32 {
    mode.result(1.0 / f64::from(x), Bound::Ulp(1.0))
}

/// 1/sqrt x, 9.7.3.16: 2^-22.9 relative. A negative zero gives a negative infinity.
pub(crate) fn rsqrt(x: f32, mode: Approximation) -> f32 {
    let x = f64::from(x);
    let truth = if x == 0.0 { 1.0 / x } else { 1.0 / x.sqrt() };
    mode.result(truth, Bound::Relative((-22.9_f64).exp2()))
}

/// sqrt x, 9.7.3.15: 2^-23 relative.
pub(crate) fn sqrt(x: f32, mode: Approximation) -> f32 {
    mode.result(f64::from(x).sqrt(), Bound::Relative(0.5_f64.powi(23)))
}

/// a/b, 9.7.3.8: two units in the last place. For |b| in [2^126, 2^128) `div.approx` gives zero, and NaN for an infinite a.
pub(crate) fn div(a: f32, b: f32, full_range: bool, mode: Approximation) -> f32 {
    let magnitude = b.abs();
    if !full_range && magnitude >= 2.0_f32.powi(126) && magnitude.is_finite() {
        if a.is_infinite() {
            return f32::NAN;
        }
        let sign = a.is_sign_negative() != b.is_sign_negative();
        return if a.is_nan() {
            a
        } else if sign {
            -0.0
        } else {
            0.0
        };
    }
    mode.result(f64::from(a) / f64::from(b), Bound::Ulp(2.0))
}
