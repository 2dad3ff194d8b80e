//! Writing a model file: what is written comes back, and what doesn't fit together is refused.
//!
//! golden/tiny.rnn holds 2 channels and 3 hidden units; `UPDATE_GOLDEN=1 cargo test` writes it anew.

use rnn_core::activation::Activation;
use rnn_core::forecast::Forecaster;
use rnn_core::model_file::{Contents, Error, Header, LIMIT, ModelFile, NAME, encode};
use rnn_core::network::{Head, Network};
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

/// The model as `encode` writes it into so many bytes of 0xAA, with something changed before; and
/// what `encode` says.
fn encoded(room: usize, change: impl FnOnce(&mut Contents<'_>)) -> (Vec<u8>, Result<usize, Error>) {
    let model = model();
    let mut predictor = Predictor::<2, 3, 0>::new(&model);
    let predictions = SAMPLES.map(|sample| predictor.step(&sample));
    let mut contents = Contents {
        header: HEADER,
        model: model.view(),
        names: &NAMES,
        samples: SAMPLES.as_flattened(),
        predictions: predictions.as_flattened(),
    };
    change(&mut contents);
    let mut out = vec![0xAA; room];
    let length = encode(&contents, &mut out);
    (out, length)
}

#[test]
fn the_golden_file_is_what_encode_writes() {
    let (bytes, length) = encoded(LENGTH, |_| {});
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
fn nothing_is_written_beyond_the_length() {
    let (bytes, length) = encoded(LENGTH + 50, |_| {});
    assert_eq!(length, Ok(LENGTH));
    assert!(bytes[LENGTH..].iter().all(|b| *b == 0xAA));
    assert_eq!(encoded(LENGTH - 1, |_| {}).1, Err(Error::Room { needed: LENGTH }));
}

#[test]
fn a_file_without_self_tests_and_with_the_longest_name_comes_back() {
    let model = model();
    let longest = "n".repeat(NAME);
    let header = Header { self_tests: 0, ..HEADER };
    let names = ["", &longest];
    let contents =
        Contents { header, model: model.view(), names: &names, samples: &[], predictions: &[] };
    let mut bytes = [0; LENGTH - 3 * 2 * 8];
    assert_eq!(encode(&contents, &mut bytes), Ok(bytes.len()));
    let file = ModelFile::parse(&bytes).expect("just written");
    assert_eq!([file.name(0), file.name(1)], names);
}

/// The offset of the field that `encode` names.
#[track_caller]
fn refused(offset: usize, change: impl FnOnce(&mut Contents<'_>)) {
    assert_eq!(encoded(2 * LENGTH, change).1, Err(Error::Field { offset }));
}

#[test]
fn a_model_that_the_format_has_no_place_for_is_refused() {
    refused(10, |c| c.model.network.head = Head::Softmax);
    refused(11, |c| c.model.network.cell.activation = Activation::Relu);
    // No bias.
    refused(64 + 2 * 80 + 4 * (3 * 2 + 3 * 3), |c| c.model.network.cell.b = &[]);
    refused(64 + 80, |c| {
        c.names =
            &["a", "more than sixty-four bytes, in which a channel's name has its place here"];
    });
    refused(64, |c| c.names = &["a\0b", "c"]);
    let number = encoded(LENGTH, |c| c.samples = &[1.0, 2.0, 3.0, f32::NAN, 5.0, 6.0]).1;
    assert_eq!(number, Err(Error::Number { offset: LENGTH - 4 - 2 * 24 + 4 * 3 }));
}

#[test]
fn what_does_not_fit_together_is_refused() {
    refused(14, |c| c.header.mode = Mode::Raw);
    refused(14, |c| c.model.mode = Mode::Residual);
    refused(16, |c| c.header.inputs = 3);
    refused(16, |c| c.names = &NAMES[..1]);
    refused(16, |c| c.model.channels = &c.model.channels[..1]);
    refused(20, |c| c.header.hidden = 4);
    refused(20, |c| c.model.network.readout.inputs = 2);
    refused(24, |c| c.model.network.readout.outputs = 1);
    refused(32, |c| c.header.target = 2);
    refused(36, |c| c.header.self_tests = 2);
    refused(36, |c| c.predictions = &c.predictions[..4]);
    refused(64 + 2 * 80, |c| c.model.network.cell.w_xh = &c.model.network.cell.w_xh[..5]);
}

#[test]
fn sizes_beyond_the_limit_are_refused_before_they_are_multiplied() {
    for beyond in [LIMIT + 1, usize::MAX] {
        refused(16, |c| c.header.inputs = beyond);
        refused(20, |c| c.header.hidden = beyond);
        refused(28, |c| c.header.window = beyond);
        refused(36, |c| c.header.self_tests = beyond);
    }
    refused(16, |c| c.header.inputs = 0);
    refused(20, |c| c.header.hidden = 0);
}
