//! A model exported as Rust source, compiled into this test: the same bits as the model file.
//!
//! golden/exported.rs is written anew by `UPDATE_GOLDEN=1 cargo test`.

use rnn_core::model_file::ModelFile;
use rnn_train_host::export;
use rnn_train_host::model::Model;

#[path = "golden/exported.rs"]
mod exported;

/// 2 channels, 3 hidden units.
static FILE: &[u8] = include_bytes!("../../rnn-core/tests/golden/tiny.rnn");

#[test]
fn the_source_is_what_export_writes() {
    let source = export::rust(&Model::from_bytes(FILE).unwrap());
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/exported.rs");
        return std::fs::write(path, &source).unwrap();
    }
    assert_eq!(source, include_str!("golden/exported.rs"));
}

#[test]
fn the_compiled_source_is_the_model() {
    let file = ModelFile::parse(FILE).unwrap();
    assert_eq!(Ok(exported::MODEL), file.forecaster());
    assert!(exported::self_test());
    let model = Model::from_bytes(FILE).unwrap();
    assert_eq!(
        (exported::CHANNELS.to_vec(), exported::TARGET),
        (model.names.iter().map(String::as_str).collect(), model.header.target)
    );
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
fn a_file_survives_reading_and_writing() {
    assert_eq!(Model::from_bytes(FILE).unwrap().to_bytes().unwrap(), FILE);
}
