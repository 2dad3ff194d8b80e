//! The search: the same on any number of threads, within the chip's limits, blind to the test part, and
//! no worse than linear where linear is right.

use std::path::Path;

use rnn_core::random::SplitMix64;
use rnn_core::scaling::Mode;
use rnn_train_host::data::csv::{self, Options as Columns};
use rnn_train_host::data::{Part, Table};
use rnn_train_host::eval::{Question, evaluate};
use rnn_train_host::train::Options as Training;
use rnn_train_host::train::stop::Stop;
use rnn_train_host::tune::{Effort, Found, Ingredient, Limits, Options, tune};

fn options(candidates: usize, epochs: usize) -> Options {
    Options {
        effort: Effort::Candidates(candidates),
        limits: Limits { flash: Some(32 * 1024), ram: Some(4 * 1024) },
        train: Training {
            kind: None,
            layers: 1,
            hidden: None,
            window: Some(16),
            windowed: false,
            mode: None,
            epochs: Some(epochs),
            rate: None,
            decay: None,
            dropout: 0.0,
            seed: 3,
            threads: 2,
            checkpoint: None,
        },
    }
}

fn table(values: impl Iterator<Item = f64>) -> Table {
    let text: String = values.map(|value| format!("{value}\n")).collect();
    let columns = Columns { target: "x".into(), features: vec![], time: None };
    csv::read_from(format!("x\n{text}").as_bytes(), Path::new("made.csv"), &columns).unwrap()
}

/// x_t = 1.5 x_{t-1} - 0.8 x_{t-2} + noise, which a line predicts as well as anything.
fn oscillation(rows: usize) -> Vec<f64> {
    let mut random = SplitMix64::new(5);
    let mut x = vec![0.0, 0.0];
    while x.len() < rows {
        let [.., b, a] = x[..] else { unreachable!("it starts with two") };
        x.push(1.5 * a - 0.8 * b + random.uniform() - 0.5);
    }
    x
}

/// x_t = x_{t-1} + noise, which nothing predicts.
fn walk(rows: usize) -> Vec<f64> {
    let mut random = SplitMix64::new(6);
    let sum = |x: &mut f64, _| {
        *x += random.uniform() - 0.5;
        Some(*x)
    };
    (0..rows).scan(100.0, sum).collect()
}

fn search(table: &Table, options: &Options) -> Found {
    tune(table, options, &Stop::default(), &|_| {}).unwrap()
}

#[test]
fn so_many_candidates_give_the_same_bits_on_any_number_of_threads() {
    let table = table(oscillation(300).into_iter());
    let two = search(&table, &options(6, 20));
    let mut one = options(6, 20);
    one.train.threads = 1;
    assert_eq!(two.tried.len(), 6);
    assert_eq!(two, search(&table, &one));
    let folder = tempfile::tempdir().unwrap();
    one.train.checkpoint = Some(folder.path().into());
    assert_eq!(two, search(&table, &one), "with a checkpoint");
    assert_eq!(two, search(&table, &one), "from the checkpoint");
    one.train.seed = 4;
    assert!(tune(&table, &one, &Stop::default(), &|_| {}).is_err(), "another search's checkpoint");
    one.train.checkpoint = None;
    assert_ne!(two.tried, search(&table, &one).tried, "another seed");
}

#[test]
fn the_test_part_is_not_looked_at() {
    let mut values = oscillation(300);
    let before = search(&table(values.iter().copied()), &options(4, 10));
    values[255..].fill(1e6);
    assert_eq!(search(&table(values.iter().copied()), &options(4, 10)), before);
    values[254] = 1e3;
    assert_ne!(search(&table(values.into_iter()), &options(4, 10)), before, "this one can fail");
}

#[test]
fn everything_keeps_to_the_limits() {
    let table = table(oscillation(300).into_iter());
    for (flash, ram) in [(32 * 1024, 4 * 1024), (1500, 4 * 1024), (32 * 1024, 160), (300, 100)] {
        let mut options = options(6, 5);
        options.limits = Limits { flash: Some(flash), ram: Some(ram) };
        let found = search(&table, &options);
        for finalist in &found.finalists {
            let needs = finalist.needs;
            assert!(needs.flash <= flash && needs.ram <= ram, "{flash} {ram}: {needs:?}");
            // The model file's own size is that of the weights, the scales and a head.
            assert!(finalist.model.to_bytes().unwrap().len() >= needs.flash);
        }
    }
    let mut nothing = options(6, 5);
    nothing.limits.flash = Some(20);
    let error = tune(&table, &nothing, &Stop::default(), &|_| {}).unwrap_err();
    assert!(error.to_string().contains("allow more with --flash or --ram"), "{error}");
}

