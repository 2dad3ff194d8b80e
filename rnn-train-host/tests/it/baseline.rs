//! The rivals predict what they claim to, from the past alone.

use std::path::Path;

use rnn_train_host::baseline::{Ar, Baseline, FitError, Persistence, SeasonalNaive};
use rnn_train_host::data::csv::{self, Options};
use rnn_train_host::data::{Rows, Split};
use rnn_train_host::metrics::{Errors, mase_scale};

/// Roughly normal, from a linear congruential generator.
fn noise(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        (0..12)
            .map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
            })
            .sum()
    }
}

fn fit(values: &[f32], channels: usize, season: Option<usize>) -> Result<Ar, FitError> {
    let rows = Rows::new(values, channels);
    Ar::fit(rows, rows, 0, &Split::of(rows.len()), season)
}

fn test_rmse(model: &dyn Baseline, rows: Rows<'_>) -> f64 {
    let test = Split::of(rows.len()).test;
    let scored: Errors =
        test.map(|t| (rows.get(t, 0), model.one_step(rows.before(t))[0])).collect();
    scored.rmse().unwrap()
}

#[test]
fn naive_forecasts_repeat_the_past() {
    let rows = Rows::new(&[1.0, 10.0, 2.0, 20.0, 3.0, 30.0], 2);
    assert_eq!(Persistence.forecast(rows, 2), [3.0, 30.0, 3.0, 30.0]);
    assert_eq!(SeasonalNaive { season: 2 }.forecast(rows, 3), [2.0, 20.0, 3.0, 30.0, 2.0, 20.0]);
    // Within the first season there is only the last value.
    assert_eq!(SeasonalNaive { season: 4 }.one_step(rows), [3.0, 30.0]);
}

#[test]
fn ar_recovers_an_autoregression_of_order_2() {
    let mut e = noise(1);
    let (mut a, mut b) = (0.0, 0.0);
    let values: Vec<f32> = (0..8000)
        .map(|_| {
            (a, b) = (5.0 + 1.4 * a - 0.7 * b + e(), a);
            a as f32
        })
        .collect();
    let ar = fit(&values, 1, None).unwrap();
    // The best possible error is that of the innovations, of standard deviation 1.
    let error = test_rmse(&ar, Rows::new(&values, 1));
    assert!((0.95..1.06).contains(&error), "{error}");
    // The response to a unit step in each lag is its coefficient.
    let history = vec![16.0f32; 40];
    let rest = ar.one_step(Rows::new(&history, 1))[0];
    for (lag, coefficient) in [(1, 1.4), (2, -0.7), (3, 0.0), (20, 0.0)] {
        let mut stepped = history.clone();
        stepped[40 - lag] += 1.0;
        let response = ar.one_step(Rows::new(&stepped, 1))[0] - rest;
        assert!((response - coefficient).abs() < 0.06, "lag {lag}: {response}");
    }
}

#[test]
fn ar_reads_the_other_channels() {
    let mut e = noise(2);
    let mut previous = 0.0;
    let values: Vec<f32> = (0..3000)
        .flat_map(|_| {
            let lead = e();
            let row = [2.0 * previous + 0.1 * e(), lead];
            previous = lead;
            row.map(|v| v as f32)
        })
        .collect();
    let error = test_rmse(&fit(&values, 2, None).unwrap(), Rows::new(&values, 2));
    assert!(error < 0.11, "{error}");
}

#[test]
fn ar_uses_the_season_where_it_helps() {
    let mut e = noise(3);
    let pattern: Vec<f64> = (0..50).map(|_| 3.0 * e()).collect();
    let values: Vec<f32> = (0..4000).map(|t| (pattern[t % 50] + 0.3 * e()) as f32).collect();
    let rows = Rows::new(&values, 1);
    let (without, with) = (fit(&values, 1, None).unwrap(), fit(&values, 1, Some(50)).unwrap());
    assert!(with.name().contains("20 lags + 50"), "{}", with.name());
    assert!(test_rmse(&with, rows) < 0.5 * test_rmse(&without, rows));
}

#[test]
fn differences_follow_a_trend_out_of_the_training_range() {
    let mut e = noise(4);
    let values: Vec<f32> = (0..1000).map(|t| (0.5 * t as f64 + 0.1 * e()) as f32).collect();
    let forecast = fit(&values, 1, None).unwrap().forecast(Rows::new(&values, 1), 100);
    assert!((forecast[99] - 0.5 * 1099.0).abs() < 2.0, "{}", forecast[99]);
}

