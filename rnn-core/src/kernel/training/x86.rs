//! The kernels' bodies, compiled for AVX2 and for AVX-512.

use core::arch::x86_64::{__m256, __m512};

use super::product::{self, Columnwise, Dense, Finish, Job, Start};
use super::vector::{Avx2, Avx512, Vector};
use super::{elementwise, loss, peak, portable, recurrence, softmax, sums, units};
use crate::activation::Activation;
use crate::kernel::blocks::Lanewise;
use crate::kernel::{
    Columns, EachUnit, Elementwise, Outer, Product, Training, readout, recur_by_layers, vector,
};

/// Every column of `out` becomes the bias and the column of W that its symbol stands for.
#[inline(always)]
fn look_up(out: &mut [f32], rows: usize, bias: &[f32], product: Product<'_, f32>, symbols: &[u16]) {
    let Product { w, inputs, .. } = product;
    for (column, &symbol) in out.chunks_exact_mut(rows.max(1)).zip(symbols) {
        match bias {
            [] => column.fill(0.0),
            bias => column.copy_from_slice(&bias[..rows]),
        }
        if usize::from(symbol) < inputs {
            let w = &w[usize::from(symbol) * rows..][..rows];
            column.iter_mut().zip(w).for_each(|(o, &w)| *o += w);
        }
    }
}

