//! The Elman cell (J. L. Elman, "Finding structure in time", Cognitive Science 14, 1990):
//!
//! z_t = W_xh x_t + W_hh h_{t-1} + b,  h_t = sigma(z_t).
//!
//! Shapes and memory: [`Recurrence`]. State: h. Cache: h.

use nalgebra::{SMatrix, SVector};

use crate::activation::Activation;
use crate::cell::{
    Cell, Errors, Recurrence, Sequence, block, block_mut, copy, fixed_size_cell, starts_block, take,
};
use crate::kernel::{Arithmetic, Columns, Inference, Outer, Product};
use crate::parameters::Parameters;
use crate::scalar::Scalar;

/// An Elman cell of fixed size. Its gradient has the same type.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "std", repr(C, align(64)))] // A vector of a host lies in one cache line.
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

fixed_size_cell!([] Elman<T, I, H>, ElmanRef);

impl<T: Scalar, const I: usize, const H: usize> Parameters<T> for Elman<T, I, H> {
    fn tensors(&self) -> impl Iterator<Item = &[T]> {
        let ElmanRef { w_xh, w_hh, b, .. } = self.view();
        [w_xh, w_hh, b].into_iter()
    }
    fn tensors_mut(&mut self) -> impl Iterator<Item = &mut [T]> {
        let ElmanMut { w_xh, w_hh, b } = self.view_mut();
        [w_xh, w_hh, b].into_iter()
    }
}

impl<T: Scalar> ElmanRef<'_, T> {
    /// h_t = sigma(W_xh x_t + W_hh h_{t-1} + b), the second product left out `at_rest`.
    #[inline(always)]
    fn next<A: Arithmetic<T>>(self, x: Columns<'_, T>, at_rest: bool, h_prev: &[T], h: &mut [T]) {
        let input = Product { w: self.w_xh, x, inputs: self.inputs };
        let state = Product::of_state(self.w_hh, h_prev, self.hidden, at_rest);
        A::layer(h, self.hidden, self.b, input, state, Some(self.activation));
    }

    /// Memory: h, then the next h while it is being computed.
    #[inline(always)]
    pub(crate) fn step_by_verbs<A: Arithmetic<T>>(self, x: Columns<'_, T>, mut memory: &mut [T]) {
        let units = memory.len() / <Self as Recurrence<T>>::MEMORY;
        let h = take(&mut memory, units);
        self.next::<A>(x, false, h, memory);
        copy(memory, h);
    }
}

impl<T: Scalar> Recurrence<T> for ElmanRef<'_, T> {
    type Gradient<'g> = ElmanMut<'g, T>;

    const STATE: usize = 1;
    const MEMORY: usize = 2;
    const CACHE: usize = 1;

    #[inline(always)]
    fn inputs(self) -> usize {
        self.inputs
    }
    #[inline(always)]
    fn hidden(self) -> usize {
        self.hidden
    }

    #[inline(always)]
    fn step<A: Arithmetic<T>>(self, x: Columns<'_, T>, memory: &mut [T]) {
        A::elman(self, x, memory);
    }

    #[inline(always)]
    fn forward<A: Arithmetic<T>>(self, sequence: Sequence<'_, T>, h: &mut [T]) {
        let Sequence { batch, mut x, start } = sequence;
        let units = self.hidden * batch;
        let h_0 = start.get(..units).unwrap_or_default();
        let x_1;
        (x_1, x) = x.split(self.inputs, batch);
        self.next::<A>(x_1, A::is_zero(h_0), h_0, block_mut(h, 0, units));
        let input = Product { w: self.w_xh, x, inputs: self.inputs };
        A::recur(h, self.hidden, batch, self.b, input, self.w_hh, self.activation);
    }

    /// - dL/dz_t = (dL/dh_t + W_hh^T dL/dz_{t+1}) sigma'(z_t), from the last step to the first;
    /// - dL/dW_xh += sum_t dL/dz_t x_t^T, dL/dW_hh += sum_t dL/dz_t h_{t-1}^T, dL/db += sum_t dL/dz_t;
    /// - dL/dx_t += W_xh^T dL/dz_t.
    #[inline(always)]
    fn backward<A: Arithmetic<T>>(
        self,
        sequence: Sequence<'_, T>,
        h: &mut [T],
        errors: Errors<'_, T>,
        gradient: ElmanMut<'_, T>,
    ) {
        let ElmanRef { inputs, hidden, .. } = self;
        let Sequence { batch, x, start } = sequence;
        let Errors { truncation, d, first, dx, space } = errors;
        let units = hidden * batch;
        let steps = d.len() / units.max(1);
        let w_hh = A::transposed(self.w_hh, hidden, hidden, space);
        let mut t = steps;
        while t > 0 {
            if starts_block(t, steps, truncation) {
                t -= 1;
                let d_t = block_mut(d, t, units);
                if t < first {
                    d_t.fill(T::ZERO);
                }
                self.activation.backward(block(h, t, units), d_t);
                continue;
            }
            // Steps that are alike, as many as there are.
            let (end, held) = (t, t > first);
            while t > 0 && (t > first) == held && !starts_block(t, steps, truncation) {
                t -= 1;
            }
            let d = d.get_mut(t * units..(end + 1) * units).unwrap_or_default();
            let h = h.get(t * units..end * units).unwrap_or_default();
            A::recur_backward(d, held, w_hh, hidden, batch, self.activation, h);
        }
        // h_{t-1} of the first step is h_0; of the others it stands in h.
        let (d_first, d_rest) = d.split_at_checked(units).unwrap_or_default();
        let (x_first, x_rest) = x.split(inputs, batch);
        let from_rest = A::is_zero(start);
        let ElmanMut { w_xh, w_hh, b } = gradient;
        for (d, x, h, none) in
            [(d_first, x_first, start, from_rest), (d_rest, x_rest, &*h, d_rest.is_empty())]
        {
            let input = Outer { w: &mut *w_xh, x, inputs };
            let state = Outer::of_state(w_hh, h, hidden, none);
            A::affine_backward(d, hidden, b, input, state);
        }
        if !dx.is_empty() {
            let w_xh = A::transposed(self.w_xh, hidden, inputs, space);
            A::transpose_multiply(dx, w_xh, hidden, inputs, d);
        }
    }

    fn space<A: Arithmetic<T>>(self) -> usize {
        let input = A::transposed_len(self.hidden, self.inputs);
        input.max(A::transposed_len(self.hidden, self.hidden))
    }
}
