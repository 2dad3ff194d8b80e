//! Several networks as one: their cells side by side, the readout a weighted sum of theirs.
//!
//! Networks that were trained apart err apart, and the mean of their predictions errs less than they
//! do on average (L. Breiman, "Bagging predictors", Machine Learning 24, 1996). With W_hh
//! block-diagonal their weighted sum is a network again: as many units as they have together, one
//! readout W_hy = (w_1 W_1, ..., w_K W_K), b_y the weighted sum of theirs.
//!
//! Networks of different modes go together in residual mode, behind a first layer of 2 I linear units
//! that hold e u_t and e u_{t-1} (tanh x = x for small x): from these a network on differences gets
//! its differences, and a network that predicts levels gets the level to be subtracted.

use rnn_core::activation::Activation;
use rnn_core::gru::Reset;
use rnn_core::layers::{Kind, Layer, Layers};
use rnn_core::model_file::Task;
use rnn_core::scaling::{Channel, Mode};

use crate::model::Model;

/// A network with its share in the sum.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// The network.
    pub model: &'a Model,
    /// What the change that it predicts is multiplied by.
    pub weight: f64,
}

/// What an Elman cell is by default.
pub const ELMAN: Kind = Kind::Elman(Activation::Tanh);
/// The kind of GRU that Elman cells go into.
pub const GRU: Kind = Kind::Gru(Reset::After);

/// A gate's bias that opens it, or with a minus shuts it, whatever else it reads: sigmoid(20) lies
/// 2e-9 from 1, the table's 2e-6.
const OPEN: f32 = 20.0;
/// e: the cubic term takes 3e-5 u^2 of u, the table's error is 3e-4.
const SMALL: f32 = 0.01;
/// Most that a linear unit reads of the inputs: in an LSTM it bends twice, tanh(tanh z).
const REGISTER: f32 = 0.03;

/// The kind of a model's uppermost cell.
pub fn kind(model: &Model) -> Kind {
    model.header.layers.get(usize::MAX, model.header.inputs).kind
}

/// The layers of the sum of these networks; `None` for stacks, for windowed ones of different modes,
/// and for kinds that don't go together.
pub fn layers(models: &[&Model]) -> Option<Layers> {
    let first = models.first()?;
    let mut sum = Layer { hidden: 0, ..only(first)? };
    let small = |model: &&Model| kind(model) != ELMAN || is_linear(model);
    for model in models {
        let layer = only(model)?;
        sum.kind = match (sum.kind, layer.kind) {
            (a, b) if a == b => a,
            (ELMAN, gru @ Kind::Gru(_)) | (gru @ Kind::Gru(_), ELMAN) => gru,
            (ELMAN, Kind::Lstm) | (Kind::Lstm, ELMAN) if models.iter().all(small) => Kind::Lstm,
            _ => return None,
        };
        sum.hidden += layer.hidden;
    }
    if !mixed(models) {
        return Some(Layers::one(sum.kind, sum.hidden));
    }
    let levels = if models.iter().any(|model| mode(model) == Mode::Raw) { sum.inputs } else { 0 };
    let linear = Layers::one(ELMAN, 2 * sum.inputs);
    linear.with(sum.kind, sum.hidden + levels).filter(|_| first.header.window == 0)
}

/// Whether an Elman cell is a register whose units stay small, so that they are linear: each reads
/// either the inputs or one other unit.
fn is_linear(model: &Model) -> bool {
    let Some(Layer { hidden, inputs, .. }) = only(model) else { return false };
    let (w_xh, rest) = model.parameters.split_at(hidden * inputs);
    let (w_hh, rest) = rest.split_at(hidden * hidden);
    (0..hidden).all(|unit| {
        let reads = |w: &[f32]| w.iter().skip(unit).step_by(hidden).map(|w| w.abs()).sum::<f32>();
        rest[unit] == 0.0 && matches!((reads(w_xh), reads(w_hh)), (0.0, 1.0) | (..=REGISTER, 0.0))
    })
}

/// The only layer of a model.
fn only(model: &Model) -> Option<Layer> {
    let layers = model.header.layers;
    (layers.count() == 1).then(|| layers.get(0, model.header.inputs))
}

