//! Reading a model file: whatever is not exactly a model is refused, without a panic and without
//! allocating what a header claims.

mod made;

use allocation_counter::measure;
use made::{STACK, Stacked, TINY, Tiny, stack, text, watched};
use proptest::prelude::*;
use rnn_core::activation::Activation;
use rnn_core::cell::{Cell, Stack};
use rnn_core::forecast::Forecaster;
use rnn_core::gru::Reset;
use rnn_core::layers::{Kind, Layers, MAX_LAYERS};
use rnn_core::model_file::{Error, Header, LIMIT, ModelFile, NAME, Task, Unit};
use rnn_core::parameters::Parameters;
use rnn_core::scaling::Mode;

/// Offsets in tiny.rnn: header 128, channels 2 x 80, 26 parameters, 3 self-test samples of 2 numbers.
const CHANNELS: usize = 128;
const TENSORS: usize = CHANNELS + 2 * 80;
const SELF_TESTS: usize = TENSORS + 4 * 26;
const LENGTH: usize = SELF_TESTS + 3 * 2 * 8 + 4;

const fn get<T: Copy>(read: Result<T, Error>) -> T {
    match read {
        Ok(value) => value,
        Err(_) => panic!("the golden file is damaged or of another shape"),
    }
}

const TINY_FILE: ModelFile<'static> = get(ModelFile::parse(TINY));
const STACK_FILE: ModelFile<'static> = get(ModelFile::parse(STACK));

/// The compiler reads the files: another shape or a damaged byte and these would not compile.
static EMBEDDED: Tiny = get(TINY_FILE.forecaster(get(TINY_FILE.elman(0))));
static EMBEDDED_STACK: Stacked = get(STACK_FILE.forecaster(Stack {
    lower: get(STACK_FILE.lstm(0)),
    upper: get(STACK_FILE.gru_reset_after(1)),
}));

#[test]
fn the_compiler_reads_what_the_program_reads() {
    let file = ModelFile::parse(TINY).expect("the golden file is whole");
    assert_eq!(file.elman(0).and_then(|cell| file.forecaster(cell)), Ok(EMBEDDED));
    let file = ModelFile::parse(STACK).expect("the golden file is whole");
    let cell = EMBEDDED_STACK.network.cell;
    assert_eq!((file.lstm(0), file.gru_reset_after(1)), (Ok(cell.lower), Ok(cell.upper)));
    assert_eq!(file.forecaster(cell), Ok(EMBEDDED_STACK));
}

#[test]
fn parameters_in_place_need_a_boundary_of_four_bytes() {
    let mut room = vec![0u32; LENGTH / 4 + 1];
    let room: &mut [u8] = bytemuck::cast_slice_mut(&mut room);
    room[..LENGTH].copy_from_slice(TINY);
    let file = ModelFile::parse(&room[..LENGTH]).expect("a copy");
    let parameters: Vec<f32> = file.parameters().collect();
    let little_endian = cfg!(target_endian = "little");
    assert_eq!(file.parameters_in_place(), little_endian.then_some(&parameters[..]));

    room.copy_within(..LENGTH, 1);
    let file = ModelFile::parse(&room[1..=LENGTH]).expect("a copy that is shifted by one");
    assert_eq!(file.parameters_in_place(), None);
    assert!(file.parameters().eq(parameters));
}

/// Every tensor that isn't empty shows in the self-tests.
fn check_self_test<C, const I: usize, const H: usize>(
    model: &Forecaster<C, I, H>,
    file: &ModelFile<'_>,
) where
    C: Cell<f32, I, H> + Copy,
{
    assert_eq!(model.self_test::<0>(file), 0);
    for tensor in 0..model.network.tensors().count() {
        let mut changed = *model;
        let values = changed.network.tensors_mut().nth(tensor).expect("one of them");
        values[0] += 0.01;
        assert!(changed.self_test::<0>(file) > 0, "tensor {tensor}");
    }
    assert!(model.self_test::<2>(file) > 0, "a window in place of the carried state");
}

#[test]
fn self_tests_tell_the_model_from_a_changed_one() {
    check_self_test(&EMBEDDED, &TINY_FILE);
    check_self_test(&EMBEDDED_STACK, &STACK_FILE);
}

