//! Losses and their derivatives.

use crate::scalar::Scalar;

/// Mean squared error (1/n) sum_i (y_i - t_i)^2; 0 for empty slices.
pub fn mse<T: Scalar>(y: &[T], target: &[T]) -> T {
    let sum = y.iter().zip(target).fold(T::ZERO, |s, (&y, &t)| s + (y - t) * (y - t));
    if y.is_empty() { T::ZERO } else { sum / T::from_f64(y.len() as f64) }
}

/// dL/dy_i = (2/n) (y_i - t_i) for [`mse`].
pub fn mse_gradient<T: Scalar>(y: &[T], target: &[T], dy: &mut [T]) {
    let scale = T::from_f64(2.0) / T::from_f64(y.len() as f64);
    for ((d, &y), &t) in dy.iter_mut().zip(y).zip(target) {
        *d = scale * (y - t);
    }
}

/// The gradient of the mean of [`mse`] over columns of `outputs` values each: o becomes dL/do.
pub fn mean_mse_gradient<T: Scalar>(o: &mut [T], targets: &[T], outputs: usize) {
    let outputs = outputs.max(1);
    let columns = T::ONE / T::from_f64((o.len() / outputs) as f64);
    let scale = T::from_f64(2.0) / T::from_f64(outputs as f64);
    for (o, &t) in o.iter_mut().zip(targets) {
        *o = scale * (*o - t) * columns;
    }
}

/// Cross-entropy -sum_i t_i ln p_i of probabilities `p` under the target distribution `t`, in nats.
pub fn cross_entropy<T: Scalar>(p: &[T], target: &[T]) -> T {
    p.iter().zip(target).filter(|(_, t)| **t != T::ZERO).fold(T::ZERO, |s, (&p, &t)| s - t * p.ln())
}

/// dL/dp_i = -t_i / p_i for [`cross_entropy`].
pub fn cross_entropy_gradient<T: Scalar>(p: &[T], target: &[T], dp: &mut [T]) {
    for ((d, &p), &t) in dp.iter_mut().zip(p).zip(target) {
        *d = -(t / p);
    }
}

/// dL/dz_i = p_i - t_i for cross-entropy behind softmax, p = softmax(z), targets summing to 1.
///
/// The product of [`cross_entropy_gradient`] and softmax's Jacobian, with everything that cancels
/// cancelled: no division by a small probability.
pub fn softmax_cross_entropy_gradient<T: Scalar>(p: &[T], target: &[T], dz: &mut [T]) {
    for ((d, &p), &t) in dz.iter_mut().zip(p).zip(target) {
        *d = p - t;
    }
}
