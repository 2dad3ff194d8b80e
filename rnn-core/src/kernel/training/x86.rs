//! The kernels' bodies, compiled for AVX2 and for AVX-512.

use super::product::{Finish, Start, multiply};
use super::vector::{Avx2, Avx512};
use super::{elementwise, peak, readout, sums};
use crate::activation::Activation;
use crate::kernel::{Elementwise, Outer, Product};

macro_rules! form {
    ($name:ident, $vector:ty, $features:literal) => {
        /// Compiled for these instructions.
        pub(super) mod $name {
            use super::*;

            #[target_feature(enable = $features)]
            pub(in super::super) fn layer(
                out: &mut [f32],
                rows: usize,
                bias: &[f32],
                first: Product<'_, f32>,
                second: Product<'_, f32>,
                activation: Option<Activation>,
            ) {
                let finish = activation.map_or(Finish::Nothing, Finish::Activate);
                // SAFETY: this function is compiled for the vector's instructions, here and below.
                #[allow(unsafe_code)]
                unsafe {
                    multiply::<$vector>(out, rows, Start::Bias(bias), [first, second], finish);
                }
            }

            #[target_feature(enable = $features)]
            pub(in super::super) fn backward(
                out: &mut [f32],
                w: &[f32],
                rows: usize,
                cols: usize,
                d: &[f32],
                activation: Option<(Activation, &[f32])>,
            ) {
                let finish = activation.map_or(Finish::Nothing, |(a, h)| Finish::Backward(a, h));
                let products = [Product::new(w, d, rows), Product::NONE];
                #[allow(unsafe_code)]
                unsafe {
                    multiply::<$vector>(out, cols, Start::Held, products, finish);
                }
            }

            #[target_feature(enable = $features)]
            pub(in super::super) fn affine_backward(
                d: &[f32],
                rows: usize,
                bias: &mut [f32],
                first: Outer<'_, f32>,
                second: Outer<'_, f32>,
            ) {
                #[allow(unsafe_code)]
                unsafe {
                    sums::affine_backward::<$vector>(d, rows, bias, first, second);
                }
            }

            #[target_feature(enable = $features)]
            pub(in super::super) fn readout(
                out: &mut [f32],
                rows: usize,
                bias: &[f32],
                w: &[f32],
                x: &[f32],
                inputs: usize,
            ) {
                #[allow(unsafe_code)]
                unsafe {
                    readout::readout::<$vector>(out, rows, bias, w, x, inputs);
                }
            }

            #[target_feature(enable = $features)]
            pub(in super::super) fn activate(activation: Activation, z: &mut [f32]) {
                #[allow(unsafe_code)]
                unsafe {
                    elementwise::activate_all::<$vector>(activation, z);
                }
            }

            #[target_feature(enable = $features)]
            pub(in super::super) fn peak(rounds: u64) -> u64 {
                #[allow(unsafe_code)]
                unsafe {
                    peak::rounds::<$vector>(rounds)
                }
            }

            #[target_feature(enable = $features)]
            pub(in super::super) fn wide(work: impl Elementwise) {
                work.run();
            }
        }
    };
}

form!(avx512, Avx512, "avx512f,avx2,fma");
form!(avx2, Avx2, "avx2,fma");
