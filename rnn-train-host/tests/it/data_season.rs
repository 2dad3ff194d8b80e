//! Seasons are found where there are some, and only there; parts are rows in order.

use rnn_train_host::data::{Part, Split, season};

/// Uniform in -1..1, from a linear congruential generator.
fn noise(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }
}

fn series(n: usize, mut value: impl FnMut(f64) -> f64) -> Vec<f32> {
    (0..n).map(|t| value(t as f64) as f32).collect()
}

fn wave(t: f64, period: f64) -> f64 {
    (std::f64::consts::TAU * t / period).sin()
}

#[test]
fn a_noisy_wave_on_a_trend() {
    for period in [7usize, 12, 24, 52, 144, 365] {
        let mut e = noise(period as u64);
        let values = series(period * 8, |t| 300.0 + 0.05 * t + wave(t, period as f64) + 0.5 * e());
        let found = season::detect(&values).unwrap();
        assert!(found.abs_diff(period) <= 1 + period / 50, "{found}, not {period}");
    }
}

#[test]
fn the_day_is_the_season_not_the_week() {
    let mut e = noise(3);
    let values = series(24 * 7 * 6, |t| {
        let weekend = if (t / 24.0) as u64 % 7 >= 5 { 0.5 } else { 1.0 };
        weekend * wave(t, 24.0) + 0.2 * e()
    });
    assert_eq!(season::detect(&values), Some(24));
}

#[test]
fn a_daily_rhythm_on_slow_swings() {
    let mut e = noise(5);
    let mut level = 0.0;
    let values = series(5000, |t| {
        level += 0.15 * e();
        level + 0.4 * wave(t, 24.0)
    });
    assert_eq!(season::detect(&values), Some(24));
}

#[test]
fn noise_and_random_walks_have_none() {
    let mut found = 0;
    for seed in 0..20 {
        let mut e = noise(100 + seed);
        found += usize::from(season::detect(&series(1000, |_| e())).is_some());
        let mut level = 0.0;
        let walk = series(1000, |_| {
            level += e();
            level
        });
        found += usize::from(season::detect(&walk).is_some());
    }
    assert!(found <= 2, "{found} of 40");
}

#[test]
fn nothing_to_be_told() {
    assert_eq!(season::detect(&[]), None);
    assert_eq!(season::detect(&[1.0; 500]), None);
    assert_eq!(season::detect(&[f32::NAN; 500]), None);
    assert_eq!(season::detect(&series(11, |t| wave(t, 3.0))), None);
    assert_eq!(season::detect(&series(500, |t| 3.0 * t)), None);
}

#[test]
fn parts_follow_each_other_and_leave_nothing_out() {
    // Test parts of the published tables.
    for (rows, test) in [(22_695, 3405), (10_320, 1549), (2820, 424), (732, 111), (13_104, 1967)] {
        assert_eq!(Split::of(rows).test.len(), test);
    }
    for rows in 0..500 {
        let split = Split::of(rows);
        assert_eq!(split.train.start, 0);
        assert_eq!(split.train.end, split.validation.start);
        assert_eq!(split.validation.end, split.test.start);
        assert_eq!(split.part(Part::Test).end, rows);
        assert_eq!(split.part(Part::All), 0..rows);
        assert_eq!(split.part(Part::Train).len(), (0.70 * rows as f64).floor() as usize);
        assert_eq!(split.part(Part::Validation).len(), (0.15 * rows as f64).floor() as usize);
    }
}
