//! Networks of integers made from trained ones: how close they stay, the same bits in every layout,
//! what is refused, and the command.

use std::path::Path;
use std::process::Command;

use rnn_core::activation::Activation;
use rnn_core::forecast::Running;
use rnn_core::gru::Reset;
use rnn_core::layers::{Kind, Layers};
use rnn_core::model_file::{Header, Task, Unit};
use rnn_core::quant::block::{Layout, Width};
use rnn_core::random::SplitMix64;
use rnn_core::scaling::{Channel, Mode};
use rnn_train_host::data::Table;
use rnn_train_host::data::csv::{self, Options as Columns};
use rnn_train_host::model::Model;
use rnn_train_host::quantize::quantize;

const KINDS: [Kind; 5] = [
    Kind::Elman(Activation::Tanh),
    Kind::Elman(Activation::Sigmoid),
    Kind::Gru(Reset::After),
    Kind::Gru(Reset::Before),
    Kind::Lstm,
];
const LAYOUTS: [Layout; 3] = [Layout::Rows, Layout::Pairs, Layout::Panels];

/// A network of random weights within +-`limit`.
fn model(task: Task, layers: Layers, inputs: usize, limit: f32) -> Model {
    let header = Header { self_tests: 4, seed: 7, ..Header::new(task, inputs, layers) };
    let mut random = SplitMix64::new(8);
    let mut parameters = vec![0.0; header.shape().parameters()];
    random.fill_uniform(limit, &mut parameters);
    let forecast = matches!(task, Task::Forecast { .. });
    Model {
        header,
        names: (0..inputs).map(|i| char::from(b'a' + i as u8).to_string()).collect(),
        channels: vec![Channel::IDENTITY; if forecast { inputs } else { 0 }],
        parameters: parameters.into(),
        integers: Vec::new().into(),
        modules: Default::default(),
        biases: Vec::new(),
        samples: (0..header.self_tests * header.sample_length()).map(|i| (i % 3) as f32).collect(),
        watch: None,
    }
}

fn forecaster(layers: Layers) -> Model {
    model(Task::Forecast { mode: Mode::Raw, target: 0 }, layers, 2, 0.3)
}

/// A log of two channels with deviations of about 1, so many of 100,000 values outliers.
fn log_with(outliers: usize) -> Table {
    let mut random = SplitMix64::new(9);
    let mut text = String::from("a,b\n");
    for t in 0..3000 {
        let mut value = |period: f64| {
            let wave =
                (f64::from(t) * std::f64::consts::TAU / period).sin() + random.uniform() - 0.5;
            if random.below(100_000) < outliers { 300.0 } else { 1.3 * wave }
        };
        text += &format!("{},{}\n", value(25.0), value(7.0));
    }
    let columns = Columns { target: "a".into(), features: vec!["b".into()], time: None };
    csv::read_from(text.as_bytes(), Path::new("made.csv"), &columns).unwrap()
}

fn log() -> Table {
    log_with(0)
}

#[test]
fn outliers_do_not_coarsen_the_others() {
    let float = forecaster(Layers::one(Kind::Lstm, 4));
    let scale = |table: &Table| {
        let integer = quantize(&float, Some(table), Width::Eight, Layout::Rows).unwrap();
        f32::from_bits(integer.integers[0] as u32)
    };
    let (plain, spoilt) = (scale(&log()), scale(&log_with(40)));
    assert!(spoilt > 0.9 * plain, "{plain} {spoilt}");
}

/// Root of the mean squared difference of two models' predictions over that of the first one's from
/// their mean: how much of what is predicted is lost.
fn loss(float: &Model, integer: &Model, table: &Table) -> f64 {
    let (mut float, mut integer) = (float.predictor(), integer.predictor());
    let (mut differences, mut sum, mut squares, mut n) = (0.0, 0.0, 0.0, 0.0);
    for t in 0..table.rows().len() {
        let row = table.rows().row(t);
        let p = f64::from(float.step(row)[0]);
        let q = f64::from(integer.step(row)[0]);
        differences += (p - q) * (p - q);
        (sum, squares, n) = (sum + p, squares + p * p, n + 1.0);
    }
    let variance: f64 = squares / n - (sum / n) * (sum / n);
    (differences / n / variance).sqrt()
}

