//! Learning on the device: a shadow of the network learns from the stream, is scored against the
//! network that predicts, and takes its place only where it wins.
//!
//! Four forecasts are made of every sample, and scored when it comes:
//!
//! - `frozen`: the network that was flashed, which stays as it is;
//! - `active`: the one whose predictions are used, frozen at first;
//! - `shadow`: the one that learns, by truncated back-propagation through blocks of T samples
//!   ([`Whole`]), or with its readout alone ([`Readout`]);
//! - persistence: nothing changes.
//!
//! | event | when |
//! |---|---|
//! | the shadow is taken over | it errs less than frozen and active beyond doubt, by a margin, and less than persistence |
//! | rolled back | active has cost more than frozen would have, by a fixed budget |
//! | the shadow starts again from active | active errs less than the shadow beyond doubt, by a margin |
//!
//! Nothing is learnt or scored from a flagged sample, nor from those that are compared with it or
//! follow it in the same block; [`Guarded`] flags what its watch doesn't let in. All memory is in the [`Adapter`], its size known at compile time; the
//! weights stay in a box that is fixed at the start.

mod contest;
mod descent;
pub mod flat;
mod guarded;
mod judge;
mod learner;

use crate::cell::Cell;
use crate::forecast::{self, Forecaster};
use crate::network::Network;
use crate::scaling::{Channel, Mode};
use descent::{Descent, copy};
use judge::Judge;

pub use guarded::Guarded;
pub use judge::Errors;
pub use learner::{Learner, Readout, Whole, readout_gradient};

/// Labels are held within +-this, in standard deviations: one wild value is to teach little.
const LABEL_LIMIT: f32 = 32.0;
/// An error counts as this at most.
const ERROR_LIMIT: f32 = 2.0 * LABEL_LIMIT;

/// A sample teaches when it and so many before it were good: a label takes two samples and the
/// differences that the network reads two, one of them the same.
const TEACHES: u8 = 3;

/// What happened to the networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The shadow's weights and state became the active ones.
    TakenOver,
    /// The frozen weights and state became the active ones.
    RolledBack,
    /// The shadow started again from the active network.
    Restarted,
}

/// A network's state and its output for the next sample.
#[derive(Clone)]
struct Run<L: Learner> {
    memory: L::Memory,
    o: L::Sample,
}

impl<L: Learner> Run<L> {
    fn step(&mut self, learner: &L, weights: &L::Weights) {
        learner.step(weights, &mut self.memory, &mut self.o);
    }

    /// Goes on where another one is.
    fn follow(&mut self, other: &Self) {
        self.memory.clone_from(&other.memory);
        self.o.clone_from(&other.o);
    }
}

/// The model that was flashed, where it lies. An [`Adapter`] is shown it with every sample, so that
/// another one may come in its place.
pub struct Frozen<'m, L: Learner + 'm> {
    /// What of it never learns.
    pub fixed: L::Fixed<'m>,
    /// The weights that are adapted, as they were flashed.
    pub weights: &'m L::Weights,
    /// The channels' scales.
    pub channels: &'m [Channel],
    /// Raw, residual or difference.
    pub mode: Mode,
}

impl<'m, C: Cell<f32, I, H>, const I: usize, const H: usize, const T: usize>
    From<&'m Forecaster<C, I, H>> for Frozen<'m, Whole<C, I, H, T>>
{
    fn from(model: &'m Forecaster<C, I, H>) -> Self {
        let Forecaster { network, channels, mode } = model;
        Frozen { fixed: (), weights: network, channels, mode: *mode }
    }
}

impl<'m, C: Cell<f32, I, H>, const I: usize, const H: usize, const T: usize>
    From<&'m Forecaster<C, I, H>> for Frozen<'m, Readout<C, I, H, T>>
{
    fn from(model: &'m Forecaster<C, I, H>) -> Self {
        let Forecaster { network: Network { cell, readout, .. }, channels, mode } = model;
        Frozen { fixed: cell, weights: readout, channels, mode: *mode }
    }
}

