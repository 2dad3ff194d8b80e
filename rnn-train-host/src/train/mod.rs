//! Training: stretches of the series, a batch at a time, back-propagated through time; the weights
//! that do best on the validation part, run as the stream that the device will run, are kept.
//!
//! [`train`] tries the modes from several initial weights, and after a while goes on only with those
//! that do best: successive halving (K. Jamieson, A. Talwalkar, AISTATS 2016) of the plainest kind.

pub mod checkpoint;
pub mod data;
pub mod gradient;
pub mod merge;
pub mod parallel;
pub mod stop;
pub mod trainee;
pub mod weights;

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Result, bail, ensure};
use rnn_core::layers::{Kind, MAX_LAYERS};
use rnn_core::model_file::LIMIT;
use rnn_core::scaling::Mode;

use crate::data::{Split, Table};
use crate::model::Model;
use checkpoint::Checkpoint;
use data::Data;
use stop::Stop;
use trainee::{Look, Setting, Stage, Trainee};

/// Updates when no number of epochs is asked for.
const UPDATES: usize = 3000;
/// Networks per mode, from seeds that follow from the one that is asked for.
const STARTS: u64 = 4;
/// After this share of the updates that many networks go on, at least one of each mode.
const HALVINGS: [(f64, usize); 2] = [(0.1, 6), (0.35, 4)];
/// Adam's step size.
pub const RATE: f32 = 3e-3;

/// What is to be trained, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Kind of the cells.
    pub kind: Kind,
    /// Cells on one another.
    pub layers: usize,
    /// Hidden units of each.
    pub hidden: usize,
    /// Inputs per label, and steps that an error travels back; `None`: 64, or 20 if windowed, or
    /// what a short series allows.
    pub window: Option<usize>,
    /// Every prediction from rest over a window, instead of a stream with its state carried.
    pub windowed: bool,
    /// `None`: the mode that does best on the validation part.
    pub mode: Option<Mode>,
    /// Passes over the training part; `None`: as many as make 3000 updates.
    pub epochs: Option<usize>,
    /// Adam's step size at the start.
    pub rate: f32,
    /// Weight decay, as a multiple of the step size.
    pub decay: f32,
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

/// Progress of a training.
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
    let setting = |mode, start: u64| Setting {
        kind: options.kind,
        layers: options.layers,
        hidden: options.hidden,
        mode,
        window,
        windowed: options.windowed,
        rate: options.rate,
        decay: options.decay,
        dropout: options.dropout,
        seed: options.seed.wrapping_add(start.wrapping_mul(0x9E37_79B9)),
    };
    let settings: Vec<Setting> =
        (0..STARTS).flat_map(|start| modes.iter().map(move |mode| setting(*mode, start))).collect();
    let checkpoint = options.checkpoint.as_ref();
    let checkpoint = checkpoint
        .map(|folder| Checkpoint::open(folder, &describe(table, options, &settings)))
        .transpose()?;
    // Number, training; the number stays.
    let mut trainees = Vec::new();
    for (index, setting) in settings.into_iter().enumerate() {
        let mut trainee = Trainee::new(&data, setting);
        if let Some(state) = checkpoint.as_ref().map(|c| c.load(index)).transpose()?.flatten() {
            trainee.state = state;
        }
        trainees.push((index, trainee));
    }

    let per_epoch = split.train.len().div_ceil(trainee::BATCH * window).max(1);
    let updates = options.epochs.map_or(UPDATES, |epochs| epochs * per_epoch);
    let share = |share: f64| (updates as f64 * share).ceil() as usize;
    let stages: Vec<(Stage, usize)> = HALVINGS
        .into_iter()
        .map(|(part, keep)| (Stage::Explore(share(part)), keep))
        .chain([(Stage::Anneal(updates), usize::MAX)])
        .collect();
    let total = total_updates(&stages, trainees.len());
    let done = AtomicUsize::new(0);
    let failed = Mutex::new(None);
    let mut over: Vec<(usize, Trainee<'_>)> = Vec::new();
    let mut before = 0;
    for (stage, keep) in stages {
        let (Stage::Explore(last) | Stage::Anneal(last)) = stage;
        parallel::for_each(&mut trainees, options.threads, |(index, trainee)| {
            if stop.is_set() {
                return;
            }
            let mut reported = before;
            let tell = |trainee: &Trainee<'_>, reported: &mut usize, upto: usize| {
                let news = upto.saturating_sub(*reported);
                *reported += news;
                let done = done.fetch_add(news, Ordering::Relaxed) + news;
                let loss = trainee.state.looks.last().map_or(0.0, |look| look.loss);
                report(Progress { done, total, loss, validation_rmse: trainee.rmse() });
            };
            let keep_state = |trainee: &Trainee<'_>, last| {
                if let Some(checkpoint) = &checkpoint
                    && let Err(error) = checkpoint.save(*index, &trainee.state, last)
                {
                    *failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(error);
                    stop.ask();
                }
            };
            trainee.advance(stage, stop, |trainee| {
                tell(trainee, &mut reported, trainee.state.update);
                keep_state(trainee, false);
            });
            keep_state(trainee, true);
            tell(trainee, &mut reported, last);
        });
        before = last;
        // First by what is the same for any number of threads, then, stably, by the error.
        trainees.sort_by_key(|(index, _)| *index);
        trainees.sort_by(|(_, a), (_, b)| a.rmse().total_cmp(&b.rmse()));
        over.extend(fall_back(&mut trainees, keep));
    }
    if let Some(error) = failed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
        return Err(error);
    }
    trainees.extend(over);
    trainees.sort_by(|(_, a), (_, b)| a.rmse().total_cmp(&b.rmse()));
    let candidates: Vec<Candidate> = trainees.iter().map(|(_, t)| Candidate::of(t)).collect();
    if stop.was_asked() && !candidates.iter().any(|c| c.validation_rmse.is_finite()) {
        bail!("stopped before the first look at the validation part: nothing to keep");
    }
    ensure!(
        candidates.first().is_some_and(|best| best.validation_rmse.is_finite()),
        "no training came to a finite validation error: the validation part (rows {} to {}) has no value of '{}'",
        split.validation.start + 1,
        split.validation.end,
        table.channels[table.target]
    );
    Ok(candidates)
}

