//! Writing a model file: what is written comes back, and what doesn't fit together is refused.

use crate::made::{
    Made, STACK, TINY, TINY_HEADER, stack, stack_model, text, tiny, tiny_model, watched,
};
use rnn_core::layers::{Kind, Layers};
use rnn_core::model_file::{
    Error, Header, LIMIT, MODULE, ModelFile, NAME, Task, Unit, VOCABULARY_LIMIT,
};
use rnn_core::scaling::{Channel, Mode};
use rnn_core::watch::{Watch, Watched};

/// Header 128, channels 2 x 80, 26 parameters, 3 self-test samples of 2 numbers.
const LENGTH: usize = 128 + 2 * 80 + 4 * 26 + 3 * 2 * 8 + 4;
/// 1 channel, 32 + 57 parameters and the readout's 4; two names and 34 biases; 4 samples of 1 number.
const STACK_LENGTH: usize = STACK_MODULES + 2 * MODULE + 4 * 34 + 4 * 8 + 4;
const STACK_MODULES: usize = 128 + 80 + 4 * (32 + 57 + 4);

fn check_golden(name: &str, golden: &[u8], made: &Made) {
    let bytes = made.bytes();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/");
        return std::fs::write(format!("{folder}{name}"), &bytes).expect("a file is written");
    }
    assert_eq!(bytes, golden, "{name}");
}

#[test]
fn the_golden_files_are_what_encode_writes() {
    check_golden("tiny.rnn", TINY, &tiny());
    check_golden("stack.rnn", STACK, &stack());
}

/// Everything that went into a file, read out of it.
fn check_parts(made: &Made) {
    let bytes = made.bytes();
    let file = ModelFile::parse(&bytes).expect("just written");
    let Made { header, names, channels, parameters, modules, biases, samples, .. } = made;
    let Made { predictions, watch, .. } = made;
    assert_eq!(file.header, *header);
    assert!((0..header.inputs).map(|i| file.name(i)).eq(names.iter().copied()));
    assert_eq!(file.name(header.inputs), "");
    assert!(channels.iter().enumerate().all(|(i, channel)| file.channel(i) == *channel));
    assert_eq!(file.channel(channels.len()), Channel::IDENTITY);
    assert!(file.parameters().eq(parameters.iter().copied()));
    assert_eq!(file.modules(), *modules);
    assert!(file.biases().eq(biases.iter().copied()));
    let tests = samples.iter().copied().zip(predictions.iter().copied());
    assert!(file.self_tests().eq(tests));
    let (rules, channels) = match watch {
        Some((rules, channels)) => ((*rules, 4.0), channels.clone()),
        None => ((Watch::<0>::NONE.rules, f32::MAX), vec![Watched::NOT; header.inputs]),
    };
    assert_eq!(file.watch_rules(), rules);
    assert_eq!(file.period(), if watch.is_some() { 300.0 } else { 0.0 });
    assert!(channels.iter().enumerate().all(|(i, channel)| file.watched(i) == *channel));
    assert_eq!(file.watched(channels.len()), Watched::NOT);
    assert_eq!(file.crc().to_le_bytes(), bytes[bytes.len() - 4..]);
}

#[test]
fn what_is_written_comes_back() {
    check_parts(&tiny());
    check_parts(&watched());
    check_parts(&stack());
    check_parts(&text(Unit::Character));
    let words = Made { names: vec!["<unknown>", "the", "cat", "."], ..text(Unit::Word) };
    check_parts(&words);
    check_parts(&Made { header: Header { hand_over: true, ..TINY_HEADER }, ..tiny() });
    assert_eq!(TINY.len(), LENGTH);
    assert_eq!(STACK.len(), STACK_LENGTH);
}

#[test]
fn models_of_fixed_size_come_back() {
    let file = ModelFile::parse(TINY).expect("whole");
    assert_eq!(file.elman(0).and_then(|cell| file.forecaster(cell)), Ok(tiny_model()));
    let file = ModelFile::parse(STACK).expect("whole");
    let cell = stack_model().network.cell;
    assert_eq!(file.lstm(0), Ok(cell.lower));
    assert_eq!(file.gru_reset_after(1), Ok(cell.upper));
    assert_eq!(file.forecaster(cell), Ok(stack_model()));
    let bytes = text(Unit::Character).bytes();
    let file = ModelFile::parse(&bytes).expect("just written");
    let cell = file.gru_reset_before::<4, 2>(0).expect("such a cell");
    let network = file.network::<_, 4, 2, 4>(cell).expect("such a network");
    assert_eq!(network.head, rnn_core::network::Head::Softmax);
    assert_eq!(file.forecaster::<_, 4, 2>(cell).err(), Some(Error::Field { offset: 10 }));
}