/// A predictor that goes on learning. Samples and predictions are in the channels' units.
#[derive(Clone)]
pub struct Adapter<L: Learner> {
    learner: L,
    active: L::Weights,
    shadow: L::Weights,
    descent: Descent<L::Weights>,
    /// Of frozen, active, shadow.
    runs: [Run<L>; 3],
    /// The shadow's state in front of the block.
    start: L::Memory,
    /// Steps of the block that are kept.
    kept: usize,
    /// Good samples in a row, [`TEACHES`] at most.
    good: u8,
    judge: Judge,
    adapted: bool,
    /// The last sample; NaN before the first one.
    last: L::Sample,
    prediction: L::Sample,
    /// The network's inputs, then the label.
    scratch: L::Sample,
}

impl<C: Cell<f32, I, H>, const I: usize, const H: usize, const T: usize>
    Adapter<Whole<C, I, H, T>>
{
    /// The whole network adapts, over blocks of T samples; starts at rest.
    pub fn new(model: &Forecaster<C, I, H>) -> Self {
        Self::with(Whole::new, &model.network, [0.0; I])
    }
}

impl<C: Cell<f32, I, H>, const I: usize, const H: usize, const T: usize>
    Adapter<Readout<C, I, H, T>>
{
    /// The readout alone adapts, over blocks of T samples; starts at rest.
    pub fn of_readout(model: &Forecaster<C, I, H>) -> Self {
        Self::with(Readout::new, &model.network.readout, [0.0; I])
    }
}

impl<L: Learner> Adapter<L> {
    /// With any learner, at rest; `frozen` are the weights that were flashed, `sample` is any sample.
    #[inline(never)] // Made where it is kept: a device's stack may have no room for another one.
    pub fn with(learner: impl FnOnce() -> L, frozen: &L::Weights, sample: L::Sample) -> Self {
        let learner = learner();
        let run = || Run { memory: learner.at_rest(), o: sample.clone() };
        let mut unknown = sample.clone();
        unknown.as_mut().fill(f32::NAN);
        Adapter {
            active: frozen.clone(),
            shadow: frozen.clone(),
            descent: Descent::new(frozen),
            runs: [run(), run(), run()],
            start: learner.at_rest(),
            kept: 0,
            good: 0,
            judge: Judge::NEW,
            adapted: false,
            last: unknown.clone(),
            prediction: unknown,
            scratch: sample,
            learner,
        }
    }

    /// Starts anew from the weights of another model, at rest.
    pub fn start(&mut self, frozen: &L::Weights) {
        self.learn_anew(frozen);
        self.rest();
    }

    /// Starts to learn anew, from the weights of another model that goes on from the state of the
    /// network that predicts.
    pub fn go_on(&mut self, frozen: &L::Weights) {
        self.learn_anew(frozen);
        let [frozen, active, shadow] = &mut self.runs;
        frozen.follow(active);
        shadow.follow(active);
        (self.kept, self.good) = (0, 0);
    }

    fn learn_anew(&mut self, frozen: &L::Weights) {
        copy(frozen, &mut self.active);
        copy(frozen, &mut self.shadow);
        self.descent.start(frozen);
        self.judge = Judge::NEW;
        self.adapted = false;
    }

    /// Forgets the stream, but nothing that was learnt: every network back to the state at rest.
    pub fn rest(&mut self) {
        self.learner.rest();
        for run in &mut self.runs {
            run.memory = self.learner.at_rest();
        }
        (self.kept, self.good) = (0, 0);
        self.last.as_mut().fill(f32::NAN);
        self.prediction.as_mut().fill(f32::NAN);
    }