/// Takes out all but the first `keep`, the best of each mode staying too.
fn fall_back<'a>(
    trainees: &mut Vec<(usize, Trainee<'a>)>,
    keep: usize,
) -> Vec<(usize, Trainee<'a>)> {
    let mut modes = Vec::new();
    let mut place = 0;
    let fallen = trainees.extract_if(.., |(_, trainee)| {
        let first = !modes.contains(&trainee.setting.mode);
        modes.push(trainee.setting.mode);
        place += 1;
        place > keep && !first
    });
    fallen.collect()
}

/// Updates of all stages together, for the progress bar.
fn total_updates(stages: &[(Stage, usize)], candidates: usize) -> usize {
    let (mut total, mut before, mut left) = (0, 0, candidates);
    for (stage, keep) in stages {
        let (Stage::Explore(last) | Stage::Anneal(last)) = *stage;
        total += left * (last - before);
        (before, left) = (last, left.min(*keep));
    }
    total
}

/// Everything that decides the result, as bytes.
fn describe(table: &Table, options: &Options, settings: &[Setting]) -> Vec<u8> {
    let (epochs, channels) = (options.epochs, &table.channels);
    let version = env!("CARGO_PKG_VERSION");
    let mut bytes =
        format!("{version} {epochs:?} {channels:?} {} {settings:?}", table.target).into_bytes();
    let rows = table.rows();
    (0..rows.len()).for_each(|t| bytes.extend(rows.row(t).iter().flat_map(|v| v.to_le_bytes())));
    bytes
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
    ensure!(
        (1..=MAX_LAYERS).contains(&options.layers),
        "--layers must be between 1 and {MAX_LAYERS}"
    );
    ensure!(
        options.rate > 0.0 && options.rate <= 1.0,
        "--learning-rate must be above 0 and at most 1"
    );
    ensure!(
        options.decay >= 0.0 && options.decay * options.rate < 1.0,
        "--weight-decay must be at least 0 and below 1 / learning rate"
    );
    ensure!((0.0..1.0).contains(&options.dropout), "--dropout must be at least 0 and below 1");
    ensure!(
        options.dropout == 0.0 || options.layers > 1,
        "--dropout works between layers: it needs --layers 2 or more"
    );
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
