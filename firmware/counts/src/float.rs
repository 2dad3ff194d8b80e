//! The jobs in `f32`.

use crate::weights::Weights;
use crate::{Job, calls};
use core::mem::size_of;
use nalgebra::SMatrix;
use rnn_core::activation::Activation;
use rnn_core::cell::Cell;
use rnn_core::dense::Dense;
use rnn_core::elman::Elman;
use rnn_core::gru::Gru;
use rnn_core::kernel::{Arithmetic, Inference, Product, Work, inference_form};
use rnn_core::lstm::Lstm;
use rnn_core::network::{ElmanNetwork, GruNetwork, Head, LstmNetwork, Network};

const fn network<C, const I: usize, const H: usize, const O: usize>(
    cell: C,
    mut weights: Weights,
) -> Network<f32, C, I, H, O> {
    let readout = Dense { w: weights.matrix(), b: weights.matrix() };
    Network { cell, readout, head: Head::Linear }
}

const fn elman<const I: usize, const H: usize, const O: usize>() -> ElmanNetwork<f32, I, H, O> {
    let mut weights = Weights::new(1);
    let cell = Elman {
        w_xh: weights.matrix(),
        w_hh: weights.matrix(),
        b: Some(weights.matrix()),
        activation: Activation::Tanh,
    };
    network(cell, weights)
}

const fn gru<const I: usize, const H: usize, const O: usize>() -> GruNetwork<f32, I, H, O> {
    let mut weights = Weights::new(2);
    let cell = Gru {
        w_xg: weights.stacked(),
        w_xn: weights.matrix(),
        w_hg: weights.stacked(),
        w_hn: weights.matrix(),
        b_g: weights.stacked(),
        b_n: weights.matrix(),
        b_hn: weights.matrix(),
    };
    network(cell, weights)
}

const fn lstm<const I: usize, const H: usize, const O: usize>() -> LstmNetwork<f32, I, H, O> {
    let mut weights = Weights::new(3);
    let cell = Lstm { w_x: weights.stacked(), w_h: weights.stacked(), b: weights.stacked() };
    network(cell, weights)
}

/// A job that makes steps of a network: `$function` is its own in the image.
macro_rules! job {
    ($name:literal, $function:ident, $make:ident, $cell:ident, $inputs:literal, $hidden:literal, $outputs:literal, $macs:literal) => {{
        type Cells = $cell<f32, $inputs, $hidden>;
        type Memory = <Cells as Cell<f32, $inputs, $hidden>>::Memory;
        static NETWORK: Network<f32, Cells, $inputs, $hidden, $outputs> = $make();

        #[inline(never)]
        fn $function(x: &[f32; $inputs], memory: &mut Memory) -> [f32; $outputs] {
            NETWORK.step(x, memory)
        }

        Job {
            name: $name,
            format: "f32",
            kernel: inference_form,
            function: concat!("counts::float::JOBS::", stringify!($function)),
            macs: $macs,
            memory: size_of::<Memory>(),
            run: || calls($function, [0.5; $inputs], NETWORK.rest()),
        }
    }};
}

/// J1 to J7.
pub(crate) const JOBS: [Job; 7] = [
    job!("J1", elman_32, elman, Elman, 1, 32, 1, 1088),
    job!("J2", elman_64, elman, Elman, 2, 64, 2, 4352),
    job!("J3", gru_32, gru, Gru, 2, 32, 1, 3296),
    job!("J4", lstm_32, lstm, Lstm, 1, 32, 1, 4256),
    Job {
        name: "J5",
        format: "f32",
        kernel: inference_form,
        function: "counts::float::product_64",
        macs: 4096,
        memory: size_of::<Vector>(),
        run: || calls(product_64, [0.5; 64], [0.0; 64]),
    },
    job!("J6", elman_37, elman, Elman, 1, 37, 1, 1443),
    job!("J7", elman_40, elman, Elman, 1, 40, 1, 1680),
];

type Vector = [f32; 64];

static MATRIX: SMatrix<f32, 64, 64> = Weights::new(4).matrix();

/// J5: W x alone.
struct MatrixVector<'a> {
    x: &'a Vector,
    out: &'a mut Vector,
}

impl Work<f32> for MatrixVector<'_> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic<f32>>(&mut self) {
        A::affine(self.out, 64, &[], Product::new(MATRIX.as_slice(), self.x, 64), Product::NONE);
    }
}

#[inline(never)]
fn product_64(x: &Vector, out: &mut Vector) {
    Inference::run(&mut MatrixVector { x, out });
}
