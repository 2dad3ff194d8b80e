//! The naive reference that judges the library: plain loops over rows of numbers, written from the
//! equations and from the order of operations that `rnn_core::kernel` promises.
#![allow(dead_code)] // Each test takes the part that it needs.
#![allow(clippy::needless_range_loop)] // An index for each letter of the equations.

use rnn_core::Scalar;
use rnn_core::activation::Activation;
use rnn_core::kernel::PARTIALS;
use rnn_core::network::{Head, Network};

/// Rows of numbers.
pub(crate) type Matrix<T> = Vec<Vec<T>>;

/// How acc + a b is rounded: the product first, or once at the end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Rounding {
    Twice,
    Once,
}

/// A scalar with what comparing bits needs.
pub(crate) trait Real: Scalar {
    fn multiply_add(rounding: Rounding, acc: Self, a: Self, b: Self) -> Self;
    /// The bits, all NaNs counted as one.
    fn bits(self) -> u64;
}

macro_rules! real {
    ($type:ty) => {
        impl Real for $type {
            fn multiply_add(rounding: Rounding, acc: Self, a: Self, b: Self) -> Self {
                if rounding == Rounding::Once { a.mul_add(b, acc) } else { acc + a * b }
            }
            fn bits(self) -> u64 {
                if self.is_nan() { u64::MAX } else { self.to_bits().into() }
            }
        }
    };
}
real!(f32);
real!(f64);

/// The bits of many values, to be compared.
pub(crate) fn bits<T: Real>(values: &[T]) -> Vec<u64> {
    values.iter().map(|v| v.bits()).collect()
}

/// The rows of a column-major slice.
pub(crate) fn matrix<T: Copy>(column_major: &[T], rows: usize) -> Matrix<T> {
    (0..rows).map(|i| column_major.iter().copied().skip(i).step_by(rows).collect()).collect()
}

/// The columns of a matrix, one after the other.
pub(crate) fn column_major<T: Copy>(matrix: &Matrix<T>) -> Vec<T> {
    let columns = matrix.first().map_or(0, Vec::len);
    (0..columns).flat_map(|j| matrix.iter().map(move |row| row[j])).collect()
}

/// out = b 1^T + W_1 X_1 + W_2 X_2, every output summed in the order in which it is written here.
pub(crate) fn affine<T: Real>(
    rounding: Rounding,
    b: &[T],
    products: &[(&Matrix<T>, &Matrix<T>)],
    rows: usize,
    batch: usize,
) -> Matrix<T> {
    let mut out = vec![vec![T::ZERO; batch]; rows];
    for i in 0..rows {
        for n in 0..batch {
            let mut acc = if b.is_empty() { T::ZERO } else { b[i] };
            for (w, x) in products {
                for j in 0..x.len() {
                    acc = T::multiply_add(rounding, acc, w[i][j], x[j][n]);
                }
            }
            out[i][n] = acc;
        }
    }
    out
}

/// out = b 1^T + W X with interleaved partial sums, folded by halves; the bias joins at the end.
pub(crate) fn readout<T: Real>(
    rounding: Rounding,
    b: &[T],
    w: &Matrix<T>,
    x: &Matrix<T>,
    batch: usize,
) -> Matrix<T> {
    let mut out = vec![vec![T::ZERO; batch]; w.len()];
    for i in 0..w.len() {
        for n in 0..batch {
            let mut p = [T::ZERO; PARTIALS];
            for j in 0..x.len() {
                p[j % PARTIALS] = T::multiply_add(rounding, p[j % PARTIALS], w[i][j], x[j][n]);
            }
            let mut half = PARTIALS / 2;
            while half > 0 {
                for k in 0..half {
                    p[k] += p[k + half];
                }
                half /= 2;
            }
            out[i][n] = if b.is_empty() { T::ZERO } else { b[i] } + p[0];
        }
    }
    out
}

