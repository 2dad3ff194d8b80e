//! Training: stretches of the series, a batch at a time, back-propagated through time; the weights
//! that do best on the validation part, run as the stream that the device will run, are kept.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Result, bail, ensure};
use rnn_core::kernel::Training;
use rnn_core::model_file::{Header, LIMIT};
use rnn_core::network::{NetworkMut, NetworkRef, Shape};
use rnn_core::optimizer::{Adam, clip_norm};
use rnn_core::random::SplitMix64;
use rnn_core::scaling::{Channel, Mode};

use crate::data::{Rows, Split, Table};
use crate::metrics::Errors;
use crate::model::{Model, SELF_TESTS};

/// Stretches per update.
const BATCH: usize = 32;
/// Adam's step size at the start; it falls to 0 along half a cosine.
const LEARNING_RATE: f64 = 3e-3;
/// The gradient is clipped to this norm.
const CLIP: f32 = 1.0;
/// The weights that are judged and kept are a running average over about 1 / (1 - this) updates:
/// it errs less than the last ones (Polyak and Juditsky, 1992).
const AVERAGE: f32 = 0.99;
/// Updates between two looks at the validation part.
const LOOK: usize = 50;
/// Looks without an improvement after which a training ends.
const PATIENCE: usize = 20;
/// Updates when no number of epochs is asked for.
const UPDATES: usize = 3000;
/// Rows before the validation part that warm the state up for a look: what came earlier has faded.
const WARM_UP: usize = 1000;
/// Networks per mode, from seeds that follow from the one that is asked for.
const STARTS: u64 = 4;

/// What is to be trained, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Hidden units.
    pub hidden: usize,
    /// Inputs per label, and steps that an error travels back; `None`: 64, or 20 if windowed, or
    /// what a short series allows.
    pub window: Option<usize>,
    /// Every prediction from h = 0 over a window, instead of a stream with its state carried.
    pub windowed: bool,
    /// `None`: the mode that does best on the validation part.
    pub mode: Option<Mode>,
    /// Passes over the training part; `None`: as many as make 3000 updates.
    pub epochs: Option<usize>,
    /// Seed of everything that is drawn.
    pub seed: u64,
    /// Threads; the result is the same for any number.
    pub threads: usize,
}

/// A network that was trained, one of several that the validation part chooses from.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The weights of the best look.
    pub model: Model,
    /// Root mean squared error of the target on the validation part, in its unit.
    pub validation_rmse: f64,
    /// Updates done until that look, and in all.
    pub updates: (usize, usize),
    /// Training loss (scaled mean squared error) and validation error at every look.
    pub history: Vec<(f64, f64)>,
}

/// Progress of a training: which candidate of how many, its update of how many, losses so far.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Updates done by all candidates, those of ended ones counted in full.
    pub done: usize,
    /// Updates of all candidates.
    pub total: usize,
    /// Training loss at the last look.
    pub loss: f64,
    /// Best validation error of that candidate, in the target's unit.
    pub validation_rmse: f64,
}

/// Trains the candidates (modes x starts) and returns them, best first.
///
/// # Errors
/// A series that is too short, a window that doesn't fit, sizes beyond the model file's limits.
pub fn train(
    table: &Table,
    options: &Options,
    report: &(dyn Fn(Progress) + Sync),
) -> Result<Vec<Candidate>> {
    let split = Split::of(table.rows().len());
    let window = check(table, &split, options)?;
    let modes = match options.mode {
        Some(mode) => vec![mode],
        None => vec![Mode::Raw, Mode::Residual, Mode::Difference],
    };
    let jobs: Vec<(Mode, u64)> =
        (0..STARTS).flat_map(|start| modes.iter().map(move |mode| (*mode, start))).collect();
    let per_epoch = split.train.len().div_ceil(BATCH * window).max(1);
    let updates = options.epochs.map_or(UPDATES, |epochs| epochs * per_epoch);

    let next = AtomicUsize::new(0);
    let done = AtomicUsize::new(0);
    let candidates = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..options.threads.clamp(1, jobs.len()) {
            scope.spawn(|| {
                while let Some(&(mode, start)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let seed = options.seed.wrapping_add(start.wrapping_mul(0x9E37_79B9));
                    let progress = |step: usize, loss, validation_rmse| {
                        let done = done.fetch_add(step, Ordering::Relaxed) + step;
                        let total = updates * jobs.len();
                        report(Progress { done, total, loss, validation_rmse });
                    };
                    let task = Task { table, split: &split, options, window, mode, seed, updates };
                    let candidate = task.run(&progress);
                    let mut candidates =
                        candidates.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    candidates.push(((start, mode as usize), candidate));
                }
            });
        }
    });
    let mut candidates = candidates.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    // First by what is the same for any number of threads, then, stably, by the error.
    candidates.sort_by_key(|(order, _)| *order);
    let mut candidates: Vec<Candidate> = candidates.into_iter().map(|(_, c)| c).collect();
    candidates.sort_by(|a, b| a.validation_rmse.total_cmp(&b.validation_rmse));
    ensure!(
        candidates.first().is_some_and(|best| best.validation_rmse.is_finite()),
        "no training came to a finite validation error: the validation part (rows {} to {}) has no value of '{}'",
        split.validation.start + 1,
        split.validation.end,
        table.channels[table.target]
    );
    Ok(candidates)
}

