//! Whole steps of the cells: as their modules have them, with the elementwise work in registers and
//! without the copies that a batch needs. The equations and the orders are those of the cells'
//! modules.

use super::{Form, activate_into, affine, gru_units, lstm_units};
use crate::activation::Activation::Sigmoid;
use crate::cell::take;
use crate::elman::ElmanRef;
use crate::gru::{GruRef, Reset};
use crate::kernel::{Arithmetic, Columns, Product};
use crate::lstm::LstmRef;

#[inline(always)]
pub(super) fn elman(cell: ElmanRef<'_, f32>, x: Columns<'_, f32>, mut memory: &mut [f32]) {
    let ElmanRef { inputs, hidden, activation, w_xh, w_hh, b } = cell;
    let h = take(&mut memory, hidden);
    let z = take(&mut memory, hidden);
    let input = Product { w: w_xh, x, inputs };
    affine(z, b, input, Product::new(w_hh, h, hidden));
    activate_into(activation, z, h);
}

#[inline(always)]
pub(super) fn gru(cell: GruRef<'_, f32>, x: Columns<'_, f32>, mut memory: &mut [f32]) {
    if cell.reset == Reset::Before {
        return cell.step_by_verbs::<Form>(x, memory);
    }
    let GruRef { inputs, hidden, w_xg, w_xn, w_hg, w_hn, b_g, b_n, b_hn, .. } = cell;
    let h = take(&mut memory, hidden);
    let g = take(&mut memory, 2 * hidden);
    let n = take(&mut memory, hidden);
    let q = take(&mut memory, hidden);
    let input = Product { w: w_xg, x, inputs };
    affine(g, b_g, input, Product::new(w_hg, h, hidden));
    affine(q, b_hn, Product::new(w_hn, h, hidden), Product::NONE);
    affine(n, b_n, Product { w: w_xn, x, inputs }, Product::NONE);
    let (r, z) = g.split_at_checked(hidden).unwrap_or_default();
    gru_units(h, [r, z, n, q]);
}

#[inline(always)]
pub(super) fn lstm(cell: LstmRef<'_, f32>, x: Columns<'_, f32>, mut memory: &mut [f32]) {
    let LstmRef { inputs, hidden, w_x, w_h, b } = cell;
    let h = take(&mut memory, hidden);
    let c = take(&mut memory, hidden);
    let gates = take(&mut memory, 4 * hidden);
    let input = Product { w: w_x, x, inputs };
    affine(gates, b, input, Product::new(w_h, h, hidden));
    let (i_f, g_o) = gates.split_at_mut_checked(2 * hidden).unwrap_or_default();
    let (g, o) = g_o.split_at_mut_checked(hidden).unwrap_or_default();
    Form::activate(Sigmoid, i_f);
    Form::activate(Sigmoid, o);
    let (i, f) = i_f.split_at_checked(hidden).unwrap_or_default();
    lstm_units(h, c, [i, f, g, o]);
}