#[test]
fn where_linear_is_right_the_search_is_as_good() {
    let table = table(oscillation(900).into_iter());
    let found = search(&table, &options(3, 5));
    assert!(
        found.tried.iter().any(|tried| tried.setting.mode == Mode::Raw),
        "its levels come back"
    );
    let chosen = &found.finalists[0];
    let linear = |part: &Ingredient| matches!(part, Ingredient::Linear(..));
    assert!(chosen.parts.iter().any(linear), "{:?}", chosen.parts);
    // 135 validation rows choose between regressions that differ by about that much.
    for (steps, tolerance) in [(1, 1.02), (10, 1.05)] {
        let question = Question { part: Part::Test, steps, season: None };
        let evaluation = evaluate(&chosen.model, &table, question).unwrap();
        let ar = evaluation.ar.unwrap().score.rmse;
        let rmse = evaluation.network.rmse;
        assert!(rmse < tolerance * ar, "{steps}: {rmse} {ar}");
    }
}

#[test]
fn where_nothing_is_predictable_it_says_the_last_value() {
    let table = table(walk(900).into_iter());
    let found = search(&table, &options(4, 10));
    let mut parts = found.finalists.iter().flat_map(|finalist| &finalist.parts);
    assert!(parts.all(|part| part.mode() != Mode::Raw), "levels that wander off");
    assert!(found.tried.iter().all(|tried| tried.setting.mode != Mode::Raw));
    let question = Question { part: Part::Test, steps: 1, season: None };
    let evaluation = evaluate(&found.finalists[0].model, &table, question).unwrap();
    let persistence = evaluation.persistence.score.rmse;
    assert!(evaluation.network.rmse < 1.001 * persistence, "{:?}", evaluation.network);
}

#[test]
fn what_is_given_is_not_searched() {
    let table = table(oscillation(300).into_iter());
    let mut options = options(4, 5);
    options.train.mode = Some(Mode::Difference);
    options.train.hidden = Some(5);
    options.train.rate = Some(2e-3);
    for tried in search(&table, &options).tried {
        let setting = tried.setting;
        assert_eq!((setting.mode, setting.hidden, setting.window), (Mode::Difference, 5, 16));
        assert_eq!(setting.rate, 2e-3);
    }
    for finalist in search(&table, &options).finalists {
        assert_eq!(finalist.model.header.layers.hidden(), 5, "nothing merged, nothing linear");
    }
}

#[test]
fn stacks_come_to_the_end_in_every_mode() {
    let table = table(oscillation(300).into_iter());
    let mut options = options(6, 60);
    options.train.layers = 2;
    let found = search(&table, &options);
    // A stack can't be merged; what it predicts is believed as far as that of one layer.
    let alone = found.finalists.iter().all(|finalist| finalist.parts.len() == 1);
    let sorts: Vec<_> = found.finalists.iter().map(|finalist| finalist.parts[0].mode()).collect();
    assert!(alone && found.finalists[0].weights[0] > 0.0, "{:?}", found.finalists[0].weights);
    for mode in [Mode::Residual, Mode::Difference] {
        assert!(sorts.contains(&mode), "{sorts:?}");
    }
    assert_eq!(found.model().header.layers.count(), 2);
}

#[test]
fn a_short_log_is_refused_and_a_stopped_search_keeps_what_it_has() {
    let short = table(oscillation(59).into_iter());
    let error = tune(&short, &options(4, 5), &Stop::default(), &|_| {}).unwrap_err();
    assert!(error.to_string().contains("59 rows are too few for a search"), "{error}");

    let table = table(oscillation(300).into_iter());
    let stop = Stop::default();
    let found = tune(&table, &options(1000, 1_000_000), &stop, &|_| stop.ask()).unwrap();
    assert!(found.tried.len() < 1000 && found.finalists[0].rmse.is_finite());
}

#[test]
fn a_season_longer_than_the_usual_lags_is_read() {
    // Every 30 rows the same, and noise: only what lies a season back tells.
    let mut random = SplitMix64::new(7);
    let season: Vec<f64> = (0..30).map(|_| random.uniform()).collect();
    let values = (0..1200).map(|t| season[t % 30] + 0.1 * (random.uniform() - 0.5));
    let table = table(values.collect::<Vec<_>>().into_iter());
    let chosen = &search(&table, &options(3, 5)).finalists[0];
    let lags = |part: &Ingredient| match part {
        Ingredient::Linear(regression) => regression.lags,
        Ingredient::Trained(_) => 0,
    };
    assert!(chosen.parts.iter().any(|part| lags(part) == 31), "{:?}", chosen.parts);
    let question = Question { part: Part::Test, steps: 1, season: None };
    let evaluation = evaluate(&chosen.model, &table, question).unwrap();
    let ar = evaluation.ar.unwrap().score.rmse;
    // The regressions read other lags and have other penalties.
    assert!(evaluation.network.rmse < 1.05 * ar, "{} {ar}", evaluation.network.rmse);
}

#[test]
fn the_chosen_network_learns_from_the_validation_part_as_well() {
    let table = table(oscillation(300).into_iter());
    let found = search(&table, &options(4, 10));
    let chosen = &found.finalists[0];
    let question = Question { part: Part::Validation, steps: 1, season: None };
    let rmse = evaluate(found.model(), &table, question).unwrap().network.rmse;
    assert!(found.retrained.is_some());
    assert!(rmse < chosen.rmse, "its error there, {rmse}, is below that of who hadn't seen it");
}
