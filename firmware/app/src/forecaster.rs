//! A forecaster: it takes a sample and predicts the next one.

use crate::embedded::{FILE, WINDOW};
use crate::learner::{Learnt, Network};
use crate::model::{Model, Words};
use crate::numbers::State;
use rnn_core::forecast::{self, Memory};
use rnn_core::model_file::{Error, ModelFile};
use rnn_core::scaling::{Channel, Mode};
use rnn_core::watch::{Verdict, Watch, Watcher};

/// Channels of a sample and of a prediction.
pub const CHANNELS: usize = FILE.header.inputs;
/// Numbers of a prediction.
pub const OUTPUTS: usize = CHANNELS;

/// How a model scales its channels.
#[derive(Clone, Copy)]
pub struct Scales {
    channels: [Channel; CHANNELS],
    mode: Mode,
}

/// What of a model file is copied into RAM.
#[derive(Clone, Copy)]
pub struct Settings {
    /// What a step asks for.
    pub scales: Scales,
    watch: Watch<CHANNELS>,
}

impl Scales {
    /// The channels' scales; raw, residual or difference.
    #[cfg(learns)]
    pub(crate) fn parts(&self) -> (&[Channel; CHANNELS], Mode) {
        (&self.channels, self.mode)
    }
}

impl Settings {
    /// As a file has them; [`Error::Shape`] where its channels aren't as many.
    pub const fn of(file: &ModelFile<'_>) -> Result<Self, Error> {
        match (file.channels(), file.mode(), file.watch()) {
            (Ok(channels), Ok(mode), Ok(watch)) => {
                Ok(Settings { scales: Scales { channels, mode }, watch })
            }
            (Err(error), ..) | (_, Err(error), _) | (.., Err(error)) => Err(error),
        }
    }
}

/// A model's memory.
pub struct Predictor {
    state: State,
    last: [f32; CHANNELS],
    scratch: [f32; CHANNELS],
    recent: [[f32; CHANNELS]; WINDOW],
    filled: usize,
}

impl Predictor {
    /// Before the first sample.
    pub const REST: Self = Predictor {
        state: State::REST,
        last: [f32::NAN; _],
        scratch: [0.0; _],
        recent: [[0.0; _]; _],
        filled: 0,
    };

    /// Takes a sample, returns the prediction of the next one.
    #[inline(always)]
    pub(crate) fn step(&mut self, model: Model<'_>, sample: &[f32; CHANNELS]) -> [f32; OUTPUTS] {
        let mut prediction = [f32::NAN; OUTPUTS];
        let Scales { channels, mode } = model.scales;
        let memory = Memory {
            last: &mut self.last,
            scratch: &mut self.scratch,
            recent: self.recent.as_flattened_mut(),
            filled: &mut self.filled,
        };
        if let Some(mut network) = self.state.of(model.words) {
            forecast::step(&mut network, channels, *mode, memory, sample, &mut prediction);
        }
        prediction
    }

    /// Back to the state before the first sample.
    pub fn restart(&mut self) {
        *self = Self::REST;
    }

    /// Of the file's self-test samples those whose predictions have other bits.
    pub fn self_test(mut self, model: Model<'_>, file: &ModelFile<'_>) -> usize {
        let mut tests = file.self_tests();
        let mut wrong = 0;
        for _ in 0..file.header.self_tests {
            let pairs: [(f32, f32); CHANNELS] =
                core::array::from_fn(|_| tests.next().unwrap_or_default());
            let prediction = crate::step(&mut self, model, &pairs.map(|(sample, _)| sample));
            let mut both = pairs.iter().zip(&prediction);
            wrong += usize::from(both.any(|((_, e), p)| e.to_bits() != p.to_bits()));
        }
        wrong
    }
}

/// A model in the middle of a stream that is watched.
pub(crate) struct Stream {
    network: Network,
    scales: Scales,
    watcher: Watcher<CHANNELS>,
}

impl Stream {
    /// Before the first sample.
    #[cfg_attr(learns, inline(never))] // Made where it is kept: the stack has room for one.
    pub(crate) fn start(Settings { scales, watch }: Settings) -> Self {
        Stream { network: Network::start(), scales, watcher: Watcher::new(&watch) }
    }

    /// Back to the start, of another model perhaps.
    pub(crate) fn restart(&mut self, Settings { scales, watch }: Settings) {
        self.network.restart();
        self.scales = scales;
        self.watcher = Watcher::new(&watch);
    }

    /// Goes on with another model, from the state that there is.
    pub(crate) fn go_on(&mut self, Settings { scales, watch }: Settings) {
        self.network.go_on();
        self.scales = scales;
        self.watcher.watch_for(&watch);
    }

    /// Judges a sample, `elapsed` periods after the last call, and makes a step on what is admitted of
    /// it; the verdict, the numbers of the faults, the prediction, and what was learnt.
    pub(crate) fn take(
        &mut self,
        words: &Words,
        sample: Option<&[f32; CHANNELS]>,
        elapsed: f32,
    ) -> (Verdict, [u8; OUTPUTS], [f32; OUTPUTS], Learnt) {
        let Stream { network, scales, watcher } = self;
        let verdict = watcher.judge(sample, elapsed);
        if verdict.restart {
            network.rest();
        }
        let mut learnt = network.idle();
        if verdict.step {
            let model = Model { words, scales };
            let sound = verdict.is_sound(watcher.faults());
            let prediction;
            (prediction, learnt) = network.step(model, watcher.admitted(), sound);
            watcher.expect(prediction);
        }
        let faults = watcher.faults().map(|fault| fault.map_or(0, |fault| fault as u8));
        (verdict, faults, *watcher.expected(), learnt)
    }
}
