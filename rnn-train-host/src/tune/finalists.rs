//! The networks at the end of a search: alone and merged, judged on the validation part.

use rnn_core::gru::Reset;
use rnn_core::layers::{Kind, Layers};
use rnn_core::model_file::Header;
use rnn_core::scaling::Mode;

use super::choose::{choose, held, share};
use super::select::{Member, Sum, Weights, select};
use super::{Finalist, Ingredient, Options, linear};
use crate::model::Model;
use crate::requirements::Requirements;
use crate::train::data::Data;
use crate::train::halving::Runner;
use crate::train::merge::{self, ELMAN, GRU, Part, as_one};
use crate::train::parallel;
use crate::train::stop::Stop;

/// Networks of one kind and mode that may be merged.
const MEMBERS: usize = 8;
/// A mean of unlike networks starts from those whose error is at most this multiple of the best.
const ALIKE: f64 = 1.05;
/// Sums whose error is above this multiple of the best aren't built.
const FAR: f64 = 1.05;
/// Steps of the recursive forecasts.
const AHEAD: usize = 10;

/// The best networks alone and merged, the chosen one first; where `stop` is asked for, none.
pub(super) fn finalists(
    data: &Data<'_>,
    options: &Options,
    runners: &[Runner<'_>],
    modes: &[Mode],
    stop: &Stop,
) -> Vec<Finalist> {
    let scored = Scored::new(data);
    let pool = pool(data, options, runners, modes, &scored, stop);
    // Families that go together, with networks of one mode only or of all, from scratch or from a
    // mean of unlike ones.
    let families: [&[Kind]; 4] =
        [&[ELMAN], &[ELMAN, GRU], &[Kind::Lstm], &[Kind::Gru(Reset::Before)]];
    let modes: Vec<Option<Mode>> = modes.iter().copied().map(Some).chain([None]).collect();
    let mut work: Vec<Family<'_>> = families
        .into_iter()
        .flat_map(|family| modes.iter().map(move |&mode| (family, mode)))
        .flat_map(|(family, mode)| {
            let fits = |entrant: &&Entrant| {
                family.contains(&entrant.kind) && mode.is_none_or(|mode| mode == entrant.mode)
            };
            let entrants: Vec<&Entrant> = pool.iter().filter(fits).collect();
            [false, true].map(|wide| Family { entrants: entrants.clone(), wide, sums: Vec::new() })
        })
        .collect();
    let threads = options.train.threads;
    parallel::for_each(&mut work, threads, |family| {
        if !stop.was_asked() {
            family.select(options, &scored);
        }
    });
    let sums = || work.iter().flat_map(|family| &family.sums);
    let least = sums().map(|sum| sum.squares).fold(f64::INFINITY, f64::min);
    let mut sums: Vec<(&Family<'_>, &Weights, Option<Finalist>)> = work
        .iter()
        .flat_map(|family| family.sums.iter().map(move |sum| (family, sum)))
        .filter(|(_, sum)| sum.weights.len() == 1 || sum.squares <= FAR * FAR * least)
        .map(|(family, sum)| (family, &sum.weights, None))
        .collect();
    parallel::for_each(&mut sums, threads, |(family, weights, finalist)| {
        if !stop.was_asked() {
            *finalist = family.finalist(data, &scored, weights);
        }
    });
    if stop.was_asked() {
        return Vec::new();
    }
    let mut finalists: Vec<Finalist> =
        sums.into_iter().filter_map(|(.., finalist)| finalist).collect();
    finalists.retain(|finalist| finalist.rmse.is_finite());
    finalists.sort_by(|a, b| a.rmse.total_cmp(&b.rmse));
    finalists.dedup_by(|b, a| a.parts == b.parts && a.rmse == b.rmse);
    if let Some(chosen) = choose(&finalists) {
        finalists[..=chosen].rotate_right(1);
        let anchored = anchored(data, options, &pool, &scored, &finalists[0]);
        finalists.splice(0..0, anchored);
    }
    finalists
}

/// The best training alone: all that there is time for when the search is stopped.
pub(super) fn best_alone(data: &Data<'_>, runners: &[Runner<'_>]) -> Option<Finalist> {
    let rmse = |runner: &&Runner<'_>| runner.trainee.rmse();
    let best = runners.iter().min_by(|a, b| rmse(a).total_cmp(&rmse(b)))?;
    let scored = Scored::new(data);
    let member = scored.member(data, best.trainee.model());
    let entrant = Entrant::new(Ingredient::Trained(best.trainee.setting), member);
    let raw = entrant.mode == Mode::Raw;
    let held = if raw { 1.0 } else { held(&scored.changes, &entrant.member.predictions) };
    finalist(data, &scored, &[(&entrant, held)])
}

/// A network that may go into the end's networks.
struct Entrant {
    ingredient: Ingredient,
    kind: Kind,
    mode: Mode,
    member: Member,
}

impl Entrant {
    fn new(ingredient: Ingredient, member: Member) -> Self {
        let (kind, mode) = (merge::kind(&member.model), member.model.mode_and_target().0);
        Entrant { ingredient, kind, mode, member }
    }
}

/// The best trainings of each kind and mode, and linear networks.
fn pool(
    data: &Data<'_>,
    options: &Options,
    runners: &[Runner<'_>],
    modes: &[Mode],
    scored: &Scored,
    stop: &Stop,
) -> Vec<Entrant> {
    // Farthest first: what was annealed is worth more than an early look.
    let mut farthest: Vec<&Runner<'_>> = runners.iter().collect();
    farthest.sort_by_key(|runner| std::cmp::Reverse(runner.legs));
    let mut pool: Vec<Entrant> = Vec::new();
    for runner in farthest {
        let trained = Ingredient::Trained(runner.trainee.setting);
        let alike = |entrant: &&Entrant| entrant.ingredient.sort() == trained.sort();
        if pool.iter().filter(alike).count() < MEMBERS && !stop.was_asked() {
            pool.push(Entrant::new(trained, scored.member(data, runner.trainee.model())));
        }
    }
    let given = &options.train;
    let free = given.kind.is_none_or(|kind| kind == ELMAN)
        && given.hidden.is_none()
        && given.layers == 1
        && !given.windowed;
    for &mode in modes.iter().filter(|_| free) {
        let inputs = data.channels.len();
        let fits = |hidden| options.limits.allow(inputs, Layers::one(ELMAN, hidden), 0);
        for (regression, model) in linear::linear(data, mode, fits, stop) {
            pool.push(Entrant::new(Ingredient::Linear(regression), scored.member(data, model)));
        }
    }
    pool
}

/// Networks that go together.
struct Family<'p> {
    entrants: Vec<&'p Entrant>,
    /// Whether to start from a mean of unlike ones.
    wide: bool,
    /// What it comes to, for each number of networks.
    sums: Vec<Sum>,
}

impl Family<'_> {
    /// Raw networks alone shrink to the mean level, not to persistence.
    fn shrinks(&self) -> bool {
        self.entrants.iter().any(|entrant| entrant.mode != Mode::Raw)
    }

    fn members(&self) -> Vec<&Member> {
        self.entrants.iter().map(|entrant| &entrant.member).collect()
    }

    fn select(&mut self, options: &Options, scored: &Scored) {
        let fits = |models: &[&Model]| {
            let Header { inputs, window, .. } = models[0].header;
            let allowed = |layers| options.limits.allow(inputs, layers, window);
            models.len() == 1
                || options.train.hidden.is_none()
                    && models.iter().all(|model| model.header.window == window)
                    && merge::layers(models).is_some_and(allowed)
        };
        let start = if self.wide { unlike(&self.entrants) } else { Vec::new() };
        self.sums = select(&self.members(), &scored.changes, &start, self.shrinks(), fits);
    }

    fn finalist(&self, data: &Data<'_>, scored: &Scored, weights: &Weights) -> Option<Finalist> {
        let members = self.members();
        let predicted = scored.sum(&members, weights);
        let held = if self.shrinks() { held(&scored.changes, &predicted) } else { 1.0 };
        let part = |&(i, weight): &(usize, f64)| (self.entrants[i], held * weight);
        finalist(data, scored, &weights.iter().map(part).collect::<Vec<_>>())
    }
}

