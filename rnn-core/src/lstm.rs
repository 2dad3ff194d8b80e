//! Long short-term memory (S. Hochreiter, J. Schmidhuber, Neural Computation 9, 1997; the forget gate
//! by F. Gers et al., Neural Computation 12, 2000; no peepholes):
//!
//! (i, f, o)_t = sigmoid(W x_t + W h_{t-1} + b) and g_t = tanh(W x_t + W h_{t-1} + b), each with rows
//! of its own,
//!
//! c_t = f_t * c_{t-1} + i_t * g_t,  h_t = o_t * tanh c_t; * is elementwise.
//!
//! Shapes and memory: [`Recurrence`]. State: h, c. Cache: h, c, (i, f, g, o).

use core::iter::repeat;
use core::marker::PhantomData;

use crate::activation::Activation;
use crate::cell::{
    Cell, Errors, Recurrence, Sequence, block, block_mut, copy, fixed_size_cell, neighbours,
    starts_block, take,
};
use crate::kernel::{Arithmetic, Columns, Elementwise, Inference, Outer, Product};
use crate::parameters::Parameters;
use crate::scalar::Scalar;
use crate::stacked::Stacked;

/// An LSTM cell of fixed size, its gates stacked as i, f, g, o. Its gradient has the same type.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "std", repr(C, align(64)))] // A vector of a host lies in one cache line.
pub struct Lstm<T, const I: usize, const H: usize> {
    /// W_x, 4H x I.
    pub w_x: Stacked<T, 4, H, I>,
    /// W_h, 4H x H.
    pub w_h: Stacked<T, 4, H, H>,
    /// b, 4H values.
    pub b: Stacked<T, 4, H, 1>,
}

impl<T: Scalar, const I: usize, const H: usize> Lstm<T, I, H> {
    /// All zeros.
    pub fn zeros() -> Self {
        Lstm { w_x: Stacked::zeros(), w_h: Stacked::zeros(), b: Stacked::zeros() }
    }

    /// A view of the weights.
    #[inline(always)]
    pub fn view(&self) -> LstmRef<'_, T> {
        LstmRef {
            inputs: I,
            hidden: H,
            w_x: self.w_x.as_slice(),
            w_h: self.w_h.as_slice(),
            b: self.b.as_slice(),
        }
    }

    /// A view of what a gradient is added to.
    #[inline(always)]
    pub fn view_mut(&mut self) -> LstmMut<'_, T> {
        LstmMut {
            w_x: self.w_x.as_mut_slice(),
            w_h: self.w_h.as_mut_slice(),
            b: self.b.as_mut_slice(),
        }
    }
}

fixed_size_cell!([] Lstm<T, I, H>, LstmRef);

impl<T: Scalar, const I: usize, const H: usize> Parameters<T> for Lstm<T, I, H> {
    fn tensors(&self) -> impl Iterator<Item = &[T]> {
        let LstmRef { w_x, w_h, b, .. } = self.view();
        [w_x, w_h, b].into_iter()
    }
    fn tensors_mut(&mut self) -> impl Iterator<Item = &mut [T]> {
        let LstmMut { w_x, w_h, b } = self.view_mut();
        [w_x, w_h, b].into_iter()
    }
}

/// An LSTM cell whose tensors lie elsewhere, column-major, gates stacked as i, f, g, o.
#[derive(Clone, Copy, Debug)]
pub struct LstmRef<'a, T> {
    /// I
    pub inputs: usize,
    /// H
    pub hidden: usize,
    /// W_x, 4H x I.
    pub w_x: &'a [T],
    /// W_h, 4H x H.
    pub w_h: &'a [T],
    /// b, 4H values.
    pub b: &'a [T],
}

/// The gradients of an LSTM cell, laid out as in [`LstmRef`].
#[derive(Debug)]
pub struct LstmMut<'a, T> {
    /// dL/dW_x
    pub w_x: &'a mut [T],
    /// dL/dW_h
    pub w_h: &'a mut [T],
    /// dL/db
    pub b: &'a mut [T],
}

impl<T: Scalar> LstmRef<'_, T> {
    /// `h` and `c` come in as those of t - 1 and go out as those of t; `gates` is 4H x B.
    /// `at_rest`: the product with h_{t-1} = 0 is left out.
    #[inline(always)]
    fn next<A: Arithmetic<T>>(
        self,
        x: Columns<'_, T>,
        at_rest: bool,
        h: &mut [T],
        c: &mut [T],
        gates: &mut [T],
    ) {
        let LstmRef { inputs, hidden, .. } = self;
        let input = Product { w: self.w_x, x, inputs };
        let state = Product::of_state(self.w_h, h, hidden, at_rest);
        A::affine(gates, 4 * hidden, self.b, input, state);
        for gates in gates.chunks_exact_mut((4 * hidden).max(1)) {
            let (i_f, g_o) = gates.split_at_mut_checked(2 * hidden).unwrap_or_default();
            let (g, o) = g_o.split_at_mut_checked(hidden).unwrap_or_default();
            A::activate(Activation::Sigmoid, i_f);
            A::activate(Activation::Tanh, g);
            A::activate(Activation::Sigmoid, o);
        }
        let work = |[i, f, g, _]: [T; 4], c: &mut T, h: &mut T| {
            *c = f * *c + i * g;
            *h = *c;
        };
        A::wide(EachColumn { hidden, gates, a: c, b: h, work });
        A::activate(Activation::Tanh, h);
        let work = |[_, _, _, o]: [T; 4], _: &mut T, h: &mut T| *h *= o;
        A::wide(EachColumn { hidden, gates, a: c, b: h, work });
    }

    /// Memory: h, c, then (i, f, g, o).
    #[inline(always)]
    pub(crate) fn step_by_verbs<A: Arithmetic<T>>(self, x: Columns<'_, T>, mut memory: &mut [T]) {
        let units = memory.len() / <Self as Recurrence<T>>::MEMORY;
        let h = take(&mut memory, units);
        let c = take(&mut memory, units);
        self.next::<A>(x, false, h, c, memory);
    }
}

