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
use rnn_core::gru::Reset;
use rnn_core::layers::{Kind, Layers};
use rnn_core::model_file::Header;
use rnn_core::scaling::Mode;

use crate::data::{Split, Table};
use crate::model::Model;
use crate::requirements::Requirements;
use crate::train::checkpoint::Checkpoint;
use crate::train::data::Data;
use crate::train::halving::{Leg, Plan, Progress, Runner};
use crate::train::merge::{self, ELMAN, GRU, Part, merge};
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
/// Networks of one mode and kind that may be merged.
const MEMBERS: usize = 8;
/// Among networks whose one-step error is within this share of the best, the better recursive
/// forecast decides.
const CLOSE: f64 = 0.005;
const ALIKE: f64 = 1.05;
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
    /// Networks in it, unequal ones counted less.
    pub width: f64,
    /// Squared errors of the validation part's scored rows.
    pub squares: Vec<f64>,
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
    let scored = Scored::new(data);
    // Farthest first: what was annealed is worth more than an early look.
    let mut farthest: Vec<&Runner<'_>> = runners.iter().collect();
    farthest.sort_by_key(|runner| std::cmp::Reverse(runner.legs));
    let mut pool: Vec<Entrant> = Vec::new();
    for runner in farthest {
        let setting = runner.trainee.setting;
        let alike = |entrant: &&Entrant| (entrant.kind, entrant.mode) == (setting.kind, setting.mode);
        if pool.iter().filter(alike).count() < MEMBERS {
            let member = scored.member(data, runner.trainee.model());
            pool.push(Entrant::new(Ingredient::Trained(setting), member));
        }
    }
    let modes = [Mode::Residual, Mode::Difference, Mode::Raw];
    let modes = modes.into_iter().filter(|&mode| pool.iter().any(|entrant| entrant.mode == mode));
    for mode in modes.collect::<Vec<_>>() {
        for model in linear(data, options, mode) {
            let lags = model.header.layers.hidden() / data.channels.len();
            pool.push(Entrant::new(Ingredient::Linear(lags), scored.member(data, model)));
        }
    }
    // Families that go together, with networks of one mode only or of all.
    let families: [&[Kind]; 4] =
        [&[ELMAN], &[ELMAN, GRU], &[Kind::Lstm], &[Kind::Gru(Reset::Before)]];
    let kinds = [Some(Mode::Residual), Some(Mode::Difference), Some(Mode::Raw), None];
    let mut work: Vec<(Vec<&Entrant>, bool, Vec<Finalist>)> = families
        .into_iter()
        .flat_map(|family| kinds.map(|mode| (family, mode)))
        .flat_map(|(family, mode)| {
            let fits = |entrant: &&Entrant| {
                family.contains(&entrant.kind) && mode.is_none_or(|mode| mode == entrant.mode)
            };
            let family: Vec<&Entrant> = pool.iter().filter(fits).collect();
            [false, true].map(|wide| (family.clone(), wide, Vec::new()))
        })
        .collect();
    parallel::for_each(&mut work, options.train.threads, |(family, wide, found)| {
        *found = merged(data, options, &scored, family, *wide);
    });
    let mut finalists: Vec<Finalist> = work.into_iter().flat_map(|(.., found)| found).collect();
    finalists.retain(|finalist| finalist.rmse.is_finite());
    finalists.sort_by(|a, b| a.rmse.total_cmp(&b.rmse));
    finalists.dedup_by(|b, a| a.parts == b.parts);
    if let Some(chosen) = choose(&finalists) {
        finalists[..=chosen].rotate_right(1);
    }
    finalists
}

/// A network that may go into the end's networks.
struct Entrant {
    ingredient: Ingredient,
    kind: Kind,
    mode: Mode,
    member: select::Member,
}

impl Entrant {
    fn new(ingredient: Ingredient, member: select::Member) -> Self {
        let (kind, mode) = (merge::kind(&member.model), member.model.mode_and_target().0);
        Entrant { ingredient, kind, mode, member }
    }
}

/// Linear networks, where nothing that is given speaks against them.
fn linear(data: &Data<'_>, options: &Options, mode: Mode) -> Vec<Model> {
    let given = &options.train;
    let free = given.kind.is_none_or(|kind| kind == ELMAN)
        && given.hidden.is_none()
        && given.layers == 1
        && !given.windowed;
    if !free {
        return Vec::new();
    }
    let inputs = data.channels.len();
    linear::linear(data, mode, |hidden| {
        options.limits.allow(inputs, Layers::one(ELMAN, hidden), 0)
    })
}