/// The weighted sum of networks as one; `None` where they can't be merged.
fn finalist(data: &Data<'_>, scored: &Scored, sum: &[(&Entrant, f64)]) -> Option<Finalist> {
    let parts = sum.iter().map(|&(entrant, weight)| Part { model: &entrant.member.model, weight });
    let model = as_one(&parts.collect::<Vec<_>>())?;
    let predictions = data.validate(&model);
    let squares = scored.squares(&predictions);
    Some(Finalist {
        parts: sum.iter().map(|(entrant, _)| entrant.ingredient).collect(),
        weights: sum.iter().map(|&(_, weight)| weight).collect(),
        rmse: data.validation_rmse(predictions),
        ahead: data.recursive_rmse(&model, AHEAD),
        needs: Requirements::of(&model.header),
        model,
        squares,
    })
}

/// A sum with the best linear network that goes together with `chosen`, which has a share in it as far as
/// it is surely better; `None` where none is to be believed, or fits.
fn anchored(
    data: &Data<'_>,
    options: &Options,
    pool: &[Entrant],
    scored: &Scored,
    chosen: &Finalist,
) -> Option<Finalist> {
    let linear = |entrant: &&Entrant| matches!(entrant.ingredient, Ingredient::Linear(_));
    let mut anchors: Vec<&Entrant> = pool.iter().filter(linear).collect();
    anchors.sort_by(|a, b| a.member.rmse.total_cmp(&b.member.rmse));
    anchors.into_iter().find_map(|linear| {
        let predicted = &linear.member.predictions;
        // A raw one shrinks to the mean level, not to persistence.
        let raw = linear.mode == Mode::Raw;
        let held = if raw { 1.0 } else { held(&scored.changes, predicted) };
        if held == 0.0 {
            return None;
        }
        let square = |(change, predicted): (&f64, &f64)| (held * predicted - change).powi(2);
        let squares: Vec<f64> = scored.changes.iter().zip(predicted).map(square).collect();
        let share = share(&chosen.squares, &squares);
        let mut sum = vec![(linear, held * (1.0 - share))];
        for (part, weight) in chosen.parts.iter().zip(&chosen.weights).filter(|_| share > 0.0) {
            match sum.iter_mut().find(|(entrant, _)| entrant.ingredient == *part) {
                Some((_, sum)) => *sum += share * weight,
                None => {
                    let entrant = pool.iter().find(|entrant| entrant.ingredient == *part)?;
                    sum.push((entrant, share * weight));
                }
            }
        }
        finalist(data, scored, &sum).filter(|finalist| options.limits.hold(&finalist.needs))
    })
}

