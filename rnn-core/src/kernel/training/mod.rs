//! The trainer's kernels. `portable` says what they compute, to the bit; the forms for AVX2 and
//! AVX-512, one body over a vector of lanes, come to the same: a fused multiply-add has one correct
//! result, and the order of the sums is the seam's.

/// The verb in the chosen form.
macro_rules! chosen {
    ($verb:ident($($argument:expr),* $(,)?)) => {
        match Form::chosen() {
            // SAFETY: a form is chosen only where the processor has its instructions.
            #[cfg(target_arch = "x86_64")]
            #[allow(unsafe_code)]
            Form::Avx512 => unsafe { x86::avx512::$verb($($argument),*) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            #[allow(unsafe_code)]
            Form::Avx2 => unsafe { x86::avx2::$verb($($argument),*) },
            _ => portable::$verb($($argument),*),
        }
    };
}

mod loss;
mod portable;

#[cfg(target_arch = "x86_64")]
mod elementwise;
#[cfg(target_arch = "x86_64")]
mod memory;
#[cfg(target_arch = "x86_64")]
mod peak;
#[cfg(target_arch = "x86_64")]
mod product;
#[cfg(target_arch = "x86_64")]
mod recurrence;
#[cfg(target_arch = "x86_64")]
mod softmax;
#[cfg(target_arch = "x86_64")]
mod sums;
#[cfg(target_arch = "x86_64")]
mod transpose;
#[cfg(target_arch = "x86_64")]
mod units;
#[cfg(target_arch = "x86_64")]
mod vector;
#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(all(test, target_arch = "x86_64"))]
mod tests;

use super::form::Form;
use super::{Arithmetic, Columns, EachUnit, Elementwise, Outer, Product, Training};
#[cfg(target_arch = "x86_64")]
use super::{Work, in_registers};
use crate::activation::Activation;
use crate::scalar::Scalar;

/// Verbs that are the same for every number type.
macro_rules! common {
    ($type:ty) => {
        fn transposed_len(rows: usize, cols: usize) -> usize {
            rows * cols
        }

        fn affine(
            out: &mut [$type],
            rows: usize,
            bias: &[$type],
            first: Product<'_, $type>,
            second: Product<'_, $type>,
        ) {
            Self::layer(out, rows, bias, first, second, None);
        }

        fn transpose_multiply(
            out: &mut [$type],
            w: &[$type],
            rows: usize,
            cols: usize,
            d: &[$type],
        ) {
            Self::backward(out, true, w, rows, cols, d, None);
        }

        fn outer(w: &mut [$type], d: &[$type], rows: usize, x: Columns<'_, $type>, inputs: usize) {
            // A single row lies in memory as a column of W^T does, whose rows fill vectors.
            let (d, rows, x, inputs) = match x {
                Columns::Values(x) if rows == 1 => {
                    (&x[..inputs * d.len()], inputs, Columns::Values(d), rows)
                }
                x => (d, rows, x, inputs),
            };
            Self::affine_backward(d, rows, &mut [], Outer { w, x, inputs }, Outer::none());
        }

        fn is_zero(x: &[$type]) -> bool {
            let mut zero = true;
            <Self as Arithmetic<$type>>::wide(IsZero { x, zero: &mut zero });
            zero
        }

        fn wide(work: impl Elementwise) {
            match Form::chosen() {
                // SAFETY: a form is chosen only where the processor has its instructions.
                #[cfg(target_arch = "x86_64")]
                #[allow(unsafe_code)]
                Form::Avx512 => unsafe { x86::avx512::wide(work) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                #[allow(unsafe_code)]
                Form::Avx2 => unsafe { x86::avx2::wide(work) },
                _ => work.run(),
            }
        }

        #[inline(always)]
        fn tanh(x: $type) -> $type {
            x.tanh_training()
        }
    };
}

/// Whether all numbers are 0.
struct IsZero<'a, T> {
    x: &'a [T],
    zero: &'a mut bool,
}

impl<T: Scalar> Elementwise for IsZero<'_, T> {
    #[inline(always)]
    fn run(self) {
        // Not `all`: it would look at one number after the other.
        *self.zero = self.x.iter().fold(true, |zero, &x| zero & (x == T::ZERO));
    }
}

impl Arithmetic<f32> for Training {
    common!(f32);

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn run<W: Work<f32>>(work: &mut W) -> W::Output {
        in_registers::run::<Self, W>(work)
    }

    fn transposed<'a>(w: &'a [f32], rows: usize, cols: usize, space: &'a mut [f32]) -> &'a [f32] {
        #[cfg(target_arch = "x86_64")]
        return transpose::transposed(w, rows, cols, space);
        #[cfg(not(target_arch = "x86_64"))]
        return portable::transposed(w, rows, cols, space);
    }

