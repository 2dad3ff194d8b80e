//! One network in training: what it is, where it stands, and how it moves on.

use rnn_core::layers::{Kind, Layers};
use rnn_core::model_file::{Header, Task};
use rnn_core::network::Shape;
use rnn_core::optimizer::{Adam, clip_norm};
use rnn_core::random::SplitMix64;
use rnn_core::scaling::Mode;
use serde::{Deserialize, Serialize};

use super::data::{Data, Samples};
use super::gradient::{Engine, Plan};
use super::stop::Stop;
use crate::model::{Model, SELF_TESTS};

/// Stretches per update.
pub(super) const BATCH: usize = 32;
/// The gradient is clipped to this norm.
const CLIP: f32 = 1.0;
/// The weights that are judged and kept are a running average over about 1 / (1 - this) updates:
/// it errs less than the last ones (Polyak and Juditsky, 1992).
const AVERAGE: f32 = 0.99;
/// Updates between two looks at the validation part.
const LOOK: usize = 50;
/// Looks without an improvement after which an annealing ends.
const PATIENCE: usize = 20;

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
    /// From here along half a cosine to 0 at this update; ends early where nothing improves.
    Anneal(usize),
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
    /// Updates done when the annealing began, where it has.
    annealing_since: Option<usize>,
    /// Whether the last stage is over.
    ended: bool,
    parameters: Vec<f32>,
    average: Vec<f32>,
    moments: [Vec<f32>; 2],
    powers: [f32; 2],
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
        let zeros = vec![0.0; parameters.len()];
        let state = State {
            update: 0,
            annealing_since: None,
            ended: false,
            average: parameters.clone(),
            best_parameters: parameters.clone(),
            parameters,
            moments: [zeros.clone(), zeros],
            powers: [1.0; 2],
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
        self.best().map_or(f64::INFINITY, |look| look.rmse)
    }

    /// The model with the weights of the best look.
    pub fn model(&self) -> Model {
        self.model_with(self.state.best_parameters.clone())
    }

    fn model_with(&self, parameters: Vec<f32>) -> Model {
        let Trainee { data, setting, .. } = self;
        let channels = data.channels.len();
        let shape = setting.shape(channels);
        let header = Header {
            task: Task::Forecast { mode: setting.mode, target: data.table.target },
            inputs: channels,
            layers: shape.layers,
            window: if setting.windowed { setting.window } else { 0 },
            self_tests: SELF_TESTS.min(data.split.train.len()),
            two_biases: false,
            seed: setting.seed,
        };
        Model {
            header,
            names: data.table.channels.clone(),
            samples: data.self_test_samples(header.self_tests),
            channels: data.channels.clone(),
            parameters,
            modules: Default::default(),
            biases: Vec::new(),
        }
    }

    /// Goes on to the end of `stage`; `each` hears of every look, and a look is where a stopped
    /// training ends.
    pub fn advance(&mut self, stage: Stage, stop: &Stop, mut each: impl FnMut(&Self)) {
        let last = match stage {
            Stage::Explore(last) | Stage::Anneal(last) => last,
        };
        let annealing = matches!(stage, Stage::Anneal(_));
        if self.state.update >= last || self.state.ended {
            return;
        }
        if annealing && self.state.annealing_since.is_none() {
            self.state.annealing_since = Some(self.state.update);
        }
        let samples = self.data.samples(self.setting.mode);
        let end = self.data.split.train.end;
        let mut engine = Engine::new(self.setting.plan(self.data.channels.len()), 1);
        let mut random = SplitMix64::new(self.state.random);
        let mut adam = Adam::new(Vec::<f32>::new());
        [adam.first, adam.second] = std::mem::take(&mut self.state.moments);
        adam.powers = self.state.powers;
        while self.state.update < last && !self.state.ended {
            let state = &mut self.state;
            state.update += 1;
            draw(&mut engine, samples, end, &mut random);
            let masks = if self.setting.dropout > 0.0 { random.next_u64() } else { 0 };
            state.loss_sum += engine.run(&state.parameters, masks).mean();
            clip_norm(engine.gradient_mut(), CLIP);
            let rate = match state.annealing_since {
                None => self.setting.rate,
                Some(since) => {
                    let phase = (state.update - since - 1) as f64 / (last - since) as f64;
                    let share = 0.5 * (1.0 + libm::cos(std::f64::consts::PI * phase));
                    (f64::from(self.setting.rate) * share) as f32
                }
            };
            if self.setting.decay > 0.0 {
                let kept = 1.0 - rate * self.setting.decay;
                state.parameters.iter_mut().for_each(|p| *p *= kept);
            }
            adam.update(&mut state.parameters, engine.gradient_mut(), rate);
            // Young averages forget faster, or the initial weights would stay in them for long.
            let kept = AVERAGE.min(state.update as f32 / (state.update as f32 + 10.0));
            for (average, &parameter) in state.average.iter_mut().zip(&state.parameters) {
                *average = parameter + kept * (*average - parameter);
            }
            let stopped = stop.is_set();
            if !state.update.is_multiple_of(LOOK) && state.update != last && !stopped {
                continue;
            }
            self.look(annealing);
            let state = &mut self.state;
            state.random = random.state();
            state.moments = [adam.first.clone(), adam.second.clone()];
            state.powers = adam.powers;
            each(self);
            if stopped {
                break;
            }
        }
        self.state.random = random.state();
        self.state.powers = adam.powers;
        self.state.moments = [adam.first, adam.second];
    }

    /// Looks at the validation part.
    fn look(&mut self, annealing: bool) {
        let model = self.model_with(self.state.average.clone());
        let rmse = self.data.validation_rmse(self.data.validate(&model));
        let before = self.state.looks.last().map_or(0, |look| look.update);
        let update = self.state.update;
        let loss = self.state.loss_sum / (update - before).max(1) as f64;
        self.state.loss_sum = 0.0;
        // Not `rmse >= best`: a NaN is no improvement.
        if rmse < self.rmse() {
            self.state.best_parameters.clone_from(&self.state.average);
        }
        self.state.looks.push(Look { update, loss, rmse });
        let best = self.best().map_or(update, |look| look.update);
        let waited = (update - best) / LOOK;
        self.state.ended = !loss.is_finite() || annealing && waited >= PATIENCE;
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