fn mode(model: &Model) -> Mode {
    model.mode_and_target().0
}

fn mixed(models: &[&Model]) -> bool {
    models.iter().any(|model| mode(model) != mode(models[0]))
}

/// [`merge`], or where there is only one network, whatever its layers, that one.
pub fn as_one(parts: &[Part<'_>]) -> Option<Model> {
    match *parts {
        [Part { model, weight: 1.0 }] => Some(model.clone()),
        [part] => Some(weighted(part)),
        _ => merge(parts),
    }
}

/// One network with its weight, the rest to 1 as in [`merge`].
fn weighted(Part { model, weight }: Part<'_>) -> Model {
    let mut parameters = model.parameters.to_vec();
    let outputs = model.channels.len();
    let Layer { hidden, .. } = model.header.layers.get(usize::MAX, model.header.inputs);
    let from = parameters.len() - outputs * (hidden + 1);
    let (w_hy, b_y) = parameters[from..].split_at_mut(outputs * hidden);
    w_hy.iter_mut().for_each(|w| *w = (weight * f64::from(*w)) as f32);
    let means = if mode(model) == Mode::Raw { 0.0 } else { 1.0 - weight };
    for (b, channel) in b_y.iter_mut().zip(&model.channels) {
        *b = (weight * f64::from(*b) - means * mean_change(channel)) as f32;
    }
    Model { parameters: parameters.into(), biases: Vec::new(), ..model.clone() }
}

/// The weighted sum of networks as one, the rest to 1 being persistence (the mean level, if all are
/// raw); `None` where they have no [`layers`] together, or differ in window, channels or scales.
pub fn merge(parts: &[Part<'_>]) -> Option<Model> {
    let models: Vec<&Model> = parts.iter().map(|part| part.model).collect();
    let layers = layers(&models)?;
    let first = models[0];
    let target = first.target();
    let fits = |model: &&Model| {
        (model.target(), model.header.window) == (target, first.header.window)
            && (&model.names, &model.channels) == (&first.names, &first.channels)
    };
    if !models.iter().all(fits) {
        return None;
    }
    let inputs = first.header.inputs;
    let mixed = mixed(&models);
    let merged = layers.get(usize::MAX, inputs);
    let mut blocks: Vec<Block> = parts.iter().map(|part| Block::of(part, mixed)).collect();
    let raw: f64 = parts.iter().filter(|p| mode(p.model) == Mode::Raw).map(|p| p.weight).sum();
    if mixed && models.iter().any(|model| mode(model) == Mode::Raw) {
        blocks.push(Block::level(merged.kind, &first.channels, raw));
    }
    let mut header = first.header;
    header.layers = layers;
    if mixed {
        header.task = Task::Forecast { mode: Mode::Residual, target };
    }

    let mut parameters = if mixed { memory_of_levels(inputs) } else { Vec::new() };
    parameters.reserve(header.shape().parameters() - parameters.len());
    for block in &mut blocks {
        block.write_as(merged.kind);
    }
    let mut read = vec![0; blocks.len()];
    for (tensor, (rows, columns)) in merged.tensors().into_iter().enumerate() {
        // Rows of gates over one another; columns of the inputs, of h, or one for a bias.
        let gates = rows / merged.hidden;
        let recurrent = is_recurrent(merged.kind, tensor);
        let mut into = vec![0.0; rows * columns];
        let mut from = 0;
        for (block, read) in blocks.iter().zip(&mut read) {
            let size = block.layer.hidden;
            let width = if recurrent { size } else { columns };
            let values = &block.cell[*read..][..gates * size * width];
            *read += values.len();
            for (k, &value) in values.iter().enumerate() {
                let (gate, row, column) = (k / size % gates, k % size, k / (gates * size));
                let column = if recurrent { from + column } else { column };
                into[column * rows + gate * merged.hidden + from + row] = value;
            }
            from += size;
        }
        parameters.extend(into);
    }
    for block in &blocks {
        parameters.extend(block.w_hy.iter().map(|&w| w as f32));
    }
    // What the weights lack to 1 falls to persistence, which has no mean difference.
    let lack = 1.0 - parts.iter().map(|part| part.weight).sum::<f64>();
    for (output, channel) in first.channels.iter().enumerate() {
        let biases: f64 = blocks.iter().map(|block| block.b_y[output]).sum();
        let means = match (mixed, mode(first)) {
            (true, _) => lack + raw,
            (false, Mode::Raw) => 0.0,
            (false, Mode::Residual | Mode::Difference) => lack,
        };
        parameters.push((biases - means * mean_change(channel)) as f32);
    }
    let parameters = parameters.into();
    Some(Model { header, parameters, biases: Vec::new(), ..first.clone() })
}

/// The mean difference, as the output that predicts it.
fn mean_change(channel: &Channel) -> f64 {
    f64::from(channel.difference_mean) / f64::from(channel.difference_deviation)
}

/// A standard deviation of the level in those of the difference.
fn ratio(channel: &Channel) -> f64 {
    f64::from(channel.level_deviation) / f64::from(channel.difference_deviation)
}

/// The first layer of a mixed network, an Elman cell: units 0..I hold e u_t, the others e u_{t-1}.
fn memory_of_levels(inputs: usize) -> Vec<f32> {
    let hidden = 2 * inputs;
    let mut w_xh = vec![0.0; hidden * inputs];
    let mut w_hh = vec![0.0; hidden * hidden];
    for i in 0..inputs {
        w_xh[i * hidden + i] = SMALL;
        w_hh[i * hidden + inputs + i] = 1.0;
    }
    [w_xh, w_hh, vec![0.0; hidden]].concat()
}

/// One network's cell and its share of the readout.
struct Block {
    layer: Layer,
    /// In the order of [`Layer::tensors`].
    cell: Vec<f32>,
    /// Outputs x hidden.
    w_hy: Vec<f64>,
    b_y: Vec<f64>,
}

impl Block {
    /// `mixed`: behind the first layer, for an output in residual mode.
    fn of(part: &Part<'_>, mixed: bool) -> Self {
        let Part { model, weight } = *part;
        let layer = model.header.layers.get(0, model.header.inputs);
        let cell = model.parameters[..layer.parameters()].to_vec();
        let network = model.float().expect("trained networks are of f32");
        let readout = network.readout();
        let scale = |channel: &Channel| {
            if mixed && mode(model) == Mode::Raw { ratio(channel) } else { 1.0 }
        };
        let scales: Vec<f64> = model.channels.iter().map(|c| weight * scale(c)).collect();
        let scaled = |values: &[f32]| {
            values.iter().zip(scales.iter().cycle()).map(|(&v, s)| f64::from(v) * s).collect()
        };
        let (w_hy, b_y) = (scaled(readout.w), scaled(readout.b));
        let mut block = Block { layer, cell, w_hy, b_y };
        if mixed {
            block.read_first_layer(mode(model), &model.channels);
        }
        block
    }

    /// I linear units that hold e u_t, for what raw networks' levels are to be compared with.
    fn level(kind: Kind, channels: &[Channel], weight: f64) -> Self {
        let hidden = channels.len();
        let layer = Layer { kind, inputs: 2 * hidden, hidden };
        let mut w_x = vec![0.0; 2 * hidden * hidden];
        let mut w_hy = vec![0.0; hidden * hidden];
        for (i, channel) in channels.iter().enumerate() {
            w_x[i * hidden + i] = 1.0;
            w_hy[i * hidden + i] = -weight * ratio(channel) / f64::from(SMALL);
        }
        let (w_h, b) = (vec![0.0; hidden * hidden], vec![0.0; hidden]);
        let elman = Layer { kind: ELMAN, ..layer };
        let cell = [w_x, w_h, b].concat();
        let mut block = Block { layer: elman, cell, w_hy, b_y: vec![0.0; hidden] };
        block.write_as(kind);
        block
    }

    /// Makes weights on u_t, or on differences, weights on e u_t and e u_{t-1}.
    fn read_first_layer(&mut self, mode: Mode, channels: &[Channel]) {
        let tensors = self.layer.tensors();
        let hidden = self.layer.hidden;
        let (mut read, mut cell) = (self.cell.as_slice(), Vec::new());
        // What every row of gates gets for the mean difference.
        let mut shifts: Vec<f64> = Vec::new();
        for (tensor, (rows, columns)) in tensors.into_iter().enumerate() {
            let values;
            (values, read) = read.split_at(rows * columns);
            match place(self.layer.kind, tensor) {
                Place::Input => {
                    let now = values.chunks(rows).zip(channels).flat_map(|(column, channel)| {
                        let of_difference =
                            if mode == Mode::Difference { ratio(channel) } else { 1.0 };
                        column.iter().map(move |&w| f64::from(w) * of_difference / f64::from(SMALL))
                    });
                    let now: Vec<f64> = now.collect();
                    let before = if mode == Mode::Difference { -1.0 } else { 0.0 };
                    cell.extend(now.iter().map(|&w| w as f32));
                    cell.extend(now.iter().map(|&w| (before * w) as f32));
                    let mut shift = vec![0.0; rows];
                    for (column, channel) in values.chunks(rows).zip(channels) {
                        let mean =
                            if mode == Mode::Difference { mean_change(channel) } else { 0.0 };
                        shift.iter_mut().zip(column).for_each(|(s, &w)| *s -= f64::from(w) * mean);
                    }
                    shifts.extend(shift);
                }
                Place::Bias => {
                    let shift = shifts.drain(..rows);
                    cell.extend(values.iter().zip(shift).map(|(&b, s)| (f64::from(b) + s) as f32));
                }
                Place::Recurrent | Place::RecurrentBias => cell.extend_from_slice(values),
            }
        }
        debug_assert!(shifts.is_empty() && hidden > 0);
        self.layer.inputs *= 2;
        self.cell = cell;
    }

    /// Writes an Elman cell as one of another kind: as a GRU whose update gate is shut, so that h = n,
    /// and whose reset gate is open; as an LSTM that forgets all, h = tanh(tanh z), which is z for
    /// small z only.
    fn write_as(&mut self, kind: Kind) {
        let Layer { inputs, hidden, kind: is } = self.layer;
        if is == kind {
            return;
        }
        let (w_xh, rest) = self.cell.split_at(hidden * inputs);
        let (w_hh, b) = rest.split_at(hidden * hidden);
        let zeros = |count: usize| vec![0.0; count];
        let (open, shut) = (vec![OPEN; hidden], vec![-OPEN; hidden]);
        self.cell = match kind {
            Kind::Lstm => {
                // i, f, g, o
                let gates = |g: &[f32]| {
                    let zero = zeros(hidden);
                    let rows = g.chunks(hidden).flat_map(|g| [&zero, &zero, g, &zero].concat());
                    rows.collect::<Vec<f32>>()
                };
                [gates(w_xh), gates(w_hh), [&open, &shut, b, &open].concat()].concat()
            }
            Kind::Gru(_) | Kind::Elman(_) => {
                let (w_xg, w_hg) = (zeros(2 * w_xh.len()), zeros(2 * w_hh.len()));
                // W_xg, W_xn, W_hg, W_hn, b_r over b_z, b_n, b_hn.
                let b_hn = zeros(if kind == GRU { hidden } else { 0 });
                [&w_xg, w_xh, &w_hg, w_hh, &open, &shut, b, &b_hn].concat()
            }
        };
        self.layer.kind = kind;
    }
}

/// What a tensor of [`Layer::tensors`] is multiplied by, or which product it is added to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Input,
    Recurrent,
    Bias,
    RecurrentBias,
}

fn place(kind: Kind, tensor: usize) -> Place {
    use Place::{Bias, Input, Recurrent, RecurrentBias};
    match kind {
        Kind::Elman(_) | Kind::Lstm => [Input, Recurrent, Bias].get(tensor),
        Kind::Gru(_) => [Input, Input, Recurrent, Recurrent, Bias, Bias, RecurrentBias].get(tensor),
    }
    .copied()
    .unwrap_or(RecurrentBias)
}

fn is_recurrent(kind: Kind, tensor: usize) -> bool {
    place(kind, tensor) == Place::Recurrent
}

#[cfg(test)]
mod tests;