#[test]
fn another_kind_or_shape_is_an_error() {
    let (file, shape) = (TINY_FILE, Error::Shape { inputs: 2, hidden: 3 });
    assert_eq!(file.elman::<1, 3>(0).err(), Some(shape));
    assert_eq!(file.elman::<2, 4>(0).err(), Some(shape));
    assert_eq!(file.elman::<2, 3>(1).err(), Some(shape), "there is one layer");
    assert_eq!(file.lstm::<2, 3>(0).err(), Some(shape));
    assert_eq!(file.gru_reset_after::<2, 3>(0).err(), Some(shape));
    assert_eq!(file.gru_reset_before::<2, 3>(0).err(), Some(shape));
    assert!(shape.to_string().contains("2 inputs and 3 hidden units"));

    let (file, shape) = (STACK_FILE, Error::Shape { inputs: 2, hidden: 3 });
    assert_eq!(file.gru_reset_before::<2, 3>(1).err(), Some(shape), "the other variant");
    let upper = get(file.gru_reset_after::<2, 3>(1));
    let shape = Error::Shape { inputs: 1, hidden: 3 };
    assert_eq!(file.forecaster::<_, 2, 3>(upper).err(), Some(shape), "one layer of two");
}

#[test]
fn every_truncation_and_every_addition_is_refused() {
    let files = [TINY.to_vec(), STACK.to_vec(), watched().bytes(), text(Unit::Word).bytes()];
    for file in files {
        for length in 0..file.len() {
            assert!(ModelFile::parse(&file[..length]).is_err(), "cut to {length} bytes");
        }
        for added in [0x00, 0xFF] {
            let mut longer = file.clone();
            longer.push(added);
            let length = Error::Length { expected: file.len(), found: longer.len() };
            assert_eq!(ModelFile::parse(&longer).err(), Some(length));
        }
    }
}

/// All 255 other values of every byte, the 8 flips of a single bit among them.
#[test]
fn every_changed_byte_is_refused() {
    let mut bytes = TINY.to_vec();
    for at in 0..LENGTH {
        for change in 1..=255 {
            bytes[at] ^= change;
            assert!(ModelFile::parse(&bytes).is_err(), "byte {at} changed by {change:#04x}");
            bytes[at] ^= change;
        }
    }
}

#[test]
fn every_flipped_bit_is_refused() {
    for mut bytes in [STACK.to_vec(), watched().bytes(), text(Unit::Character).bytes()] {
        for (at, bit) in (0..bytes.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            bytes[at] ^= 1 << bit;
            assert!(ModelFile::parse(&bytes).is_err(), "bit {bit} of byte {at}");
            bytes[at] ^= 1 << bit;
        }
    }
}

/// The golden file with other bytes at `at`, and a checksum that fits them.
fn resealed(at: usize, with: &[u8]) -> Vec<u8> {
    let mut bytes = TINY.to_vec();
    bytes[at..at + with.len()].copy_from_slice(with);
    seal(&mut bytes);
    bytes
}

fn seal(bytes: &mut [u8]) {
    if let Some((data, checksum)) = bytes.split_last_chunk_mut::<4>() {
        let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);
        *checksum = crc.checksum(data).to_le_bytes();
    }
}

/// What the parser says; it must not allocate, whatever sizes the header claims.
fn error(bytes: &[u8]) -> Option<Error> {
    let mut error = None;
    assert_eq!(measure(|| error = ModelFile::parse(bytes).err()).count_total, 0);
    error
}

#[test]
fn a_checksum_that_fits_does_not_make_a_field_valid() {
    assert_eq!(error(&resealed(0, b"R")), None, "resealing by itself changes nothing");
    assert_eq!(error(&resealed(0, b"rnnmodel")), Some(Error::NotAModel));
    assert_eq!(error(&resealed(8, &[1, 0])), Some(Error::Version(1)));
    let field = |offset: usize, value: &[u8]| {
        let found = error(&resealed(offset, value));
        assert_eq!(found, Some(Error::Field { offset }), "{value:?} at {offset}");
    };
    for (offset, value) in
        [(10, 0), (10, 4), (11, 0), (11, 17), (12, 0), (12, 4), (13, 0), (13, 9), (14, 3), (15, 2)]
    {
        field(offset, &[value]);
    }
    // A layout that the number format doesn't have; integers that are of another length.
    let layouts = [[1, 2], [2, 1], [3, 5]];
    layouts.into_iter().for_each(|bytes| {
        assert_eq!(error(&resealed(12, &bytes)), Some(Error::Field { offset: 13 }), "{bytes:?}");
    });
    assert!(matches!(error(&resealed(12, &[2, 2])), Some(Error::Length { .. })));
    [48, 63].into_iter().for_each(|at| field(at, &[2]));
    (49..63).for_each(|at| field(at, &[1]));
    let above = LIMIT as u32 + 1;
    let numbers = [(16, 0), (16, above), (20, above), (24, 2), (28, above), (36, 32), (36, 65)];
    let largest = [16, 20, 24, 28, 36].map(|offset| (offset, u32::MAX));
    for (offset, value) in numbers.into_iter().chain(largest) {
        field(offset, &u32::to_le_bytes(value));
    }
}

