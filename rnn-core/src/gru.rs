//! The gated recurrent unit (K. Cho et al., "Learning phrase representations using RNN
//! encoder-decoder", EMNLP 2014), in both of its variants:
//!
//! r_t = sigmoid(W_xr x_t + W_hr h_{t-1} + b_r),  z_t = sigmoid(W_xz x_t + W_hz h_{t-1} + b_z),
//!
//! - [`ResetAfter`], the default of PyTorch and Keras: the reset gate r scales what W_hn makes of h:
//!   n_t = tanh(W_xn x_t + b_n + r_t * q_t), q_t = W_hn h_{t-1} + b_hn;
//! - [`ResetBefore`], the paper's: it scales h itself:
//!   n_t = tanh(W_xn x_t + b_n + W_hn q_t), q_t = r_t * h_{t-1};
//!
//! h_t = (1 - z_t) * n_t + z_t * h_{t-1}, computed as n_t + z_t * (h_{t-1} - n_t); * is elementwise.
//!
//! The same weights mean different functions in the two variants, so the variant is part of the type
//! and of the model file. (Cho et al. swap the roles of z and 1 - z; this is the form that the
//! frameworks use.)
//!
//! Shapes and memory: [`Recurrence`]. State: h. Cache: h, (r, z), n, q.

mod reset;

use nalgebra::{SMatrix, SVector};

use crate::activation::Activation;
use crate::cell::{
    Cell, Errors, Recurrence, Sequence, block, block_mut, copy, fixed_size_cell, neighbours,
    starts_block, take,
};
use crate::kernel::{Arithmetic, Columns, EachUnit, Inference, Lanes, Outer, Product};
use crate::parameters::Parameters;
use crate::scalar::Scalar;
use crate::stacked::Stacked;

pub use reset::{Reset, ResetAfter, ResetBefore, ResetKind};

/// A GRU of fixed size. Its gradient has the same type.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "std", repr(C, align(64)))] // A vector of a host lies in one cache line.
pub struct Gru<T: Scalar, const I: usize, const H: usize, R: ResetKind = ResetAfter> {
    /// W_xr over W_xz, 2H x I.
    pub w_xg: Stacked<T, 2, H, I>,
    /// W_xn, H x I.
    pub w_xn: SMatrix<T, H, I>,
    /// W_hr over W_hz, 2H x H.
    pub w_hg: Stacked<T, 2, H, H>,
    /// W_hn, H x H.
    pub w_hn: SMatrix<T, H, H>,
    /// b_r over b_z, 2H values.
    pub b_g: Stacked<T, 2, H, 1>,
    /// b_n, H values.
    pub b_n: SVector<T, H>,
    /// b_hn, H values; nothing in the variant that has none.
    pub b_hn: R::Bias<T, H>,
}

impl<T: Scalar, const I: usize, const H: usize, R: ResetKind> Gru<T, I, H, R> {
    /// All zeros.
    pub fn zeros() -> Self {
        Gru {
            w_xg: Stacked::zeros(),
            w_xn: SMatrix::from_element(T::ZERO),
            w_hg: Stacked::zeros(),
            w_hn: SMatrix::from_element(T::ZERO),
            b_g: Stacked::zeros(),
            b_n: SVector::from_element(T::ZERO),
            b_hn: R::zero_bias(),
        }
    }

