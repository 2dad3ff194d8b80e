//! The workloads W1 ... W4: made-up series and a text, windows in one fixed order, initial weights in
//! PyTorch's layout; any library that trains on the same numbers comes to the same losses.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use rnn_core::activation::Activation;
use rnn_core::gru::Reset;
use rnn_core::layers::{Kind, Layers};
use rnn_core::network::Shape;
use rnn_core::random::SplitMix64;

/// Bytes of the text of W4, and symbols that its readout has.
const TEXT: usize = 29_601;
const LOGITS: usize = 101;

/// The windows of an epoch, in order.
pub(crate) enum Windows {
    /// Inputs T x I and the value that follows, window after window.
    Series { x: Vec<f32>, y: Vec<f32> },
    /// T symbols and the T that follow each of them, window after window.
    Text { x: Vec<u16>, y: Vec<u16> },
}

/// What is trained, on what, from where, and where it must arrive.
pub(crate) struct Workload {
    /// W1 ... W4
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    pub(crate) batch: usize,
    pub(crate) epochs: usize,
    /// T
    pub(crate) steps: usize,
    pub(crate) windows: Windows,
    /// The weights at the start, in the order of [`Shape`]; the cell's bias is PyTorch's b_ih.
    pub(crate) parameters: Vec<f32>,
    /// Where b_hh is added to the bias, and b_hh there; each of the two has Adam's steps of its own.
    pub(crate) second_bias: (usize, Vec<f32>),
    /// Mean loss over all windows after the last epoch.
    pub(crate) final_loss: f64,
}

