//! Successive halving (K. Jamieson, A. Talwalkar, AISTATS 2016): many trainings go a short way, the
//! better ones go on, the best are annealed.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use rnn_core::scaling::Mode;

use super::checkpoint::Checkpoint;
use super::data::Data;
use super::parallel;
use super::stop::Stop;
use super::trainee::{Setting, Stage, Trainee};

/// Fewest updates for which a training is still taken up before the time is over.
const WORTHWHILE: usize = 100;

/// A leg of the race.
#[derive(Debug, Clone, Copy)]
pub struct Leg {
    /// How far every training goes that is still in.
    pub stage: Stage,
    /// How many go on after it; the best of each mode in any case.
    pub keep: usize,
    /// Where there is a budget, the share of it that is over when this leg must be.
    pub share: f64,
}

/// How many trainings, how far, and how long.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Trainings at the start.
    pub count: usize,
    /// One leg after the other.
    pub legs: Vec<Leg>,
    /// Time for all of it; with one, what is done depends on the machine's speed.
    pub budget: Option<Duration>,
}

/// Where a search or a training stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Share of the work, or of the time, that is done.
    pub share: f64,
    /// Networks taken up.
    pub tried: usize,
    /// Training loss of one of them, at its last look.
    pub loss: f64,
    /// Smallest validation error so far, in the target's unit.
    pub validation_rmse: f64,
}

/// A training with its number.
#[derive(Debug)]
pub struct Runner<'a> {
    /// Place among the settings.
    pub index: usize,
    /// The training.
    pub trainee: Trainee<'a>,
    /// Legs that it ran.
    pub legs: usize,
    seconds: f64,
    updates: usize,
}

impl Plan {
    /// Updates of all legs up to each, were every place taken.
    fn total(&self) -> usize {
        let (mut total, mut before, mut left) = (0, 0, self.count);
        for leg in &self.legs {
            total += left * leg.stage.last().saturating_sub(before);
            (before, left) = (leg.stage.last(), left.min(leg.keep));
        }
        total.max(1)
    }