#[test]
fn what_is_watched_for_comes_back() {
    let (bytes, (rules, channels)) = (watched().bytes(), watched().watch.expect("it is watched"));
    let file = ModelFile::parse(&bytes).expect("just written");
    let channels = [channels[0], channels[1]];
    assert_eq!(file.watch(), Ok(Watch { rules, threshold: 4.0, channels }));
    assert_eq!(file.watch::<1>().err(), Some(Error::Shape { inputs: 2, hidden: 3 }));
    refused(48, watched(), |m| m.watch = None);
    refused(48, tiny(), |m| m.watch = watched().watch);
    refused(48, text(Unit::Word), |m| m.header.watched = true);
}

#[test]
fn nothing_is_written_beyond_the_length() {
    let (bytes, length) = tiny().encode(LENGTH + 50);
    assert_eq!(length, Ok(LENGTH));
    assert!(bytes[LENGTH..].iter().all(|b| *b == 0xAA));
    assert_eq!(tiny().encode(LENGTH - 1).1, Err(Error::Room { needed: LENGTH }));
}

#[test]
fn a_file_without_self_tests_and_with_the_longest_name_comes_back() {
    let longest: &str = "n".repeat(NAME).leak();
    let header = Header { self_tests: 0, ..tiny().header };
    let (names, nothing) = (vec!["", longest], vec![]);
    check_parts(&Made { header, names, samples: nothing.clone(), predictions: nothing, ..tiny() });
}

/// The offset of the field that `encode` names.
#[track_caller]
fn refused(offset: usize, mut made: Made, change: impl FnOnce(&mut Made)) {
    change(&mut made);
    assert_eq!(made.encode(2 * LENGTH).1, Err(Error::Field { offset }));
}

#[test]
fn a_model_that_the_format_has_no_place_for_is_refused() {
    let long = "more than sixty-four bytes, in which a channel's name has its place here";
    refused(128 + 80, tiny(), |m| m.names = vec!["a", long]);
    refused(128, tiny(), |m| m.names = vec!["a\0b", "c"]);
    refused(128 + 4, text(Unit::Character), |m| m.names[1] = "ab cd");
    refused(128 + 3 * 32, text(Unit::Word), |m| {
        m.names[3] = "a word of more than thirty-two bytes";
    });
    let module = "m".repeat(MODULE + 1).leak();
    refused(STACK_MODULES, stack(), |m| m.modules[0] = module);
    refused(STACK_MODULES + MODULE, stack(), |m| m.modules[1] = "a\0b");
    let mut made = tiny();
    made.samples[3] = f32::NAN;
    let error = Error::Number { offset: LENGTH - 4 - 2 * 24 + 4 * 3 };
    assert_eq!(made.encode(LENGTH).1, Err(error));
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let tensors = 128 + 2 * 80;
    refused(16, tiny(), |m| m.header.inputs = 3);
    refused(16, tiny(), |m| m.names.truncate(1));
    refused(16, tiny(), |m| m.channels.truncate(1));
    refused(16, text(Unit::Word), |m| m.channels = vec![Channel::IDENTITY; 4]);
    refused(24, tiny(), |m| {
        m.header.task = Task::Forecast { mode: Mode::Raw, target: 2 };
    });
    refused(28, tiny(), |m| m.header.self_tests = 2);
    refused(28, tiny(), |m| m.predictions.truncate(4));
    refused(28, text(Unit::Word), |m| m.samples = vec![0.0; 2 * 4]);
    refused(tensors, tiny(), |m| m.header.layers = Layers::one(Kind::Lstm, 3));
    refused(tensors, tiny(), |m| m.parameters.truncate(25));
    refused(tensors, tiny(), |m| m.parameters.push(0.0));
    refused(LENGTH - 4 - 48 + 2 * MODULE, tiny(), |m| m.header.two_biases = true);
    refused(STACK_LENGTH - 4 - 32 - 4 * 34, stack(), |m| m.biases.truncate(33));
}

#[test]
fn sizes_beyond_the_limit_are_refused_before_they_are_multiplied() {
    let kind = Kind::Lstm;
    for beyond in [LIMIT + 1, usize::MAX] {
        refused(16, tiny(), |m| m.header.inputs = beyond);
        refused(20, tiny(), |m| m.header.window = beyond);
        refused(28, tiny(), |m| m.header.self_tests = beyond);
        refused(64, tiny(), |m| m.header.layers = Layers::one(kind, beyond));
        refused(64 + 4, stack(), |m| {
            m.header.layers = Layers::one(kind, 2).with(kind, beyond).expect("room for two");
        });
    }
    refused(16, text(Unit::Word), |m| m.header.inputs = VOCABULARY_LIMIT + 1);
    refused(16, tiny(), |m| m.header.inputs = 0);
    refused(64, tiny(), |m| m.header.layers = Layers::one(kind, 0));
    // Each size within its limit, but gigabytes together.
    let one = Layers::one(kind, LIMIT);
    let many = (1..8).fold(one, |layers, _| layers.with(kind, LIMIT).expect("room for eight"));
    refused(32, tiny(), |m| m.header.layers = many);
}
