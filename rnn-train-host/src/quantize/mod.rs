//! A network of `f32` turned into one of integers: the inputs' scales from the training part, every
//! row's scale from its weights.
//!
//! The state's unit is 2^-15. A row with narrow weights w, input weights v, bias b and a factor k (1/2 in
//! front of a sigmoid, else 1) becomes integers in a unit s of its own: w / s, and in the unit
//! a = 2^-15 s of its sums v u / a and b / a, where u is what one step of the input's 16-bit number is
//! worth. s is the smallest with which every weight stays within its width and no sum can reach 2^31.
//! The sum times a k 2^bits is tanh's argument, or the output.

mod rows;

use anyhow::{Context, Result, bail, ensure};
use rnn_core::activation::Activation;
use rnn_core::elman::ElmanRef;
use rnn_core::gru::{GruRef, Reset};
use rnn_core::layers::LayerRef;
use rnn_core::lstm::LstmRef;
use rnn_core::model_file::{Numbers, Task};
use rnn_core::quant::Plan;
use rnn_core::quant::block::{Format, Layout, Width};
use rnn_core::quant::fixed::{O_BITS, Z_BITS};
use rnn_core::scaling::Channel;

use crate::aligned::Aligned;
use crate::data::{Split, Table};
use crate::model::Model;
use rows::{Rows, integers, unit_of_narrow};

/// Of the scaled inputs of the training part, this share lies within a quarter of what 16 bits hold: room
/// for levels that were never seen. What lies beyond is held at the ends. Not all of them: a single outlier
/// would coarsen all others.
const SHARE: f64 = 0.999;

/// The model with its weights in integers; the file that is written of it has `layout`. The inputs'
/// scales come from the training part of `table`, of which a model of text needs none.
///
/// # Errors
/// A network that has no integer form (an Elman cell with relu, weights beyond the format's range), or
/// is one of integers already.
pub fn quantize(
    model: &Model,
    table: Option<&Table>,
    width: Width,
    layout: Layout,
) -> Result<Model> {
    let scales = match (model.header.task, table) {
        (Task::Text(_), _) => Vec::new(),
        (Task::Forecast { .. }, Some(table)) => input_scales(model, table),
        (Task::Forecast { .. }, None) => {
            bail!("a forecaster's inputs need a log to find their scales in")
        }
    };
    quantize_with(model, scales, width, layout)
}

/// The same with given scales, one for each input of a forecaster: how many units of the input's 16-bit
/// number make up 1.
///
/// # Errors
/// As [`quantize`].
pub fn quantize_with(
    model: &Model,
    scales: Vec<f32>,
    width: Width,
    layout: Layout,
) -> Result<Model> {
    let network = model.float()?;
    let mut header = model.header;
    header.numbers = Numbers::Integer(Format { width, layout });
    header.two_biases = false;
    // The host works in its own layout.
    let plan = Plan {
        inputs: header.inputs,
        symbols: matches!(header.task, Task::Text(_)),
        layers: header.layers,
        format: Format { width, layout: Layout::Panels },
    };
    ensure!(
        plan.is_integer(),
        "an Elman cell with relu has no integer form: its states have no bound; train one with tanh"
    );
    let cells: Vec<LayerRef<'_, f32>> = network.layers().collect();
    let scales = if plan.symbols { vec![symbol_scale(&plan, &cells)] } else { scales };
    ensure!(scales.len() == plan.scales(), "there are {} scales", scales.len());
    let mut words: Vec<i32> = scales.iter().map(|scale| scale.to_bits() as i32).collect();
    for (i, cell) in cells.iter().enumerate() {
        let first = (i == 0).then_some(&scales[..]);
        let blocks = plan.blocks(i);
        for (k, rows) in cell_rows(*cell).iter().enumerate() {
            let what = || format!("layer {}", i + 1);
            words.extend(integers(&plan, blocks[k], rows, first, Z_BITS).with_context(what)?);
        }
    }
    let readout = network.readout();
    let [block, ..] = plan.blocks(plan.layers.count());
    let rows = Rows { x: &[], h: readout.w, b: readout.b, factors: vec![1.0; readout.outputs] };
    words.extend(integers(&plan, block, &rows, None, O_BITS).context("the readout")?);
    Ok(Model {
        header,
        parameters: Vec::new().into(),
        integers: Aligned::behind(plan.scales(), &words),
        modules: Default::default(),
        biases: Vec::new(),
        ..model.clone()
    })
}