    /// Runs the trainings of `setting(0)`, `setting(1)`... Returns them, the best of those that came
    /// farthest first. Without a budget, the same for any number of threads, and after a kill.
    ///
    /// # Errors
    /// A checkpoint that can't be read or written.
    pub fn run<'a>(
        &self,
        data: &'a Data<'a>,
        setting: &(dyn Fn(usize) -> Setting + Sync),
        threads: usize,
        checkpoint: Option<&Checkpoint>,
        stop: &Stop,
        report: &(dyn Fn(Progress) + Sync),
    ) -> Result<Vec<Runner<'a>>> {
        let start = Instant::now();
        let stop = &stop.of_one();
        let deadline = |share: f64| self.budget.map(|budget| start + budget.mul_f64(share));
        let total = self.total();
        let (done, tried) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let best = Mutex::new(f64::INFINITY);
        let tell = |trainee: &Trainee<'_>, news: usize| {
            let done = done.fetch_add(news, Ordering::Relaxed) + news;
            let mut best = best.lock().unwrap_or_else(PoisonError::into_inner);
            *best = best.min(trainee.rmse());
            report(Progress {
                share: match self.budget {
                    None => (done as f64 / total as f64).min(1.0),
                    Some(budget) => start.elapsed().div_duration_f64(budget).min(1.0),
                },
                tried: tried.load(Ordering::Relaxed),
                loss: trainee.state.looks.last().map_or(0.0, |look| look.loss),
                validation_rmse: *best,
            });
        };
        let failed = Mutex::new(None);
        let fail = |error| {
            *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            stop.fail();
        };

        let mut running: Vec<Runner<'a>> = Vec::new();
        let mut places: Vec<Option<Runner<'a>>> = (0..self.count).map(|_| None).collect();
        let mut over: Vec<Runner<'a>> = Vec::new();
        for (number, leg) in self.legs.iter().enumerate() {
            let until = deadline(leg.share);
            let stop = until.map_or_else(|| stop.clone(), |until| stop.at(until));
            let run = |runner: &mut Runner<'a>| {
                let from = runner.trainee.state.update;
                let Some(stage) = runner.affordable(leg.stage, until) else { return };
                let (mut told, begun) = (from, Instant::now());
                runner.trainee.advance(stage, &stop, |trainee| {
                    tell(trainee, trainee.state.update - told);
                    told = trainee.state.update;
                    let saved = checkpoint.map(|c| c.save(runner.index, &trainee.state, false));
                    saved.into_iter().filter_map(Result::err).for_each(&fail);
                });
                runner.legs = number + 1;
                runner.updates += runner.trainee.state.update - from;
                runner.seconds += begun.elapsed().as_secs_f64();
                let saved = checkpoint.map(|c| c.save(runner.index, &runner.trainee.state, true));
                saved.into_iter().filter_map(Result::err).for_each(&fail);
                tell(&runner.trainee, leg.stage.last().saturating_sub(told));
            };
            if number == 0 {
                let mut numbered: Vec<_> = places.iter_mut().enumerate().collect();
                parallel::for_each(&mut numbered, threads, |(index, place)| {
                    if stop.is_set() {
                        return;
                    }
                    tried.fetch_add(1, Ordering::Relaxed);
                    let mut trainee = Trainee::new(data, setting(*index));
                    match checkpoint.map(|c| c.load(*index)).transpose() {
                        Ok(state) => trainee.state = state.flatten().unwrap_or(trainee.state),
                        Err(error) => return fail(error),
                    }
                    let index = *index;
                    let runner = Runner { index, trainee, legs: 0, seconds: 0.0, updates: 0 };
                    run(place.insert(runner));
                });
                running = places.drain(..).flatten().collect();
            } else {
                parallel::for_each(&mut running, threads, |runner| {
                    if !stop.is_set() {
                        run(runner);
                    }
                });
            }
            // First by what is the same for any number of threads, then, stably, by the error.
            let rmse = |runner: &Runner<'_>| runner.trainee.rmse_by(leg.stage.last());
            running.sort_by_key(|runner| runner.index);
            running.sort_by(|a, b| rmse(a).total_cmp(&rmse(b)));
            over.extend(fall_back(&mut running, leg.keep));
        }
        if let Some(error) = failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(error);
        }
        running.iter_mut().chain(&mut over).for_each(|runner| runner.trainee.look_once());
        running.extend(over);
        running.sort_by(|a, b| a.trainee.rmse().total_cmp(&b.trainee.rmse()));
        Ok(running)
    }
}

impl Runner<'_> {
    /// The stage cut to what it can do in the time that is left; `None` where that is too little.
    fn affordable(&self, stage: Stage, until: Option<Instant>) -> Option<Stage> {
        let Some(until) = until.filter(|_| self.updates > 0) else { return Some(stage) };
        let left = until.saturating_duration_since(Instant::now()).as_secs_f64();
        let updates = (left / self.seconds * self.updates as f64) as usize;
        let last = stage.last().min(self.trainee.state.update + updates);
        (updates >= WORTHWHILE).then_some(match stage {
            Stage::Explore(_) => Stage::Explore(last),
            Stage::Anneal(_) => Stage::Anneal(last),
        })
    }
}

/// Takes out all but the first `keep`, the best of each mode staying too.
fn fall_back<'a>(running: &mut Vec<Runner<'a>>, keep: usize) -> Vec<Runner<'a>> {
    let mut modes: Vec<Mode> = Vec::new();
    let mut place = 0;
    let fallen = running.extract_if(.., |runner| {
        let first = !modes.contains(&runner.trainee.setting.mode);
        modes.push(runner.trainee.setting.mode);
        place += 1;
        place > keep && !first
    });
    fallen.collect()
}