    /// A view of the weights.
    #[inline(always)]
    pub fn view(&self) -> GruRef<'_, T> {
        GruRef {
            inputs: I,
            hidden: H,
            reset: R::RESET,
            w_xg: self.w_xg.as_slice(),
            w_xn: self.w_xn.as_slice(),
            w_hg: self.w_hg.as_slice(),
            w_hn: self.w_hn.as_slice(),
            b_g: self.b_g.as_slice(),
            b_n: self.b_n.as_slice(),
            b_hn: R::bias(&self.b_hn),
        }
    }

    /// A view of what a gradient is added to.
    #[inline(always)]
    pub fn view_mut(&mut self) -> GruMut<'_, T> {
        GruMut {
            w_xg: self.w_xg.as_mut_slice(),
            w_xn: self.w_xn.as_mut_slice(),
            w_hg: self.w_hg.as_mut_slice(),
            w_hn: self.w_hn.as_mut_slice(),
            b_g: self.b_g.as_mut_slice(),
            b_n: self.b_n.as_mut_slice(),
            b_hn: R::bias_mut(&mut self.b_hn),
        }
    }
}

fixed_size_cell!([R: ResetKind] Gru<T, I, H, R>, GruRef);

impl<T: Scalar, const I: usize, const H: usize, R: ResetKind> Parameters<T> for Gru<T, I, H, R> {
    fn tensors(&self) -> impl Iterator<Item = &[T]> {
        let GruRef { w_xg, w_xn, w_hg, w_hn, b_g, b_n, b_hn, .. } = self.view();
        [w_xg, w_xn, w_hg, w_hn, b_g, b_n, b_hn].into_iter()
    }
    fn tensors_mut(&mut self) -> impl Iterator<Item = &mut [T]> {
        let GruMut { w_xg, w_xn, w_hg, w_hn, b_g, b_n, b_hn } = self.view_mut();
        [w_xg, w_xn, w_hg, w_hn, b_g, b_n, b_hn].into_iter()
    }
}

/// A GRU whose tensors lie elsewhere, column-major.
#[derive(Clone, Copy, Debug)]
pub struct GruRef<'a, T> {
    /// I
    pub inputs: usize,
    /// H
    pub hidden: usize,
    /// The variant.
    pub reset: Reset,
    /// W_xr over W_xz, 2H x I.
    pub w_xg: &'a [T],
    /// W_xn, H x I.
    pub w_xn: &'a [T],
    /// W_hr over W_hz, 2H x H.
    pub w_hg: &'a [T],
    /// W_hn, H x H.
    pub w_hn: &'a [T],
    /// b_r over b_z, 2H values.
    pub b_g: &'a [T],
    /// b_n, H values.
    pub b_n: &'a [T],
    /// b_hn, H values; empty in [`Reset::Before`].
    pub b_hn: &'a [T],
}

/// The gradients of a GRU, laid out as in [`GruRef`].
#[derive(Debug)]
#[allow(missing_docs)] // dL/d of the tensors of the same names.
pub struct GruMut<'a, T> {
    pub w_xg: &'a mut [T],
    pub w_xn: &'a mut [T],
    pub w_hg: &'a mut [T],
    pub w_hn: &'a mut [T],
    pub b_g: &'a mut [T],
    pub b_n: &'a mut [T],
    pub b_hn: &'a mut [T],
}

/// The sections behind h in memory and cache: (r, z), n, q.
struct Sections<'a, T> {
    g: &'a mut [T],
    n: &'a mut [T],
    q: &'a mut [T],
}

impl<'a, T> Sections<'a, T> {
    /// Of so many numbers each; (r, z) has twice as many.
    #[inline(always)]
    fn of(mut memory: &'a mut [T], numbers: usize) -> Self {
        let g = take(&mut memory, 2 * numbers);
        let n = take(&mut memory, numbers);
        Sections { g, n, q: take(&mut memory, numbers) }
    }
}