/// The rows of a cell's blocks, in the order of [`Plan::blocks`]; in front of a sigmoid stands half of
/// its argument.
fn cell_rows(cell: LayerRef<'_, f32>) -> Vec<Rows<'_>> {
    const HALF: f64 = 0.5;
    match cell {
        LayerRef::Elman(ElmanRef { hidden, activation, w_xh, w_hh, b, .. }) => {
            let factor = if activation == Activation::Sigmoid { HALF } else { 1.0 };
            vec![Rows { x: w_xh, h: w_hh, b, factors: vec![factor; hidden] }]
        }
        LayerRef::Gru(GruRef { hidden, reset, w_xg, w_xn, w_hg, w_hn, b_g, b_n, b_hn, .. }) => {
            let gates = Rows { x: w_xg, h: w_hg, b: b_g, factors: vec![HALF; 2 * hidden] };
            let ones = || vec![1.0; hidden];
            match reset {
                Reset::Before => vec![gates, Rows { x: w_xn, h: w_hn, b: b_n, factors: ones() }],
                Reset::After => vec![
                    gates,
                    Rows { x: w_xn, h: &[], b: b_n, factors: ones() },
                    Rows { x: &[], h: w_hn, b: b_hn, factors: ones() },
                ],
            }
        }
        LayerRef::Lstm(LstmRef { hidden, w_x, w_h, b, .. }) => {
            let factors = [HALF, HALF, 1.0, HALF].into_iter();
            let factors = factors.flat_map(|factor| vec![factor; hidden]).collect();
            vec![Rows { x: w_x, h: w_h, b, factors }]
        }
    }
}

/// What stands for the 1 of a one-hot input: as little as lets the inputs' weights, in the unit that
/// the state's ask for, stay within 16 bits.
fn symbol_scale(plan: &Plan, cells: &[LayerRef<'_, f32>]) -> f32 {
    let rows = cells.iter().take(1).flat_map(|cell| cell_rows(*cell));
    let ratios = rows.flat_map(|rows| {
        let each = (0..rows.factors.len()).map(|i| {
            let [x, h] = rows.row(i);
            let unit = unit_of_narrow(plan.format.width, &h);
            let largest = x.iter().fold(0.0f64, |most, w| most.max(w.abs()));
            if unit > 0.0 { largest / unit / 32767.0 } else { 0.0 }
        });
        each.collect::<Vec<f64>>()
    });
    ratios.fold(1.0, f64::max).min(32767.0).ceil() as f32
}

/// How many units of its 16-bit number make up 1 of each scaled input.
fn input_scales(model: &Model, table: &Table) -> Vec<f32> {
    let filled = table.forward_fill();
    let rows = filled.rows();
    let rows = rows.before(Split::of(rows.len()).train.end);
    let (mode, _) = model.mode_and_target();
    let scale = |(i, channel): (usize, &Channel)| {
        let values = rows.channel(i);
        let pairs = values.clone().skip(1).zip(values);
        let mut inputs: Vec<f32> = pairs
            .map(|(sample, last)| channel.input(mode, sample, last).abs())
            .filter(|u| u.is_finite())
            .collect();
        inputs.sort_by(f32::total_cmp);
        let at = (SHARE * inputs.len() as f64).ceil() as usize;
        let most = inputs.get(at.saturating_sub(1)).copied().unwrap_or(0.0);
        // What never varies may do so later.
        32767.0 / (4.0 * if most > 0.0 { most } else { 1.0 })
    };
    model.channels.iter().enumerate().map(scale).collect()
}
