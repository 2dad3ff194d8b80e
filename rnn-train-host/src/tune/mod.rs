//! Search by validation: many small networks, tried for a short while; the better ones go on, the
//! best are annealed, linear networks join them, and what errs less together is merged into one.
//!
//! The search sees the training and the validation part, never the test part.

mod draw;
mod linear;
pub mod picture;
mod select;

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use rnn_core::layers::Kind;
use rnn_core::scaling::Mode;

use crate::data::{Split, Table};
use crate::model::Model;
use crate::requirements::Requirements;
use crate::train::checkpoint::Checkpoint;
use crate::train::data::Data;
use crate::train::halving::{Leg, Plan, Progress, Runner};
use crate::train::merge::{self, Part, merge};
use crate::train::stop::Stop;
use crate::train::trainee::{Setting, Stage};
use crate::train::{self, describe, parallel};

pub use draw::Limits;

/// Updates until each stage ends: first look, second look, annealing.
const UPDATES: [usize; 3] = [300, 1000, 3000];
/// Of so many networks one goes on to the second stage, and of so many to the annealing.
const ONE_OF: [usize; 2] = [4, 10];
/// Fewest that are annealed.
const FEWEST: usize = 6;
/// What of a budget is over at the end of each stage.
const SHARES: [f64; 3] = [0.35, 0.60, 0.93];
/// Networks tried at most within a budget.
const MOST: usize = 320;
/// Networks of one mode and family that may be merged.
const MEMBERS: usize = 14;
/// Among networks whose one-step error is within this share of the best, the better recursive
/// forecast decides.
const CLOSE: f64 = 0.005;
/// Steps of that forecast.
const AHEAD: usize = 10;
/// Standard errors by which raw levels must be better to be chosen: outside of the levels that it
/// has seen, a network on raw levels fails, and the validation part may not show it.
const SURE: f64 = 2.0;

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

/// What a network was made of.
#[derive(Debug, Clone, PartialEq)]
pub enum Ingredient {
    /// A training.
    Trained(Setting),
    /// A linear autoregression on so many lags.
    Linear(usize),
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
    let split = Split::of(table.rows().len());
    ensure!(
        split.train.len() >= 40 && split.validation.len() >= 8,
        "{} rows are too few for a search: it needs at least 60",
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
    let finalists = finalists(&data, options, &runners);
    if finalists.is_empty() {
        bail!(
            "no network came to a finite validation error; allow more time, or look at rows {} to {} of '{}'",
            split.validation.start + 1,
            split.validation.end,
            table.channels[table.target]
        );
    }
    Ok(Found { tried, finalists })
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

/// The best networks alone and merged, the chosen one first.
fn finalists(data: &Data<'_>, options: &Options, runners: &[Runner<'_>]) -> Vec<Finalist> {
    let limits = &options.limits;
    let inputs = data.channels.len();
    let scored = Scored::new(data);
    let member = |ingredient, model: Model| (ingredient, scored.member(data, model));
    // Farthest first: what was annealed is worth more than an early look.
    let mut farthest: Vec<&Runner<'_>> = runners.iter().collect();
    farthest.sort_by_key(|runner| std::cmp::Reverse(runner.legs));
    let mut modes: Vec<Mode> = Vec::new();
    for runner in runners {
        let mode = runner.trainee.setting.mode;
        if !modes.contains(&mode) {
            modes.push(mode);
        }
    }
    let mut groups: Vec<Vec<(Ingredient, select::Member)>> = Vec::new();
    for mode in modes {
        let of = |allowed: fn(Kind) -> bool| {
            let setting = |runner: &&&Runner<'_>| runner.trainee.setting;
            let fits = move |runner: &&&Runner<'_>| {
                setting(runner).mode == mode && allowed(setting(runner).kind)
            };
            let runners = farthest.iter().filter(fits).take(MEMBERS);
            runners
                .map(|runner| {
                    member(Ingredient::Trained(runner.trainee.setting), runner.trainee.model())
                })
                .collect::<Vec<_>>()
        };
        let linear = || {
            let given = &options.train;
            let free = given.kind.is_none_or(|kind| kind == merge::ELMAN)
                && given.hidden.is_none()
                && given.layers == 1
                && !given.windowed;
            let fits = |hidden| {
                free && limits.allow(rnn_core::layers::Layer { kind: merge::ELMAN, inputs, hidden }, 0)
            };
            linear::linear(data, mode, fits)
                .into_iter()
                .map(|model| {
                    let lags = model.header.layers.hidden() / inputs;
                    member(Ingredient::Linear(lags), model)
                })
                .collect::<Vec<_>>()
        };
        let mut elman = of(|kind| kind == merge::ELMAN);
        elman.extend(linear());
        let mut gated = of(|kind| kind == merge::ELMAN || kind == merge::GRU);
        if gated.iter().any(|(_, member)| merge::kind(&member.model) == merge::GRU) {
            gated.extend(linear());
        } else {
            gated.clear();
        }
        groups.extend([elman, gated]);
        groups.push(of(|kind| kind == Kind::Lstm));
        groups.push(of(|kind| kind == Kind::Gru(rnn_core::gru::Reset::Before)));
    }
    let mut found: Vec<Vec<Finalist>> = groups.iter().map(|_| Vec::new()).collect();
    let mut work: Vec<_> = groups.into_iter().zip(&mut found).collect();
    parallel::for_each(&mut work, options.train.threads, |(group, found)| {
        let (ingredients, members): (Vec<_>, Vec<_>) = std::mem::take(group).into_iter().unzip();
        **found = merged(data, options, &scored, &ingredients, &members);
    });
    let mut finalists: Vec<Finalist> = found.into_iter().flatten().collect();
    finalists.retain(|finalist| finalist.rmse.is_finite());
    finalists.sort_by(|a, b| a.rmse.total_cmp(&b.rmse));
    let mut seen: Vec<Vec<Ingredient>> = Vec::new();
    finalists.retain(|finalist| {
        let new = !seen.contains(&finalist.parts);
        seen.push(finalist.parts.clone());
        new
    });
    if let Some(chosen) = choose(&finalists) {
        finalists[..=chosen].rotate_right(1);
    }
    finalists
}

