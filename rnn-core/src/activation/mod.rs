//! Activations sigma(z), their derivatives written in terms of h = sigma(z), and softmax.

pub mod approx;

use crate::scalar::Scalar;

/// An elementwise activation h = sigma(z).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// h = tanh z
    Tanh,
    /// h = 1 / (1 + e^-z)
    Sigmoid,
    /// h = max(z, 0)
    Relu,
}

impl Activation {
    /// h = sigma(z) in place, as inference computes it.
    #[inline(always)]
    pub fn apply<T: Scalar>(self, z: &mut [T]) {
        self.apply_with(z, T::tanh);
    }

    /// h = sigma(z) in place, tanh being the one that is given.
    #[inline(always)]
    pub(crate) fn apply_with<T: Scalar>(self, z: &mut [T], tanh: impl Fn(T) -> T + Copy) {
        match self {
            Activation::Tanh => z.iter_mut().for_each(|z| *z = tanh(*z)),
            Activation::Sigmoid => z.iter_mut().for_each(|z| *z = sigmoid(*z, tanh)),
            Activation::Relu => {
                z.iter_mut().for_each(|z| *z = if *z > T::ZERO { *z } else { T::ZERO })
            }
        }
    }

    /// dL/dz = dL/dh sigma'(z) in place on `dh`, with sigma' from h:
    ///
    /// tanh' = 1 - h^2, sigmoid' = h (1 - h), relu' = 1 where h > 0, else 0.
    #[inline(always)]
    pub fn backward<T: Scalar>(self, h: &[T], dh: &mut [T]) {
        let pairs = dh.iter_mut().zip(h);
        match self {
            Activation::Tanh => pairs.for_each(|(d, &h)| *d *= T::ONE - h * h),
            Activation::Sigmoid => pairs.for_each(|(d, &h)| *d *= h * (T::ONE - h)),
            Activation::Relu => {
                pairs.for_each(|(d, &h)| *d = if h > T::ZERO { *d } else { T::ZERO })
            }
        }
    }
}

/// 1 / (1 + e^-z) = (1 + tanh(z / 2)) / 2; one identity for both number types.
#[inline(always)]
fn sigmoid<T: Scalar>(z: T, tanh: impl Fn(T) -> T) -> T {
    let half = T::from_f64(0.5);
    half + half * tanh(half * z)
}

/// p_i = e^(z_i - max z) / sum_j e^(z_j - max z), in place. An empty slice stays empty.
#[inline]
pub fn softmax<T: Scalar>(z: &mut [T]) {
    let Some(&first) = z.first() else { return };
    let max = z.iter().fold(first, |m, &v| if v > m { v } else { m });
    let mut sum = T::ZERO;
    for v in z.iter_mut() {
        *v = (*v - max).exp();
        sum += *v;
    }
    for v in z.iter_mut() {
        *v = *v / sum;
    }
}

/// Softmax's full Jacobian, n x n column-major: J_ij = dp_i / dz_j = p_i (delta_ij - p_j).
///
/// `jacobian` must hold n^2 values for the n of `p`; what is beyond stays as it was.
pub fn softmax_jacobian<T: Scalar>(p: &[T], jacobian: &mut [T]) {
    for (j, (column, &p_j)) in jacobian.chunks_exact_mut(p.len().max(1)).zip(p).enumerate() {
        for (i, (out, &p_i)) in column.iter_mut().zip(p).enumerate() {
            let delta = if i == j { T::ONE } else { T::ZERO };
            *out = p_i * (delta - p_j);
        }
    }
}

/// dL/dz = J^T dL/dp = p (dL/dp - p . dL/dp), in place on `dp`: the Jacobian without its n^2 values.
pub fn softmax_backward<T: Scalar>(p: &[T], dp: &mut [T]) {
    let dot = p.iter().zip(dp.iter()).fold(T::ZERO, |s, (&p, &d)| s + p * d);
    for (d, &p) in dp.iter_mut().zip(p) {
        *d = p * (*d - dot);
    }
}
