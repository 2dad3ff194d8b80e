//! Search by validation: many small networks, tried for a short while; the better ones go on, the
//! best are annealed, and those of one kind are merged into one network where that errs less.
//!
//! Successive halving (K. Jamieson, A. Talwalkar, AISTATS 2016) under a budget of time: each stage
//! takes its share of it, and works down the ranking that the stage before left.

mod draw;
pub mod picture;

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

use crate::data::Table;
use crate::model::Model;
use crate::requirements::Requirements;
use crate::train::data::Data;
use crate::train::merge::merge;
use crate::train::parallel;
use crate::train::stop::Stop;
use crate::train::trainee::{Setting, Stage, Trainee};

pub use draw::Limits;

/// Updates of a network's first stage, of the stages between, and of its annealing.
const FIRST: usize = 400;
const SECOND: usize = 1500;
const ANNEALING: usize = 2000;
/// What each of the stages may use of the budget, counted from the start.
const SHARES: [f64; 3] = [0.40, 0.62, 0.95];
/// Most networks that are merged into one.
const MERGED: usize = 8;
/// Among networks whose one-step error is within this share of the best, the better recursive
/// forecast decides.
const CLOSE: f64 = 0.005;
/// Steps of that forecast.
const AHEAD: usize = 10;

/// What is looked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Time for the search.
    pub budget: Duration,
    /// What the model may need on the chip.
    pub limits: Limits,
    /// Seed of everything that is drawn.
    pub seed: u64,
    /// Threads.
    pub threads: usize,
}

/// A network that came to the end of the search.
#[derive(Debug, Clone, PartialEq)]
pub struct Finalist {
    /// The settings of the networks in it: one, or those that were merged.
    pub settings: Vec<Setting>,
    /// The network.
    pub model: Model,
    /// One-step error on the validation part, in the target's unit.
    pub rmse: f64,
    /// Error of recursive forecasts of ten steps there; NaN where none fits.
    pub ahead: f64,
    /// Needs on a chip.
    pub needs: Requirements,
}

/// Where a search stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Networks tried.
    pub tried: usize,
    /// Smallest validation error.
    pub rmse: f64,
}

/// What a search has found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Networks tried.
    pub tried: usize,
    /// The best, the chosen one first.
    pub finalists: Vec<Finalist>,
}

/// Searches until the budget is used up, or `stop` asks for the end.
///
/// # Errors
/// A series that is too short; limits that no network keeps.
pub fn tune(
    table: &Table,
    options: &Options,
    stop: &Stop,
    report: &(dyn Fn(Progress) + Sync),
) -> Result<Found> {
    let data = Data::new(table);
    ensure!(
        data.split.train.len() >= 40 && data.split.validation.len() >= 8,
        "{} rows are too few for a search: it needs at least 60",
        data.split.test.end
    );
    let start = Instant::now();
    let [first, second, last] = SHARES.map(|share| start + options.budget.mul_f64(share));
    let draw = draw::Draw::new(&data, options)?;

    // Every thread draws the next setting and tries it, as long as there is time.
    let tried = Mutex::new(Vec::<Trainee<'_>>::new());
    let next = Mutex::new(0);
    let mut workers = vec![(); options.threads.max(1)];
    parallel::for_each(&mut workers, options.threads, |()| {
        let stop = stop.at(first);
        while !stop.is_set() {
            let index = {
                let mut next = next.lock().unwrap_or_else(PoisonError::into_inner);
                *next += 1;
                *next - 1
            };
            let mut trainee = Trainee::new(&data, draw.setting(index));
            trainee.advance(Stage::Explore(FIRST), &stop, |_| ());
            let mut tried = tried.lock().unwrap_or_else(PoisonError::into_inner);
            tried.push(trainee);
            let rmse = tried.iter().map(Trainee::rmse).fold(f64::INFINITY, f64::min);
            report(Progress { tried: tried.len(), rmse });
        }
    });
    let mut trainees = tried.into_inner().unwrap_or_else(PoisonError::into_inner);
    let tried = trainees.len();

    // Down the ranking, as far as the time reaches.
    for (until, stage) in
        [(second, Stage::Explore(SECOND)), (last, Stage::Anneal(SECOND + ANNEALING))]
    {
        trainees.sort_by(|a, b| a.rmse().total_cmp(&b.rmse()));
        let stop = stop.at(until);
        let best = Mutex::new(f64::INFINITY);
        parallel::for_each(&mut trainees, options.threads, |trainee| {
            if stop.is_set() {
                return;
            }
            trainee.advance(stage, &stop, |trainee| {
                let mut best = best.lock().unwrap_or_else(PoisonError::into_inner);
                *best = best.min(trainee.rmse());
                report(Progress { tried, rmse: *best });
            });
        });
    }
    trainees.retain(|trainee| trainee.rmse().is_finite());
    trainees.sort_by(|a, b| a.rmse().total_cmp(&b.rmse()));
    if trainees.is_empty() {
        bail!(
            "no network came to a finite validation error within the budget: give more with --budget"
        );
    }
    let finalists = finalists(&data, &options.limits, &trainees);
    Ok(Found { tried, finalists })
}

/// The best networks alone and merged, the chosen one first.
fn finalists(data: &Data<'_>, limits: &Limits, trainees: &[Trainee<'_>]) -> Vec<Finalist> {
    let finalist = |settings: Vec<Setting>, model: Model| {
        let rmse = data.validation_rmse(data.validate(&model));
        let ahead = data.recursive_rmse(&model, AHEAD);
        let needs = Requirements::of(&model.header);
        Finalist { settings, model, rmse, ahead, needs }
    };
    let mut finalists: Vec<Finalist> = trainees
        .iter()
        .take(24)
        .map(|trainee| finalist(vec![trainee.setting], trainee.model()))
        .collect();
    // Those of one kind and mode, in the order of their errors.
    let mut groups: Vec<Vec<&Trainee<'_>>> = Vec::new();
    for trainee in trainees.iter().take(64) {
        let same = |group: &&mut Vec<&Trainee<'_>>| {
            let (a, b) = (group[0].setting, trainee.setting);
            (a.kind, a.mode, a.layers) == (b.kind, b.mode, b.layers)
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(trainee),
            None => groups.push(vec![trainee]),
        }
    }
    for group in groups {
        for count in 2..=group.len().min(MERGED) {
            let models: Vec<Model> = group[..count].iter().map(|trainee| trainee.model()).collect();
            let Some(merged) = merge(&models.iter().collect::<Vec<_>>()) else { break };
            if !limits.hold(&Requirements::of(&merged.header)) {
                break;
            }
            let settings = group[..count].iter().map(|trainee| trainee.setting).collect();
            finalists.push(finalist(settings, merged));
        }
    }
    finalists.sort_by(|a, b| a.rmse.total_cmp(&b.rmse));
    let close = finalists[0].rmse * (1.0 + CLOSE);
    let ahead = |finalist: &Finalist| {
        if finalist.ahead.is_nan() { f64::INFINITY } else { finalist.ahead }
    };
    let near = finalists.iter().enumerate().filter(|(_, finalist)| finalist.rmse <= close);
    let chosen = near.min_by(|(_, a), (_, b)| ahead(a).total_cmp(&ahead(b)));
    let chosen = chosen.map_or(0, |(index, _)| index);
    finalists[..=chosen].rotate_right(1);
    finalists
}