#[test]
fn a_recursive_forecast_is_one_step_repeated() {
    let mut e = noise(5);
    let values: Vec<f32> = (0..900).map(|_| e() as f32).collect();
    let ar = fit(&values, 3, Some(40)).unwrap();
    let steps = ar.forecast(Rows::new(&values, 3), 5);
    let mut grown = values.clone();
    for step in steps.chunks_exact(3) {
        let one = ar.one_step(Rows::new(&grown, 3));
        for (a, b) in one.iter().zip(step) {
            assert!((a - b).abs() < 1e-5, "{a} {b}");
        }
        grown.extend(step.iter().map(|v| *v as f32));
    }
}

#[test]
fn collinear_and_constant_channels_do_no_harm() {
    let mut e = noise(6);
    let mut level = 0.0;
    let values: Vec<f32> = (0..500)
        .flat_map(|_| {
            level = 0.9 * level + e();
            [level, level, 3.0 * level - 1.0, 1013.25, 0.0].map(|v| v as f32)
        })
        .collect();
    let rows = Rows::new(&values, 5);
    let ar = fit(&values, 5, None).unwrap();
    assert!(test_rmse(&ar, rows) < 1.2);
    let far = ar.forecast(rows, 200);
    assert!(far.iter().all(|v| v.is_finite()));
    assert!(far.chunks_exact(5).all(|row| (row[3] - 1013.25).abs() < 1e-3 && row[4].abs() < 1e-3));
}

#[test]
fn the_test_part_changes_nothing() {
    let mut e = noise(7);
    let mut values: Vec<f32> = (0..600).map(|_| e() as f32).collect();
    let before = fit(&values, 1, Some(30)).unwrap();
    let test = Split::of(600).test;
    values[test.clone()].fill(1e6);
    let after = fit(&values, 1, Some(30)).unwrap();
    assert_eq!(before.name(), after.name());
    let history = Rows::new(&values, 1).before(test.start);
    assert_eq!(before.forecast(history, 10), after.forecast(history, 10));
}

#[test]
fn missing_targets_are_no_labels() {
    let mut e = noise(8);
    let mut level = 0.0;
    let mut lines = String::from("a,b\n");
    for t in 0..2000 {
        level = 0.8 * level + e();
        let a = if t % 3 == 1 { String::new() } else { level.to_string() };
        lines += &format!("{a},{}\n", 5.0 * e());
    }
    let options = Options {
        target: "a".into(),
        features: vec!["a".into(), "b".into()],
        ..Options::default()
    };
    let table = csv::read_from(lines.as_bytes(), Path::new("log.csv"), &options).unwrap();
    let (measured, filled) = (table.rows(), table.forward_fill());
    let split = Split::of(measured.len());
    let ar = Ar::fit(measured, filled.rows(), 0, &split, None).unwrap();
    // Carried values as labels would change the model: where they are labels (`filled` twice),
    // it copies them.
    let copying = Ar::fit(filled.rows(), filled.rows(), 0, &split, None).unwrap();
    let score = |model: &Ar| -> Errors {
        let test = split.test.clone();
        test.map(|t| (measured.get(t, 0), model.one_step(filled.rows().before(t))[0])).collect()
    };
    assert!(score(&ar).n() < split.test.len());
    assert!(score(&ar).rmse() < score(&copying).rmse());
}

#[test]
fn series_too_short_for_a_linear_model() {
    assert_eq!(fit(&[1.0, 2.0, 3.0], 1, None).unwrap_err(), FitError::NoTraining);
    let mut values = vec![1.0f32; 100];
    values[70..85].fill(f32::NAN);
    assert_eq!(fit(&values, 1, None).unwrap_err(), FitError::NoValidation);
    values[..70].fill(f32::NAN);
    assert_eq!(fit(&values, 1, None).unwrap_err(), FitError::NoTraining);
    // A season longer than the training part is no reason to fail.
    let short: Vec<f32> = (0..20).map(|t| (t % 3) as f32).collect();
    assert!(fit(&short, 1, Some(400)).unwrap().one_step(Rows::new(&short, 1))[0].is_finite());
}

#[test]
fn errors_by_hand() {
    let errors: Errors = [(1.0, 2.0), (f32::NAN, 9.0), (2.0, -1.0)].into_iter().collect();
    assert_eq!(errors.n(), 2);
    assert_eq!(errors.mae(), Some(2.0));
    assert_eq!(errors.rmse(), Some(5.0f64.sqrt()));
    assert_eq!(Errors::default().rmse(), None);
    // 1 -> 3 and 7 -> 8: the neighbours of a missing value don't count.
    assert_eq!(mase_scale([1.0, 3.0, f32::NAN, 7.0, 8.0].into_iter()), Some(1.5));
    assert_eq!(mase_scale([2.0, 2.0].into_iter()), None);
    assert_eq!(mase_scale([2.0].into_iter()), None);
}