/// Kinds and variants that don't exist, sizes that can't be, layers beyond the last one.
#[test]
fn layers_must_be_cells() {
    let field = |at: usize, layer: [u8; 4]| {
        let found = error(&resealed(at, &layer));
        assert_eq!(found, Some(Error::Field { offset: at }), "{layer:?} at {at}");
    };
    for kind in [[0, 0], [0, 1], [1, 0], [1, 4], [2, 0], [2, 3], [3, 1], [4, 0], [255, 255]] {
        field(64, [kind[0], kind[1], 3, 0]);
    }
    field(64, [1, 1, 0, 0]);
    let [low, high] = (LIMIT as u16 + 1).to_le_bytes();
    field(64, [1, 1, low, high]);
    for layer in 1..MAX_LAYERS {
        for byte in 0..4 {
            let mut record = [0; 4];
            record[byte] = 1;
            field(64 + 4 * layer, record);
        }
    }
    // A second layer that the header counts, but has no record of.
    assert_eq!(error(&resealed(11, &[2])), Some(Error::Field { offset: 68 }));
}

/// What belongs to a forecast has no place in a text model.
#[test]
fn a_text_model_has_no_mode_and_no_target() {
    let made = text(Unit::Word).bytes();
    for (offset, value) in [(14, 1), (24, 1), (36, 4)] {
        let mut bytes = made.clone();
        bytes[offset] = value;
        seal(&mut bytes);
        assert_eq!(error(&bytes), Some(Error::Field { offset }));
    }
}

#[test]
fn a_text_models_samples_are_symbols() {
    let made = text(Unit::Word);
    let at = made.header.file_length() - 4 - 4 * made.samples.len() * 2;
    for (i, bad) in [(0, 4.0f32), (0, -1.0), (1, 0.5), (1, 1e9), (1, f32::NAN)] {
        let (mut bytes, offset) = (made.bytes(), at + 4 * i);
        bytes[offset..offset + 4].copy_from_slice(&bad.to_le_bytes());
        seal(&mut bytes);
        assert_eq!(error(&bytes), Some(Error::Number { offset }), "{bad}");
    }
}

#[test]
fn sizes_must_be_those_of_the_bytes() {
    let largest = LIMIT as u32;
    for (offset, value) in [(28, 2), (28, 4), (28, largest), (32, 0), (16, 3)] {
        let bytes = resealed(offset, &u32::to_le_bytes(value));
        assert!(matches!(error(&bytes), Some(Error::Length { .. })), "{value} at {offset}");
    }
    for layer in [[1, 1, 4, 0], [1, 1, 0, 0x10], [2, 1, 3, 0], [3, 0, 3, 0]] {
        assert!(matches!(error(&resealed(64, &layer)), Some(Error::Length { .. })), "{layer:?}");
    }
    // Biases that aren't there, and those of stack.rnn not counted.
    assert!(matches!(error(&resealed(15, &[1])), Some(Error::Length { .. })));
    let mut bytes = stack().bytes();
    bytes[15] = 0;
    seal(&mut bytes);
    assert!(matches!(error(&bytes), Some(Error::Length { .. })));
}

/// The tensors take at most 2^30 bytes: on whole layers one that is just small enough, or just too large.
#[test]
fn a_network_has_at_most_a_gibibyte() {
    let task = Task::Forecast { mode: Mode::Raw, target: 0 };
    let elman = Kind::Elman(Activation::Tanh);
    for (kind, gates) in [(elman, 1), (Kind::Gru(Reset::After), 3), (Kind::Lstm, 4)] {
        // With room for four biases a unit.
        let layer = |inputs: usize, hidden: usize| gates * hidden * (inputs + hidden + 4);
        let mut borders = 0;
        for (inputs, lower) in [1, 700, LIMIT].iter().flat_map(|i| (1..9).map(move |l| (*i, l))) {
            let below = layer(inputs, LIMIT) + (lower - 1) * layer(LIMIT, LIMIT);
            let bytes = |last| 4 * (below + layer(LIMIT, last) + inputs * (last + 1));
            let check = |last| {
                let whole = Layers::one(kind, LIMIT);
                let whole = (1..lower).try_fold(whole, |layers, _| layers.with(kind, LIMIT));
                let layers = whole.and_then(|layers| layers.with(kind, last)).expect("ten layers");
                Header::new(task, inputs, layers).check_sizes()
            };
            let largest = (0..=LIMIT).rev().find(|&last| bytes(last) <= 1 << 30);
            let Some(largest) = largest.filter(|largest| (1..LIMIT).contains(largest)) else {
                continue;
            };
            assert_eq!(check(largest), Ok(()), "{kind:?}, {lower} below {largest} units");
            let field = Err(Error::Field { offset: 32 });
            assert_eq!(check(largest + 1), field, "{kind:?}, {lower} below {largest} units");
            borders += 1;
        }
        assert_eq!(borders, 3, "{kind:?}: one for each number of inputs");
    }
}

