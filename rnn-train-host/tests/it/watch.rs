//! The watch on the host: fitted to a log, kept in the file, the same bits as in memory of fixed size.

use std::io::Cursor;
use std::path::Path;

use rnn_core::activation::Activation;
use rnn_core::elman::Elman;
use rnn_core::layers::{Kind, Layers};
use rnn_core::model_file::{Header, ModelFile, Task};
use rnn_core::random::SplitMix64;
use rnn_core::scaling::{Channel, Mode};
use rnn_core::stream::Predictor;
use rnn_core::watch::Watcher;
use rnn_core::watch::guard::{Fault, MISSING, Sight};
use rnn_train_host::data::{Table, csv};
use rnn_train_host::detect::{alarms, detect, faults};
use rnn_train_host::model::Model;
use rnn_train_host::watch::{Options, Watch, Watching};

/// A log of two channels, a sample every minute; `change` may break a row's fields, the time first.
fn table(rows: usize, change: impl Fn(usize, &mut [String; 3])) -> Table {
    let mut text = String::from("time,a,b\n");
    let mut random = SplitMix64::new(3);
    for t in 0..rows {
        let noise = random.uniform() - 0.5;
        let a = 20.0 + 3.0 * (t as f64 / 15.0).sin() + noise;
        let b = 400.0 + 10.0 * (t as f64 / 40.0).cos() + noise;
        let mut fields = [(60 * t).to_string(), a.to_string(), b.to_string()];
        change(t, &mut fields);
        text += &(fields.join(",") + "\n");
    }
    let options =
        csv::Options { target: "a".into(), features: vec!["a".into(), "b".into()], time: None };
    csv::read_from(Cursor::new(text), Path::new("log.csv"), &options).unwrap()
}

/// A network with random weights on such a log, with a watch fitted to it.
fn model(log: &Table) -> Model {
    let task = Task::Forecast { mode: Mode::Residual, target: 0 };
    let header = Header::new(task, 2, Layers::one(Kind::Elman(Activation::Tanh), 4));
    let mut parameters = vec![0.0; header.shape().parameters()];
    SplitMix64::new(8).fill_uniform(0.3, &mut parameters);
    let channels = (0..2).map(|c| Channel::fit(log.rows().channel(c)));
    let mut model = Model {
        header,
        names: log.channels.clone(),
        channels: channels.collect(),
        parameters: parameters.into(),
        integers: vec![].into(),
        modules: Default::default(),
        biases: vec![],
        samples: vec![],
        watch: None,
    };
    let watch = Watch::fit(&model, log, &Options::default()).unwrap();
    model.set_watch(watch);
    model
}

#[test]
fn host_and_fixed_size_agree_in_every_bit() {
    let model = model(&table(2000, |_, _| ()));
    let bytes = model.to_bytes().unwrap();
    let file = ModelFile::parse(&bytes).unwrap();
    let fixed = file.elman::<2, 4>(0).and_then(|cell| file.forecaster(cell)).unwrap();
    let watch = file.watch::<2>().unwrap();
    let mut predictor = Predictor::<Elman<f32, 2, 4>, 2, 4, 0>::new(&fixed);
    let mut watcher = Watcher::new(&watch);
    let read = Model::from_bytes(&bytes).unwrap();
    assert_eq!(read.watch, model.watch);
    let mut watching = Watching::new(&read);

    let random = &mut SplitMix64::new(9);
    let wrong = [f32::NAN, MISSING, f32::INFINITY, 1e9, -1e-40];
    let (mut alarms, mut blind) = (0, 0);
    for t in 0..50_000 {
        let mut sample = [20.0 + random.uniform() as f32, 400.0 - random.uniform() as f32];
        // Now and then a value is wrong, or all of a channel are for a while.
        let dead = t % 1000 > 900;
        if random.below(50) == 0 || dead {
            sample[if dead { 0 } else { random.below(2) }] = wrong[random.below(wrong.len())];
        }
        let elapsed = [1.0, 1.0, 1.0, 1.0, 0.1, 3.0, -1.0, f32::NAN][random.below(8)];
        let sample = (random.below(100) > 0).then_some(sample);
        let verdict = watcher.judge(sample.as_ref(), elapsed);
        if verdict.restart {
            predictor = Predictor::new(&fixed);
        }
        if verdict.step {
            watcher.expect(predictor.step(watcher.admitted()));
        }
        let host = watching.step(sample.as_ref().map(|sample| sample.as_slice()), elapsed);
        assert_eq!((host, host.score.to_bits()), (verdict, verdict.score.to_bits()), "{t}");
        assert_eq!(watching.faults(), watcher.faults());
        alarms += usize::from(verdict.alarm);
        blind += usize::from(verdict.sight == Sight::Blind);
    }
    assert!(alarms > 100 && blind > 100, "{alarms} {blind}");
}