/// out += W^T D.
pub(crate) fn transpose_multiply<T: Real>(
    rounding: Rounding,
    out: &mut Matrix<T>,
    w: &Matrix<T>,
    d: &Matrix<T>,
) {
    for j in 0..out.len() {
        for n in 0..out[j].len() {
            for i in 0..w.len() {
                out[j][n] = T::multiply_add(rounding, out[j][n], w[i][j], d[i][n]);
            }
        }
    }
}

/// W += D X^T.
pub(crate) fn outer<T: Real>(rounding: Rounding, w: &mut Matrix<T>, d: &Matrix<T>, x: &Matrix<T>) {
    for i in 0..w.len() {
        for j in 0..w[i].len() {
            for n in 0..d[i].len() {
                w[i][j] = T::multiply_add(rounding, w[i][j], d[i][n], x[j][n]);
            }
        }
    }
}

/// A recurrent network in rows of numbers, in the device's arithmetic.
pub(crate) struct Rnn<T> {
    w_xh: Matrix<T>,
    w_hh: Matrix<T>,
    b: Vec<T>,
    w_hy: Matrix<T>,
    b_y: Vec<T>,
    activation: Activation,
    head: Head,
}

impl<T: Real> Rnn<T> {
    pub(crate) fn of<const I: usize, const H: usize, const O: usize>(
        network: &Network<T, I, H, O>,
    ) -> Self {
        Rnn {
            w_xh: matrix(network.cell.w_xh.as_slice(), H),
            w_hh: matrix(network.cell.w_hh.as_slice(), H),
            b: network.cell.b.map_or(vec![], |b| b.as_slice().to_vec()),
            w_hy: matrix(network.readout.w.as_slice(), O),
            b_y: network.readout.b.as_slice().to_vec(),
            activation: network.cell.activation,
            head: network.head,
        }
    }

    /// z_t = b + W_xh x_t + W_hh h_{t-1}.
    pub(crate) fn z(&self, x: &[T], h: &[T]) -> Vec<T> {
        let (x, h) = (matrix(x, x.len()), matrix(h, h.len()));
        let products = [(&self.w_xh, &x), (&self.w_hh, &h)];
        column_major(&affine(Rounding::Twice, &self.b, &products, h.len(), 1))
    }

    /// h_t = sigma(z_t).
    pub(crate) fn step(&self, x: &[T], h: &[T]) -> Vec<T> {
        let half = T::from_f64(0.5);
        let sigma = |z: T| match self.activation {
            Activation::Tanh => z.tanh(),
            Activation::Sigmoid => half + half * (half * z).tanh(),
            Activation::Relu => {
                if z > T::ZERO {
                    z
                } else {
                    T::ZERO
                }
            }
        };
        self.z(x, h).into_iter().map(sigma).collect()
    }

    /// y_t = b_y + W_hy h_t, or its softmax.
    pub(crate) fn output(&self, h: &[T]) -> Vec<T> {
        let h = matrix(h, h.len());
        let o = column_major(&if self.w_hy.len() < 8 {
            readout(Rounding::Twice, &self.b_y, &self.w_hy, &h, 1)
        } else {
            affine(Rounding::Twice, &self.b_y, &[(&self.w_hy, &h)], self.w_hy.len(), 1)
        });
        if self.head == Head::Linear {
            return o;
        }
        let max = o.iter().fold(o[0], |max, &o| if o > max { o } else { max });
        let e: Vec<T> = o.iter().map(|&o| (o - max).exp()).collect();
        let sum = e.iter().fold(T::ZERO, |sum, &e| sum + e);
        e.iter().map(|&e| e / sum).collect()
    }
}

/// df/dx at 0 from central differences D(s) = (f(s) - f(-s)) / 2s at steps s, s/2 and s/4, combined
/// so that the errors in s^2 and s^4 cancel: (64 D(s/4) - 20 D(s/2) + D(s)) / 45, error O(s^6).
pub(crate) fn derivative(step: f64, f: impl Fn(f64) -> f64) -> f64 {
    let d = |s: f64| (f(s) - f(-s)) / (2.0 * s);
    (64.0 * d(step / 4.0) - 20.0 * d(step / 2.0) + d(step)) / 45.0
}
