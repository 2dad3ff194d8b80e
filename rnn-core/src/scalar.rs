//! The number type: `f32` on the device and in training, `f64` where gradients are checked.

use core::ops::{Add, AddAssign, Div, Mul, MulAssign, Neg, Sub, SubAssign};

use crate::activation::approx;
#[cfg(feature = "std")]
use crate::kernel::{Arithmetic, Training};
use crate::kernel::{Elementwise, Inference, Work};

/// A real number that a network can be made of.
///
/// `f32` uses this crate's own approximations, whose bounds stand beside them in
/// [`activation::approx`](crate::activation::approx); `f64` uses exact functions.
pub trait Scalar:
    nalgebra::Scalar
    + Copy
    + Default
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
{
    /// 0
    const ZERO: Self;
    /// 1
    const ONE: Self;

    /// The nearest number to `value`.
    fn from_f64(value: f64) -> Self;
    /// The same number in double precision.
    fn to_f64(self) -> f64;
    /// Square root, correctly rounded (so its bits are the same on every machine).
    fn sqrt(self) -> Self;
    /// e^x
    fn exp(self) -> Self;
    /// Natural logarithm of a positive number.
    fn ln(self) -> Self;
    /// tanh as inference uses it; NaN becomes 0.
    fn tanh(self) -> Self;
    /// tanh as training uses it: the form that vectorises best on a host.
    #[cfg(feature = "std")]
    fn tanh_training(self) -> Self;
    /// Runs `work` in the fastest form of [`Inference`] that this machine has for the type.
    #[inline(always)]
    fn run_inference<W: Work<Self>>(work: &mut W) -> W::Output {
        work.run::<Inference>()
    }
    /// Runs an elementwise loop in vectors as wide as the machine's, where it is known at run time.
    #[inline(always)]
    fn wide(work: impl Elementwise) {
        work.run();
    }
    /// a b + c with one rounding.
    #[cfg(feature = "std")]
    fn fused(a: Self, b: Self, c: Self) -> Self;
}

impl Scalar for f32 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;

    #[inline(always)]
    fn from_f64(value: f64) -> Self {
        value as f32
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
    #[inline]
    fn sqrt(self) -> Self {
        // IEEE 754 fixes this result, so the instruction and the library agree to the bit.
        #[cfg(feature = "std")]
        return self.sqrt();
        #[cfg(not(feature = "std"))]
        return libm::sqrtf(self);
    }
    #[inline(always)]
    fn exp(self) -> Self {
        approx::exp(self)
    }
    #[inline(always)]
    fn ln(self) -> Self {
        approx::ln(self)
    }
    #[inline(always)]
    fn tanh(self) -> Self {
        approx::tanh_table(self)
    }
    #[cfg(feature = "std")]
    #[inline(always)]
    fn tanh_training(self) -> Self {
        approx::tanh_rational(self)
    }
    #[cfg(any(arm_fpu, arm_soft, all(feature = "std", target_arch = "x86_64")))]
    #[inline(always)]
    fn run_inference<W: Work<Self>>(work: &mut W) -> W::Output {
        crate::kernel::run_inference(work)
    }
    #[cfg(feature = "std")]
    #[inline(always)]
    fn wide(work: impl Elementwise) {
        <Training as Arithmetic<f32>>::wide(work);
    }
    #[cfg(feature = "std")]
    #[inline(always)]
    fn fused(a: Self, b: Self, c: Self) -> Self {
        a.mul_add(b, c)
    }
}

impl Scalar for f64 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;

    #[inline(always)]
    fn from_f64(value: f64) -> Self {
        value
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        self
    }
    fn sqrt(self) -> Self {
        libm::sqrt(self)
    }
    fn exp(self) -> Self {
        libm::exp(self)
    }
    fn ln(self) -> Self {
        libm::log(self)
    }
    fn tanh(self) -> Self {
        if self.is_nan() { 0.0 } else { libm::tanh(self) }
    }
    #[cfg(feature = "std")]
    fn tanh_training(self) -> Self {
        Scalar::tanh(self)
    }
    #[cfg(feature = "std")]
    #[inline(always)]
    fn fused(a: Self, b: Self, c: Self) -> Self {
        a.mul_add(b, c)
    }
}