    fn layer(
        out: &mut [f32],
        rows: usize,
        bias: &[f32],
        first: Product<'_, f32>,
        second: Product<'_, f32>,
        activation: Option<Activation>,
    ) {
        chosen!(layer(out, rows, bias, first, second, activation));
    }

    fn backward(
        out: &mut [f32],
        held: bool,
        w: &[f32],
        rows: usize,
        cols: usize,
        d: &[f32],
        activation: Option<(Activation, &[f32])>,
    ) {
        chosen!(backward(out, held, w, rows, cols, d, activation));
    }

    fn recur(
        h: &mut [f32],
        hidden: usize,
        batch: usize,
        bias: &[f32],
        input: Product<'_, f32>,
        w: &[f32],
        activation: Activation,
    ) {
        chosen!(recur(h, hidden, batch, bias, input, w, activation));
    }

    fn recur_backward(
        d: &mut [f32],
        held: bool,
        w: &[f32],
        hidden: usize,
        batch: usize,
        activation: Activation,
        h: &[f32],
    ) {
        chosen!(recur_backward(d, held, w, hidden, batch, activation, h));
    }

    fn backward_both(
        out: &mut [f32],
        held: bool,
        cols: usize,
        d: &[f32],
        first: Product<'_, f32>,
        second: Product<'_, f32>,
    ) {
        chosen!(backward_both(out, held, cols, d, first, second));
    }

    fn affine_backward(
        d: &[f32],
        rows: usize,
        bias: &mut [f32],
        first: Outer<'_, f32>,
        second: Outer<'_, f32>,
    ) {
        chosen!(affine_backward(d, rows, bias, first, second));
    }

    fn readout(out: &mut [f32], rows: usize, bias: &[f32], w: &[f32], x: &[f32], inputs: usize) {
        chosen!(readout(out, rows, bias, w, x, inputs));
    }

    fn activate(activation: Activation, z: &mut [f32]) {
        chosen!(activate(activation, z));
    }

    fn each_unit<U: EachUnit<G, M, K>, const G: usize, const M: usize, const K: usize>(
        hidden: usize,
        gates: &mut [f32],
        written: [&mut [f32]; M],
        read: [&[f32]; K],
    ) {
        match Form::chosen() {
            // SAFETY: a form is chosen only where the processor has its instructions.
            #[cfg(target_arch = "x86_64")]
            #[allow(unsafe_code)]
            Form::Avx512 => unsafe {
                x86::avx512::each_unit::<U, G, M, K>(hidden, gates, written, read)
            },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            #[allow(unsafe_code)]
            Form::Avx2 => unsafe {
                x86::avx2::each_unit::<U, G, M, K>(hidden, gates, written, read)
            },
            _ => super::portable::each_unit::<f32, U, G, M, K>(hidden, gates, written, read),
        }
    }
}

/// Where gradients are checked, and speed is no concern.
impl Arithmetic<f64> for Training {
    common!(f64);

    fn transposed<'a>(w: &'a [f64], rows: usize, cols: usize, space: &'a mut [f64]) -> &'a [f64] {
        portable::transposed(w, rows, cols, space)
    }

    fn layer(
        out: &mut [f64],
        rows: usize,
        bias: &[f64],
        first: Product<'_, f64>,
        second: Product<'_, f64>,
        activation: Option<Activation>,
    ) {
        portable::layer(out, rows, bias, first, second, activation);
    }

    fn backward(
        out: &mut [f64],
        held: bool,
        w: &[f64],
        rows: usize,
        cols: usize,
        d: &[f64],
        activation: Option<(Activation, &[f64])>,
    ) {
        portable::backward(out, held, w, rows, cols, d, activation);
    }

    fn affine_backward(
        d: &[f64],
        rows: usize,
        bias: &mut [f64],
        first: Outer<'_, f64>,
        second: Outer<'_, f64>,
    ) {
        portable::affine_backward(d, rows, bias, first, second);
    }

    fn readout(out: &mut [f64], rows: usize, bias: &[f64], w: &[f64], x: &[f64], inputs: usize) {
        portable::readout(out, rows, bias, w, x, inputs);
    }

    fn activate(activation: Activation, z: &mut [f64]) {
        portable::activate(activation, z);
    }
}

/// Independent fused multiply-adds in registers, the widest that the machine has: what its speed is
/// measured against. Returns how many operations that were, a multiply-add being two.
pub fn multiply_adds_in_registers(rounds: u64) -> u64 {
    chosen!(peak(rounds))
}