#[test]
fn faults_of_a_log_are_told() {
    let clean = table(2000, |_, _| ());
    let model = model(&clean);
    let (counts, blind) = faults(&detect(&model, &clean).unwrap());
    assert_eq!((counts, blind), (vec![], 0));

    let broken = table(2000, |t, fields| match t {
        100 => fields[1] = String::new(),
        200 => fields[2] = "nan".into(),
        300 => fields[1] = "-inf".into(),
        301 => fields[1] = "1e99".into(),
        400 => fields[1] = "85".into(),
        500..560 => fields[2] = "401.5".into(),
        600.. => fields[0] = (60 * t + 7200).to_string(),
        _ => (),
    });
    let rows = detect(&model, &broken).unwrap();
    let told = |t: usize| rows[t].faults.clone();
    assert_eq!(told(100), [Some(Fault::Missing), None]);
    assert_eq!(told(200), [None, Some(Fault::NotANumber)]);
    assert_eq!(told(300), [Some(Fault::Infinite), None]);
    assert_eq!(told(301), [Some(Fault::Infinite), None]);
    assert_eq!(told(400), [Some(Fault::OutOfRange), None]);
    assert_eq!((told(518), told(519)), (vec![None; 2], vec![None, Some(Fault::Stuck)]));
    assert_eq!(told(600), [Some(Fault::TooLate); 2]);
    assert_eq!(told(601), [None, None]);
    // 60 equal values: stuck from the 20th on, blind 16 rows later, and soon over.
    assert_eq!(rows[534].verdict.sight, Sight::Clear);
    assert_eq!(rows[535].verdict.sight, Sight::Blind);
    assert_eq!(rows[560].verdict.sight, Sight::Recovering);
    assert_eq!(rows[591].verdict.sight, Sight::Clear);
    // What is out of range is an alarm by itself; there is no other.
    assert_eq!(alarms(&rows, f32::MAX, 20, 0), [400]);
    assert_eq!(alarms(&rows, f32::MAX, 20, 401), [0; 0]);
}

#[test]
fn a_spike_and_a_shift_are_alarms_and_the_rest_is_not() {
    let clean = table(6000, |_, _| ());
    let model = model(&clean);
    let threshold = model.watch.as_ref().unwrap().threshold;
    assert_eq!(alarms(&detect(&model, &clean).unwrap(), threshold, 60, 0), [0; 0]);

    let add =
        |field: &mut String, more: f64| *field = (field.parse::<f64>().unwrap() + more).to_string();
    let spiked = table(6000, |t, fields| {
        if t == 4000 {
            add(&mut fields[1], 9.0);
        }
    });
    assert_eq!(alarms(&detect(&model, &spiked).unwrap(), threshold, 60, 0), [4000]);
    // Little by little, each step far below the noise.
    let shifted =
        table(6000, |t, fields| add(&mut fields[2], (t as f64 - 4000.0).clamp(0.0, 500.0) * 0.05));
    let alarms = alarms(&detect(&model, &shifted).unwrap(), threshold, 60, 0);
    assert!(alarms.first().is_some_and(|t| (4001..4600).contains(t)), "{alarms:?}");
}

#[test]
fn ranges_and_times_are_those_of_the_log() {
    let log = table(2000, |_, _| ());
    let watch = model(&log).watch.unwrap();
    let limits = watch.channels[0].limits;
    assert!((limits.low - 10.0).abs() < 1.5 && (limits.high - 30.0).abs() < 1.5, "{limits:?}");
    assert_eq!((limits.stuck, watch.rules.earliest, watch.rules.latest), (20, 1.0 / 2.25, 1.5));
    // Plain numbers have no unit.
    assert_eq!(watch.period, 0.0);

    let given = |ranges: &[(&str, [f32; 2])]| {
        let ranges = ranges.iter().map(|(name, range)| (name.to_string(), *range)).collect();
        Watch::fit(&model(&log), &log, &Options { ranges, ..Options::default() })
    };
    let watch = given(&[("b", [0.0, 1000.0])]).unwrap();
    assert_eq!((watch.channels[1].limits.low, watch.channels[1].limits.high), (0.0, 1000.0));
    assert_eq!(watch.channels[0].limits, limits);
    let error = given(&[("c", [0.0, 1.0])]).unwrap_err().to_string();
    assert!(error.contains("'c'") && error.contains("it reads a, b"), "{error}");
    assert!(given(&[("a", [1.0, 1.0])]).unwrap_err().to_string().contains("empty"));
}

#[test]
fn a_model_without_a_watch_says_so() {
    let log = table(100, |_, _| ());
    let mut model = model(&log);
    (model.watch, model.header.watched) = (None, false);
    let error = detect(&model, &log).unwrap_err().to_string();
    assert!(error.contains("rnn train"), "{error}");
}