#[test]
fn little_is_lost() {
    let table = log();
    let mut seen = Vec::new();
    let mut stacks: Vec<Layers> = KINDS.map(|kind| Layers::one(kind, 24)).into();
    stacks.push(Layers::one(Kind::Lstm, 13).with(Kind::Gru(Reset::After), 10).unwrap());
    for layers in stacks {
        let float = forecaster(layers);
        // A weight of 8 bits is off by up to 0.4 % of the largest one of its row.
        for (width, limit) in [(Width::Eight, 0.05), (Width::Sixteen, 0.001)] {
            let integer = quantize(&float, Some(&table), width, Layout::Rows).unwrap();
            let loss = loss(&float, &integer, &table);
            seen.push((loss < limit, loss, width, layers.get(0, 2)));
        }
    }
    assert!(seen.iter().all(|(small, ..)| *small), "{seen:#?}");
}

#[test]
fn every_layout_gives_the_same_bits_and_comes_back_from_its_file() {
    let table = log();
    for kind in KINDS {
        let float = forecaster(Layers::one(kind, 9).with(kind, 6).unwrap());
        for width in [Width::Eight, Width::Sixteen] {
            let models = LAYOUTS.map(|l| quantize(&float, Some(&table), width, l).unwrap());
            let predictions = models[0].predictions();
            for model in &models {
                let bytes = model.to_bytes().unwrap();
                let back = Model::from_bytes(&bytes).unwrap();
                assert_eq!(&back, model);
                assert_eq!(back.predictions(), predictions);
                assert_eq!(back.to_bytes().unwrap(), bytes);
            }
        }
    }
}

#[test]
fn text_too() {
    let mut seen = Vec::new();
    for kind in KINDS {
        let float = model(Task::Text(Unit::Character), Layers::one(kind, 20), 9, 0.4);
        for (width, limit) in [(Width::Eight, 0.05), (Width::Sixteen, 0.002)] {
            let integer = quantize(&float, None, width, Layout::Pairs).unwrap();
            let (mut exact, mut rounded) = (float.live(), integer.live());
            let mut outputs = [[0.0f32; 9]; 2];
            let mut largest = 0.0f32;
            for t in 0..200 {
                for (live, o) in [&mut exact, &mut rounded].into_iter().zip(&mut outputs) {
                    live.step_symbol((t * t % 11 % 9) as u16);
                    live.read(o);
                }
                let [exact, rounded] = outputs;
                let differences = exact.iter().zip(rounded).map(|(a, b)| (a - b).abs());
                largest = differences.fold(largest, f32::max);
            }
            seen.push((largest < limit, largest, width, kind));
        }
    }
    assert!(seen.iter().all(|(small, ..)| *small), "{seen:#?}");
}

#[test]
fn rows_that_could_overflow_are_made_coarser() {
    let mut float = forecaster(Layers::one(Kind::Lstm, 40));
    // A bias and weights of which the sums of all extremes come to thousands.
    float.parameters.iter_mut().for_each(|w| *w *= 20.0);
    let integer = quantize(&float, Some(&log()), Width::Sixteen, Layout::Pairs).unwrap();
    // Reading checks the bound of every row.
    assert!(Model::from_bytes(&integer.to_bytes().unwrap()).is_ok());
}

#[test]
fn what_has_no_integer_form_is_refused() {
    let refusal = |model: &Model, width| {
        format!("{:#}", quantize(model, Some(&log()), width, Layout::Rows).unwrap_err())
    };
    let relu = forecaster(Layers::one(Kind::Elman(Activation::Relu), 4));
    assert!(refusal(&relu, Width::Eight).contains("relu"));
    let mut large = forecaster(Layers::one(Kind::Lstm, 4));
    large.parameters[40] = 1e6;
    let message = refusal(&large, Width::Eight);
    assert!(message.contains("layer 1") && message.contains("1000000.0"), "{message}");
    let float = forecaster(Layers::one(Kind::Lstm, 4));
    let integer = quantize(&float, Some(&log()), Width::Eight, Layout::Rows).unwrap();
    assert!(refusal(&integer, Width::Eight).contains("w8a16"));
}