/// Checks sizes against the data; returns the window.
fn check(table: &Table, split: &Split, options: &Options) -> Result<usize> {
    let rows = split.train.len();
    ensure!(
        rows >= 8 && !split.validation.is_empty(),
        "{} rows are too few: training needs at least 12 (70 % of them to learn from, 15 % to choose, 15 % to test)",
        split.test.end
    );
    ensure!(options.hidden > 0, "--hidden must be at least 1");
    ensure!(options.epochs != Some(0), "--epochs must be at least 1");
    ensure!(
        options.hidden <= LIMIT && table.channels.len() <= LIMIT,
        "a model file holds at most {LIMIT} hidden units and {LIMIT} channels"
    );
    ensure!(
        options.hidden <= rows,
        "{} hidden units are more than the {rows} rows to learn from: use fewer with --hidden, or a longer log",
        options.hidden
    );
    let longest = (rows - 1).min(LIMIT);
    match options.window {
        Some(0) => bail!("--window must be at least 1"),
        Some(window) if window > longest => bail!(
            "a window of {window} doesn't fit: the training part has {rows} rows, the longest window is {longest}"
        ),
        Some(window) => Ok(window),
        None => Ok(longest.min(if options.windowed { 20 } else { 64 })),
    }
}

/// One candidate.
struct Task<'a> {
    table: &'a Table,
    split: &'a Split,
    options: &'a Options,
    window: usize,
    mode: Mode,
    seed: u64,
    updates: usize,
}

/// What a network reads and should answer, row after row, scaled.
struct Samples {
    /// u_t, n x channels.
    inputs: Vec<f32>,
    /// The output at t that would predict row t + 1; NaN where that row's value is missing.
    targets: Vec<f32>,
}

impl Task<'_> {
    fn run(&self, progress: &dyn Fn(usize, f64, f64)) -> Candidate {
        let Task { table, split, options, window, mode, seed, updates } = *self;
        let filled = table.forward_fill();
        let inputs = table.channels.len();
        let channels: Vec<Channel> = (0..inputs)
            .map(|c| Channel::fit(table.rows().before(split.train.end).channel(c)))
            .collect();
        let samples = Samples::new(table.rows(), filled.rows(), &channels, mode);
        let shape = Shape { inputs, hidden: options.hidden, outputs: inputs };
        let mut random = SplitMix64::new(seed);
        let mut parameters = vec![0.0f32; shape.parameters()];
        random.fill_uniform(1.0 / (options.hidden as f32).sqrt(), &mut parameters);
        let header = Header {
            inputs,
            hidden: options.hidden,
            window: if options.windowed { window } else { 0 },
            mode,
            target: table.target,
            self_tests: SELF_TESTS.min(split.train.len()),
            seed: options.seed,
        };
        let mut model = Model {
            header,
            names: table.channels.clone(),
            samples: self_test_samples(
                filled.rows(),
                &channels,
                split.train.len(),
                header.self_tests,
            ),
            channels,
            parameters: parameters.clone(),
        };

        let mut adam = Adam::new(vec![0.0f32; shape.parameters()]);
        let mut batch = Batch::new(shape, window, options.windowed);
        let mut best = Candidate {
            validation_rmse: f64::INFINITY,
            model: model.clone(),
            updates: (0, 0),
            history: Vec::new(),
        };
        let (mut loss_sum, mut waited, mut reported) = (0.0, 0, 0);
        for update in 1..=updates {
            batch.draw(&samples, split.train.end, &mut random);
            loss_sum += f64::from(batch.gradient(&parameters));
            clip_norm(&mut batch.gradient, CLIP);
            let phase = std::f64::consts::PI * (update - 1) as f64 / updates as f64;
            let rate = LEARNING_RATE * 0.5 * (1.0 + libm::cos(phase));
            adam.update(&mut parameters, &batch.gradient, rate as f32);
            // Young averages forget faster, or the initial weights would stay in them for long.
            let kept = AVERAGE.min(update as f32 / (update as f32 + 10.0));
            for (average, &parameter) in model.parameters.iter_mut().zip(&parameters) {
                *average = parameter + kept * (*average - parameter);
            }
            best.updates.1 = update;
            if update % LOOK != 0 && update != updates {
                continue;
            }
            let rmse = validation_rmse(&model, table, filled.rows(), split);
            let loss = loss_sum / (update - reported) as f64;
            best.history.push((loss, rmse));
            // Not `rmse >= best`: a NaN is no improvement.
            if rmse < best.validation_rmse {
                best.validation_rmse = rmse;
                best.model.parameters.clone_from(&model.parameters);
                best.updates.0 = update;
                waited = 0;
            } else {
                waited += 1;
            }
            progress(update - reported, loss, best.validation_rmse);
            (loss_sum, reported) = (0.0, update);
            if waited >= PATIENCE || !loss.is_finite() {
                break;
            }
        }
        progress(
            updates - reported,
            best.history.last().map_or(0.0, |h| h.0),
            best.validation_rmse,
        );
        best
    }
}

