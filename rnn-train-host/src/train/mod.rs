//! Training: stretches of the series, a batch at a time, back-propagated through time; the weights
//! that do best on the validation part, run as the stream that the device will run, are kept.
//!
//! [`train`] tries the modes from several initial weights, and after a while goes on only with those
//! that do best; [`tune`](crate::tune) searches kinds and sizes too.

pub mod checkpoint;
pub mod data;
pub mod gradient;
pub mod halving;
pub mod merge;
pub mod parallel;
pub mod stop;
pub mod trainee;
pub mod weights;

use std::path::PathBuf;

use anyhow::{Result, bail, ensure};
use rnn_core::activation::Activation;
use rnn_core::layers::{Kind, MAX_LAYERS};
use rnn_core::model_file::LIMIT;
use rnn_core::scaling::Mode;

use crate::data::{Split, Table};
use crate::model::Model;
use checkpoint::Checkpoint;
use data::Data;
use halving::{Leg, Plan, Progress};
use stop::Stop;
use trainee::{Look, Setting, Stage, Trainee};

/// Updates when no number of epochs is asked for.
const UPDATES: usize = 3000;
/// Networks per mode, from seeds that follow from the one that is asked for.
const STARTS: usize = 4;
/// After this share of the updates that many networks go on, at least one of each mode.
const HALVINGS: [(f64, usize); 2] = [(0.1, 6), (0.35, 4)];
/// Hidden units, where nothing else is asked for.
const HIDDEN: usize = 32;
/// Adam's step size.
pub const RATE: f32 = 3e-3;

/// What is to be trained, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Kind of the cells; `None`: Elman, in a search any.
    pub kind: Option<Kind>,
    /// Cells on one another.
    pub layers: usize,
    /// Hidden units of each; `None`: 32, fewer for a very short log, in a search any.
    pub hidden: Option<usize>,
    /// Inputs per label, and steps that an error travels back; `None`: 64, or 20 if windowed, or
    /// what a short series allows; in a search any.
    pub window: Option<usize>,
    /// Every prediction from rest over a window, instead of a stream with its state carried.
    pub windowed: bool,
    /// `None`: the mode that does best on the validation part.
    pub mode: Option<Mode>,
    /// Passes over the training part; `None`: as many as make 3000 updates.
    pub epochs: Option<usize>,
    /// Adam's step size at the start; `None`: 3e-3, in a search any.
    pub rate: Option<f32>,
    /// Weight decay, as a multiple of the step size; `None`: none, in a search any.
    pub decay: Option<f32>,
    /// Share of the units between layers that is left out.
    pub dropout: f32,
    /// Seed of everything that is drawn.
    pub seed: u64,
    /// Threads; the result is the same for any number.
    pub threads: usize,
    /// Folder in which the trainings' states are kept, to go on after a crash.
    pub checkpoint: Option<PathBuf>,
}

/// A network that was trained, one of several that the validation part chooses from.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// What it is.
    pub setting: Setting,
    /// The weights of the best look.
    pub model: Model,
    /// Root mean squared error of the target on the validation part, in its unit.
    pub validation_rmse: f64,
    /// Updates done until that look, and in all.
    pub updates: (usize, usize),
    /// Training loss and validation error at every look.
    pub looks: Vec<Look>,
}

impl Candidate {
    /// What a training has come to.
    pub fn of(trainee: &Trainee<'_>) -> Self {
        Candidate {
            setting: trainee.setting,
            model: trainee.model(),
            validation_rmse: trainee.rmse(),
            updates: (trainee.best().map_or(0, |look| look.update), trainee.state.update),
            looks: trainee.state.looks.clone(),
        }
    }
}