#[test]
fn errors_say_what_is_wrong() {
    for (error, part) in [
        (Error::Length { expected: 10, found: 11 }, "11 bytes where 10 are expected"),
        (Error::NotAModel, "not a model file"),
        (Error::Version(7), "version 7"),
        (Error::Checksum, "damaged"),
        (Error::Field { offset: 36 }, "byte 36"),
        (Error::Number { offset: 48 }, "number at byte 48"),
        (Error::Room { needed: 99 }, "99 bytes"),
    ] {
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn numbers_must_be_usable() {
    let deviations = [4, 12, 80 + 4, 80 + 12].map(|at| CHANNELS + NAME + at);
    for offset in deviations {
        for bad in [0.0f32, -0.0, -1.0, f32::NAN, f32::INFINITY] {
            let found = error(&resealed(offset, &bad.to_le_bytes()));
            assert_eq!(found, Some(Error::Number { offset }), "deviation {bad}");
        }
    }
    let means = [0, 80 + 8].map(|at| CHANNELS + NAME + at);
    for offset in means.into_iter().chain((TENSORS..LENGTH - 4).step_by(4)) {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let found = error(&resealed(offset, &bad.to_le_bytes()));
            assert_eq!(found, Some(Error::Number { offset }), "{bad}");
        }
    }
}

/// Every number of what is watched for, at its offset from the part's start, with what it can't be.
#[test]
fn what_is_watched_for_must_be_possible() {
    let made = watched().bytes();
    let at = LENGTH - 4;
    let check = |offset: usize, bad: f32| {
        let mut bytes = made.clone();
        bytes[at + offset..][..4].copy_from_slice(&bad.to_le_bytes());
        seal(&mut bytes);
        assert_eq!(error(&bytes), Some(Error::Number { offset: at + offset }), "{bad}");
    };
    let numbers: [(usize, &[f32]); 10] = [
        (0, &[-0.1]),
        (4, &[0.5, 0.4]),
        (16, &[-1.0]),
        (20, &[0.0, -1.0]),
        (24, &[]),
        (28, &[-10.0, -11.0]),
        (36, &[0.0, -1.0]),
        (40, &[0.99]),
        (44, &[0.0]),
        (48, &[0.5]),
    ];
    for (offset, impossible) in numbers {
        let infinite = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
        impossible.iter().chain(&infinite).for_each(|&bad| check(offset, bad));
        // The other channel's too.
        if offset >= 24 {
            infinite.iter().for_each(|&bad| check(offset + 28, bad));
        }
    }
}

#[test]
fn a_name_that_is_not_utf8_reads_as_empty() {
    let bytes = resealed(CHANNELS, &[0xFF, 0xFE]);
    assert_eq!(ModelFile::parse(&bytes).map(|file| file.name(0).len()), Ok(0));
}

/// Reads all of a file that the parser let pass.
fn read(file: &ModelFile<'_>) {
    let Header { task, inputs, self_tests, .. } = file.header;
    for i in 0..inputs {
        assert!(file.name(i).len() <= file.header.name_length());
        assert!(matches!(task, Task::Text(_)) || file.channel(i).level_deviation > 0.0);
    }
    let numbers = [file.header.shape().parameters(), file.header.kept_biases()];
    assert_eq!([file.parameters().len(), file.biases().len()], numbers);
    assert!(file.parameters().chain(file.biases()).all(f32::is_finite));
    assert_eq!(file.self_tests().count(), self_tests * file.header.sample_length());
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(error(&bytes).is_some());
    }

    /// Bytes that look like a header, a body of any length, a checksum that fits.
    #[test]
    fn arbitrary_headers_never_panic(
        changes in prop::collection::vec((10usize..LENGTH - 4, any::<u8>()), 0..6),
        length in prop_oneof![Just(LENGTH), 128usize..600],
    ) {
        let mut bytes = TINY.to_vec();
        for (at, value) in changes {
            bytes[at] = value;
        }
        bytes.resize(length, 0);
        seal(&mut bytes);
        if let Ok(file) = ModelFile::parse(&bytes) {
            read(&file);
        }
    }
}
