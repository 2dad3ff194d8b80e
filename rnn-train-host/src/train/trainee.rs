//! One network in training: what it is, where it stands, and how it moves on.

use rnn_core::layers::{Kind, Layers};
use rnn_core::model_file::{Header, Task};
use rnn_core::network::Shape;
use rnn_core::random::SplitMix64;
use rnn_core::scaling::Mode;
use serde::{Deserialize, Serialize};

use super::data::{Data, Samples};
use super::gradient::{Engine, Plan};
use super::stop::Stop;
use super::weights::{Step, Weights};
use crate::model::{Model, SELF_TESTS};

/// Stretches per update.
pub(super) const BATCH: usize = 32;
/// The weights that are judged and kept are a running average over about 1 / (1 - this) updates:
/// it errs less than the last ones (Polyak and Juditsky, 1992).
const AVERAGE: f32 = 0.99;
/// Updates between two looks at the validation part.
const LOOK: usize = 50;
/// Looks without an improvement after which an annealing ends.
const PATIENCE: usize = 20;
/// Looks without an improvement after which an annealing starts from the best weights.
const STALE: usize = 4;
/// Updates of the shortest annealing of that kind.
const SHORTEST: usize = 300;

/// What is to be trained: everything that decides a training's bits, beside the log.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Setting {
    /// Kind of the cells.
    pub kind: Kind,
    /// Cells on one another.
    pub layers: usize,
    /// Hidden units of each.
    pub hidden: usize,
    /// What the network reads and predicts.
    pub mode: Mode,
    /// Steps that an error travels back.
    pub window: usize,
    /// Every prediction from rest over a window, instead of a stream with its state carried.
    pub windowed: bool,
    /// Adam's step size before it is annealed.
    pub rate: f32,
    /// Share of a weight that decays per update, as a multiple of the step size (Loshchilov and
    /// Hutter, 2019).
    pub decay: f32,
    /// Share of the units between layers that is left out at random.
    pub dropout: f32,
    /// Seed of the initial weights and of the order of the samples.
    pub seed: u64,
}

impl Setting {
    /// The network's sizes on so many channels.
    pub fn shape(&self, channels: usize) -> Shape {
        let one = Layers::one(self.kind, self.hidden);
        let layers = (1..self.layers)
            .fold(one, |layers, _| layers.with(self.kind, self.hidden).unwrap_or(layers));
        Shape { inputs: channels, layers, outputs: channels }
    }

    /// What the gradient engine computes for it.
    fn plan(&self, channels: usize) -> Plan {
        let steps = self.window;
        // A stretch starts from h = 0; an eighth of it only warms the state up.
        let scored = if self.windowed { 1 } else { steps - steps / 8 };
        let dropout = self.dropout;
        Plan { scored, dropout, ..Plan::new(self.shape(channels), BATCH, steps) }
    }
}

/// How far to go, and with which step size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Stage {
    /// The full step size up to this update.
    Explore(usize),
    /// Along half a cosine to 0 at this update; from the best weights and only for as long as these
    /// took, where what followed them was worse. Ends early where nothing improves.
    Anneal(usize),
}

impl Stage {
    /// The last update.
    pub fn last(self) -> usize {
        let (Stage::Explore(last) | Stage::Anneal(last)) = self;
        last
    }
}

/// The validation part's word on the averaged weights.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// Updates before it.
    pub update: usize,
    /// Training loss (scaled mean squared error) since the look before.
    pub loss: f64,
    /// Error of the target on the validation part, in its unit.
    pub rmse: f64,
}

/// Where a training stands: all that is needed to go on with the same bits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Updates done.
    pub update: usize,
    /// Updates done when the annealing began and when it ends, where it has begun.
    annealing: Option<(usize, usize)>,
    /// Whether the last stage is over.
    ended: bool,
    weights: Weights,
    random: u64,
    loss_sum: f64,
    /// The averaged weights of the best look.
    pub best_parameters: Vec<f32>,
    /// All looks.
    pub looks: Vec<Look>,
}