impl<T: Scalar> GruRef<'_, T> {
    /// The sections at t from h_{t-1}; `at_rest`: products with h_{t-1} = 0 are left out.
    #[inline(always)]
    fn sections<A: Arithmetic<T>>(
        self,
        x: Columns<'_, T>,
        at_rest: bool,
        h: &[T],
        sections: &mut Sections<'_, T>,
    ) {
        let GruRef { inputs, hidden, w_xg, w_xn, w_hg, w_hn, .. } = self;
        let Sections { g, n, q } = sections;
        let (g, n, q) = (&mut **g, &mut **n, &mut **q);
        let state = Product::of_state(w_hg, h, hidden, at_rest);
        let input = Product { w: w_xg, x, inputs };
        A::layer(g, 2 * hidden, self.b_g, input, state, Some(Activation::Sigmoid));
        let input = Product { w: w_xn, x, inputs };
        match self.reset {
            Reset::After => {
                let state = Product::of_state(w_hn, h, hidden, at_rest);
                A::affine(q, hidden, self.b_hn, state, Product::NONE);
                A::affine(n, hidden, self.b_n, input, Product::NONE);
                A::each_unit::<AddReset, 2, 1, 1>(hidden, g, [&mut *n], [q]);
            }
            Reset::Before => {
                A::each_unit::<ResetState, 2, 1, 1>(hidden, g, [&mut *q], [h]);
                A::affine(n, hidden, self.b_n, input, Product::of_state(w_hn, q, hidden, at_rest));
            }
        }
        A::activate(Activation::Tanh, n);
    }

    /// Memory: h, then (r, z), n, q.
    #[inline(always)]
    pub(crate) fn step_by_verbs<A: Arithmetic<T>>(self, x: Columns<'_, T>, mut memory: &mut [T]) {
        let units = memory.len() / <Self as Recurrence<T>>::MEMORY;
        let h = take(&mut memory, units);
        let mut sections = Sections::of(memory, units);
        self.sections::<A>(x, false, h, &mut sections);
        let Sections { g, n, q } = sections;
        copy(h, q);
        A::each_unit::<Update, 2, 1, 2>(self.hidden, g, [h], [n, q]);
    }
}

/// n += r * q
struct AddReset;

impl EachUnit<2, 1, 1> for AddReset {
    #[inline(always)]
    fn unit<V: Lanes>([r, z]: [V; 2], [n]: [V; 1], [q]: [V; 1]) -> ([V; 2], [V; 1]) {
        ([r, z], [n + r * q])
    }
}

/// q = r * h
struct ResetState;

impl EachUnit<2, 1, 1> for ResetState {
    #[inline(always)]
    fn unit<V: Lanes>([r, z]: [V; 2], [_]: [V; 1], [h]: [V; 1]) -> ([V; 2], [V; 1]) {
        ([r, z], [r * h])
    }
}

/// h_t = n + z * (h_{t-1} - n)
struct Update;

impl EachUnit<2, 1, 2> for Update {
    #[inline(always)]
    fn unit<V: Lanes>([r, z]: [V; 2], [_]: [V; 1], [n, h]: [V; 2]) -> ([V; 2], [V; 1]) {
        ([r, z], [n + z * (h - n)])
    }
}

