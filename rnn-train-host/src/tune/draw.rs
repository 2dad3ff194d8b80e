//! Which networks are tried: kinds, sizes, modes, windows, step sizes, drawn in turn.

use anyhow::{Result, ensure};
use rnn_core::activation::Activation;
use rnn_core::gru::Reset;
use rnn_core::layers::Kind;
use rnn_core::model_file::{Header, Task};
use rnn_core::random::SplitMix64;
use rnn_core::scaling::Mode;

use super::Options;
use crate::requirements::Requirements;
use crate::train::data::Data;
use crate::train::trainee::Setting;

const MODES: [Mode; 3] = [Mode::Residual, Mode::Difference, Mode::Raw];
const KINDS: [Kind; 3] = [Kind::Gru(Reset::After), Kind::Elman(Activation::Tanh), Kind::Lstm];
const SIZES: [usize; 6] = [8, 12, 16, 24, 32, 48];
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
}

/// The settings of a search, numbered.
pub(super) struct Draw {
    seed: u64,
    longest: usize,
    /// Kinds and sizes within the limits.
    cells: Vec<(Kind, Vec<usize>)>,
}

impl Draw {
    pub(super) fn new(data: &Data<'_>, options: &Options) -> Result<Self> {
        let rows = data.split.train.len();
        let fits = |kind: Kind, hidden: usize| {
            let setting = Setting {
                kind,
                layers: 1,
                hidden,
                mode: Mode::Raw,
                window: 1,
                windowed: false,
                rate: 0.0,
                decay: 0.0,
                dropout: 0.0,
                seed: 0,
            };
            let shape = setting.shape(data.channels.len());
            let header = Header {
                task: Task::Forecast { mode: Mode::Raw, target: 0 },
                inputs: shape.inputs,
                layers: shape.layers,
                window: 0,
                self_tests: 0,
                two_biases: false,
                seed: 0,
            };
            hidden <= rows / 4 && options.limits.hold(&Requirements::of(&header))
        };
        let sizes = |kind| -> Vec<usize> {
            // Below the usual sizes where the limits are that narrow.
            let usual: Vec<usize> = SIZES.into_iter().filter(|&size| fits(kind, size)).collect();
            let small = || (1..SIZES[0]).rev().find(|&size| fits(kind, size));
            if usual.is_empty() { small().into_iter().collect() } else { usual }
        };
        let cells: Vec<(Kind, Vec<usize>)> = KINDS
            .into_iter()
            .map(|kind| (kind, sizes(kind)))
            .filter(|(_, sizes)| !sizes.is_empty())
            .collect();
        ensure!(
            !cells.is_empty(),
            "no network of this many channels is that small: allow more with --flash or --ram"
        );
        Ok(Draw { seed: options.seed, longest: (rows - 1) / 2, cells })
    }

    /// Setting number `index`: modes and kinds in turn, the rest at random, later modes and kinds as
    /// often as earlier ones.
    pub(super) fn setting(&self, index: usize) -> Setting {
        let mut random =
            SplitMix64::new(self.seed ^ (index as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mode = MODES[index % MODES.len()];
        let (kind, sizes) = &self.cells[index / MODES.len() % self.cells.len()];
        let mut pick = |count: usize| random.below(count);
        let hidden = sizes[pick(sizes.len())];
        let window = WINDOWS[pick(WINDOWS.len())].min(self.longest);
        let rate = RATES[pick(RATES.len())];
        let decay = DECAYS[pick(DECAYS.len())];
        let seed = random.next_u64();
        Setting {
            kind: *kind,
            layers: 1,
            hidden,
            mode,
            window,
            windowed: false,
            rate,
            decay,
            dropout: 0.0,
            seed,
        }
    }
}
