//! Training: the same weights for the same seed on any number of threads and in any build, a stream
//! that is learnt, sizes that don't fit refused.

use std::f32::consts::TAU;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use rnn_core::gru::Reset;
use rnn_core::layers::Kind;
use rnn_core::model_file::ModelFile;
use rnn_core::scaling::Mode;
use rnn_train_host::data::csv::{self, Options as Columns};
use rnn_train_host::data::{Part, Table};
use rnn_train_host::eval::{Question, Verdict, evaluate};
use rnn_train_host::model::Model;
use rnn_train_host::train::stop::Stop;
use rnn_train_host::train::{Options, train};

const OPTIONS: Options = Options {
    kind: None,
    layers: 1,
    hidden: Some(8),
    window: None,
    windowed: false,
    mode: None,
    epochs: None,
    rate: None,
    decay: None,
    dropout: 0.0,
    seed: 7,
    threads: 2,
    checkpoint: None,
};

fn table(columns: &[&str], rows: impl Iterator<Item = Vec<f32>>) -> Table {
    let mut text = columns.join(",") + "\n";
    for row in rows {
        let fields: Vec<String> = row.iter().map(f32::to_string).collect();
        text += &(fields.join(",") + "\n");
    }
    let options = Columns {
        target: columns[0].to_owned(),
        features: columns.iter().map(|name| (*name).to_owned()).collect(),
        time: None,
    };
    csv::read_from(text.as_bytes(), Path::new("made.csv"), &options).unwrap()
}

/// A wave that leaps between two frequencies, so that no fixed linear rule follows it.
fn wave(rows: usize) -> Table {
    let mut phase = 0.0f32;
    let values = (0..rows).map(move |t| {
        phase += if (t / 40) % 2 == 0 { 0.05 } else { 0.11 };
        // Only exact operations: the same numbers on every machine.
        let triangle = (phase.fract() - 0.5).abs() * 4.0 - 1.0;
        vec![20.0 + 3.0 * triangle]
    });
    table(&["t1"], values)
}

fn best(table: &Table, options: &Options) -> Model {
    train(table, options, &Stop::default(), &|_| {}).unwrap().remove(0).model
}

fn refusal(table: &Table, options: &Options) -> String {
    format!("{:#}", train(table, options, &Stop::default(), &|_| {}).unwrap_err())
}

fn crc(model: &Model) -> u32 {
    ModelFile::parse(&model.to_bytes().unwrap()).unwrap().crc()
}

#[test]
fn the_same_seed_gives_the_same_bits_everywhere() {
    let wave = wave(400);
    let options = Options { epochs: Some(20), ..OPTIONS };
    let two = crc(&best(&wave, &options));
    assert_eq!(two, crc(&best(&wave, &options)), "twice in a row");
    assert_eq!(two, crc(&best(&wave, &Options { threads: 1, ..options.clone() })), "one thread");
    assert_ne!(two, crc(&best(&wave, &Options { seed: 8, ..options })), "another seed");
    // Debug and release builds, and every machine, must come to this.
    assert_eq!(two, 0x5d4e_ea72, "{two:#010x}");
}

#[test]
fn every_kind_and_option_decides_the_result() {
    let wave = wave(300);
    let plain = Options {
        epochs: Some(3),
        mode: Some(Mode::Residual),
        layers: 2,
        kind: Some(Kind::Lstm),
        ..OPTIONS
    };
    let gru = |reset| Options { kind: Some(Kind::Gru(reset)), ..plain.clone() };
    let all = [
        plain.clone(),
        gru(Reset::After),
        gru(Reset::Before),
        Options { kind: None, ..plain.clone() },
        Options { layers: 1, ..plain.clone() },
        Options { hidden: Some(7), ..plain.clone() },
        Options { window: Some(10), ..plain.clone() },
        Options { windowed: true, ..plain.clone() },
        Options { rate: Some(1e-3), ..plain.clone() },
        Options { decay: Some(10.0), ..plain.clone() },
        Options { dropout: 0.3, ..plain.clone() },
        Options { epochs: Some(4), ..plain.clone() },
    ];
    let mut crcs: Vec<u32> = all.iter().map(|options| crc(&best(&wave, options))).collect();
    crcs.sort_unstable();
    crcs.dedup();
    assert_eq!(crcs.len(), all.len());
}