impl<T: Scalar> Recurrence<T> for GruRef<'_, T> {
    type Gradient<'g> = GruMut<'g, T>;

    const STATE: usize = 1;
    const MEMORY: usize = 5;
    const CACHE: usize = 5;

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
        A::gru(self, x, memory);
    }

    #[inline(always)]
    fn forward<A: Arithmetic<T>>(self, sequence: Sequence<'_, T>, mut cache: &mut [T]) {
        let Sequence { batch, mut x, start } = sequence;
        let units = self.hidden * batch;
        let numbers = cache.len() / Self::CACHE;
        let h = take(&mut cache, numbers);
        let Sections { g, n, q } = Sections::of(cache, numbers);
        for t in 0..numbers / units.max(1) {
            let x_t;
            (x_t, x) = x.split(self.inputs, batch);
            let (h_prev, h_t) = neighbours(h, t, units);
            let h_prev = if t == 0 { start } else { &*h_prev };
            let g = block_mut(g, t, 2 * units);
            let (n, q) = (block_mut(n, t, units), block_mut(q, t, units));
            let at_rest = t == 0 && A::is_zero(start);
            let mut sections = Sections { g, n, q };
            self.sections::<A>(x_t, at_rest, h_prev, &mut sections);
            let Sections { g, n, .. } = sections;
            A::each_unit::<Update, 2, 1, 2>(self.hidden, g, [h_t], [n, h_prev]);
        }
    }

    /// From the last step to the first, with dh = dL/dh_t:
    ///
    /// - dn' = dh (1 - z) (1 - n^2), dz' = dh (h_{t-1} - n) z (1 - z): in front of the activations;
    /// - reset after: dq = dn' r, dr' = dn' q r (1 - r), dL/dh_{t-1} += dh z + W_hn^T dq;
    ///   reset before: dq = W_hn^T dn', dr' = dq h_{t-1} r (1 - r), dL/dh_{t-1} += dh z + dq r;
    /// - dL/dh_{t-1} += W_hg^T (dr', dz');
    /// - the weights' gradients are sums over t of (dr', dz'), dn' and dq with x_t, h_{t-1} and q_t;
    /// - dL/dx_t += W_xg^T (dr', dz') + W_xn^T dn'.
    ///
    /// (r, z) and n are replaced by their derivatives, and so is q where the reset comes after.
    #[inline(always)]
    fn backward<A: Arithmetic<T>>(
        self,
        sequence: Sequence<'_, T>,
        mut cache: &mut [T],
        errors: Errors<'_, T>,
        gradient: GruMut<'_, T>,
    ) {
        let GruRef { inputs, hidden, reset, .. } = self;
        let Sequence { batch, x, start } = sequence;
        let Errors { truncation, d, first, dx, space } = errors;
        let units = hidden * batch;
        let numbers = cache.len() / Self::CACHE;
        let steps = numbers / units.max(1);
        let h = take(&mut cache, numbers);
        let Sections { g, n, q } = Sections::of(cache, numbers);
        let (space_g, mut space_n) =
            space.split_at_mut_checked(A::transposed_len(2 * hidden, hidden)).unwrap_or_default();
        let w_hg = A::transposed(self.w_hg, 2 * hidden, hidden, space_g);
        let space_n = take(&mut space_n, A::transposed_len(hidden, hidden));
        let w_hn = A::transposed(self.w_hn, hidden, hidden, space_n);
        for t in (0..steps).rev() {
            let (d_prev, d_t) = neighbours(d, t, units);
            let held = t > first;
            // Where a block starts no error goes on: what is added there is thrown away.
            let goes_on = !starts_block(t, steps, truncation);
            if !goes_on && !held {
                d_prev.fill(T::ZERO);
            }
            let h_prev = if t == 0 { start } else { block(h, t - 1, units) };
            let g = block_mut(g, t, 2 * units);
            let (n, q) = (block_mut(n, t, units), block_mut(q, t, units));
            match reset {
                Reset::After => {
                    let written = [&mut *n, &mut *q, &mut *d_t];
                    A::each_unit::<AfterBackward, 2, 3, 1>(hidden, g, written, [h_prev]);
                }
                // q keeps r h for the gradient of W_hn; r stays until dq is known.
                Reset::Before => {
                    let written = [&mut *n, &mut *d_t];
                    A::each_unit::<BeforeBackward, 2, 2, 1>(hidden, g, written, [h_prev]);
                }
            }
            match reset {
                Reset::After => {
                    if goes_on {
                        let state = Product::new(w_hn, q, hidden);
                        let gates = Product::new(w_hg, g, 2 * hidden);
                        A::backward_both(d_prev, held, hidden, d_t, state, gates);
                    }
                }
                Reset::Before => {
                    if goes_on {
                        A::backward_both(d_prev, held, hidden, d_t, Product::NONE, Product::NONE);
                    }
                    let d_q = d_t;
                    A::backward(d_q, false, w_hn, hidden, hidden, n, None);
                    A::each_unit::<ResetBackward, 2, 1, 1>(hidden, g, [&mut *d_q], [h_prev]);
                    if goes_on {
                        let gates = Product::new(w_hg, g, 2 * hidden);
                        A::backward_both(d_prev, true, hidden, d_q, gates, Product::NONE);
                    }
                }
            }
        }
        let GruMut { w_xg, w_xn, w_hg, w_hn, b_g, b_n, b_hn } = gradient;
        let (g_first, g_rest) = g.split_at_checked(2 * units).unwrap_or_default();
        let (q_first, q_rest) = q.split_at_checked(units).unwrap_or_default();
        let (x_first, x_rest) = x.split(inputs, batch);
        // h_{t-1} of the first step is h_0; of the others it stands in h.
        for (g, q, x, h, none) in [
            (g_first, q_first, x_first, start, A::is_zero(start)),
            (g_rest, q_rest, x_rest, &*h, q_rest.is_empty()),
        ] {
            let input = Outer { w: &mut *w_xg, x, inputs };
            let state = Outer::of_state(w_hg, h, hidden, none);
            A::affine_backward(g, 2 * hidden, b_g, input, state);
            if reset == Reset::After {
                let state = Outer::of_state(w_hn, h, hidden, none);
                A::affine_backward(q, hidden, b_hn, Outer::none(), state);
            }
        }
        let input = Outer { w: w_xn, x, inputs };
        let state = Outer::of_state(w_hn, q, hidden, reset == Reset::After);
        A::affine_backward(n, hidden, b_n, input, state);
        if !dx.is_empty() {
            let w_xg = A::transposed(self.w_xg, 2 * hidden, inputs, space);
            A::transpose_multiply(dx, w_xg, 2 * hidden, inputs, g);
            let w_xn = A::transposed(self.w_xn, hidden, inputs, space);
            A::transpose_multiply(dx, w_xn, hidden, inputs, n);
        }
    }

    fn space<A: Arithmetic<T>>(self) -> usize {
        let GruRef { inputs, hidden, .. } = self;
        let state = A::transposed_len(2 * hidden, hidden) + A::transposed_len(hidden, hidden);
        state.max(A::transposed_len(2 * hidden, inputs))
    }
}

