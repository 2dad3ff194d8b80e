//! The Elman cell (J. L. Elman, "Finding structure in time", Cognitive Science 14, 1990):
//!
//! z_t = W_xh x_t + W_hh h_{t-1} + b,  h_t = sigma(z_t).
//!
//! Shapes: I inputs, H hidden units, B samples in a batch, T steps. A sequence is T blocks, each a
//! matrix with a column per sample: x is T x (I x B), h is T x (H x B).

use nalgebra::{SMatrix, SVector};

use crate::activation::Activation;
use crate::kernel::{Arithmetic, Product, add_columns};
use crate::scalar::Scalar;

/// An Elman cell of fixed size. Its gradient has the same type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Elman<T, const I: usize, const H: usize> {
    /// W_xh, H x I.
    pub w_xh: SMatrix<T, H, I>,
    /// W_hh, H x H.
    pub w_hh: SMatrix<T, H, H>,
    /// b, H values; `None` for a cell without bias.
    pub b: Option<SVector<T, H>>,
    /// sigma.
    pub activation: Activation,
}

impl<T: Scalar, const I: usize, const H: usize> Elman<T, I, H> {
    /// All zeros, with a bias, sigma = tanh.
    pub fn zeros() -> Self {
        Elman {
            w_xh: SMatrix::from_element(T::ZERO),
            w_hh: SMatrix::from_element(T::ZERO),
            b: Some(SVector::from_element(T::ZERO)),
            activation: Activation::Tanh,
        }
    }

    /// A view of the weights.
    #[inline(always)]
    pub fn view(&self) -> ElmanRef<'_, T> {
        ElmanRef {
            inputs: I,
            hidden: H,
            activation: self.activation,
            w_xh: self.w_xh.as_slice(),
            w_hh: self.w_hh.as_slice(),
            b: self.b.as_ref().map_or(&[], |b| b.as_slice()),
        }
    }

    /// A view of what a gradient is added to.
    #[inline(always)]
    pub fn view_mut(&mut self) -> ElmanMut<'_, T> {
        ElmanMut {
            w_xh: self.w_xh.as_mut_slice(),
            w_hh: self.w_hh.as_mut_slice(),
            b: self.b.as_mut().map_or(&mut [], |b| b.as_mut_slice()),
        }
    }
}

/// An Elman cell whose tensors lie elsewhere, column-major.
#[derive(Clone, Copy, Debug)]
pub struct ElmanRef<'a, T> {
    /// I
    pub inputs: usize,
    /// H
    pub hidden: usize,
    /// sigma
    pub activation: Activation,
    /// W_xh, H x I.
    pub w_xh: &'a [T],
    /// W_hh, H x H.
    pub w_hh: &'a [T],
    /// b, H values, or empty for a cell without bias.
    pub b: &'a [T],
}

/// The gradients of an Elman cell, laid out as in [`ElmanRef`].
#[derive(Debug)]
pub struct ElmanMut<'a, T> {
    /// dL/dW_xh
    pub w_xh: &'a mut [T],
    /// dL/dW_hh
    pub w_hh: &'a mut [T],
    /// dL/db
    pub b: &'a mut [T],
}

impl<T: Scalar> ElmanRef<'_, T> {
    /// One step: h_t = sigma(W_xh x_t + W_hh h_{t-1} + b). `h` is h_t, `h_prev` h_{t-1}, both H x B.
    #[inline(always)]
    pub fn step<A: Arithmetic<T>>(self, x: &[T], h_prev: &[T], h: &mut [T]) {
        let input = Product { w: self.w_xh, x, inputs: self.inputs };
        let state = Product { w: self.w_hh, x: h_prev, inputs: self.hidden };
        A::affine(h, self.hidden, self.b, input, state);
        A::activate(self.activation, h);
    }

    /// T steps from `h_0` (H x B): fills h_1 ... h_T.
    #[inline(always)]
    pub fn forward<A: Arithmetic<T>>(self, batch: usize, x: &[T], h_0: &[T], h: &mut [T]) {
        let mut h_prev = h_0;
        let x = x.chunks_exact((self.inputs * batch).max(1));
        for (h_t, x_t) in h.chunks_exact_mut((self.hidden * batch).max(1)).zip(x) {
            self.step::<A>(x_t, h_prev, h_t);
            h_prev = h_t;
        }
    }

    /// Back-propagation through time over what [`forward`](Self::forward) computed.
    ///
    /// `d` comes in as dL/dh_t from each step's own output and goes out as dL/dz_t:
    ///
    /// - dL/dz_t = (dL/dh_t + W_hh^T dL/dz_{t+1}) sigma'(z_t), from the last step to the first;
    /// - dL/dW_xh += sum_t dL/dz_t x_t^T, dL/dW_hh += sum_t dL/dz_t h_{t-1}^T, dL/db += sum_t dL/dz_t.
    ///
    /// `truncation` = k cuts the sequence into blocks of k steps, counted from its end; no error
    /// crosses from one block to the one before it. k >= T is the full gradient.
    #[inline(always)]
    #[allow(clippy::too_many_arguments)] // One name for each tensor of the equations above.
    pub fn backward<A: Arithmetic<T>>(
        self,
        batch: usize,
        truncation: usize,
        x: &[T],
        h_0: &[T],
        h: &[T],
        d: &mut [T],
        gradient: ElmanMut<'_, T>,
    ) {
        let block = (self.hidden * batch).max(1);
        let mut d_next: Option<&[T]> = None;
        let mut until_border = truncation;
        for (d_t, h_t) in d.chunks_exact_mut(block).zip(h.chunks_exact(block)).rev() {
            match d_next {
                Some(d_next) if until_border > 0 => {
                    A::transpose_multiply(d_t, self.w_hh, self.hidden, self.hidden, d_next);
                }
                _ => until_border = truncation,
            }
            until_border = until_border.saturating_sub(1);
            self.activation.backward(h_t, d_t);
            d_next = Some(d_t);
        }
        A::outer(gradient.w_xh, d, self.hidden, x, self.inputs);
        // h_{t-1} of the first step is h_0; of the others it stands in h.
        if let (Some(d_first), Some(d_rest)) = (d.get(..block), d.get(block..)) {
            A::outer(gradient.w_hh, d_first, self.hidden, h_0, self.hidden);
            A::outer(gradient.w_hh, d_rest, self.hidden, h, self.hidden);
        }
        if !gradient.b.is_empty() {
            add_columns(gradient.b, d);
        }
    }
}
