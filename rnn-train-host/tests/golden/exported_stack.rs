//! Written by `rnn export --to rust`: 1 channel(s), 3 hidden units.
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
pub const CHANNELS: [&str; 1] = ["level"];
/// The channel that the model was chosen for.
pub const TARGET: usize = 0;

/// The recurrent cell.
pub type Cell = Stack<Lstm<f32, 1, 2>, Gru<f32, 2, 3, ResetAfter>, 2>;

/// The model with its state; takes a sample, returns the prediction of the next one.
pub type Predictor = rnn_core::stream::Predictor<'static, Cell, 1, 3, 0>;

/// The model; `Predictor::new(&MODEL)` starts it.
pub static MODEL: Forecaster<Cell, 1, 3> = Forecaster {
    network: Network {
        cell: Stack { lower: Lstm {
            w_x: Stacked([
                [
                [0.32500407, 0.50337577],
                [-0.48895922, 0.19912116],
                [0.38405785, 0.33178595],
                [-0.2501442, 0.12448501],
                ],
            ]),
            w_h: Stacked([
                [
                [0.24128507, 0.5736661],
                [-0.12597056, 0.20793085],
                [0.0600701, 0.3164919],
                [-0.46630162, -0.38014632],
                ],
                [
                [-0.44628784, -0.33955264],
                [0.40146875, -0.5405344],
                [0.43900746, 0.5688709],
                [0.4135999, 0.11875271],
                ],
            ]),
            b: Stacked([
                [
                [0.2021713, -0.2665369],
                [0.3752041, -0.29158384],
                [0.26897034, -0.42112976],
                [0.049321946, -0.20974347],
                ],
            ]),
        }, upper: Gru {
            w_xg: Stacked([
                [
                [0.105961256, 0.38008448, 0.35915494],
                [-0.23728526, 0.46370283, 0.20470037],
                ],
                [
                [0.18035401, -0.1444509, -0.04689043],
                [-0.43817544, -0.39839208, 0.43439814],
                ],
            ]),
            w_xn: SMatrix::from_array_storage(ArrayStorage([
            [-0.3579391, 0.39493886, 0.3451357],
            [-0.45924973, -0.06915533, 0.502461],
            ])),
            w_hg: Stacked([
                [
                [-0.29175708, 0.5734692, 0.18945603],
                [-0.18367672, 0.32222983, -0.18339995],
                ],
                [
                [0.08954679, 0.38331103, 0.020868642],
                [0.5243289, -0.13607824, -0.40313977],
                ],
                [
                [0.09954974, 0.5520288, -0.49101081],
                [-0.30030653, -0.082551844, 0.09347927],
                ],
            ]),
            w_hn: SMatrix::from_array_storage(ArrayStorage([
            [-0.35379323, 0.36503056, -0.22941011],
            [0.43597943, -0.49854147, -0.023305967],
            [-0.53365433, 0.48517215, -0.4446224],
            ])),
            b_g: Stacked([
                [
                [-0.21899858, -0.090996675, 0.13010605],
                [-0.21905118, -0.4163302, 0.02519996],
                ],
            ]),
            b_n: SMatrix::from_array_storage(ArrayStorage([
            [0.31690523, 0.31587598, 0.09455893],
            ])),
            b_hn: SMatrix::from_array_storage(ArrayStorage([
            [0.53342235, 0.36289653, -0.33609],
            ])),
        } },
        readout: Dense {
            w: SMatrix::from_array_storage(ArrayStorage([
            [-0.10784136],
            [0.53239834],
            [-0.22906294],
            ])),
            b: SMatrix::from_array_storage(ArrayStorage([
            [-0.19794624],
            ])),
        },
        head: Head::Linear,
    },
    channels: [
        Channel { level_mean: -4.0, level_deviation: 1.5, difference_mean: 0.0, difference_deviation: 0.5, },
    ],
    mode: Mode::Residual,
};

/// The first samples of a stream, for [`self_test`].
pub const SAMPLES: [[f32; 1]; 4] = [
    [-4.0],
    [-3.5],
    [-5.25],
    [-3.0],
];
/// The bits of the predictions that they must give.
pub const PREDICTIONS: [[u32; 1]; 4] = [
    [0xc0810dd6],
    [0xc06030be],
    [0xc0a7bfdc],
    [0xc03f17e8],
];

/// Whether this machine computes the bits that the one of the training did.
pub fn self_test() -> bool {
    let mut predictor = Predictor::new(&MODEL);
    SAMPLES.iter().zip(&PREDICTIONS).all(|(sample, bits)| predictor.step(sample).map(f32::to_bits) == *bits)
}