/// Runs over the units of every column: i, f, g, o of `gates` (4H x B) with the same unit of `a` and
/// `b` (H x B).
struct EachColumn<'a, T, W> {
    hidden: usize,
    gates: &'a mut [T],
    a: &'a mut [T],
    b: &'a mut [T],
    work: W,
}

impl<T: Copy, W: Fn([T; 4], &mut T, &mut T) + Copy> Elementwise for EachColumn<'_, T, W> {
    #[inline(always)]
    fn run(self) {
        let EachColumn { hidden, mut gates, mut a, mut b, work } = self;
        // No `zip` of chunks: compiled for size, it forgets that they aren't empty and keeps a panic.
        for _ in 0..a.len() / hidden.max(1) {
            let [i, f, g, o] = [(); 4].map(|()| take(&mut gates, hidden));
            let (a, b) = (take(&mut a, hidden), take(&mut b, hidden));
            let gates = i.iter_mut().zip(f).zip(g.iter_mut().zip(o));
            for ((((&mut i, &mut f), (&mut g, &mut o)), a), b) in gates.zip(a).zip(b) {
                work([i, f, g, o], a, b);
            }
        }
    }
}

impl<T: Scalar> Recurrence<T> for LstmRef<'_, T> {
    type Gradient<'g> = LstmMut<'g, T>;

    const STATE: usize = 2;
    const MEMORY: usize = 6;
    const CACHE: usize = 6;

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
        A::lstm(self, x, memory);
    }

    #[inline(always)]
    fn forward<A: Arithmetic<T>>(self, sequence: Sequence<'_, T>, mut cache: &mut [T]) {
        let Sequence { batch, mut x, start } = sequence;
        let units = self.hidden * batch;
        let numbers = cache.len() / Self::CACHE;
        let (h, c) = (take(&mut cache, numbers), take(&mut cache, numbers));
        for t in 0..numbers / units.max(1) {
            let x_t;
            (x_t, x) = x.split(self.inputs, batch);
            let (h_prev, h_t) = neighbours(h, t, units);
            let (c_prev, c_t) = neighbours(c, t, units);
            copy(if t == 0 { start } else { h_prev }, h_t);
            copy(if t == 0 { block(start, 1, units) } else { c_prev }, c_t);
            let at_rest = t == 0 && A::is_zero(start.get(..units).unwrap_or_default());
            self.next::<A>(x_t, at_rest, h_t, c_t, block_mut(cache, t, 4 * units));
        }
    }

    /// From the last step to the first, with dh = dL/dh_t:
    ///
    /// - dc_t = dc_{t+1} f_{t+1} + dh o (1 - tanh^2 c_t);
    /// - in front of the activations: di' = dc g i (1 - i), df' = dc c_{t-1} f (1 - f),
    ///   dg' = dc i (1 - g^2), do' = dh tanh(c_t) o (1 - o);
    /// - dL/dh_{t-1} += W_h^T (di', df', dg', do');
    /// - the weights' gradients are sums over t of those four with x_t and h_{t-1};
    /// - dL/dx_t += W_x^T (di', df', dg', do').
    ///
    /// The gates are replaced by their derivatives, dh_t by dc_t f_t, which step t - 1 takes up.
    #[inline(always)]
    fn backward<A: Arithmetic<T>>(
        self,
        sequence: Sequence<'_, T>,
        mut cache: &mut [T],
        errors: Errors<'_, T>,
        gradient: LstmMut<'_, T>,
    ) {
        let LstmRef { inputs, hidden, .. } = self;
        let Sequence { batch, x, start } = sequence;
        let Errors { truncation, d, first, dx, space } = errors;
        let units = hidden * batch;
        let numbers = cache.len() / Self::CACHE;
        let steps = numbers / units.max(1);
        let (h, c) = (take(&mut cache, numbers), take(&mut cache, numbers));
        let gates = cache;
        let w_h = A::transposed(self.w_h, 4 * hidden, hidden, space);
        for t in (0..steps).rev() {
            let (until_t, after) = d.split_at_mut_checked((t + 1) * units).unwrap_or_default();
            let (d_prev, d_t) = neighbours(until_t, t, units);
            let c_prev = if t == 0 { block(start, 1, units) } else { block(c, t - 1, units) };
            let c_t = block(c, t, units);
            let gates = block_mut(gates, t, 4 * units);
            // Once with dc_{t+1} f_{t+1}, once without: each a loop without branches.
            if t + 1 < steps && !starts_block(t + 1, steps, truncation) {
                let carried = after.chunks_exact(hidden.max(1)).map(|d| d.iter().copied());
                let arithmetic = PhantomData::<A>;
                let d = d_t;
                A::wide(GatesBackward { hidden, gates, c: c_t, c_prev, carried, d, arithmetic });
            } else {
                let carried = repeat(repeat(T::ZERO));
                let arithmetic = PhantomData::<A>;
                let d = d_t;
                A::wide(GatesBackward { hidden, gates, c: c_t, c_prev, carried, d, arithmetic });
            }
            let held = t > first;
            if !starts_block(t, steps, truncation) {
                A::backward(d_prev, held, w_h, 4 * hidden, hidden, gates, None);
            } else if !held {
                d_prev.fill(T::ZERO);
            }
        }
        // h_{t-1} of the first step is h_0; of the others it stands in h.
        let (first, rest) = gates.split_at_checked(4 * units).unwrap_or_default();
        let (x_first, x_rest) = x.split(inputs, batch);
        let h_0 = start.get(..units).unwrap_or_default();
        let LstmMut { w_x, w_h, b } = gradient;
        for (d, x, h, none) in
            [(first, x_first, h_0, A::is_zero(h_0)), (rest, x_rest, &*h, rest.is_empty())]
        {
            let input = Outer { w: &mut *w_x, x, inputs };
            let state = Outer::of_state(w_h, h, hidden, none);
            A::affine_backward(d, 4 * hidden, b, input, state);
        }
        if !dx.is_empty() {
            let w_x = A::transposed(self.w_x, 4 * hidden, inputs, space);
            A::transpose_multiply(dx, w_x, 4 * hidden, inputs, gates);
        }
    }

    fn space<A: Arithmetic<T>>(self) -> usize {
        let LstmRef { inputs, hidden, .. } = self;
        A::transposed_len(4 * hidden, hidden).max(A::transposed_len(4 * hidden, inputs))
    }
}