/// Trains the candidates (modes x starts) and returns them, best first. When `stop` asks for it, what
/// has been reached is returned.
///
/// # Errors
/// A series that is too short, a window that doesn't fit, sizes beyond the model file's limits, a
/// checkpoint that can't be used.
pub fn train(
    table: &Table,
    options: &Options,
    stop: &Stop,
    report: &(dyn Fn(Progress) + Sync),
) -> Result<Vec<Candidate>> {
    let split = Split::of(table.rows().len());
    let window = check(table, &split, options)?;
    let data = Data::new(table);
    let modes = match options.mode {
        Some(mode) => vec![mode],
        None => vec![Mode::Raw, Mode::Residual, Mode::Difference],
    };
    let setting = |index: usize| Setting {
        kind: options.kind.unwrap_or(Kind::Elman(Activation::Tanh)),
        layers: options.layers,
        hidden: options.hidden.unwrap_or(HIDDEN.min(split.train.len())),
        mode: modes[index % modes.len()],
        window,
        windowed: options.windowed,
        rate: options.rate.unwrap_or(RATE),
        decay: options.decay.unwrap_or(0.0),
        dropout: options.dropout,
        seed: options.seed.wrapping_add((index / modes.len()) as u64 * 0x9E37_79B9),
    };
    let updates = updates(&split, options.epochs, window).unwrap_or(UPDATES);
    let part = |share: f64| (updates as f64 * share).ceil() as usize;
    let explore = |(share, keep)| Leg { stage: Stage::Explore(part(share)), keep, share: 1.0 };
    let anneal = Leg { stage: Stage::Anneal(updates), keep: usize::MAX, share: 1.0 };
    let legs = HALVINGS.into_iter().map(explore).chain([anneal]).collect();
    let plan = Plan { count: STARTS * modes.len(), legs, budget: None };
    let checkpoint = options.checkpoint.as_ref().map(|folder| {
        let settings: Vec<Setting> = (0..plan.count).map(setting).collect();
        Checkpoint::open(folder, &describe(table, &plan, &settings))
    });
    let checkpoint = checkpoint.transpose()?;
    let trained = plan.run(&data, &setting, options.threads, checkpoint.as_ref(), stop, report)?;
    if stop.was_asked() && !trained.iter().any(|runner| runner.trainee.rmse().is_finite()) {
        bail!("stopped before the first look at the validation part: nothing to keep");
    }
    ensure!(
        trained.first().is_some_and(|best| best.trainee.rmse().is_finite()),
        "no training came to a finite validation error: the validation part (rows {} to {}) has no value of '{}'",
        split.validation.start + 1,
        split.validation.end,
        table.channels[table.target]
    );
    Ok(trained.iter().map(|runner| Candidate::of(&runner.trainee)).collect())
}

/// Updates in so many passes over the training part.
pub(crate) fn updates(split: &Split, epochs: Option<usize>, window: usize) -> Option<usize> {
    let per_epoch = split.train.len().div_ceil(trainee::BATCH * window).max(1);
    epochs.map(|epochs| epochs * per_epoch)
}

/// Everything that decides the result, as bytes.
pub(crate) fn describe(table: &Table, plan: &Plan, settings: &[Setting]) -> Vec<u8> {
    let version = env!("CARGO_PKG_VERSION");
    let (channels, target) = (&table.channels, table.target);
    let mut bytes = format!("{version} {channels:?} {target} {plan:?} {settings:?}").into_bytes();
    let rows = table.rows();
    (0..rows.len()).for_each(|t| bytes.extend(rows.row(t).iter().flat_map(|v| v.to_le_bytes())));
    bytes
}

/// Checks sizes against the data; returns the window.
pub(crate) fn check(table: &Table, split: &Split, options: &Options) -> Result<usize> {
    let rows = split.train.len();
    let hidden = options.hidden.unwrap_or(1);
    let rate = options.rate.unwrap_or(RATE);
    let decay = options.decay.unwrap_or(0.0);
    ensure!(
        rows >= 8 && !split.validation.is_empty(),
        "{} rows are too few: training needs at least 12 (70 % of them to learn from, 15 % to choose, 15 % to test)",
        split.test.end
    );
    ensure!(hidden > 0, "--hidden must be at least 1");
    ensure!(
        (1..=MAX_LAYERS).contains(&options.layers),
        "--layers must be between 1 and {MAX_LAYERS}"
    );
    ensure!(rate > 0.0 && rate <= 1.0, "--learning-rate must be above 0 and at most 1");
    ensure!(
        decay >= 0.0 && decay * rate < 1.0,
        "--weight-decay must be at least 0 and below 1 / learning rate"
    );
    ensure!((0.0..1.0).contains(&options.dropout), "--dropout must be at least 0 and below 1");
    ensure!(
        options.dropout == 0.0 || options.layers > 1,
        "--dropout works between layers: it needs --layers 2 or more"
    );
    ensure!(options.epochs != Some(0), "--epochs must be at least 1");
    ensure!(
        hidden <= LIMIT && table.channels.len() <= LIMIT,
        "a model file holds at most {LIMIT} hidden units and {LIMIT} channels"
    );
    ensure!(
        hidden <= rows,
        "{hidden} hidden units are more than the {rows} rows to learn from: use fewer with --hidden, or a longer log"
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
