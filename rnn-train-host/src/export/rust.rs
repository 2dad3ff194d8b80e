//! A model as Rust source: `static`s for a firmware that would rather compile its weights in than
//! carry a model file. The literals are the shortest that give the same bits back.

use std::fmt::Write;

use rnn_core::network::Shape;
use rnn_core::scaling::{Channel, Mode};

use crate::model::Model;

/// The source of a module with the model, its predictor's type and its self-test.
pub fn rust(model: &Model) -> String {
    let Shape { inputs, hidden, .. } = model.header.shape();
    let window = model.header.window;
    let mode = match model.header.mode {
        Mode::Raw => "Raw",
        Mode::Residual => "Residual",
        Mode::Difference => "Difference",
    };
    let [l_xh, l_hh, l_b, l_hy, _] = model.header.shape().lengths();
    let (w_xh, rest) = model.parameters.split_at(l_xh);
    let (w_hh, rest) = rest.split_at(l_hh);
    let (b, rest) = rest.split_at(l_b);
    let (w_hy, b_y) = rest.split_at(l_hy);
    let channels: String = model.channels.iter().map(channel).collect();
    let samples: String = model.samples.chunks_exact(inputs).map(|row| line(row, 2)).collect();
    let predictions: String = model
        .predictions()
        .chunks_exact(inputs)
        .map(|row| {
            let bits: Vec<String> = row.iter().map(|v| format!("{:#010x}", v.to_bits())).collect();
            format!("    [{}],\n", bits.join(", "))
        })
        .collect();
    format!(
        "\
//! Written by `rnn export --to rust`: an Elman network, {inputs} channel(s), {hidden} hidden units.
#![cfg_attr(rustfmt, rustfmt_skip)]
#![allow(clippy::excessive_precision, unreachable_pub)]

use rnn_core::activation::Activation;
use rnn_core::dense::Dense;
use rnn_core::elman::Elman;
use rnn_core::forecast::Forecaster;
use rnn_core::nalgebra::{{ArrayStorage, SMatrix}};
use rnn_core::network::{{Head, Network}};
use rnn_core::scaling::{{Channel, Mode}};

/// The channels of a sample and of a prediction.
pub const CHANNELS: [&str; {inputs}] = {names:?};
/// The channel that the model was chosen for.
pub const TARGET: usize = {target};

/// The model with its state; takes a sample, returns the prediction of the next one.
pub type Predictor = rnn_core::stream::Predictor<'static, {inputs}, {hidden}, {window}>;

/// The model; `Predictor::new(&MODEL)` starts it.
pub static MODEL: Forecaster<{inputs}, {hidden}> = Forecaster {{
    network: Network {{
        cell: Elman {{
            w_xh: {w_xh},
            w_hh: {w_hh},
            b: Some({b}),
            activation: Activation::Tanh,
        }},
        readout: Dense {{
            w: {w_hy},
            b: {b_y},
        }},
        head: Head::Linear,
    }},
    channels: [
{channels}    ],
    mode: Mode::{mode},
}};

/// The first samples of a stream, for [`self_test`].
pub const SAMPLES: [[f32; {inputs}]; {tests}] = [
{samples}];
/// The bits of the predictions that they must give.
pub const PREDICTIONS: [[u32; {inputs}]; {tests}] = [
{predictions}];

/// Whether this machine computes the bits that the one of the training did.
pub fn self_test() -> bool {{
    let mut predictor = Predictor::new(&MODEL);
    SAMPLES.iter().zip(&PREDICTIONS).all(|(sample, bits)| predictor.step(sample).map(f32::to_bits) == *bits)
}}
",
        names = model.names,
        target = model.header.target,
        w_xh = matrix(w_xh, hidden),
        w_hh = matrix(w_hh, hidden),
        b = matrix(b, hidden),
        w_hy = matrix(w_hy, inputs),
        b_y = matrix(b_y, inputs),
        tests = model.header.self_tests,
    )
}

/// A column-major matrix of `rows` rows, a line per column.
fn matrix(values: &[f32], rows: usize) -> String {
    let columns: String = values.chunks_exact(rows).map(|column| line(column, 4)).collect();
    format!("SMatrix::from_array_storage(ArrayStorage([\n{columns}            ]))")
}

/// Values in brackets on an indented line.
fn line(values: &[f32], indentation: usize) -> String {
    let literals: Vec<String> = values.iter().map(|v| format!("{v:?}")).collect();
    format!("{:1$}[{2}],\n", "", 4 * (indentation - 1), literals.join(", "))
}

fn channel(channel: &Channel) -> String {
    let Channel { level_mean, level_deviation, difference_mean, difference_deviation } = channel;
    let mut text = String::from("        Channel { ");
    for (name, value) in [
        ("level_mean", level_mean),
        ("level_deviation", level_deviation),
        ("difference_mean", difference_mean),
        ("difference_deviation", difference_deviation),
    ] {
        // Writing to a string doesn't fail.
        let _ = write!(text, "{name}: {value:?}, ");
    }
    text + "},\n"
}