/// dn', dz' and dh z, in both variants.
#[inline(always)]
fn backward<V: Lanes>(z: V, n: V, h: V, d: V) -> [V; 3] {
    let one = V::one();
    [d * (one - z) * (one - n * n), d * (h - n) * z * (one - z), d * z]
}

/// With the reset after: r, z, n, q, dh become dr', dz', dn', dq, dh z.
struct AfterBackward;

impl EachUnit<2, 3, 1> for AfterBackward {
    #[inline(always)]
    fn unit<V: Lanes>([r, z]: [V; 2], [n, q, d]: [V; 3], [h]: [V; 1]) -> ([V; 2], [V; 3]) {
        let [d_n, d_z, d] = backward(z, n, h, d);
        ([d_n * q * r * (V::one() - r), d_z], [d_n, d_n * r, d])
    }
}

/// With the reset before: z, n, dh become dz', dn', dh z.
struct BeforeBackward;

impl EachUnit<2, 2, 1> for BeforeBackward {
    #[inline(always)]
    fn unit<V: Lanes>([r, z]: [V; 2], [n, d]: [V; 2], [h]: [V; 1]) -> ([V; 2], [V; 2]) {
        let [d_n, d_z, d] = backward(z, n, h, d);
        ([r, d_z], [d_n, d])
    }
}

/// Then r and dq become dr' and dq r.
struct ResetBackward;

impl EachUnit<2, 1, 1> for ResetBackward {
    #[inline(always)]
    fn unit<V: Lanes>([r, z]: [V; 2], [d_q]: [V; 1], [h]: [V; 1]) -> ([V; 2], [V; 1]) {
        ([d_q * h * r * (V::one() - r), z], [d_q * r])
    }
}