/// What one family of networks comes to, for each number of them.
fn merged(
    data: &Data<'_>,
    options: &Options,
    scored: &Scored,
    ingredients: &[Ingredient],
    members: &[select::Member],
) -> Vec<Finalist> {
    let Some(first) = members.first() else { return Vec::new() };
    let fits = |models: &[&Model]| {
        models.len() == 1
            || options.train.hidden.is_none()
                && merge::common(models)
                    .is_some_and(|layer| options.limits.allow(layer, first.model.header.window))
    };
    let shrink = first.model.mode_and_target().0 != Mode::Raw;
    let sums = select::select(members, &scored.truth, shrink, fits);
    let finalist = |weights: &Vec<(usize, f64)>| {
        let parts: Vec<Part<'_>> = weights
            .iter()
            .map(|&(i, weight)| Part { model: &members[i].model, weight })
            .collect();
        let model = match parts[..] {
            [Part { model, weight: 1.0 }] => model.clone(),
            _ => merge(&parts)?,
        };
        let predictions = data.validate(&model);
        let squares = scored.squares(&predictions);
        Some(Finalist {
            parts: weights.iter().map(|&(i, _)| ingredients[i].clone()).collect(),
            rmse: data.validation_rmse(predictions),
            ahead: data.recursive_rmse(&model, AHEAD),
            needs: Requirements::of(&model.header),
            model,
            squares,
        })
    };
    sums.iter().filter_map(finalist).collect()
}

/// The best by one-step error, raw levels only where they are surely better; among those close to it
/// the one with the best recursive forecast.
fn choose(finalists: &[Finalist]) -> Option<usize> {
    let raw = |finalist: &Finalist| finalist.model.mode_and_target().0 == Mode::Raw;
    let best = finalists.first()?;
    let other = finalists.iter().find(|finalist| !raw(finalist));
    let best = match other {
        Some(other) if raw(best) && !surely_better(&best.squares, &other.squares) => other,
        _ => best,
    };
    let ahead = |finalist: &Finalist| {
        if finalist.ahead.is_nan() { f64::INFINITY } else { finalist.ahead }
    };
    let near = |(_, finalist): &(usize, &Finalist)| {
        finalist.rmse <= best.rmse * (1.0 + CLOSE) && (raw(best) || !raw(finalist))
    };
    let near = finalists.iter().enumerate().filter(near);
    near.min_by(|(_, a), (_, b)| ahead(a).total_cmp(&ahead(b))).map(|(index, _)| index)
}

/// Whether the squared errors `a` are smaller than `b` by more than chance, pair by pair.
fn surely_better(a: &[f64], b: &[f64]) -> bool {
    let n = a.len() as f64;
    let gains = || a.iter().zip(b).map(|(a, b)| b - a);
    let mean = gains().sum::<f64>() / n;
    let variance = gains().map(|gain| (gain - mean).powi(2)).sum::<f64>() / n;
    mean > SURE * (variance / n).sqrt()
}

/// The rows of the validation part that are scored.
struct Scored {
    /// Places in the validation part.
    rows: Vec<usize>,
    /// What came, less the value before it.
    truth: Vec<f64>,
    before: Vec<f64>,
}

impl Scored {
    fn new(data: &Data<'_>) -> Self {
        let target = data.table.target;
        let first = data.split.validation.start;
        let before = |row: usize| f64::from(data.filled.rows().get(first + row - 1, target));
        let truth = |row: usize| f64::from(data.table.rows().get(first + row, target));
        let rows: Vec<usize> = (0..data.split.validation.len())
            .filter(|&row| truth(row).is_finite() && before(row).is_finite())
            .collect();
        Scored {
            truth: rows.iter().map(|&row| truth(row) - before(row)).collect(),
            before: rows.iter().map(|&row| before(row)).collect(),
            rows,
        }
    }

    fn member(&self, data: &Data<'_>, model: Model) -> select::Member {
        let all = data.validate(&model);
        let change = |(&row, before): (&usize, &f64)| f64::from(all[row]) - before;
        let predictions = self.rows.iter().zip(&self.before).map(change).collect();
        select::Member { model, predictions }
    }

    fn squares(&self, predictions: &[f32]) -> Vec<f64> {
        let known = self.rows.iter().zip(&self.before).zip(&self.truth);
        known.map(|((&row, b), t)| (f64::from(predictions[row]) - b - t).powi(2)).collect()
    }
}
