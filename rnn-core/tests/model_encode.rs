//! Writing a model file: what is written comes back, and what doesn't fit together is refused.
//!
//! golden/tiny.rnn holds 2 channels and 3 hidden units; `UPDATE_GOLDEN=1 cargo test` writes it anew.

use rnn_core::forecast::Forecaster;
use rnn_core::model_file::{Contents, Error, Header, ModelFile, NAME, encode};
use rnn_core::network::Network;
use rnn_core::parameters::Parameters;
use rnn_core::scaling::{Channel, Mode};
use rnn_core::stream::Predictor;

static TINY: &[u8] = include_bytes!("golden/tiny.rnn");
const LENGTH: usize = 64 + 2 * 80 + 4 * 26 + 3 * 2 * 8 + 4;

const HEADER: Header = Header {
    inputs: 2,
    hidden: 3,
    window: 0,
    mode: Mode::Difference,
    target: 1,
    self_tests: 3,
    seed: 0x0123_4567_89AB_CDEF,
};
const NAMES: [&str; 2] = ["temperature °C", "CO₂"];
const SAMPLES: [[f32; 2]; 3] = [[20.5, 400.0], [20.75, 401.5], [20.5, 402.0]];

fn model() -> Forecaster<2, 3> {
    let scales = |level_mean, level_deviation, difference_mean, difference_deviation| Channel {
        level_mean,
        level_deviation,
        difference_mean,
        difference_deviation,
    };
    let channels = [scales(20.0, 2.5, 0.01, 0.4), scales(401.0, 3.0, -0.25, 1.5)];
    Forecaster { network: Network::random(21), channels, mode: Mode::Difference }
}

/// `model` as a file with these names; its length, and what the encoder says.
fn encoded(header: Header, names: &[&str], room: usize) -> (Vec<u8>, Result<usize, Error>) {
    let model = model();
    let mut predictor = Predictor::<2, 3, 0>::new(&model);
    let predictions = SAMPLES.map(|sample| predictor.step(&sample));
    let parameters: Vec<f32> = model.network.tensors().flatten().copied().collect();
    let mut out = vec![0xAA; room];
    let contents = Contents {
        header,
        model: model.view(),
        parameters: &parameters,
        names,
        samples: SAMPLES.as_flattened(),
        predictions: predictions.as_flattened(),
    };
    let length = encode(&contents, &mut out);
    (out, length)
}

#[test]
fn the_golden_file_is_what_encode_writes() {
    let (bytes, length) = encoded(HEADER, &NAMES, LENGTH);
    assert_eq!(length, Ok(LENGTH));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/tiny.rnn");
        return std::fs::write(path, &bytes).expect("the golden file can be written");
    }
    assert_eq!(bytes, TINY);
}

#[test]
fn what_is_written_comes_back() {
    let file = ModelFile::parse(TINY).expect("the golden file is whole");
    assert_eq!(file.header, HEADER);
    assert_eq!([file.name(0), file.name(1), file.name(2)], [NAMES[0], NAMES[1], ""]);
    assert_eq!([file.channel(0), file.channel(1)], model().channels);
    assert_eq!(file.forecaster(), Ok(model()));
    let parameters: Vec<f32> = file.parameters().collect();
    assert!(parameters.iter().eq(model().network.tensors().flatten()));
    assert!(file.self_tests().map(|(sample, _)| sample).eq(SAMPLES.into_iter().flatten()));
    assert_eq!(file.crc().to_le_bytes(), TINY[LENGTH - 4..]);
}

#[test]
fn encode_says_what_does_not_fit() {
    assert_eq!(encoded(HEADER, &NAMES, LENGTH - 1).1, Err(Error::Room { needed: LENGTH }));
    let field = |offset| Err(Error::Field { offset });
    assert_eq!(encoded(HEADER, &NAMES[..1], 1000).1, field(16));
    assert_eq!(encoded(Header { self_tests: 2, ..HEADER }, &NAMES, 1000).1, field(16));
    assert_eq!(encoded(Header { target: 2, ..HEADER }, &NAMES, 1000).1, field(32));
    let longest = "n".repeat(NAME);
    let too_long = "n".repeat(NAME + 1);
    assert_eq!(encoded(HEADER, &["a", &too_long], 1000).1, field(64 + 80));
    assert_eq!(encoded(HEADER, &["a\0b", "c"], 1000).1, field(64));

    let (bytes, length) = encoded(HEADER, &["", &longest], LENGTH + 50);
    assert_eq!(length, Ok(LENGTH));
    let file = ModelFile::parse(&bytes[..LENGTH]).expect("just written");
    assert_eq!([file.name(0), file.name(1)], ["", &longest]);
    assert!(bytes[LENGTH..].iter().all(|b| *b == 0xAA), "written beyond the file's length");
}
