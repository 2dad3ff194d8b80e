//! The two variants of a GRU, as types and as values.

use nalgebra::SVector;

use crate::scalar::Scalar;

/// Which variant of the cell, where it isn't known to the compiler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reset {
    /// n = tanh(W_xn x + b_n + r * (W_hn h + b_hn))
    After,
    /// n = tanh(W_xn x + b_n + W_hn (r * h))
    Before,
}

/// A variant as a type.
pub trait ResetKind: Copy + core::fmt::Debug + PartialEq {
    /// The same as a value.
    const RESET: Reset;
    /// b_hn, H values, or nothing.
    type Bias<T: Scalar, const H: usize>: Copy + core::fmt::Debug + PartialEq;
    /// b_hn = 0.
    fn zero_bias<T: Scalar, const H: usize>() -> Self::Bias<T, H>;
    /// Its values.
    fn bias<T: Scalar, const H: usize>(b: &Self::Bias<T, H>) -> &[T];
    /// Its values.
    fn bias_mut<T: Scalar, const H: usize>(b: &mut Self::Bias<T, H>) -> &mut [T];
}

/// The variant of PyTorch and Keras.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResetAfter;
/// The variant of the original paper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResetBefore;

impl ResetKind for ResetAfter {
    const RESET: Reset = Reset::After;
    type Bias<T: Scalar, const H: usize> = SVector<T, H>;
    fn zero_bias<T: Scalar, const H: usize>() -> SVector<T, H> {
        SVector::from_element(T::ZERO)
    }
    #[inline(always)]
    fn bias<T: Scalar, const H: usize>(b: &SVector<T, H>) -> &[T] {
        b.as_slice()
    }
    #[inline(always)]
    fn bias_mut<T: Scalar, const H: usize>(b: &mut SVector<T, H>) -> &mut [T] {
        b.as_mut_slice()
    }
}

impl ResetKind for ResetBefore {
    const RESET: Reset = Reset::Before;
    type Bias<T: Scalar, const H: usize> = ();
    fn zero_bias<T: Scalar, const H: usize>() {}
    #[inline(always)]
    fn bias<T: Scalar, const H: usize>((): &()) -> &[T] {
        &[]
    }
    #[inline(always)]
    fn bias_mut<T: Scalar, const H: usize>((): &mut ()) -> &mut [T] {
        &mut []
    }
}
