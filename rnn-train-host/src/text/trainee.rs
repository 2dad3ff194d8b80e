//! One network in training on a text.

use std::ops::Range;

use rnn_core::network::{NetworkRef, Shape};
use rnn_core::random::SplitMix64;
use serde::{Deserialize, Serialize};

use super::look;
use super::streams::Streams;
use crate::train::gradient::{Engine, Inputs, Loss, Plan, Targets};
use crate::train::stop::Stop;
use crate::train::weights::{Step, Weights};

/// The weights that are judged and kept are an average over about 1 / (1 - this) updates.
const AVERAGE: f32 = 0.99;
/// Updates between two looks at the validation part: an epoch, within these bounds.
const LOOKS: (usize, usize) = (200, 1000);
/// Looks without an improvement after which a training ends.
const PATIENCE: usize = 10;

/// What is to be trained: with the text, all that decides the bits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Setting {
    pub(super) shape: Shape,
    /// Symbols of a window, which an error travels back through.
    pub(super) context: usize,
    /// Adam's step size at the start; it falls to 0 along half a cosine.
    pub(super) rate: f32,
    pub(super) decay: f32,
    pub(super) dropout: f32,
    pub(super) seed: u64,
    /// Epochs of the whole cosine.
    pub(super) epochs: usize,
}

/// The validation part's word on the averaged weights.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// Epochs before it.
    pub epoch: f64,
    /// Training loss since the look before, in bits per symbol.
    pub training_bits: f64,
    /// Bits per symbol of the validation part (of a sample of it, where it is long).
    pub bits: f64,
}

/// Where a training stands: all that is needed to go on with the same bits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) weights: Weights,
    random: u64,
    /// Place of the text's ring where this epoch began.
    first: usize,
    carried: Vec<f32>,
    loss: (f64, usize),
    /// The averaged weights of the best look.
    best: Vec<f32>,
    pub(super) looks: Vec<Look>,
    ended: bool,
}

/// One network in training.
#[derive(Debug)]
pub(super) struct Trainee<'t> {
    text: &'t [u16],
    /// The part of the text that is looked at; empty for no looks.
    validation: Range<usize>,
    streams: Streams<'t>,
    setting: Setting,
    pub(super) state: State,
}

impl<'t> Trainee<'t> {
    /// With its initial weights, on the text up to `end`.
    pub(super) fn new(
        text: &'t [u16],
        end: usize,
        validation: Range<usize>,
        setting: Setting,
    ) -> Self {
        let mut random = SplitMix64::new(setting.seed);
        let mut parameters = vec![0.0f32; setting.shape.parameters()];
        let hidden = setting.shape.layers.hidden();
        random.fill_uniform(1.0 / (hidden as f32).sqrt(), &mut parameters);
        let state = State {
            best: parameters.clone(),
            weights: Weights::new(parameters),
            random: random.state(),
            first: 0,
            carried: Vec::new(),
            loss: (0.0, 0),
            looks: Vec::new(),
            ended: false,
        };
        let streams = Streams::new(&text[..end], setting.context);
        Trainee { text, validation, streams, setting, state }
    }

    /// Updates of an epoch.
    pub(super) fn windows(&self) -> usize {
        self.streams.windows
    }

    /// Updates done.
    pub(super) fn updates(&self) -> usize {
        self.state.weights.updates
    }

    /// Epochs done.
    pub(super) fn epoch(&self) -> f64 {
        self.state.weights.updates as f64 / self.streams.windows as f64
    }

    /// The look that came out best, if there was one.
    pub(super) fn best(&self) -> Option<Look> {
        let looks = self.state.looks.iter().filter(|look| look.bits.is_finite());
        looks.min_by(|a, b| a.bits.total_cmp(&b.bits)).copied()
    }

    /// The weights of the best look.
    pub(super) fn best_weights(&self) -> &[f32] {
        &self.state.best
    }

    /// Mean training loss since the last look, in bits per symbol.
    pub(super) fn training_bits(&self) -> f64 {
        let (sum, labels) = self.state.loss;
        Loss { sum, labels }.mean() * std::f64::consts::LOG2_E
    }

    /// Trains up to epoch `last`; `each` hears of every update.
    pub(super) fn advance(
        &mut self,
        last: f64,
        threads: usize,
        stop: &Stop,
        mut each: impl FnMut(&Self),
    ) {
        let Setting { shape, rate, decay, dropout, epochs, .. } = self.setting;
        let windows = self.streams.windows;
        let last = (last * windows as f64).round() as usize;
        if self.updates() >= last || self.state.ended {
            return;
        }
        let plan = Plan {
            inputs: Inputs::Symbols,
            targets: Targets::Symbols,
            dropout,
            carries: true,
            ..Plan::new(shape, self.streams.count, self.streams.steps)
        };
        let mut engine = Engine::new(plan, threads);
        if !self.state.carried.is_empty() {
            engine.set_state(&self.state.carried);
        }
        let mut symbols = Vec::new();
        let mut random = SplitMix64::new(self.state.random);
        let every = windows.clamp(LOOKS.0, LOOKS.1);
        while self.updates() < last && !self.state.ended {
            let state = &mut self.state;
            let update = state.weights.updates;
            if update.is_multiple_of(windows) {
                state.first = random.below(self.streams.transitions());
                engine.rest();
            }
            self.streams.set(&mut engine, state.first, update % windows, &mut symbols);
            let masks = if dropout > 0.0 { random.next_u64() } else { 0 };
            let loss = engine.run(&state.weights.parameters, masks);
            state.loss = (state.loss.0 + loss.sum, state.loss.1 + loss.labels);
            let phase = update as f64 / (epochs * windows) as f64;
            let share = 0.5 * (1.0 + libm::cos(std::f64::consts::PI * phase));
            let rate = (f64::from(rate) * share) as f32;
            state.weights.update(engine.gradient_mut(), Step { rate, decay, average: AVERAGE });
            engine.state_to(&mut state.carried);
            state.random = random.state();
            let due = (update + 1).is_multiple_of(every) || update + 1 == last;
            if due && !self.validation.is_empty() {
                self.look(threads);
            }
            each(self);
            if stop.is_set() {
                break;
            }
        }
    }

    /// Looks at the validation part.
    pub(super) fn look(&mut self, threads: usize) {
        let network = NetworkRef::new(self.setting.shape, &self.state.weights.average)
            .expect("as many as the shape says");
        let bits = look::bits(network, self.text, self.validation.clone(), threads);
        let training_bits = self.training_bits();
        let best = self.best().map_or(f64::INFINITY, |look| look.bits);
        let epoch = self.epoch();
        let state = &mut self.state;
        // Not `bits >= best`: a NaN is no improvement.
        if bits < best {
            state.best.clone_from(&state.weights.average);
        }
        state.looks.push(Look { epoch, training_bits, bits });
        state.loss = (0.0, 0);
        let best = self.best().map(|look| look.epoch);
        let since = self.state.looks.iter().filter(|look| Some(look.epoch) > best).count();
        self.state.ended = !training_bits.is_finite() || since >= PATIENCE;
    }
}