#[test]
fn damaged_integers_are_refused() {
    let float = forecaster(Layers::one(Kind::Gru(Reset::After), 5));
    let tensors = 128 + 2 * 80;
    for (layout, at, value) in [
        // A scale that isn't finite; a bias and a multiplier beyond what the sums allow; an offset that
        // isn't its row's, behind biases, multipliers and two wide columns of 16 rows.
        (Layout::Rows, tensors, f32::NAN.to_bits()),
        (Layout::Rows, tensors + 8, i32::MAX as u32),
        (Layout::Rows, tensors + 8 + 4 * 10, -1i32 as u32),
        (Layout::Panels, tensors + 8 + 4 * 48, 1),
    ] {
        let integer = quantize(&float, Some(&log()), Width::Eight, layout).unwrap();
        let mut bytes = integer.to_bytes().unwrap();
        let crc = crc32fast_of(&bytes[..bytes.len() - 4]);
        assert_eq!(bytes[bytes.len() - 4..], crc.to_le_bytes());
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        let end = bytes.len() - 4;
        let crc = crc32fast_of(&bytes[..end]);
        bytes[end..].copy_from_slice(&crc.to_le_bytes());
        let error = Model::from_bytes(&bytes).unwrap_err().to_string();
        assert!(error.contains(&format!("byte {at}")), "{error}");
    }
}

/// CRC-32 (ISO-HDLC), bit by bit.
fn crc32fast_of(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

#[test]
fn the_command() {
    const CO2: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/co2_mauna_loa_weekly.csv");
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rnn"));
        let output = command.args(arguments).current_dir(folder.path()).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let quick = ["--cell", "lstm", "--hidden", "6", "--epochs", "5", "--out", "f32.rnn"];
    let (code, _, error) = run(&[&["train", CO2, "--target", "co2_ppm"], &quick[..]].concat());
    assert_eq!(code, Some(0), "{error}");
    let quantize = ["quantize", "f32.rnn", CO2, "--format", "w8a16", "--out", "w8.rnn", "--json"];
    let (code, line, error) = run(&quantize);
    assert_eq!(code, Some(0), "{error}");
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["format"], "w8a16");
    let ratio = line["validation"]["ratio"].as_f64().unwrap();
    assert!(ratio > 0.9 && ratio < 1.05, "{line}");
    assert!(line["bytes"]["integer"].as_u64() < line["bytes"]["float"].as_u64());

    // What reads a model reads this one; what needs weights says which model has them.
    let (code, eval, error) = run(&["eval", "w8.rnn", CO2, "--json"]);
    assert_eq!(code, Some(0), "{error}");
    let eval: serde_json::Value = serde_json::from_str(&eval).unwrap();
    assert_eq!(eval["rmse"], line["test"]["integer"]);
    let (code, inspect, _) = run(&["inspect", "w8.rnn", "--json"]);
    assert_eq!(code, Some(0));
    assert!(inspect.contains("\"format\":\"w8a16\""), "{inspect}");
    for to in ["rust", "safetensors"] {
        let (code, _, error) = run(&["export", "w8.rnn", "--to", to, "--out", "x"]);
        assert_eq!(code, Some(1));
        assert!(error.contains("w8a16") && error.contains("f32"), "{error}");
    }

    // With few bits left for its weights a model loses too much.
    let mut model = Model::load(&folder.path().join("f32.rnn")).unwrap();
    let readout = model.parameters.len() - 7;
    model.parameters[readout] += 3000.0;
    model.parameters[readout + 6] -= 3000.0 * 0.4;
    let _ = model.save(&folder.path().join("bad.rnn"));
    let bad = ["quantize", "bad.rnn", CO2, "--format", "w8a16", "--out", "bad8.rnn"];
    let (code, _, error) = run(&bad);
    assert_eq!(code, Some(1), "{error}");
    assert!(!folder.path().join("bad8.rnn").exists());
}