/// The elementwise part of a backward step; `d` comes in as dh_t and goes out as dc_t f_t. `carried`
/// is dc_{t+1} f_{t+1}, column after column.
struct GatesBackward<'a, T, A, I> {
    hidden: usize,
    gates: &'a mut [T],
    c: &'a [T],
    c_prev: &'a [T],
    carried: I,
    d: &'a mut [T],
    arithmetic: PhantomData<A>,
}

impl<T, A, I> Elementwise for GatesBackward<'_, T, A, I>
where
    T: Scalar,
    A: Arithmetic<T>,
    I: Iterator<Item: Iterator<Item = T>>,
{
    #[inline(always)]
    fn run(self) {
        let GatesBackward { hidden, gates, c, c_prev, carried, d, .. } = self;
        let c = c.chunks_exact(hidden.max(1)).zip(c_prev.chunks_exact(hidden.max(1)));
        let columns = c.zip(carried).zip(d.chunks_exact_mut(hidden.max(1)));
        let gates = gates.chunks_exact_mut((4 * hidden).max(1));
        for (gates, (((c, c_prev), carried), d)) in gates.zip(columns) {
            let (i_f, g_o) = gates.split_at_mut_checked(2 * hidden).unwrap_or_default();
            let (i, f) = i_f.split_at_mut_checked(hidden).unwrap_or_default();
            let (g, o) = g_o.split_at_mut_checked(hidden).unwrap_or_default();
            units_backward::<T, A>(i, f, g, o, c, c_prev, carried, d);
        }
    }
}

/// One column. A function of its own: only then does the compiler know that no two of these overlap.
#[inline(always)]
#[allow(clippy::too_many_arguments)] // One name for each letter of the equations.
fn units_backward<T: Scalar, A: Arithmetic<T>>(
    i: &mut [T],
    f: &mut [T],
    g: &mut [T],
    o: &mut [T],
    c: &[T],
    c_prev: &[T],
    carried: impl Iterator<Item = T>,
    d: &mut [T],
) {
    let gates = i.iter_mut().zip(f).zip(g.iter_mut().zip(o));
    let cells = c.iter().zip(c_prev).zip(carried).zip(d);
    for (((i, f), (g, o)), (((&c, &c_prev), carried), d)) in gates.zip(cells) {
        let tanh_c = A::tanh(c);
        let d_c = carried + *d * *o * (T::ONE - tanh_c * tanh_c);
        *o = *d * tanh_c * *o * (T::ONE - *o);
        *d = d_c * *f;
        *f = d_c * c_prev * *f * (T::ONE - *f);
        (*i, *g) = (d_c * *g * *i * (T::ONE - *i), d_c * *i * (T::ONE - *g * *g));
    }
}
