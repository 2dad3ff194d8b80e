//! Search by validation: many small networks, tried for a short while; the better ones go on, the
//! best are annealed, linear networks join them, and what errs less together is merged into one.
//!
//! The search sees the training and the validation part, never the test part.

mod choose;
mod draw;
mod finalists;
mod levels;
mod linear;
pub mod picture;
mod refit;
mod select;

use std::time::{Duration, Instant};

use crate::data::{Split, Table};
use crate::model::Model;
use crate::requirements::Requirements;
use crate::train::checkpoint::Checkpoint;
use crate::train::data::Data;
use crate::train::halving::{Leg, Plan, Progress, Runner};
use crate::train::stop::Stop;
use crate::train::trainee::{Setting, Stage};
use crate::train::{self, describe};
use anyhow::{Result, bail, ensure};
use rnn_core::layers::Kind;
use rnn_core::scaling::Mode;

pub use draw::Limits;
pub use linear::Regression;

/// Rows of the shortest log that is searched on.
pub const SHORTEST: usize = 60;
/// Updates until each stage ends: first look, second look, annealing.
const UPDATES: [usize; 3] = [300, 1000, 3000];
/// Of so many networks one goes on to the second stage, and of so many to the annealing.
const ONE_OF: [usize; 2] = [4, 10];
/// Fewest that are annealed.
const FEWEST: usize = 6;
/// What of a budget is over at the end of each stage; the rest is for training the chosen ones again.
const SHARES: [f64; 3] = [0.25, 0.45, 0.65];
/// Networks tried at most within a budget.
const MOST: usize = 320;
/// How much is tried.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Effort {
    /// As much as this time allows.
    Budget(Duration),
    /// So many networks; the result is the same on every machine.
    Candidates(usize),
}

/// What is looked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// How much is tried.
    pub effort: Effort,
    /// What the model may need on the chip.
    pub limits: Limits,
    /// What is given isn't searched.
    pub train: train::Options,
}

/// A network that came to the end of the search.
#[derive(Debug, Clone, PartialEq)]
pub struct Finalist {
    /// The networks in it: one, or those that were merged.
    pub parts: Vec<Ingredient>,
    /// The weight of each.
    pub weights: Vec<f64>,
    /// The network.
    pub model: Model,
    /// One-step error on the validation part, in the target's unit.
    pub rmse: f64,
    /// Error of recursive forecasts of ten steps there; NaN where none fits.
    pub ahead: f64,
    /// Needs on a chip.
    pub needs: Requirements,
    /// Squared errors of the validation part's scored rows.
    squares: Vec<f64>,
}

impl Finalist {
    /// How many unlike networks have a weight in it, and how many in all.
    fn variety(&self) -> (usize, usize) {
        let parts = self.parts.iter().zip(&self.weights).filter(|(_, weight)| **weight != 0.0);
        let sorts: Vec<Sort> = parts.map(|(part, _)| part.sort()).collect();
        let unlike = (0..sorts.len()).filter(|&i| !sorts[..i].contains(&sorts[i])).count();
        (unlike, sorts.len())
    }
}

/// What unlike networks differ in: the cell, none for a linear network, and the mode.
type Sort = (Option<Kind>, Mode);

/// What a network was made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Ingredient {
    /// A training.
    Trained(Setting),
    /// A linear autoregression.
    Linear(Regression),
}

impl Ingredient {
    /// What it reads and predicts.
    pub fn mode(&self) -> Mode {
        match self {
            Ingredient::Trained(setting) => setting.mode,
            Ingredient::Linear(regression) => regression.mode,
        }
    }

    fn sort(&self) -> Sort {
        match self {
            Ingredient::Trained(setting) => (Some(setting.kind), setting.mode),
            Ingredient::Linear(regression) => (None, regression.mode),
        }
    }
}

/// A training, however far it came.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tried {
    /// What it was.
    pub setting: Setting,
    /// Its smallest error on the validation part.
    pub rmse: f64,
    /// Flash that it needs.
    pub flash: usize,
}

/// What a search has found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The trainings.
    pub tried: Vec<Tried>,
    /// Networks alone and merged, the chosen one first, then by their errors.
    pub finalists: Vec<Finalist>,
    /// The chosen one once more, the validation part among what it has learnt from: to be used, not to be
    /// judged by that part.
    pub retrained: Option<Model>,
}

impl Found {
    /// The network to be used.
    pub fn model(&self) -> &Model {
        self.retrained.as_ref().unwrap_or(&self.finalists[0].model)
    }
}

/// Searches until the effort is made, or `stop` asks for the end.
///
/// # Errors
/// A series that is too short; sizes that don't fit; limits that no network keeps; a checkpoint that
/// can't be used.
pub fn tune(
    table: &Table,
    options: &Options,
    stop: &Stop,
    report: &(dyn Fn(Progress) + Sync),
) -> Result<Found> {
    let started = Instant::now();
    let split = Split::of(table.rows().len());
    ensure!(
        split.test.end >= SHORTEST,
        "{} rows are too few for a search: it needs at least {SHORTEST}",
        split.test.end
    );
    let window = train::check(table, &split, &options.train)?;
    let data = Data::new(table);
    let draw = draw::Draw::new(&data, options)?;
    let plan = plan(options, train::updates(&split, options.train.epochs, window));
    let setting = |index| draw.setting(index);
    let checkpoint = options.train.checkpoint.as_ref().map(|folder| {
        let settings: Vec<Setting> = (0..plan.count).map(setting).collect();
        Checkpoint::open(folder, &describe(table, &plan, &settings))
    });
    let checkpoint = checkpoint.transpose()?;
    let threads = options.train.threads;
    let mut runners = plan.run(&data, &setting, threads, checkpoint.as_ref(), stop, report)?;
    runners.retain(|runner| runner.trainee.rmse().is_finite());
    let tried = |runner: &Runner<'_>| Tried {
        setting: runner.trainee.setting,
        rmse: runner.trainee.rmse(),
        flash: Requirements::of(&runner.trainee.model().header).flash,
    };
    let tried = runners.iter().map(tried).collect();
    let mut finalists = finalists::finalists(&data, options, &runners, &draw.modes, stop);
    if stop.was_asked() {
        finalists = finalists::best_alone(&data, &runners).into_iter().collect();
    }
    if finalists.is_empty() {
        bail!(
            "no network came to a finite validation error; allow more time, or look at rows {} to {} of '{}'",
            split.validation.start + 1,
            split.validation.end,
            table.channels[table.target]
        );
    }
    let budget = match options.effort {
        Effort::Budget(budget) => stop.at(started + budget),
        Effort::Candidates(_) => stop.clone(),
    };
    let retrained = refit::refit(&data, &finalists[0], &runners, threads, &budget);
    Ok(Found { tried, finalists, retrained })
}

fn plan(options: &Options, updates: Option<usize>) -> Plan {
    let [first, second, last] = match updates {
        None => UPDATES,
        Some(updates) => UPDATES.map(|part| (part * updates).div_ceil(UPDATES[2])),
    };
    let (count, budget) = match options.effort {
        Effort::Budget(budget) => (MOST, Some(budget)),
        Effort::Candidates(count) => (count, None),
    };
    let keep = ONE_OF.map(|of| count.div_ceil(of).max(FEWEST));
    let legs = vec![
        Leg { stage: Stage::Explore(first), keep: keep[0], share: SHARES[0] },
        Leg { stage: Stage::Explore(second), keep: keep[1], share: SHARES[1] },
        Leg { stage: Stage::Anneal(last), keep: usize::MAX, share: SHARES[2] },
    ];
    Plan { count, legs, budget }
}