    /// Takes one sample and predicts the next one, as [`forecast::step`] does. From a sample that is
    /// `flagged`, or has a value that isn't finite, nothing is learnt. `frozen` is the model whose weights
    /// it has started from.
    pub fn step<'m>(
        &mut self,
        frozen: impl Into<Frozen<'m, L>>,
        sample: &L::Sample,
        flagged: bool,
    ) -> Option<Event>
    where
        L: 'm,
    {
        let model = frozen.into();
        let finite = sample.as_ref().iter().all(|v| v.is_finite());
        self.good = if flagged || !finite { 0 } else { self.good.saturating_add(1).min(TEACHES) };
        let event = if self.good == TEACHES { self.teach(&model, sample) } else { None };
        if self.good < TEACHES {
            self.kept = 0;
        }
        if self.kept == 0 {
            let [_, _, shadow] = &self.runs;
            self.start.clone_from(&shadow.memory);
        }
        let Frozen { fixed, weights, channels, mode } = model;
        let (last, scratch) = (self.last.as_mut(), self.scratch.as_mut());
        forecast::inputs(channels, mode, sample.as_ref(), last, scratch);
        self.learner.sense(fixed, &self.scratch);
        let [frozen, active, shadow] = &mut self.runs;
        for (run, weights) in [(frozen, weights), (active, &self.active), (shadow, &self.shadow)] {
            run.step(&self.learner, weights);
        }
        let [_, active, _] = &self.runs;
        let (last, prediction) = (self.last.as_ref(), self.prediction.as_mut());
        forecast::predictions(channels, mode, active.o.as_ref(), last, prediction);
        event
    }

    /// The prediction of the next sample; NaN before the first.
    pub fn prediction(&self) -> &L::Sample {
        &self.prediction
    }

    /// The weights that predict.
    pub fn weights(&self) -> &L::Weights {
        &self.active
    }

    /// The weights that learn.
    pub fn shadow(&self) -> &L::Weights {
        &self.shadow
    }

    /// Whether the weights that predict are others than those that were flashed.
    pub fn is_adapted(&self) -> bool {
        self.adapted
    }

    /// Running means of the squared errors, over about 64 samples.
    pub fn errors(&self) -> Errors {
        self.judge.means()
    }

    /// No weight gets beyond +-this.
    pub fn bound(&self) -> f32 {
        self.descent.bound()
    }

    /// Scores the predictions of a good sample, learns when a block is full, and judges.
    fn teach(&mut self, model: &Frozen<'_, L>, sample: &L::Sample) -> Option<Event> {
        let mut errors = Errors::default();
        let [frozen, active, shadow] = &self.runs;
        let outputs = frozen.o.as_ref().iter().zip(active.o.as_ref()).zip(shadow.o.as_ref());
        let values = sample.as_ref().iter().zip(self.last.as_ref()).zip(model.channels);
        let labels = self.scratch.as_mut().iter_mut().zip(values);
        for ((label, ((&value, &last), channel)), ((&frozen, &active), &shadow)) in
            labels.zip(outputs)
        {
            let target = channel.target(model.mode, value, last);
            *label = target.clamp(-LABEL_LIMIT, LABEL_LIMIT);
            let unchanged = channel.target(model.mode, last, last);
            errors.frozen += square(frozen - *label);
            errors.active += square(active - *label);
            errors.shadow += square(shadow - *label);
            errors.persistence += square(unchanged - *label);
        }
        self.learner.keep(self.kept, &self.scratch);
        self.kept += 1;
        if self.kept == self.learner.steps() {
            self.kept = 0;
            if !self.descent.learn(&mut self.learner, &self.start, &mut self.shadow) {
                self.restart();
                return Some(Event::Restarted);
            }
        }
        let event = self.judge.hear(errors, self.adapted)?;
        let [frozen, active, shadow] = &mut self.runs;
        match event {
            Event::TakenOver => {
                copy(&self.shadow, &mut self.active);
                active.follow(shadow);
                self.adapted = true;
            }
            Event::RolledBack => {
                copy(model.weights, &mut self.active);
                active.follow(frozen);
                self.adapted = false;
            }
            Event::Restarted => self.restart(),
        }
        Some(event)
    }

    /// The shadow starts again from the active network.
    fn restart(&mut self) {
        copy(&self.active, &mut self.shadow);
        self.descent.restart(&self.active);
        let [_, active, shadow] = &mut self.runs;
        shadow.follow(active);
        self.kept = 0;
    }
}

/// The square of an error, bounded.
fn square(error: f32) -> f32 {
    // NaN counts as the largest error.
    let error = if error.abs() < ERROR_LIMIT { error } else { ERROR_LIMIT };
    error * error
}
