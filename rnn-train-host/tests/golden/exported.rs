//! Written by `rnn export --to rust`: 2 channel(s), 3 hidden units.
#![cfg_attr(rustfmt, rustfmt_skip)]
#![allow(clippy::excessive_precision, unreachable_pub, unused_imports)]

use rnn_core::activation::Activation;
use rnn_core::cell::Stack;
use rnn_core::dense::Dense;
use rnn_core::elman::Elman;
use rnn_core::forecast::Forecaster;
use rnn_core::gru::{Gru, ResetAfter, ResetBefore};
use rnn_core::lstm::Lstm;
use rnn_core::nalgebra::{ArrayStorage, SMatrix};
use rnn_core::network::{Head, Network};
use rnn_core::scaling::{Channel, Mode};
use rnn_core::stacked::Stacked;

/// The channels of a sample and of a prediction.
pub const CHANNELS: [&str; 2] = ["temperature °C", "CO₂"];
/// The channel that the model was chosen for.
pub const TARGET: usize = 1;

/// The recurrent cell.
pub type Cell = Elman<f32, 2, 3>;

/// The model with its state; takes a sample, returns the prediction of the next one.
pub type Predictor = rnn_core::stream::Predictor<'static, Cell, 2, 3, 0>;

/// The model; `Predictor::new(&MODEL)` starts it.
pub static MODEL: Forecaster<Cell, 2, 3> = Forecaster {
    network: Network {
        cell: Elman {
            w_xh: SMatrix::from_array_storage(ArrayStorage([
            [-0.5467271, 0.47952765, 0.028837271],
            [0.17444934, -0.4733082, -0.05052238],
            ])),
            w_hh: SMatrix::from_array_storage(ArrayStorage([
            [0.40116954, -0.4820759, -0.16341114],
            [0.22269465, 0.30128604, 0.052607406],
            [0.18147294, 0.08631671, -0.22257906],
            ])),
            b: Some(SMatrix::from_array_storage(ArrayStorage([
            [-0.00780196, -0.08288136, 0.34042808],
            ]))),
            activation: Activation::Tanh,
        },
        readout: Dense {
            w: SMatrix::from_array_storage(ArrayStorage([
            [0.3468913, 0.099727646],
            [-0.23936085, -0.106014416],
            [-0.35423288, -0.3942658],
            ])),
            b: SMatrix::from_array_storage(ArrayStorage([
            [-0.030355146, -0.57379186],
            ])),
        },
        head: Head::Linear,
    },
    channels: [
        Channel { level_mean: 20.0, level_deviation: 2.5, difference_mean: 0.01, difference_deviation: 0.4, },
        Channel { level_mean: 401.0, level_deviation: 3.0, difference_mean: -0.25, difference_deviation: 1.5, },
    ],
    mode: Mode::Difference,
};

/// The first samples of a stream, for [`self_test`].
pub const SAMPLES: [[f32; 2]; 3] = [
    [20.5, 400.0],
    [20.75, 401.5],
    [20.5, 402.0],
];
/// The bits of the predictions that they must give.
pub const PREDICTIONS: [[u32; 2]; 3] = [
    [0x41a3ca81, 0x43c75dce],
    [0x41a5eb61, 0x43c8279b],
    [0x41a48905, 0x43c87204],
];

/// Whether this machine computes the bits that the one of the training did.
pub fn self_test() -> bool {
    let mut predictor = Predictor::new(&MODEL);
    SAMPLES.iter().zip(&PREDICTIONS).all(|(sample, bits)| predictor.step(sample).map(f32::to_bits) == *bits)
}
