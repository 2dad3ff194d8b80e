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
mod units;

use super::one_column::{Column, OneColumn};
use super::{Arithmetic, FEW, Inference, Product, Work};
use crate::activation::Activation;

/// Runs `work` in the form of this chip.
#[inline(always)]
pub(crate) fn run<W: Work<f32>>(work: &mut W) -> W::Output {
    work.run::<OneColumn<Panels>>()
}

/// Which form that is.
pub(super) fn form() -> &'static str {
    if cfg!(arm_helium) { "helium f32 panels" } else { "arm f32 panels" }
}

/// As many outputs at a time as there are registers for, in place from the weights.
pub(super) struct Panels;

impl Column for Panels {
    #[inline(always)]
    fn affine(out: &mut [f32], bias: &[f32], first: Product<'_, f32>, second: Product<'_, f32>) {
        product::affine(out, bias, first, second);
    }

    #[inline(always)]
    fn readout(out: &mut [f32], bias: &[f32], w: &[f32], x: &[f32]) {
        let (rows, inputs) = (out.len(), x.len());
        if rows >= FEW || w.len() < rows * inputs {
            return Inference::readout(out, rows, bias, w, x, inputs);
        }
        // SAFETY: `w` is long enough.
        unsafe {
            match rows {
                1 => readout::rows::<1>(out, bias, w, x),
                2 => readout::rows::<2>(out, bias, w, x),
                3 => readout::rows::<3>(out, bias, w, x),
                4 => readout::rows::<4>(out, bias, w, x),
                5 => readout::rows::<5>(out, bias, w, x),
                6 => readout::rows::<6>(out, bias, w, x),
                _ => readout::rows::<7>(out, bias, w, x),
            }
        }
    }

    #[inline(always)]
    fn activate(activation: Activation, z: &mut [f32]) {
        let values = z.as_mut_ptr();
        // SAFETY: both are the same slice.
        unsafe { units::activate(activation, values, values, z.len()) }
    }

    #[inline(always)]
    fn activate_into(activation: Activation, from: &[f32], to: &mut [f32]) {
        let count = from.len().min(to.len());
        // SAFETY: there are so many.
        unsafe { units::activate(activation, from.as_ptr(), to.as_mut_ptr(), count) }
    }

    #[inline(always)]
    fn tanh(x: f32) -> f32 {
        Inference::tanh(x)
    }

    #[inline(always)]
    fn gru_units(h: &mut [f32], r_z_n_q: [&[f32]; 4]) {
        units::gru_units(h, r_z_n_q);
    }

    #[inline(always)]
    fn lstm_units(h: &mut [f32], c: &mut [f32], i_f_g_o: [&[f32]; 4]) {
        units::lstm_units(h, c, i_f_g_o);
    }
}