#[test]
fn weight_decay_shrinks_the_weights() {
    let wave = wave(300);
    let size = |decay| {
        let options = Options { decay, epochs: Some(30), mode: Some(Mode::Difference), ..OPTIONS };
        let model = best(&wave, &options);
        model.parameters.iter().map(|w| w * w).sum::<f32>()
    };
    assert!(size(Some(50.0)) < 0.5 * size(None));
}

#[test]
fn a_stopped_training_keeps_its_best_weights() {
    let wave = wave(400);
    let stop = Stop::default();
    let options = Options { epochs: Some(1_000_000), ..OPTIONS };
    let candidates = train(&wave, &options, &stop, &|_| stop.ask()).unwrap();
    let (best, updates) = (candidates[0].validation_rmse, candidates[0].updates);
    assert!(best.is_finite() && updates.1 < 1000, "{best} {updates:?}");
    // Asked for before the first update, there is a model all the same.
    let candidates = train(&wave, &options, &stop, &|_| {});
    assert!(candidates.unwrap_err().to_string().contains("stopped before"));
}

#[test]
fn a_training_goes_on_from_its_checkpoint_with_the_same_bits() {
    let wave = wave(400);
    let options = |folder: &Path, threads| Options {
        epochs: Some(40),
        checkpoint: Some(folder.into()),
        threads,
        ..OPTIONS
    };
    let expected = crc(&best(&wave, &Options { epochs: Some(40), ..OPTIONS }));
    for stopped_at in [1, 7, 20] {
        let folder = tempfile::tempdir().unwrap();
        let (stop, reports) = (Stop::default(), AtomicUsize::new(0));
        let report = |_| {
            if reports.fetch_add(1, Ordering::Relaxed) + 1 == stopped_at {
                stop.ask();
            }
        };
        train(&wave, &options(folder.path(), 2), &stop, &report).unwrap();
        assert_eq!(crc(&best(&wave, &options(folder.path(), 1))), expected, "{stopped_at}");
        // What is done is not done again.
        let again = AtomicUsize::new(0);
        let report = |_| {
            again.fetch_add(1, Ordering::Relaxed);
        };
        train(&wave, &options(folder.path(), 1), &Stop::default(), &report).unwrap();
        assert!(again.into_inner() <= 12 * 3, "a leg of a training that is over reports once");
    }
}

#[test]
fn the_checkpoint_of_another_training_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { epochs: Some(2), checkpoint: Some(folder.path().into()), ..OPTIONS };
    let table = wave(300);
    best(&table, &options);
    for (table, options) in [
        (&table, Options { seed: 8, ..options.clone() }),
        (&table, Options { epochs: Some(3), ..options.clone() }),
        (&wave(301), options.clone()),
    ] {
        let message = refusal(table, &options);
        assert!(message.contains("belongs to another training"), "{message}");
    }
    // Threads are none of its business.
    best(&table, &Options { threads: 1, ..options.clone() });
    std::fs::remove_dir_all(folder.path()).unwrap();
    std::fs::write(folder.path(), "").unwrap();
    assert!(refusal(&table, &options).contains("can't be made"));
}

#[test]
fn a_learnable_stream_is_learnt() {
    let wave = wave(1500);
    let model = best(&wave, &Options { mode: Some(Mode::Residual), ..OPTIONS });
    let question = Question { part: Part::Test, steps: 1, season: None };
    let evaluation = evaluate(&model, &wave, question).unwrap();
    assert_eq!(evaluation.verdict, Verdict::Beats, "{:?}", evaluation.network);
    assert!(evaluation.ratio() < 0.8, "{}", evaluation.ratio());
    assert_eq!(evaluation.network.n, 225);
}

#[test]
fn a_constant_is_no_win() {
    let constant = table(&["t1"], (0..100).map(|_| vec![5.0]));
    let model = best(&constant, &Options { epochs: Some(2), ..OPTIONS });
    let question = Question { part: Part::Test, steps: 1, season: None };
    let evaluation = evaluate(&model, &constant, question).unwrap();
    assert_ne!(evaluation.verdict, Verdict::Beats);
    assert!(evaluation.network.rmse.is_finite());
    assert_eq!((evaluation.network.mase, evaluation.persistence.score.rmse), (None, 0.0));
}

