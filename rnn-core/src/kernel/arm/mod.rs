//! The form of [`Inference`] for `f32` on a Cortex-M with an FPU, with the bits of the portable one
//! (with Helium: where no number is denormal). LLVM makes none of this by itself, hence the assembly.
#![allow(unsafe_code)]

#[macro_use]
#[cfg_attr(arm_helium, path = "lanes_helium.rs")]
mod lanes;
#[cfg_attr(arm_helium, path = "helium.rs")]
mod panel;
mod product;
mod readout;
mod steps;
mod units;

use self::Panels as Form;
use super::{Arithmetic, Columns, FEW, Inference, Product, Work};
use crate::activation::Activation;
use crate::elman::ElmanRef;
use crate::gru::GruRef;
use crate::lstm::LstmRef;
use product::affine;
use units::{gru_units, lstm_units};

/// Runs `work` in the form of this chip.
#[inline(always)]
pub(crate) fn run<W: Work<f32>>(work: &mut W) -> W::Output {
    work.run::<Panels>()
}

/// Which form that is.
pub(super) fn form() -> &'static str {
    if cfg!(arm_helium) { "helium f32 panels" } else { "arm f32 panels" }
}

/// As many outputs at a time as there are registers for, in place from the weights.
pub(super) struct Panels;

impl Arithmetic<f32> for Panels {
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
        if rows >= FEW || w.len() < rows * inputs {
            return Inference::readout(out, rows, bias, w, x, inputs);
        }
        let mut columns = x.chunks_exact(inputs.max(1));
        for column in out.chunks_exact_mut(rows.max(1)) {
            let Some(x) = columns.next() else { break };
            // SAFETY: `w` is long enough.
            unsafe {
                match rows {
                    1 => readout::rows::<1>(column, bias, w, x),
                    2 => readout::rows::<2>(column, bias, w, x),
                    3 => readout::rows::<3>(column, bias, w, x),
                    4 => readout::rows::<4>(column, bias, w, x),
                    5 => readout::rows::<5>(column, bias, w, x),
                    6 => readout::rows::<6>(column, bias, w, x),
                    _ => readout::rows::<7>(column, bias, w, x),
                }
            }
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
        let values = z.as_mut_ptr();
        // SAFETY: both are the same slice.
        unsafe { units::activate(activation, values, values, z.len()) }
    }

    #[inline(always)]
    fn tanh(x: f32) -> f32 {
        Inference::tanh(x)
    }
}

/// to = sigma(from) for as many as there are of both.
#[inline(always)]
fn activate_into(activation: Activation, from: &[f32], to: &mut [f32]) {
    let count = from.len().min(to.len());
    // SAFETY: there are so many.
    unsafe { units::activate(activation, from.as_ptr(), to.as_mut_ptr(), count) }
}