/// One network in training.
#[derive(Debug, Clone)]
pub struct Trainee<'a> {
    data: &'a Data<'a>,
    /// What it is.
    pub setting: Setting,
    /// Where it stands.
    pub state: State,
}

impl<'a> Trainee<'a> {
    /// With its initial weights.
    pub fn new(data: &'a Data<'a>, setting: Setting) -> Self {
        let shape = setting.shape(data.channels.len());
        let mut random = SplitMix64::new(setting.seed);
        let mut parameters = vec![0.0f32; shape.parameters()];
        random.fill_uniform(1.0 / (setting.hidden as f32).sqrt(), &mut parameters);
        let state = State {
            update: 0,
            annealing: None,
            ended: false,
            best_parameters: parameters.clone(),
            weights: Weights::new(parameters),
            random: random.state(),
            loss_sum: 0.0,
            looks: Vec::new(),
        };
        Trainee { data, setting, state }
    }

    /// The look that erred least; `None` before the first one that came to a number.
    pub fn best(&self) -> Option<Look> {
        let looks = self.state.looks.iter().filter(|look| look.rmse.is_finite());
        looks.min_by(|a, b| a.rmse.total_cmp(&b.rmse)).copied()
    }

    /// Its error at the best look; infinite before the first one.
    pub fn rmse(&self) -> f64 {
        self.rmse_by(usize::MAX)
    }

    /// The same of the looks up to an update: a training that was taken up again is judged as it
    /// was when it came by there.
    pub fn rmse_by(&self, update: usize) -> f64 {
        let looks = self.state.looks.iter().filter(|look| look.update <= update);
        looks.map(|look| look.rmse).filter(|rmse| rmse.is_finite()).fold(f64::INFINITY, f64::min)
    }

    /// The model with the weights of the best look.
    pub fn model(&self) -> Model {
        self.model_with(self.state.best_parameters.clone())
    }

    fn model_with(&self, parameters: Vec<f32>) -> Model {
        let Trainee { data, setting, .. } = self;
        let channels = data.channels.len();
        let header = Header {
            window: if setting.windowed { setting.window } else { 0 },
            self_tests: SELF_TESTS.min(data.split.train.len()),
            seed: setting.seed,
            ..Header::new(
                Task::Forecast { mode: setting.mode, target: data.table.target },
                channels,
                setting.shape(channels).layers,
            )
        };
        data.model(header, parameters)
    }

    /// Goes on to the end of `stage`, or until `stop`; `each` hears of every look.
    pub fn advance(&mut self, stage: Stage, stop: &Stop, mut each: impl FnMut(&Self)) {
        let last = match stage {
            Stage::Explore(last) => last,
            Stage::Anneal(last) => self.start_annealing(last),
        };
        if self.state.update >= last || self.state.ended {
            return;
        }
        let mut engine = Engine::new(self.setting.plan(self.data.channels.len()), 1);
        while self.state.update < last && !self.state.ended && !stop.is_set() {
            self.update(&mut engine);
            if self.state.update.is_multiple_of(LOOK) || self.state.update == last {
                self.look();
                each(self);
            }
        }
    }