impl Samples {
    fn new(read: Rows<'_>, filled: Rows<'_>, channels: &[Channel], mode: Mode) -> Self {
        let value = |t: usize, c: usize| {
            let value = filled.get(t, c);
            if value.is_nan() { channels[c].level_mean } else { value }
        };
        let mut samples = Samples { inputs: Vec::new(), targets: Vec::new() };
        for t in 0..read.len() {
            for (c, channel) in channels.iter().enumerate() {
                let last = if t > 0 && !filled.get(t - 1, c).is_nan() {
                    value(t - 1, c)
                } else {
                    value(t, c)
                };
                samples.inputs.push(channel.input(mode, value(t, c), last));
                let next = if t + 1 < read.len() { read.get(t + 1, c) } else { f32::NAN };
                samples.targets.push(channel.target(mode, next, value(t, c)));
            }
        }
        samples
    }
}

/// A batch of stretches with everything that its two passes need.
struct Batch {
    shape: Shape,
    steps: usize,
    /// Columns of the last steps that count.
    scored: usize,
    x: Vec<f32>,
    targets: Vec<f32>,
    h_0: Vec<f32>,
    h: Vec<f32>,
    y: Vec<f32>,
    d: Vec<f32>,
    gradient: Vec<f32>,
}

impl Batch {
    fn new(shape: Shape, steps: usize, windowed: bool) -> Self {
        // A stretch starts from h = 0; an eighth of it only warms the state up.
        let scored = if windowed { 1 } else { steps - steps / 8 };
        Batch {
            shape,
            steps,
            scored,
            x: vec![0.0; steps * BATCH * shape.inputs],
            targets: vec![0.0; scored * BATCH * shape.outputs],
            h_0: vec![0.0; BATCH * shape.hidden],
            h: vec![0.0; steps * BATCH * shape.hidden],
            y: vec![0.0; scored * BATCH * shape.outputs],
            d: vec![0.0; steps * BATCH * shape.hidden],
            gradient: vec![0.0; shape.parameters()],
        }
    }

    /// Draws stretches whose labels lie before row `end`.
    fn draw(&mut self, samples: &Samples, end: usize, random: &mut SplitMix64) {
        let channels = self.shape.inputs;
        for b in 0..BATCH {
            let start = random.below(end - self.steps);
            for t in 0..self.steps {
                let from = (start + t) * channels;
                self.x[(t * BATCH + b) * channels..][..channels]
                    .copy_from_slice(&samples.inputs[from..][..channels]);
                if let Some(scored) = (t + self.scored).checked_sub(self.steps) {
                    self.targets[(scored * BATCH + b) * channels..][..channels]
                        .copy_from_slice(&samples.targets[from..][..channels]);
                }
            }
        }
    }

    /// Mean squared error over the labels that aren't missing, and its gradient.
    fn gradient(&mut self, parameters: &[f32]) -> f32 {
        let network = NetworkRef::from_flat(self.shape, parameters).expect("shape of the batch");
        network.forward::<Training>(BATCH, &self.x, &self.h_0, &mut self.h, &mut self.y);
        let labels = self.targets.iter().filter(|t| !t.is_nan()).count().max(1) as f32;
        let mut loss = 0.0;
        for (y, &target) in self.y.iter_mut().zip(&self.targets) {
            let error = if target.is_nan() { 0.0 } else { *y - target };
            loss += error * error;
            *y = 2.0 / labels * error;
        }
        self.gradient.fill(0.0);
        network.backward::<Training>(
            BATCH,
            self.steps,
            &self.x,
            &self.h_0,
            &self.h,
            &self.y,
            &mut self.d,
            NetworkMut::from_flat(self.shape, &mut self.gradient).expect("shape of the batch"),
        );
        loss / labels
    }
}

/// Error of the target on the validation part, one step ahead, as the device would run.
fn validation_rmse(model: &Model, table: &Table, filled: Rows<'_>, split: &Split) -> f64 {
    let target = model.header.target;
    let mut predictor = model.predictor();
    // A window forgets everything before its first sample but the last value.
    let before = match model.header.window {
        0 => WARM_UP,
        window => window + 1,
    };
    let first = split.validation.start.saturating_sub(before);
    let mut errors = Errors::default();
    for t in first..split.validation.end {
        if t >= split.validation.start && t > 0 {
            errors.add(table.rows().get(t, target), f64::from(predictor.prediction()[target]));
        }
        predictor.step(filled.row(t));
    }
    errors.rmse().unwrap_or(f64::NAN)
}

/// Rows from the middle of the training part, where no unit is likely to be saturated; values missing
/// from the start as their channel's mean.
fn self_test_samples(
    filled: Rows<'_>,
    channels: &[Channel],
    rows: usize,
    count: usize,
) -> Vec<f32> {
    let first = (rows - count) / 2;
    (first..first + count)
        .flat_map(|t| filled.row(t).iter().zip(channels))
        .map(|(&value, channel)| if value.is_nan() { channel.level_mean } else { value })
        .collect()
}
