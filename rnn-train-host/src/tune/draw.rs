//! Which networks are tried: kinds, sizes, modes, windows, step sizes, drawn in turn.

use anyhow::{Result, ensure};
use rnn_core::activation::Activation;
use rnn_core::gru::Reset;
use rnn_core::layers::{Kind, Layers};
use rnn_core::model_file::{Header, Task};
use rnn_core::random::SplitMix64;
use rnn_core::scaling::Mode;

use super::{Options, levels};
use crate::requirements::Requirements;
use crate::train::data::Data;
use crate::train::trainee::Setting;

/// The last one only where levels come back.
const MODES: [Mode; 3] = [Mode::Residual, Mode::Difference, Mode::Raw];
const KINDS: [Kind; 3] = [Kind::Gru(Reset::After), Kind::Elman(Activation::Tanh), Kind::Lstm];
const SIZES: [usize; 6] = [8, 12, 16, 24, 32, 48];
/// Most weights per label: with more, a network learns its log by heart.
const PER_LABEL: usize = 2;
const WINDOWS: [usize; 3] = [64, 32, 128];
const RATES: [f32; 4] = [3e-3, 6e-3, 1.5e-3, 1e-2];
const DECAYS: [f32; 3] = [0.0, 0.03, 0.3];

/// What a model may need, in bytes; `None`: as much as it likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Weights and scales.
    pub flash: Option<usize>,
    /// State, last sample and scratch.
    pub ram: Option<usize>,
}

impl Limits {
    /// Whether a model keeps to them.
    pub fn hold(&self, needs: &Requirements) -> bool {
        self.flash.is_none_or(|limit| needs.flash <= limit)
            && self.ram.is_none_or(|limit| needs.ram <= limit)
    }

    /// Whether a forecaster of these layers does.
    pub(super) fn allow(&self, inputs: usize, layers: Layers, window: usize) -> bool {
        self.hold(&Requirements::of(&header(inputs, layers, window)))
    }
}

fn header(inputs: usize, layers: Layers, window: usize) -> Header {
    let task = Task::Forecast { mode: Mode::Raw, target: 0 };
    Header { window, ..Header::new(task, inputs, layers) }
}

/// The settings of a search, numbered.
pub(super) struct Draw<'a> {
    options: &'a Options,
    longest: usize,
    /// What networks may read and predict.
    pub(super) modes: Vec<Mode>,
    /// Kinds and sizes within the limits.
    cells: Vec<(Kind, Vec<usize>)>,
}

impl<'a> Draw<'a> {
    pub(super) fn new(data: &Data<'_>, options: &'a Options) -> Result<Self> {
        let rows = data.split.train.len();
        let given = &options.train;
        let kinds = given.kind.map_or(KINDS.to_vec(), |kind| vec![kind]);
        let free =
            || MODES.into_iter().filter(|&mode| mode != Mode::Raw || levels::come_back(data));
        let modes = given.mode.map_or_else(|| free().collect(), |mode| vec![mode]);
        let mut draw = Draw { options, longest: (rows - 1) / 2, modes, cells: Vec::new() };
        let fits = |kind: Kind, hidden: usize| {
            let setting = draw.whole(kind, hidden);
            let window = if setting.windowed { setting.window } else { 0 };
            let shape = setting.shape(data.channels.len());
            options.limits.allow(shape.inputs, shape.layers, window)
        };
        let sizes = |kind| -> Vec<usize> {
            if let Some(hidden) = given.hidden {
                return Some(hidden).filter(|&hidden| fits(kind, hidden)).into_iter().collect();
            }
            // Below the usual sizes where the limits, or the log, are that narrow.
            let labels = rows * data.channels.len();
            let weights = |size| draw.whole(kind, size).shape(data.channels.len()).parameters();
            let wide = |size: &usize| weights(*size) <= PER_LABEL * labels && fits(kind, *size);
            let usual: Vec<usize> = SIZES.into_iter().filter(wide).collect();
            let small = || (1..SIZES[0]).rev().find(wide);
            if usual.is_empty() { small().into_iter().collect() } else { usual }
        };
        let cells: Vec<(Kind, Vec<usize>)> = kinds
            .into_iter()
            .map(|kind| (kind, sizes(kind)))
            .filter(|(_, sizes)| !sizes.is_empty())
            .collect();
        ensure!(
            !cells.is_empty(),
            "no network of this kind and this many channels is that small: allow more with --flash or --ram"
        );
        draw.cells = cells;
        Ok(draw)
    }

    /// What is given, and for the rest the first of each list.
    fn whole(&self, kind: Kind, hidden: usize) -> Setting {
        let given = &self.options.train;
        Setting {
            kind,
            layers: given.layers,
            hidden,
            mode: self.modes[0],
            window: given.window.unwrap_or(WINDOWS[0].min(self.longest)),
            windowed: given.windowed,
            rate: given.rate.unwrap_or(RATES[0]),
            decay: given.decay.unwrap_or(DECAYS[0]),
            dropout: given.dropout,
            seed: given.seed,
        }
    }

    /// Setting number `index`: modes and kinds in turn, the rest at random. What is drawn for a
    /// number doesn't depend on what is given, so that searches stay comparable.
    pub(super) fn setting(&self, index: usize) -> Setting {
        let given = &self.options.train;
        let number = index as u64 + 1;
        let mut random = SplitMix64::new(given.seed ^ number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let (kind, sizes) = &self.cells[index / self.modes.len() % self.cells.len()];
        let mut pick = |count: usize| random.below(count);
        let hidden = sizes[pick(sizes.len())];
        let window = WINDOWS[pick(WINDOWS.len())].min(self.longest);
        let rate = RATES[pick(RATES.len())];
        let decay = DECAYS[pick(DECAYS.len())];
        Setting {
            mode: self.modes[index % self.modes.len()],
            window: given.window.unwrap_or(window),
            rate: given.rate.unwrap_or(rate),
            decay: given.decay.unwrap_or(decay),
            seed: random.next_u64(),
            ..self.whole(*kind, hidden)
        }
    }
}