#[test]
fn the_windowed_way_trains_and_scores_its_windows() {
    let wave = wave(600);
    let options = Options { windowed: true, window: Some(10), epochs: Some(10), ..OPTIONS };
    let model = best(&wave, &options);
    assert_eq!(model.header.window, 10);
    // A prediction depends on ten samples and the one before them, whatever came earlier.
    let rows = wave.rows();
    let mut predictors = [0, 50].map(|first| (first, model.predictor()));
    for (first, predictor) in &mut predictors {
        (*first..100).for_each(|t| drop(predictor.step(rows.row(t)).to_vec()));
    }
    assert_eq!(predictors[0].1.prediction(), predictors[1].1.prediction());
}

/// Two channels that depend on each other, and the same with other rows from `changed` on.
fn pair(rows: usize, changed: usize) -> Table {
    let angle = |t: usize| TAU * t as f32 / 25.0;
    let values = (0..rows).map(move |t| match t < changed {
        true => vec![angle(t).sin(), angle(t).cos() + angle(t + 3).sin()],
        false => vec![1e4, -1e4],
    });
    table(&["sine", "mixture"], values)
}

#[test]
fn a_recursive_forecast_sees_no_future_row() {
    let honest = pair(500, 500);
    let model = best(&honest, &Options { epochs: Some(60), mode: Some(Mode::Raw), ..OPTIONS });
    let forecast = |table: &Table, origin: usize| {
        let mut predictor = model.predictor();
        predictor.warm_up(table.rows().before(origin));
        let mut samples = Vec::new();
        predictor.forecast(30, |_, sample| samples.extend(sample.iter().map(|v| v.to_bits())));
        samples
    };
    let expected = forecast(&honest, 450);
    assert_eq!(expected.len(), 60, "30 steps of both channels");
    // Everything after the origin replaced: neither forecast nor evaluation may notice.
    assert_eq!(forecast(&pair(500, 450), 450), expected);
    // Changing the last row before the origin does show: the test can fail.
    assert_ne!(forecast(&pair(500, 449), 450), expected);

    // The evaluation's own forecasts are these: its first origin in the test part is row 425.
    let question = Question { part: Part::Test, steps: 30, season: None };
    let evaluation = evaluate(&model, &honest, question).unwrap();
    let first = evaluation.points[0];
    assert_eq!(first.row, 425 + 29);
    assert_eq!(first.prediction.to_bits(), forecast(&honest, 425)[2 * 29]);
    let changed = evaluate(&model, &pair(500, 426), question).unwrap();
    assert_eq!(changed.points[0].prediction, first.prediction);
}

#[test]
fn the_first_fed_back_prediction_is_the_next_input() {
    let table = pair(300, 300);
    let model = best(&table, &Options { epochs: Some(5), ..OPTIONS });
    let mut predictor = model.predictor();
    predictor.warm_up(table.rows());
    let mut forecast = Vec::new();
    predictor.forecast(3, |_, sample| forecast.push(sample.to_vec()));
    let mut by_hand = vec![predictor.prediction().to_vec()];
    for _ in 0..2 {
        let last = by_hand.last().unwrap().clone();
        by_hand.push(predictor.step(&last).to_vec());
    }
    assert_eq!(forecast, by_hand);
}

#[test]
fn sizes_that_do_not_fit_are_refused() {
    let wave = wave(100);
    let error = |options: Options| refusal(&wave, &options);
    let cases = [
        (Options { hidden: Some(71), ..OPTIONS }, "71 hidden units are more than the 70 rows"),
        (Options { hidden: Some(0), ..OPTIONS }, "--hidden must be at least 1"),
        (Options { window: Some(70), ..OPTIONS }, "the longest window is 69"),
        (Options { window: Some(0), ..OPTIONS }, "--window must be at least 1"),
        (Options { epochs: Some(0), ..OPTIONS }, "--epochs must be at least 1"),
        (Options { layers: 17, ..OPTIONS }, "--layers must be between 1 and 16"),
        (Options { rate: Some(f32::NAN), ..OPTIONS }, "--learning-rate must be above 0"),
        (Options { decay: Some(400.0), ..OPTIONS }, "--weight-decay must be at least 0 and below"),
        (Options { dropout: 0.5, ..OPTIONS }, "--dropout works between layers"),
        (
            Options { hidden: Some(1 << 40), ..OPTIONS },
            "a model file holds at most 4096 hidden units",
        ),
    ];
    for (options, expected) in cases {
        let message = error(options);
        assert!(message.contains(expected), "{message}");
    }
    let short = table(&["t1"], (0..9).map(|t| vec![t as f32]));
    let message = refusal(&short, &OPTIONS);
    assert!(message.contains("9 rows are too few"), "{message}");
}