/// The best of each sort, those left out that are much worse than the best of all.
fn unlike(family: &[&Entrant]) -> Vec<usize> {
    let rmse = |&i: &usize| family[i].member.rmse;
    let mut order: Vec<usize> = (0..family.len()).collect();
    order.sort_by(|a, b| rmse(a).total_cmp(&rmse(b)));
    let worst = order.first().map_or(0.0, |best| ALIKE * rmse(best));
    let mut seen = Vec::new();
    order.retain(|i| {
        let sort = family[*i].ingredient.sort();
        let new = !seen.contains(&sort);
        seen.push(sort);
        new && rmse(i) <= worst
    });
    order
}

/// The rows of the validation part that are scored.
struct Scored {
    /// Places in the validation part.
    rows: Vec<usize>,
    /// The value before, which is what persistence predicts.
    before: Vec<f64>,
    /// What came, less that.
    changes: Vec<f64>,
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
            changes: rows.iter().map(|&row| truth(row) - before(row)).collect(),
            before: rows.iter().map(|&row| before(row)).collect(),
            rows,
        }
    }

    fn member(&self, data: &Data<'_>, model: Model) -> Member {
        let all = data.validate(&model);
        let change = |(&row, before): (&usize, &f64)| f64::from(all[row]) - before;
        let predictions = self.rows.iter().zip(&self.before).map(change).collect();
        let rmse = data.validation_rmse(all);
        Member { model, predictions, rmse }
    }

    /// The changes that a weighted sum predicts.
    fn sum(&self, members: &[&Member], weights: &Weights) -> Vec<f64> {
        let at =
            |row| weights.iter().map(|&(i, weight)| weight * members[i].predictions[row]).sum();
        (0..self.rows.len()).map(at).collect()
    }

    fn squares(&self, predictions: &[f32]) -> Vec<f64> {
        let known = self.rows.iter().zip(&self.before).zip(&self.changes);
        known
            .map(|((&row, b), change)| (f64::from(predictions[row]) - b - change).powi(2))
            .collect()
    }
}