macro_rules! form {
    ($name:ident, $vector:ident($register:ty), $features:literal) => {
        #[allow(unsafe_code)]
        impl Lanewise<$register> for Training {
            const BATCHED: bool = true;
            const INTERLEAVED: usize = 1;

            #[inline(always)]
            unsafe fn multiply_add(acc: $register, a: $register, b: $register) -> $register {
                unsafe { $vector(a).fused($vector(b), $vector(acc)).0 }
            }

            #[inline(always)]
            unsafe fn multiply_add_part(
                acc: $register,
                a: $register,
                b: $register,
                part: <$register as vector::Vector>::Mask,
            ) -> $register {
                // Not a sum with 0: that makes -0, a product too small for a number, +0.
                unsafe { $vector(Self::multiply_add(acc, a, b)).or($vector(acc), part).0 }
            }

            #[inline(always)]
            unsafe fn sigma<const N: usize>(
                activation: Activation,
                z: [$register; N],
            ) -> [$register; N] {
                let [h] = unsafe { elementwise::activate(activation, [z.map($vector)]) };
                h.map(|$vector(h)| h)
            }
        }

        /// Compiled for these instructions.
        pub(super) mod $name {
            use super::*;

            #[allow(unsafe_code)]
            impl Columnwise for $vector {
                #[inline(never)]
                #[target_feature(enable = $features)]
                unsafe fn columns<const R: usize, const PART: bool>(
                    job: *const Job,
                    row: usize,
                    lanes: usize,
                ) {
                    // SAFETY: the caller's.
                    unsafe { Job::columns::<$vector, R, PART>(job, row, lanes) }
                }
            }

            #[inline]
            #[target_feature(enable = $features)]
            fn multiply(
                out: &mut [f32],
                rows: usize,
                start: Start<&[f32]>,
                products: [Dense<'_>; 2],
                finish: Finish<&[f32]>,
            ) {
                // SAFETY: this function is compiled for the vector's instructions, here and below.
                #[allow(unsafe_code)]
                unsafe {
                    product::multiply::<$vector>(out, rows, start, products, finish);
                }
            }

            #[target_feature(enable = $features)]
            pub(in super::super) fn layer(
                out: &mut [f32],
                rows: usize,
                bias: &[f32],
                first: Product<'_, f32>,
                second: Product<'_, f32>,
                activation: Option<Activation>,
            ) {
                let Some(second) = Dense::of(second) else {
                    return portable::layer(out, rows, bias, first, second, activation);
                };
                let (start, first) = match first.x {
                    Columns::Symbols(symbols) => {
                        look_up(out, rows, bias, first, symbols);
                        (Start::Held, Dense::NONE)
                    }
                    Columns::Values(x) => (Start::bias(bias), Dense::new(first.w, x, first.inputs)),
                };
                let finish = activation.map_or(Finish::Nothing, Finish::Activate);
                multiply(out, rows, start, [first, second], finish);
            }

            #[target_feature(enable = $features)]
            pub(in super::super) fn backward(
                out: &mut [f32],
                held: bool,
                w: &[f32],
                rows: usize,
                cols: usize,
                d: &[f32],
                activation: Option<(Activation, &[f32])>,
            ) {
                let start = if held { Start::Held } else { Start::Zero };
                let products = [Dense::new(w, d, rows), Dense::NONE];
                let finish = activation
                    .map_or(Finish::Nothing, |(activation, h)| Finish::Backward(activation, h));
                multiply(out, cols, start, products, finish);
            }

            #[target_feature(enable = $features)]
            pub(in super::super) fn recur(
                h: &mut [f32],
                hidden: usize,
                batch: usize,
                bias: &[f32],
                input: Product<'_, f32>,
                w: &[f32],
                activation: Activation,
            ) {
                if let Some(input) = Dense::of(input) {
                    let products = [input, Dense::new(w, &[], hidden)];
                    #[allow(unsafe_code)]
                    unsafe {
                        recurrence::recur::<$vector>(h, hidden, batch, bias, products, activation);
                    }
                } else {
                    recur_by_layers(h, hidden, batch, input, w, |h, input, state| {
                        layer(h, hidden, bias, input, state, Some(activation));
                    });
                }
            }

            #[target_feature(enable = $features)]
            pub(in super::super) fn recur_backward(
                d: &mut [f32],
                held: bool,
                w: &[f32],
                hidden: usize,
                batch: usize,
                activation: Activation,
                h: &[f32],
            ) {
                let behind = Dense::new(w, &[], hidden);
                let finish = Finish::Backward(activation, h);
                #[allow(unsafe_code)]
                unsafe {
                    recurrence::recur_backward::<$vector>(d, held, hidden, batch, behind, finish);
                }
            }

            #[target_feature(enable = $features)]
            pub(in super::super) fn backward_both(
                out: &mut [f32],
                held: bool,
                cols: usize,
                d: &[f32],
                first: Product<'_, f32>,
                second: Product<'_, f32>,
            ) {
                let (Some(one), Some(other)) = (Dense::of(first), Dense::of(second)) else {
                    return portable::backward_both(out, held, cols, d, first, second);
                };
                let start = if held { Start::HeldAnd(d) } else { Start::These(d) };
                multiply(out, cols, start, [one, other], Finish::Nothing);
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
                if rows == 1 {
                    // SAFETY: as above.
                    #[allow(unsafe_code)]
                    return unsafe {
                        readout::few_outputs::<Training, $register>(out, rows, bias, w, x, inputs)
                    };
                }
                let products = [Dense::new(w, x, inputs), Dense::NONE];
                multiply(out, rows, Start::bias(bias), products, Finish::Nothing);
            }

            #[target_feature(enable = $features)]
            pub(in super::super) fn activate(activation: Activation, z: &mut [f32]) {
                #[allow(unsafe_code)]
                unsafe {
                    elementwise::activate_all::<$vector>(activation, z);
                }
            }

            #[target_feature(enable = $features)]
            pub(in super::super) fn cross_entropies(
                o: &mut [f32],
                outputs: usize,
                labels: &[u16],
                scale: f32,
            ) -> f32 {
                #[allow(unsafe_code)]
                let softmax = |o: &mut [f32], outputs, scale| unsafe {
                    softmax::softmax::<$vector>(o, outputs, scale)
                };
                loss::cross_entropies(o, outputs, labels, scale, softmax)
            }

            #[target_feature(enable = $features)]
            pub(in super::super) fn peak(rounds: u64) -> u64 {
                #[allow(unsafe_code)]
                unsafe {
                    peak::rounds::<$vector>(rounds)
                }
            }

            #[target_feature(enable = $features)]
            pub(in super::super) fn each_unit<
                U: EachUnit<G, M, K>,
                const G: usize,
                const M: usize,
                const K: usize,
            >(
                hidden: usize,
                gates: &mut [f32],
                written: [&mut [f32]; M],
                read: [&[f32]; K],
            ) {
                #[allow(unsafe_code)]
                unsafe {
                    units::each_unit::<$vector, U, G, M, K>(hidden, gates, written, read);
                }
            }

            #[target_feature(enable = $features)]
            pub(in super::super) fn wide(work: impl Elementwise) {
                work.run();
            }
        }
    };
}

form!(avx512, Avx512(__m512), "avx512f,avx2,fma");
form!(avx2, Avx2(__m256), "avx2,fma");
