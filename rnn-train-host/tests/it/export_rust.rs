//! Models exported as Rust source, compiled into this test: the same bits as the model file.
//!
//! golden/exported.rs and exported_stack.rs are written anew by `UPDATE_GOLDEN=1 cargo test`; where
//! the old ones no longer compile, by `rnn export FILE --to rust --out golden/...`.

use rnn_core::cell::Stack;
use rnn_core::model_file::ModelFile;
use rnn_train_host::export;
use rnn_train_host::model::Model;

#[path = "../golden/exported.rs"]
mod exported;
#[path = "../golden/exported_stack.rs"]
mod exported_stack;

/// 2 channels, an Elman cell of 3 hidden units.
static FILE: &[u8] = include_bytes!("../../../rnn-core/tests/golden/tiny.rnn");
/// 1 channel, an LSTM of 2 units under a GRU of 3.
static STACK: &[u8] = include_bytes!("../../../rnn-core/tests/golden/stack.rnn");

fn check_source(name: &str, file: &[u8], golden: &str) {
    let source = export::rust(&Model::from_bytes(file).unwrap()).unwrap();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/");
        return std::fs::write(format!("{folder}{name}"), &source).unwrap();
    }
    assert_eq!(source, golden, "{name}");
}

#[test]
fn the_source_is_what_export_writes() {
    check_source("exported.rs", FILE, include_str!("../golden/exported.rs"));
    check_source("exported_stack.rs", STACK, include_str!("../golden/exported_stack.rs"));
}

#[test]
fn the_compiled_source_is_the_model() {
    let file = ModelFile::parse(FILE).unwrap();
    assert_eq!(file.elman(0).and_then(|cell| file.forecaster(cell)), Ok(exported::MODEL));
    assert!(exported::self_test());
    let model = Model::from_bytes(FILE).unwrap();
    assert_eq!(exported::CHANNELS.to_vec(), model.names);
    assert_eq!(exported::TARGET, model.mode_and_target().1);
    // Beyond the self-test's samples, missing values among them.
    let mut compiled = exported::Predictor::new(&exported::MODEL);
    let mut loaded = model.predictor();
    for t in 0..200u32 {
        let value = |k: u32| {
            if (t + k).is_multiple_of(17) { f32::NAN } else { ((t * 37 + k * 11) % 101) as f32 }
        };
        let sample = [value(0), 300.0 + value(1)];
        let bits = compiled.step(&sample).map(f32::to_bits).to_vec();
        let expected: Vec<u32> = loaded.step(&sample).iter().map(|v| v.to_bits()).collect();
        assert_eq!(bits, expected, "step {t}");
    }
}

#[test]
fn the_compiled_stack_is_the_model() {
    let file = ModelFile::parse(STACK).unwrap();
    let cell = Stack { lower: file.lstm(0).unwrap(), upper: file.gru_reset_after(1).unwrap() };
    assert_eq!(file.forecaster(cell), Ok(exported_stack::MODEL));
    assert!(exported_stack::self_test());
    let model = Model::from_bytes(STACK).unwrap();
    assert_eq!(exported_stack::CHANNELS.to_vec(), model.names);
    assert_eq!(exported_stack::TARGET, model.mode_and_target().1);
}

#[test]
fn a_file_survives_reading_and_writing() {
    for file in [FILE, STACK] {
        assert_eq!(Model::from_bytes(file).unwrap().to_bytes().unwrap(), file);
    }
}
