//! The form of [`Inference`] for `f32` on a Cortex-M without an FPU, with the bits of the portable one: no
//! loop unrolled and no operation inlined, for what counts is the code's size; every operation is a call
//! of [`number::multiply_add`].

mod number;

use super::one_column::Column;
use super::{Columns, PARTIALS, Product};
#[cfg(arm_soft)]
use super::{Work, one_column::OneColumn};
use crate::activation::Activation;
use number::{add, multiply, multiply_add, relu, sigmoid, subtract, tanh};

/// Runs `work` in this form.
#[cfg(arm_soft)]
#[inline(always)]
pub(crate) fn run<W: Work<f32>>(work: &mut W) -> W::Output {
    work.run::<OneColumn<Soft>>()
}

/// One output at a time.
pub(super) struct Soft;

impl Column for Soft {
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

    /// Every partial sum by itself, then folded by halves.
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

    #[inline(always)]
    fn activate(activation: Activation, z: &mut [f32]) {
        z.iter_mut().for_each(|z| *z = sigma(activation, *z));
    }

    #[inline(always)]
    fn activate_into(activation: Activation, from: &[f32], to: &mut [f32]) {
        to.iter_mut().zip(from).for_each(|(to, &from)| *to = sigma(activation, from));
    }

    #[inline(always)]
    fn tanh(x: f32) -> f32 {
        tanh(x)
    }

    #[inline(always)]
    fn gru_units(h: &mut [f32], [r, z, n, q]: [&[f32]; 4]) {
        for ((((h, &r), &z), &n), &q) in h.iter_mut().zip(r).zip(z).zip(n).zip(q) {
            let n = tanh(multiply_add(n, sigmoid(r), q));
            *h = multiply_add(n, sigmoid(z), subtract(*h, n));
        }
    }

    #[inline(always)]
    fn lstm_units(h: &mut [f32], c: &mut [f32], [i, f, g, o]: [&[f32]; 4]) {
        let gates = i.iter().zip(f).zip(g).zip(o);
        for ((h, c), (((&i, &f), &g), &o)) in h.iter_mut().zip(c).zip(gates) {
            *c = multiply_add(multiply(f, *c), i, tanh(g));
            *h = multiply(o, tanh(*c));
        }
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
