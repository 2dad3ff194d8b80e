//! Which of the networks at the end is taken, and how far its predictions are believed.
//!
//! A validation part is short, and of many networks the best one on it was lucky. So differences are
//! measured in standard errors of the paired squared errors.

use std::cmp::Reverse;

use super::Finalist;

/// Standard errors by which the chosen network may be worse than the best (the one-standard-error
/// rule of L. Breiman et al., "Classification and Regression Trees", 1984).
const CLOSE: f64 = 1.0;
/// Standard errors by which a network must be better than persistence to be believed at all: of a
/// hundred that know nothing, the luckiest comes to 2.5.
const BEYOND_CHANCE: f64 = 3.0;
/// Standard errors by which the best of many networks is better than a linear forecast by luck alone. They
/// are alike, so it is less than for as many that know nothing.
const LUCK: f64 = 2.0;

/// Of those that are as good as the best the one of the most unlike networks, then of the most: in their mean
/// there is less luck. `finalists`: the best first.
pub(super) fn choose(finalists: &[Finalist]) -> Option<usize> {
    let best = finalists.first()?;
    let close =
        |(_, finalist): &(usize, &Finalist)| !better(&best.squares, &finalist.squares, CLOSE);
    // Where nothing is predictable no network has a weight: the smallest.
    let order = |(index, finalist): &(usize, &Finalist)| {
        let (sorts, count) = finalist.variety();
        let flash = if count == 0 { finalist.needs.flash } else { 0 };
        (Reverse(sorts), Reverse(count), flash, *index)
    };
    finalists.iter().enumerate().filter(close).min_by_key(order).map(|(index, _)| index)
}

/// Whether the squared errors `a` are smaller than `b` by so many standard errors, pair by pair.
fn better(a: &[f64], b: &[f64], sure: f64) -> bool {
    let gains: Vec<f64> = a.iter().zip(b).map(|(a, b)| b - a).collect();
    certainty(&gains) > sure
}

/// The share of the predicted changes that is kept: 1 - 1/t^2, where t says by how many standard
/// errors the prediction does better than persistence (after W. James and C. Stein, 1961); 0 where
/// that may be chance. Where nothing is predictable that leaves persistence.
pub(super) fn held(changes: &[f64], predicted: &[f64]) -> f64 {
    let gain = |(change, predicted): (&f64, &f64)| change * change - (change - predicted).powi(2);
    let t = certainty(&changes.iter().zip(predicted).map(gain).collect::<Vec<_>>());
    if t > BEYOND_CHANCE { 1.0 - 1.0 / (t * t) } else { 0.0 }
}

/// How much of what networks add to a linear forecast is kept: 1 - (c/t)^2, where t says by how many
/// standard errors their squared errors are below the linear one's, and c what the luckiest of many
/// comes to.
pub(super) fn share(networks: &[f64], linear: &[f64]) -> f64 {
    let gains: Vec<f64> = networks.iter().zip(linear).map(|(n, l)| l - n).collect();
    let t = certainty(&gains);
    if t > LUCK { 1.0 - (LUCK / t).powi(2) } else { 0.0 }
}

/// A mean in its standard errors; 0 for nothing, or for zeros.
fn certainty(gains: &[f64]) -> f64 {
    let n = gains.len() as f64;
    let mean = gains.iter().sum::<f64>() / n;
    let variance = gains.iter().map(|gain| (gain - mean).powi(2)).sum::<f64>() / n;
    let t = mean / (variance / n).sqrt();
    if t.is_nan() { 0.0 } else { t }
}

#[cfg(test)]
mod tests {
    use super::{better, certainty, choose, held, share};
    use crate::model::Model;
    use crate::requirements::Requirements;
    use crate::train::merge::{ELMAN, GRU};
    use crate::train::trainee::Setting;
    use crate::tune::{Finalist, Ingredient, Regression};
    use rnn_core::layers::Kind;
    use rnn_core::scaling::Mode;
    use std::path::Path;

    fn trained(kind: Kind, mode: Mode, seed: u64) -> Ingredient {
        Ingredient::Trained(Setting {
            kind,
            layers: 1,
            hidden: 8,
            mode,
            window: 32,
            windowed: false,
            rate: 3e-3,
            decay: 0.0,
            dropout: 0.0,
            seed,
        })
    }