/// Name, number (the seeds follow from it), kind, H, T, batch, epochs, final loss.
type Row = (&'static str, u64, Kind, usize, usize, usize, usize, f64);

const TANH: Kind = Kind::Elman(Activation::Tanh);

const ROWS: [Row; 5] = [
    ("W1", 1, TANH, 32, 20, 32, 100, 0.017_023_5),
    ("W2", 2, TANH, 64, 20, 64, 20, 0.000_439_15),
    ("W3", 3, Kind::Gru(Reset::After), 32, 50, 64, 10, 0.023_086_0),
    ("W4", 4, TANH, 128, 20, 32, 5, 2.789_18),
    ("W4-100", 4, TANH, 128, 100, 32, 5, 3.076_40),
];

/// All names.
pub(crate) const NAMES: [&str; 5] = [ROWS[0].0, ROWS[1].0, ROWS[2].0, ROWS[3].0, ROWS[4].0];

impl Workload {
    /// Makes a workload; `gpl` is the text of the GPL, version 3, as Debian ships it, for W4.
    pub(crate) fn new(name: &str, gpl: &Path) -> Result<Self> {
        let row = ROWS.iter().find(|row| row.0 == name);
        let &(name, number, kind, hidden, steps, batch, epochs, final_loss) =
            row.with_context(|| format!("no workload '{name}'; there are {}", NAMES.join(", ")))?;
        let (windows, inputs, outputs) = match number {
            4 => (text(gpl, steps)?, LOGITS, LOGITS),
            _ => {
                let (rows, channels) = series(number);
                (windows(&rows, channels, steps, 100 + number), channels, 1)
            }
        };
        let shape = Shape { inputs, layers: Layers::one(kind, hidden), outputs };
        let (parameters, second_bias) = initial(shape, kind, 10 + number);
        Ok(Workload {
            name,
            shape,
            batch,
            epochs,
            steps,
            windows,
            parameters,
            second_bias,
            final_loss,
        })
    }

    /// Windows of an epoch.
    pub(crate) fn count(&self) -> usize {
        match &self.windows {
            Windows::Series { y, .. } => y.len(),
            Windows::Text { y, .. } => y.len() / self.steps,
        }
    }

    /// First window and number of windows of every batch; the last one may be smaller.
    pub(crate) fn batches(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let (count, batch) = (self.count(), self.batch);
        (0..count).step_by(batch).map(move |first| (first, batch.min(count - first)))
    }

    /// Steps with a label.
    pub(crate) fn scored(&self) -> usize {
        match self.windows {
            Windows::Series { .. } => 1,
            Windows::Text { .. } => self.steps,
        }
    }

    /// Operations (a multiply-add is two) of an epoch's products, forward and backward without the
    /// inputs' gradient; those with h_0 = 0 are left out.
    pub(crate) fn operations(&self) -> f64 {
        let layer = self.shape.layers.get(0, self.shape.inputs);
        let gates = if matches!(layer.kind, Kind::Gru(_)) { 3 } else { 1 };
        // A text's symbols are looked up, not multiplied.
        let inputs = if matches!(self.windows, Windows::Text { .. }) { 0 } else { layer.inputs };
        let (hidden, steps) = (layer.hidden, self.steps);
        let cell = gates * (steps * 4 * hidden * inputs + (steps - 1) * 6 * hidden * hidden);
        let readout = self.scored() * 6 * hidden * self.shape.outputs;
        (self.count() * (cell + readout)) as f64
    }
}

/// A series' rows and its number of channels, standardised over all rows.
fn series(number: u64) -> (Vec<f32>, usize) {
    let mut random = SplitMix64::new(number);
    // Box and Muller's normal deviate.
    let mut normal = || {
        let (a, b) = (random.uniform(), random.uniform());
        (-2.0 * libm::log(1.0 - a)).sqrt() * libm::cos(std::f64::consts::TAU * b)
    };
    let wave = |t: usize, period: f64| std::f64::consts::TAU * t as f64 / period;
    let mut rows: Vec<f64> = Vec::new();
    let channels = match number {
        1 => {
            for t in 0..699 {
                rows.push(libm::sin(wave(t, 25.0)) + 0.003 * t as f64 + 0.1 * normal());
            }
            1
        }
        2 => {
            let (mut s, mut g) = (0.0, 0.0);
            for _ in 0..5020 {
                let (a, b) = (normal(), normal());
                s += 0.0005 + 0.01 * a;
                g += 0.0002 + 0.006 * (0.3 * a + 0.91f64.sqrt() * b);
                rows.extend([s, g]);
            }
            2
        }
        _ => {
            let mut f = 0.0;
            for t in 0..5050 {
                let a = libm::sin(wave(t, 50.0)) + 0.1 * normal();
                let b = libm::cos(wave(t, 31.0)) + 0.1 * normal();
                f = 0.95 * f + 0.1 * normal();
                rows.extend([a, b, f]);
            }
            3
        }
    };
    let count = (rows.len() / channels) as f64;
    for c in 0..channels {
        let channel = || rows.iter().skip(c).step_by(channels);
        let mean = channel().sum::<f64>() / count;
        let variance = channel().map(|v| (v - mean) * (v - mean)).sum::<f64>() / count;
        let deviation = variance.sqrt();
        rows.iter_mut().skip(c).step_by(channels).for_each(|v| *v = (*v - mean) / deviation);
    }
    (rows.into_iter().map(|v| v as f32).collect(), channels)
}

/// Every window of so many steps; its label is the next row's first channel.
fn windows(rows: &[f32], channels: usize, steps: usize, seed: u64) -> Windows {
    let count = rows.len() / channels - steps;
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for window in order(count, seed) {
        x.extend_from_slice(&rows[window * channels..][..steps * channels]);
        y.push(rows[(window + steps) * channels]);
    }
    Windows::Series { x, y }
}

/// Windows of a text that don't overlap, its bytes numbered in their order.
fn text(gpl: &Path, steps: usize) -> Result<Windows> {
    let bytes = fs::read(gpl).with_context(|| format!("can't read {}", gpl.display()))?;
    ensure!(
        bytes.len() >= TEXT,
        "{}: {} bytes, the GPL's text has more than {TEXT}",
        gpl.display(),
        bytes.len()
    );
    let bytes = &bytes[..TEXT];
    let mut symbols = bytes.to_vec();
    symbols.sort_unstable();
    symbols.dedup();
    let id = |byte: &u8| symbols.binary_search(byte).map_or(0, |id| id as u16);
    let ids: Vec<u16> = bytes.iter().map(id).collect();
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for window in order((TEXT - 1) / steps, 104) {
        x.extend_from_slice(&ids[window * steps..][..steps]);
        y.extend_from_slice(&ids[window * steps + 1..][..steps]);
    }
    Ok(Windows::Text { x, y })
}

/// Fisher and Yates's shuffle of 0 ... count - 1.
fn order(count: usize, seed: u64) -> Vec<usize> {
    let mut random = SplitMix64::new(seed);
    let mut order: Vec<usize> = (0..count).collect();
    for i in (1..count).rev() {
        order.swap(i, (random.next_u64() % (i as u64 + 1)) as usize);
    }
    order
}

/// PyTorch's tensors uniform in +-1/sqrt(H), drawn in the order W_ih, W_hh, b_ih, b_hh, W_out, b_out
/// (row-major, gates over one another), as this crate's; and b_hh where it stands beside b_ih.
fn initial(shape: Shape, kind: Kind, seed: u64) -> (Vec<f32>, (usize, Vec<f32>)) {
    let (inputs, hidden, outputs) = (shape.inputs, shape.layers.hidden(), shape.outputs);
    let gated = matches!(kind, Kind::Gru(_));
    let rows = if gated { 3 * hidden } else { hidden };
    let mut random = SplitMix64::new(seed);
    let bound = 1.0 / (hidden as f64).sqrt();
    let mut draw = |count: usize| -> Vec<f32> {
        (0..count).map(|_| ((2.0 * random.uniform() - 1.0) * bound) as f32).collect()
    };
    let (w_ih, w_hh) = (draw(rows * inputs), draw(rows * hidden));
    let (b_ih, b_hh) = (draw(rows), draw(rows));
    let (w_out, b_out) = (draw(outputs * hidden), draw(outputs));
    // Rows `from` to `to` of a row-major matrix, column by column.
    let columns = |w: &[f32], columns: usize, from: usize, to: usize| -> Vec<f32> {
        (0..columns).flat_map(|c| (from..to).map(move |r| w[r * columns + c])).collect()
    };
    let split = if gated { 2 * hidden } else { rows };
    let mut parameters = columns(&w_ih, inputs, 0, split);
    parameters.extend(columns(&w_ih, inputs, split, rows));
    parameters.extend(columns(&w_hh, hidden, 0, split));
    parameters.extend(columns(&w_hh, hidden, split, rows));
    let bias = parameters.len();
    parameters.extend(&b_ih);
    // The candidate's two biases are two in the cell, too.
    parameters.extend(&b_hh[split..]);
    parameters.extend(columns(&w_out, hidden, 0, outputs));
    parameters.extend(&b_out);
    (parameters, (bias, b_hh[..split].to_vec()))
}
