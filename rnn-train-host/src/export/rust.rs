//! A model as Rust source: `static`s for a firmware that would rather compile its weights in than
//! carry a model file. The literals are the shortest that give the same bits back.

use std::fmt::Write;

use anyhow::{Result, ensure};
use rnn_core::activation::Activation;
use rnn_core::elman::ElmanRef;
use rnn_core::gru::{GruRef, Reset};
use rnn_core::layers::LayerRef;
use rnn_core::lstm::LstmRef;
use rnn_core::model_file::{Header, Task};
use rnn_core::scaling::{Channel, Mode};

use crate::model::Model;

/// The source of a module with the model, its predictor's type and its self-test.
///
/// # Errors
/// If the model predicts text: the source is that of a forecaster.
pub fn rust(model: &Model) -> Result<String> {
    ensure!(
        matches!(model.header.task, Task::Forecast { .. }),
        "a text model can't be written as Rust source; embed the model file itself"
    );
    let Header { inputs, layers, window, self_tests, .. } = model.header;
    let hidden = layers.hidden();
    let (mode, target) = model.mode_and_target();
    let mode = match mode {
        Mode::Raw => "Raw",
        Mode::Residual => "Residual",
        Mode::Difference => "Difference",
    };
    let network = model.float()?;
    let readout = network.readout();
    let cells = network.layers().map(cell);
    let cell = cells.reduce(|lower, upper| format!("Stack {{ lower: {lower}, upper: {upper} }}"));
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
    Ok(format!(
        "\
//! Written by `rnn export --to rust`: {inputs} channel(s), {hidden} hidden units.
#![cfg_attr(rustfmt, rustfmt_skip)]
#![allow(clippy::excessive_precision, unreachable_pub, unused_imports)]

use rnn_core::activation::Activation;
use rnn_core::cell::Stack;
use rnn_core::dense::Dense;
use rnn_core::elman::Elman;
use rnn_core::forecast::Forecaster;
use rnn_core::gru::{{Gru, ResetAfter, ResetBefore}};
use rnn_core::lstm::Lstm;
use rnn_core::nalgebra::{{ArrayStorage, SMatrix}};
use rnn_core::network::{{Head, Network}};
use rnn_core::scaling::{{Channel, Mode}};
use rnn_core::stacked::Stacked;

/// The channels of a sample and of a prediction.
pub const CHANNELS: [&str; {inputs}] = {names:?};
/// The channel that the model was chosen for.
pub const TARGET: usize = {target};

/// The recurrent cell.
pub type Cell = {shape};

/// The model with its state; takes a sample, returns the prediction of the next one.
pub type Predictor = rnn_core::stream::Predictor<'static, Cell, {inputs}, {hidden}, {window}>;

/// The model; `Predictor::new(&MODEL)` starts it.
pub static MODEL: Forecaster<Cell, {inputs}, {hidden}> = Forecaster {{
    network: Network {{
        cell: {cell},
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
        shape = model.header.shape(),
        cell = cell.unwrap_or_default(),
        w_hy = matrix(readout.w, inputs),
        b_y = matrix(readout.b, inputs),
        tests = self_tests,
    ))
}

/// A layer's value.
fn cell(layer: LayerRef<'_, f32>) -> String {
    match layer {
        LayerRef::Elman(ElmanRef { hidden, activation, w_xh, w_hh, b, .. }) => {
            let activation = match activation {
                Activation::Tanh => "Tanh",
                Activation::Sigmoid => "Sigmoid",
                Activation::Relu => "Relu",
            };
            let [w_xh, w_hh, b] = [w_xh, w_hh, b].map(|tensor| matrix(tensor, hidden));
            format!(
                "Elman {{
            w_xh: {w_xh},
            w_hh: {w_hh},
            b: Some({b}),
            activation: Activation::{activation},
        }}"
            )
        }
        LayerRef::Gru(GruRef { hidden, reset, w_xg, w_xn, w_hg, w_hn, b_g, b_n, b_hn, .. }) => {
            let [w_xg, w_hg, b_g] = [w_xg, w_hg, b_g].map(|tensor| stacked(tensor, 2, hidden));
            let [w_xn, w_hn, b_n] = [w_xn, w_hn, b_n].map(|tensor| matrix(tensor, hidden));
            let b_hn = match reset {
                Reset::After => matrix(b_hn, hidden),
                Reset::Before => "()".to_owned(),
            };
            format!(
                "Gru {{
            w_xg: {w_xg},
            w_xn: {w_xn},
            w_hg: {w_hg},
            w_hn: {w_hn},
            b_g: {b_g},
            b_n: {b_n},
            b_hn: {b_hn},
        }}"
            )
        }
        LayerRef::Lstm(LstmRef { hidden, w_x, w_h, b, .. }) => {
            let [w_x, w_h, b] = [w_x, w_h, b].map(|tensor| stacked(tensor, 4, hidden));
            format!(
                "Lstm {{
            w_x: {w_x},
            w_h: {w_h},
            b: {b},
        }}"
            )
        }
    }
}

/// Blocks of `rows` rows over one another, a line per column of each.
fn stacked(values: &[f32], blocks: usize, rows: usize) -> String {
    let column = |column: &[f32]| -> String {
        let blocks: String = column.chunks_exact(rows).map(|block| line(block, 5)).collect();
        format!("                [\n{blocks}                ],\n")
    };
    let columns: String = values.chunks_exact(blocks * rows).map(column).collect();
    format!("Stacked([\n{columns}            ])")
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