    /// Of these parts, each of this weight.
    fn finalist(parts: &[Ingredient], weight: f64, flash: usize) -> Finalist {
        let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rnn-core/tests/golden/tiny.rnn");
        let model = Model::load(&tiny).unwrap();
        Finalist {
            parts: parts.to_vec(),
            weights: vec![weight; parts.len()],
            needs: Requirements { flash, ..Requirements::of(&model.header) },
            model,
            rmse: 1.0,
            ahead: 1.0,
            squares: vec![1.0; 100],
        }
    }

    #[test]
    fn of_equally_good_ones_the_most_unlike_networks_are_taken() {
        let gru = |seed| trained(GRU, Mode::Residual, seed);
        let elman = trained(ELMAN, Mode::Residual, 3);
        let line = Ingredient::Linear(Regression {
            mode: Mode::Residual,
            lags: 2,
            penalty: 1e-3,
            small: 0.03,
        });
        let level = trained(GRU, Mode::Raw, 4);
        let mut all = vec![
            finalist(&[gru(1), gru(2)], 0.5, 100),
            finalist(&[gru(1), elman], 0.5, 300),
            finalist(&[gru(1), line, gru(2)], 0.3, 400),
            finalist(&[gru(1), elman, line, level], 0.2, 500),
        ];
        // In ten rows of a hundred 0.1 worse: three standard errors.
        all[3].squares[..10].fill(1.1);
        assert_eq!(choose(&all), Some(2));
        // Of two sorts each: the one of more networks; then the better one.
        assert_eq!(choose(&all[..2]), Some(1));
        assert_eq!(choose(&[all[1].clone(), all[1].clone()]), Some(0));
        // A part without a weight isn't in.
        all[2].weights[1] = 0.0;
        assert_eq!(choose(&all), Some(1));
        assert_eq!(choose(&[]), None);
    }

    #[test]
    fn where_no_network_is_believed_the_smallest_is_taken() {
        let gru = |seed| trained(GRU, Mode::Residual, seed);
        let elman = trained(ELMAN, Mode::Difference, 3);
        let all = [
            finalist(&[gru(1), elman], 0.0, 300),
            finalist(&[elman], 0.0, 100),
            finalist(&[gru(1)], 0.0, 200),
        ];
        assert_eq!(choose(&all), Some(1));
    }

    #[test]
    fn certainty_is_the_mean_in_standard_errors() {
        // Mean 1, variance 4, 16 of them: standard error 1/2.
        let gains: Vec<f64> = (0..16).map(|i| if i % 2 == 0 { 3.0 } else { -1.0 }).collect();
        assert_eq!(certainty(&gains), 2.0);
        assert_eq!((certainty(&[]), certainty(&[0.0; 5])), (0.0, 0.0));
    }

    #[test]
    fn only_what_is_sure_counts_as_better() {
        let b = [4.0; 16];
        let a: [f64; 16] = std::array::from_fn(|i| if i % 2 == 0 { 1.0 } else { 5.0 });
        assert!(better(&a, &b, 1.9) && !better(&a, &b, 2.1) && !better(&b, &a, 0.0));
    }

    #[test]
    fn networks_add_to_a_line_as_far_as_they_surely_gain() {
        // Gains with mean 1 and standard error 1/4: t = 4.
        let linear = [4.0; 64];
        let networks: [f64; 64] = std::array::from_fn(|i| if i % 2 == 0 { 1.0 } else { 5.0 });
        assert_eq!(share(&networks, &linear), 0.75);
        assert_eq!((share(&linear, &networks), share(&linear, &linear)), (0.0, 0.0));
        // A quarter as many: t = 2.
        assert_eq!(share(&networks[..16], &linear[..16]), 0.0);
    }

    #[test]
    fn a_prediction_is_believed_as_far_as_it_holds() {
        let changes: Vec<f64> = (0..400).map(|i| f64::from(i * 7919 % 21 - 10)).collect();
        assert!(held(&changes, &changes) > 0.99);
        let against: Vec<f64> = changes.iter().map(|change| -change).collect();
        assert_eq!(held(&changes, &against), 0.0);
        let unrelated: Vec<f64> = (0..400).map(|i| f64::from(i * 104_729 % 23 - 11)).collect();
        assert_eq!(held(&changes, &unrelated), 0.0);
    }
}