    /// Trains the same network on `data`, which has more rows to learn from: as many updates, with
    /// the same step sizes, as led to its best weights, and no look on the way. `None` where `stop`
    /// came first.
    pub fn again<'b>(&self, data: &'b Data<'b>, stop: &Stop) -> Option<Trainee<'b>> {
        let mut again = Trainee::new(data, self.setting);
        let best = self.best()?.update;
        let mut engine = Engine::new(self.setting.plan(data.channels.len()), 1);
        let mut run = |again: &mut Trainee<'b>, last: usize| {
            while again.state.update < last && !stop.is_set() {
                again.update(&mut engine);
            }
            again.state.update == last
        };
        let done = match self.state.annealing.filter(|&(since, _)| since < best) {
            None => run(&mut again, best),
            Some((since, until)) => {
                let anew = self.stale(since);
                let from = anew.unwrap_or(since);
                let explored = run(&mut again, from);
                if anew.is_some() {
                    again.state.weights = Weights::new(again.state.weights.average);
                }
                again.state.annealing = Some((from, from + until - since));
                explored && run(&mut again, from + best - since)
            }
        };
        again.state.best_parameters.clone_from(&again.state.weights.average);
        done.then_some(again)
    }

    /// One update.
    fn update(&mut self, engine: &mut Engine) {
        let samples = self.data.samples(self.setting.mode);
        let state = &mut self.state;
        let mut random = SplitMix64::new(state.random);
        state.update += 1;
        draw(engine, samples, self.data.split.train.end, &mut random);
        let masks = if self.setting.dropout > 0.0 { random.next_u64() } else { 0 };
        state.loss_sum += engine.run(&state.weights.parameters, masks).mean();
        let rate = match state.annealing {
            None => self.setting.rate,
            Some((since, until)) => {
                let phase = (state.update - since - 1) as f64 / (until - since) as f64;
                let share = 0.5 * (1.0 + libm::cos(std::f64::consts::PI * phase));
                (f64::from(self.setting.rate) * share) as f32
            }
        };
        let step = Step { rate, decay: self.setting.decay, average: AVERAGE };
        state.weights.update(engine.gradient_mut(), step);
        state.random = random.state();
    }

    /// From here, or from the best weights where what followed them was worse; returns the end.
    fn start_annealing(&mut self, last: usize) -> usize {
        if let Some((_, until)) = self.state.annealing {
            return until;
        }
        let since = self.state.update;
        let mut until = last;
        if let Some(best) = self.stale(since) {
            self.state.weights = Weights::new(self.state.best_parameters.clone());
            until = last.min(since + best.max(SHORTEST));
        }
        self.state.annealing = Some((since, until));
        until
    }

    /// The best look up to an update, where what followed it was worse for long.
    fn stale(&self, update: usize) -> Option<usize> {
        let looks = self.state.looks.iter().filter(|look| look.update <= update);
        let finite = looks.filter(|look| look.rmse.is_finite());
        let best = finite.min_by(|a, b| a.rmse.total_cmp(&b.rmse))?.update;
        (update >= best + STALE * LOOK).then_some(best)
    }

    /// A look for a training that was stopped before its first one.
    pub fn look_once(&mut self) {
        if self.state.looks.is_empty() {
            self.look();
        }
    }

    /// Looks at the validation part.
    fn look(&mut self) {
        let model = self.model_with(self.state.weights.average.clone());
        let rmse = self.data.validation_rmse(self.data.validate(&model));
        let before = self.state.looks.last().map_or(0, |look| look.update);
        let update = self.state.update;
        let loss = self.state.loss_sum / (update - before).max(1) as f64;
        self.state.loss_sum = 0.0;
        // Not `rmse >= best`: a NaN is no improvement.
        if rmse < self.rmse() {
            self.state.best_parameters.clone_from(&self.state.weights.average);
        }
        self.state.looks.push(Look { update, loss, rmse });
        let best = self.best().map_or(update, |look| look.update);
        let waits = |(since, _): (usize, usize)| update >= best.max(since) + PATIENCE * LOOK;
        self.state.ended = !loss.is_finite() || self.state.annealing.is_some_and(waits);
    }
}

/// Draws stretches whose labels lie before row `end`.
fn draw(engine: &mut Engine, samples: &Samples, end: usize, random: &mut SplitMix64) {
    let Plan { shape, steps, scored, .. } = *engine.plan();
    let (inputs, outputs) = (shape.inputs, shape.outputs);
    for column in 0..engine.columns() {
        let start = random.below(end - steps);
        engine.set_values(column, &samples.inputs[start * inputs..][..steps * inputs]);
        let first = start + steps - scored;
        engine.set_targets(column, &samples.targets[first * outputs..][..scored * outputs]);
    }
}
