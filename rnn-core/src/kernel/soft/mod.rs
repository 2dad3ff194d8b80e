//! The form of [`Inference`] for `f32` on a Cortex-M without an FPU, with the bits of the portable one: no
//! loop unrolled and no operation inlined, for what counts is the code's size; every operation is a call
//! of [`number::multiply_add`].

mod number;
#[path = "../arm/steps.rs"]
mod steps;

use self::Soft as Form;
#[cfg(arm_soft)]
use super::Work;
use super::{Arithmetic, Columns, Inference, PARTIALS, Product};
use crate::activation::Activation;
use crate::elman::ElmanRef;
use crate::gru::GruRef;
use crate::lstm::LstmRef;
use number::{add, multiply, multiply_add, relu, sigmoid, subtract, tanh};

/// Runs `work` in this form.
#[cfg(arm_soft)]
#[inline(always)]
pub(crate) fn run<W: Work<f32>>(work: &mut W) -> W::Output {
    work.run::<Soft>()
}

/// One output at a time.
pub(super) struct Soft;

impl Arithmetic<f32> for Soft {
    #[inline(always)]
    fn elman(cell: ElmanRef<'_, f32>, x: Columns<'_, f32>, memory: &mut [f32]) {
        steps::elman(cell, x, memory);
    }

    #[inline(always)]
    fn gru(cell: GruRef<'_, f32>, x: Columns<'_, f32>, memory: &mut [f32]) {
        steps::gru(cell, x, memory);
    }

    #[inline(always)]
    fn lstm(cell: LstmRef<'_, f32>, x: Columns<'_, f32>, memory: &mut [f32]) {
        steps::lstm(cell, x, memory);
    }

    #[inline(always)]
    fn affine(
        out: &mut [f32],
        rows: usize,
        bias: &[f32],
        first: Product<'_, f32>,
        second: Product<'_, f32>,
    ) {
        let (mut first, mut second) = (first, second);
        for column in out.chunks_exact_mut(rows.max(1)) {
            let (x_1, x_2);
            (x_1, first.x) = first.x.split(first.inputs, 1);
            (x_2, second.x) = second.x.split(second.inputs, 1);
            affine(column, bias, Product { x: x_1, ..first }, Product { x: x_2, ..second });
        }
    }

    #[inline(always)]
    fn readout(out: &mut [f32], rows: usize, bias: &[f32], w: &[f32], x: &[f32], inputs: usize) {
        let mut columns = x.chunks_exact(inputs.max(1));
        for column in out.chunks_exact_mut(rows.max(1)) {
            let Some(x) = columns.next() else { break };
            readout(column, bias, w, x);
        }
    }

    #[inline(always)]
    fn transpose_multiply(out: &mut [f32], w: &[f32], rows: usize, cols: usize, d: &[f32]) {
        Inference::transpose_multiply(out, w, rows, cols, d);
    }

    #[inline(always)]
    fn outer(w: &mut [f32], d: &[f32], rows: usize, x: Columns<'_, f32>, cols: usize) {
        Inference::outer(w, d, rows, x, cols);
    }

    #[inline(always)]
    fn activate(activation: Activation, z: &mut [f32]) {
        z.iter_mut().for_each(|z| *z = sigma(activation, *z));
    }

    #[inline(always)]
    fn tanh(x: f32) -> f32 {
        tanh(x)
    }
}

/// One column of out = b + W_1 x_1 + W_2 x_2.
#[inline(never)]
fn affine(out: &mut [f32], bias: &[f32], first: Product<'_, f32>, second: Product<'_, f32>) {
    let rows = out.len();
    for (row, out) in out.iter_mut().enumerate() {
        let mut acc = bias.get(row).copied().unwrap_or(0.0);
        for Product { w, x, .. } in [first, second] {
            let w = w.get(row..).unwrap_or_default();
            acc = match x {
                Columns::Values(x) => dot(acc, [w, x], [rows, 1]),
                // A column of W times 1, which changes no bit.
                Columns::Symbols(symbols) => {
                    let symbol = symbols.first().map_or(usize::MAX, |&s| usize::from(s));
                    let w = w.get(symbol.saturating_mul(rows)..).unwrap_or_default();
                    dot(acc, [w, &[1.0]], [rows, 1])
                }
            };
        }
        *out = acc;
    }
}

/// One column of a readout: every partial sum by itself, then folded by halves.
#[inline(never)]
fn readout(out: &mut [f32], bias: &[f32], w: &[f32], x: &[f32]) {
    let rows = out.len();
    for (row, out) in out.iter_mut().enumerate() {
        let mut partial = [0.0; PARTIALS];
        // As many as there are inputs: the loop's end isn't known, so it isn't unrolled.
        for (i, sum) in partial.iter_mut().enumerate().take(x.len()) {
            let w = w.get(row + i * rows..).unwrap_or_default();
            let x = x.get(i..).unwrap_or_default();
            *sum = dot(0.0, [w, x], [rows * PARTIALS, PARTIALS]);
        }
        let mut sums = &mut partial[..];
        while let (low, high @ [_, ..]) = sums.split_at_mut(sums.len() / 2) {
            low.iter_mut().zip(high).for_each(|(low, high)| *low = add(*low, *high));
            sums = low;
        }
        *out = add(bias.get(row).copied().unwrap_or(0.0), partial[0]);
    }
}

/// acc + a_0 b_0 + a_1 b_1 + ..., one after the other, as long as there are both; a_i and b_i so far apart.
#[inline(never)]
fn dot(mut acc: f32, [a, b]: [&[f32]; 2], [apart_a, apart_b]: [usize; 2]) -> f32 {
    let (mut i, mut k) = (0, 0);
    while let (Some(&a), Some(&b)) = (a.get(i), b.get(k)) {
        acc = multiply_add(acc, a, b);
        (i, k) = (i + apart_a, k + apart_b);
    }
    acc
}

/// sigma(z)
fn sigma(activation: Activation, z: f32) -> f32 {
    match activation {
        Activation::Tanh => tanh(z),
        Activation::Sigmoid => sigmoid(z),
        Activation::Relu => relu(z),
    }
}

/// to = sigma(from) for as many as there are of both.
#[inline(always)]
fn activate_into(activation: Activation, from: &[f32], to: &mut [f32]) {
    to.iter_mut().zip(from).for_each(|(to, &from)| *to = sigma(activation, from));
}

/// h from what the products of a GRU, reset after, left in r, z, n and q.
#[inline(always)]
fn gru_units(h: &mut [f32], [r, z, n, q]: [&[f32]; 4]) {
    for ((((h, &r), &z), &n), &q) in h.iter_mut().zip(r).zip(z).zip(n).zip(q) {
        let n = tanh(multiply_add(n, sigmoid(r), q));
        *h = multiply_add(n, sigmoid(z), subtract(*h, n));
    }
}

/// h and c from what the products and sigmoids of an LSTM cell left in i, f, g and o.
#[inline(always)]
fn lstm_units(h: &mut [f32], c: &mut [f32], [i, f, g, o]: [&[f32]; 4]) {
    let gates = i.iter().zip(f).zip(g).zip(o);
    for ((h, c), (((&i, &f), &g), &o)) in h.iter_mut().zip(c).zip(gates) {
        *c = multiply_add(multiply(f, *c), i, tanh(g));
        *h = multiply(o, tanh(*c));
    }
}
