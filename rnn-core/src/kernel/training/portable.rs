//! The trainer's verbs in plain Rust, which say what the others must come to, to the bit: each output
//! is its own accumulator and takes its fused products in the order of the inputs, each sum over
//! time and batch in the order of the columns.

use super::loss;
use crate::activation::Activation;
use crate::kernel::{
    Columns, Outer, PARTIALS, Product, fold, recur_backward_by_layers, recur_by_layers,
};
use crate::scalar::Scalar;

pub(super) fn layer<T: Scalar>(
    out: &mut [T],
    rows: usize,
    bias: &[T],
    first: Product<'_, T>,
    second: Product<'_, T>,
    activation: Option<Activation>,
) {
    for (n, column) in out.chunks_exact_mut(rows.max(1)).enumerate() {
        match bias {
            [] => column.fill(T::ZERO),
            bias => column.copy_from_slice(bias),
        }
        for Product { w, x, inputs } in [first, second] {
            match x {
                _ if inputs == 0 => {}
                Columns::Values(x) => add_product(column, w, &x[n * inputs..][..inputs]),
                Columns::Symbols(symbols) => {
                    if let Some(w) = w.chunks_exact(rows).nth(usize::from(symbols[n])) {
                        column.iter_mut().zip(w).for_each(|(o, &w)| *o += w);
                    }
                }
            }
        }
    }
    if let Some(activation) = activation {
        activate(activation, out);
    }
}

/// out += W x, one column.
fn add_product<T: Scalar>(out: &mut [T], w: &[T], x: &[T]) {
    for (w, &x) in w.chunks_exact(out.len()).zip(x) {
        out.iter_mut().zip(w).for_each(|(o, &w)| *o = T::fused(w, x, *o));
    }
}

pub(super) fn readout<T: Scalar>(
    out: &mut [T],
    rows: usize,
    bias: &[T],
    w: &[T],
    x: &[T],
    inputs: usize,
) {
    if rows != 1 {
        return layer(out, rows, bias, Product::new(w, x, inputs), Product::NONE, None);
    }
    let bias = bias.first().copied().unwrap_or(T::ZERO);
    for (o, x) in out.iter_mut().zip(x.chunks_exact(inputs.max(1))) {
        let mut partial = [T::ZERO; PARTIALS];
        for (k, (&w, &x)) in w.iter().zip(x).enumerate() {
            partial[k % PARTIALS] = T::fused(w, x, partial[k % PARTIALS]);
        }
        *o = bias + fold(partial);
    }
}

pub(super) fn transposed<'a, T: Scalar>(
    w: &[T],
    rows: usize,
    cols: usize,
    space: &'a mut [T],
) -> &'a [T] {
    let space = &mut space[..rows * cols];
    for (row, out) in space.chunks_exact_mut(cols.max(1)).enumerate() {
        for (out, w) in out.iter_mut().zip(w.chunks_exact(rows)) {
            *out = w[row];
        }
    }
    space
}

/// W comes transposed: cols x rows.
pub(super) fn backward<T: Scalar>(
    out: &mut [T],
    held: bool,
    w: &[T],
    rows: usize,
    cols: usize,
    d: &[T],
    activation: Option<(Activation, &[T])>,
) {
    if !held {
        out.fill(T::ZERO);
    }
    for (out, d) in out.chunks_exact_mut(cols.max(1)).zip(d.chunks_exact(rows.max(1))) {
        add_product(out, w, d);
    }
    if let Some((activation, h)) = activation {
        activation.backward(h, out);
    }
}

pub(super) fn recur<T: Scalar>(
    h: &mut [T],
    hidden: usize,
    batch: usize,
    bias: &[T],
    input: Product<'_, T>,
    w: &[T],
    activation: Activation,
) {
    recur_by_layers(h, hidden, batch, input, w, |h, input, state| {
        layer(h, hidden, bias, input, state, Some(activation));
    });
}

pub(super) fn recur_backward<T: Scalar>(
    d: &mut [T],
    held: bool,
    w: &[T],
    hidden: usize,
    batch: usize,
    activation: Activation,
    h: &[T],
) {
    recur_backward_by_layers(d, hidden * batch, h, |d_prev, d, h| {
        backward(d_prev, held, w, hidden, hidden, d, Some((activation, h)));
    });
}

pub(super) fn backward_both<T: Scalar>(
    out: &mut [T],
    held: bool,
    cols: usize,
    d: &[T],
    first: Product<'_, T>,
    second: Product<'_, T>,
) {
    for (out, &d) in out.iter_mut().zip(d) {
        *out = if held { *out + d } else { d };
    }
    for Product { w, x, inputs } in [first, second] {
        if let Columns::Values(d) = x {
            backward(out, true, w, inputs, cols, d, None);
        }
    }
}

pub(super) fn affine_backward<T: Scalar>(
    d: &[T],
    rows: usize,
    bias: &mut [T],
    first: Outer<'_, T>,
    second: Outer<'_, T>,
) {
    for Outer { w, x, inputs } in [first, second] {
        match x {
            _ if inputs == 0 => {}
            Columns::Values(x) => {
                for (d, x) in d.chunks_exact(rows.max(1)).zip(x.chunks_exact(inputs)) {
                    for (w, &x) in w.chunks_exact_mut(rows).zip(x) {
                        w.iter_mut().zip(d).for_each(|(w, &d)| *w = T::fused(d, x, *w));
                    }
                }
            }
            Columns::Symbols(symbols) => {
                for (d, &symbol) in d.chunks_exact(rows.max(1)).zip(symbols) {
                    if let Some(w) = w.chunks_exact_mut(rows).nth(usize::from(symbol)) {
                        w.iter_mut().zip(d).for_each(|(w, &d)| *w += d);
                    }
                }
            }
        }
    }
    if !bias.is_empty() {
        crate::kernel::add_columns(bias, d);
    }
}

pub(super) fn activate<T: Scalar>(activation: Activation, z: &mut [T]) {
    activation.apply_with(z, T::tanh_training);
}

pub(super) fn cross_entropies(o: &mut [f32], outputs: usize, labels: &[u16], scale: f32) -> f32 {
    loss::cross_entropies(o, outputs, labels, scale, loss::softmax)
}

/// See [`multiply_adds_in_registers`](super::multiply_adds_in_registers).
pub(super) fn peak(rounds: u64) -> u64 {
    let mut acc = core::hint::black_box([1.0f32; 16]);
    for _ in 0..rounds {
        acc.iter_mut().for_each(|acc| *acc = acc.mul_add(0.5, 0.25));
    }
    core::hint::black_box(acc);
    rounds * 32
}