/// What one family of networks comes to, for each number of them.
fn merged(
    data: &Data<'_>,
    options: &Options,
    scored: &Scored,
    family: &[&Entrant],
    wide: bool,
) -> Vec<Finalist> {
    let members: Vec<&select::Member> = family.iter().map(|entrant| &entrant.member).collect();
    let fits = |models: &[&Model]| {
        let allowed = |layers| {
            let Header { inputs, window, .. } = models[0].header;
            options.limits.allow(inputs, layers, window)
        };
        models.len() == 1
            || options.train.hidden.is_none() && merge::layers(models).is_some_and(allowed)
    };
    let shrink = family.iter().any(|entrant| entrant.mode != Mode::Raw);
    let start = if wide { unlike(family) } else { Vec::new() };
    let sums = select::select(&members, &scored.truth, &start, shrink, fits);
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
            parts: weights.iter().map(|&(i, _)| family[i].ingredient.clone()).collect(),
            rmse: data.validation_rmse(predictions),
            ahead: data.recursive_rmse(&model, AHEAD),
            needs: Requirements::of(&model.header),
            width: width(weights),
            model,
            squares,
        })
    };
    sums.iter().filter_map(finalist).collect()
}

/// The best of each kind and mode, those that are much worse than the best of all left out.
fn unlike(family: &[&Entrant]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..family.len()).collect();
    order.sort_by(|&a, &b| family[a].member.rmse.total_cmp(&family[b].member.rmse));
    let mut seen = Vec::new();
    order.retain(|&i| {
        let what = (family[i].kind, family[i].mode, matches!(family[i].ingredient, Ingredient::Linear(_)));
        let new = !seen.contains(&what) && family[i].member.rmse <= ALIKE * family[order_first(family)].member.rmse;
        seen.push(what);
        new
    });
    order
}

fn order_first(family: &[&Entrant]) -> usize {
    (0..family.len()).min_by(|&a, &b| family[a].member.rmse.total_cmp(&family[b].member.rmse)).unwrap_or(0)
}

/// How many networks with equal weights would be as wide a mean as this.
fn width(weights: &select::Weights) -> f64 {
    let (sum, squares) = weights.iter().fold((0.0, 0.0), |(s, q), (_, w)| (s + w, q + w * w));
    sum * sum / squares
}

/// The widest mean of those that aren't surely worse than the best.
fn choose(finalists: &[Finalist]) -> Option<usize> {
    let best = finalists.first()?;
    let lstm = |f: &Finalist| merge::kind(&f.model) == Kind::Lstm;
    let raw = |finalist: &Finalist| finalist.model.mode_and_target().0 == Mode::Raw;
    let other = finalists.iter().find(|f| !raw(f) && !lstm(f));
    let best = match other {
        Some(other) if (raw(best) || lstm(best)) && !surely_better(&best.squares, &other.squares, SURE) => other,
        _ => best,
    };
    let near = |(_, finalist): &(usize, &Finalist)| {
        !surely_better(&best.squares, &finalist.squares, 1.0) && (raw(best) || !raw(finalist)) && (lstm(best) || !lstm(finalist))
    };
    let near = finalists.iter().enumerate().filter(near);
    near.max_by(|(_, a), (_, b)| a.width.total_cmp(&b.width)).map(|(index, _)| index)
}

/// Whether the squared errors `a` are smaller than `b` by more than chance, pair by pair.
fn surely_better(a: &[f64], b: &[f64], sure: f64) -> bool {
    let n = a.len() as f64;
    let gains = || a.iter().zip(b).map(|(a, b)| b - a);
    let mean = gains().sum::<f64>() / n;
    let variance = gains().map(|gain| (gain - mean).powi(2)).sum::<f64>() / n;
    mean > sure * (variance / n).sqrt()
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
        let rmse = data.validation_rmse(all);
        select::Member { model, predictions, rmse }
    }

    fn squares(&self, predictions: &[f32]) -> Vec<f64> {
        let known = self.rows.iter().zip(&self.before).zip(&self.truth);
        known.map(|((&row, b), t)| (f64::from(predictions[row]) - b - t).powi(2)).collect()
    }
}
