//! Which networks to merge, and with which weights: ensemble selection (R. Caruana et al., ICML 2004).
//!
//! Again and again the network is added, with those that are in already too, whose addition lowers
//! the validation error of the mean the most; a network that was added k of n times has the weight
//! k / n. Persistence takes part as well, so that corrections that don't hold are shrunk. It starts
//! from the mean of unlike networks: what a short validation part says of one is half chance, and a
//! mean of many rests on it less.

use crate::model::Model;

/// Networks added, those of the start counted.
const ROUNDS: usize = 24;
/// Most networks in one.
const MOST: usize = 8;

/// A network that may be added.
pub(super) struct Member {
    pub(super) model: Model,
    /// Its predictions of the scored rows, less those of persistence.
    pub(super) predictions: Vec<f64>,
    /// Its error.
    pub(super) rmse: f64,
}

/// Places of networks, with their weights.
pub(super) type Weights = Vec<(usize, f64)>;

/// A weighted sum, and its squared error summed over the scored rows.
pub(super) struct Sum {
    pub(super) weights: Weights,
    pub(super) squares: f64,
}

/// For each number of different networks in it, the best sum of those that `fits`: places of
/// `members` with their weights. `truth`: what came in the scored rows, less persistence. `start`:
/// what is in from the beginning, as far as it fits.
pub(super) fn select(
    members: &[&Member],
    truth: &[f64],
    start: &[usize],
    shrink: bool,
    fits: impl Fn(&[&Model]) -> bool,
) -> Vec<Sum> {
    let mut counts = vec![0usize; members.len()];
    let mut sum = vec![0.0; truth.len()];
    let mut best: Vec<(f64, Weights)> = Vec::new();
    let square = |sum: &[f64], added: Option<&Member>, rounds: f64| -> f64 {
        let error = |(i, (sum, truth)): (usize, (&f64, &f64))| {
            let added = added.map_or(0.0, |member| member.predictions[i]);
            ((sum + added) / rounds - truth).powi(2)
        };
        sum.iter().zip(truth).enumerate().map(error).sum()
    };
    let mut inside: Vec<&Model> = Vec::new();
    for &i in start {
        inside.push(&members[i].model);
        if inside.len() > 1 && !fits(&inside) {
            inside.pop();
            continue;
        }
        counts[i] += 1;
        sum.iter_mut().zip(&members[i].predictions).for_each(|(sum, p)| *sum += p);
    }
    for round in inside.len() + 1..=ROUNDS {
        let inside = |counts: &[usize]| -> Vec<usize> {
            (0..counts.len()).filter(|&i| counts[i] > 0).collect()
        };
        let present = inside(&counts);
        let may = |&i: &usize| {
            let with = present.iter().copied().chain([i]);
            counts[i] > 0
                || present.len() < MOST
                    && fits(&with.map(|i| &members[i].model).collect::<Vec<_>>())
        };
        let none = (shrink && round > 1).then_some(None);
        let choices = (0..members.len()).filter(may).map(Some).chain(none);
        let scored =
            choices.map(|choice| (square(&sum, choice.map(|i| members[i]), round as f64), choice));
        let Some((error, choice)) = scored.min_by(|(a, _), (b, _)| a.total_cmp(b)) else { break };
        if let Some(i) = choice {
            counts[i] += 1;
            sum.iter_mut().zip(&members[i].predictions).for_each(|(sum, p)| *sum += p);
        }
        let present = inside(&counts);
        let weights = || present.iter().map(|&i| (i, counts[i] as f64 / round as f64)).collect();
        let count = present.len();
        match best.iter_mut().find(|(_, weights)| weights.len() == count) {
            Some(best) if error >= best.0 => {}
            Some(best) => *best = (error, weights()),
            None => best.push((error, weights())),
        }
    }
    best.into_iter().map(|(squares, weights)| Sum { weights, squares }).collect()
}
