//! What the forms of [`Inference`] for `f32` on a Cortex-M have in common: one column after the other, and
//! whole steps of the cells.

use core::marker::PhantomData;

use super::{Arithmetic, Columns, Inference, Product};
use crate::activation::Activation;
use crate::activation::Activation::Sigmoid;
use crate::cell::take;
use crate::elman::ElmanRef;
use crate::gru::{GruRef, Reset};
use crate::lstm::LstmRef;

/// What a chip has of its own: the work on one column.
pub(super) trait Column {
    /// out = b + W_1 x_1 + W_2 x_2
    fn affine(out: &mut [f32], bias: &[f32], first: Product<'_, f32>, second: Product<'_, f32>);

    /// out = b + W x, in the order of a readout.
    fn readout(out: &mut [f32], bias: &[f32], w: &[f32], x: &[f32]);

    /// z = sigma(z)
    fn activate(activation: Activation, z: &mut [f32]);

    /// to = sigma(from) for as many as there are of both.
    fn activate_into(activation: Activation, from: &[f32], to: &mut [f32]);

    /// tanh x
    fn tanh(x: f32) -> f32;

    /// h from what the products of a GRU, reset after, left in r, z, n and q.
    fn gru_units(h: &mut [f32], r_z_n_q: [&[f32]; 4]);

    /// h and c from what the products and sigmoids of an LSTM cell left in i, f, g and o.
    fn lstm_units(h: &mut [f32], c: &mut [f32], i_f_g_o: [&[f32]; 4]);
}

/// One column after the other.
pub(super) struct OneColumn<C>(PhantomData<C>);

impl<C: Column> Arithmetic<f32> for OneColumn<C> {
    #[inline(always)]
    fn elman(cell: ElmanRef<'_, f32>, x: Columns<'_, f32>, memory: &mut [f32]) {
        elman::<C>(cell, x, memory);
    }

    #[inline(always)]
    fn gru(cell: GruRef<'_, f32>, x: Columns<'_, f32>, memory: &mut [f32]) {
        gru::<C>(cell, x, memory);
    }

    #[inline(always)]
    fn lstm(cell: LstmRef<'_, f32>, x: Columns<'_, f32>, memory: &mut [f32]) {
        lstm::<C>(cell, x, memory);
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
            C::affine(column, bias, Product { x: x_1, ..first }, Product { x: x_2, ..second });
        }
    }

    #[inline(always)]
    fn readout(out: &mut [f32], rows: usize, bias: &[f32], w: &[f32], x: &[f32], inputs: usize) {
        let mut columns = x.chunks_exact(inputs.max(1));
        for column in out.chunks_exact_mut(rows.max(1)) {
            let Some(x) = columns.next() else { break };
            C::readout(column, bias, w, x);
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
        C::activate(activation, z);
    }

    #[inline(always)]
    fn tanh(x: f32) -> f32 {
        C::tanh(x)
    }
}

// The steps: as the cells' modules have them, with the elementwise work in registers and without the
// copies that a batch needs. The equations and the orders are those of the cells' modules.

#[inline(always)]
fn elman<C: Column>(cell: ElmanRef<'_, f32>, x: Columns<'_, f32>, mut memory: &mut [f32]) {
    let ElmanRef { inputs, hidden, activation, w_xh, w_hh, b } = cell;
    let h = take(&mut memory, hidden);
    let z = take(&mut memory, hidden);
    let input = Product { w: w_xh, x, inputs };
    C::affine(z, b, input, Product::new(w_hh, h, hidden));
    C::activate_into(activation, z, h);
}

#[inline(always)]
fn gru<C: Column>(cell: GruRef<'_, f32>, x: Columns<'_, f32>, mut memory: &mut [f32]) {
    if cell.reset == Reset::Before {
        return cell.step_by_verbs::<OneColumn<C>>(x, memory);
    }
    let GruRef { inputs, hidden, w_xg, w_xn, w_hg, w_hn, b_g, b_n, b_hn, .. } = cell;
    let h = take(&mut memory, hidden);
    let g = take(&mut memory, 2 * hidden);
    let n = take(&mut memory, hidden);
    let q = take(&mut memory, hidden);
    let input = Product { w: w_xg, x, inputs };
    C::affine(g, b_g, input, Product::new(w_hg, h, hidden));
    C::affine(q, b_hn, Product::new(w_hn, h, hidden), Product::NONE);
    C::affine(n, b_n, Product { w: w_xn, x, inputs }, Product::NONE);
    let (r, z) = g.split_at_checked(hidden).unwrap_or_default();
    C::gru_units(h, [r, z, n, q]);
}

#[inline(always)]
fn lstm<C: Column>(cell: LstmRef<'_, f32>, x: Columns<'_, f32>, mut memory: &mut [f32]) {
    let LstmRef { inputs, hidden, w_x, w_h, b } = cell;
    let h = take(&mut memory, hidden);
    let c = take(&mut memory, hidden);
    let gates = take(&mut memory, 4 * hidden);
    let input = Product { w: w_x, x, inputs };
    C::affine(gates, b, input, Product::new(w_h, h, hidden));
    let (i_f, g_o) = gates.split_at_mut_checked(2 * hidden).unwrap_or_default();
    let (g, o) = g_o.split_at_mut_checked(hidden).unwrap_or_default();
    C::activate(Sigmoid, i_f);
    C::activate(Sigmoid, o);
    let (i, f) = i_f.split_at_checked(hidden).unwrap_or_default();
    C::lstm_units(h, c, [i, f, g, o]);
}
