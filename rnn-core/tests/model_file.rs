//! Reading a model file: whatever is not exactly a model is refused, without a panic and without
//! allocating what a header claims.

use allocation_counter::measure;
use proptest::prelude::*;
use rnn_core::forecast::Forecaster;
use rnn_core::model_file::{Error, Header, LIMIT, ModelFile, NAME};
use rnn_core::parameters::Parameters;

static TINY: &[u8] = include_bytes!("golden/tiny.rnn");
/// Offsets in it: header 64, channels 2 x 80, 26 parameters, 3 self-test samples of 2 numbers.
const TENSORS: usize = 64 + 2 * 80;
const SELF_TESTS: usize = TENSORS + 4 * 26;
const LENGTH: usize = SELF_TESTS + 3 * 2 * 8 + 4;

/// The compiler reads the file: another shape or a damaged byte and this would not compile.
static EMBEDDED: Forecaster<2, 3> = match Forecaster::from_file(TINY) {
    Ok(model) => model,
    Err(_) => panic!("golden/tiny.rnn is damaged or of another shape"),
};

#[test]
fn the_compiler_reads_what_the_program_reads() {
    assert_eq!(Forecaster::from_file(TINY), Ok(EMBEDDED));
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

#[test]
fn self_tests_tell_the_model_from_a_changed_one() {
    let file = ModelFile::parse(TINY).expect("the golden file is whole");
    assert_eq!(EMBEDDED.self_test::<0>(&file), 0);
    for tensor in 0..5 {
        let mut changed = EMBEDDED;
        let values = changed.network.tensors_mut().nth(tensor).expect("five tensors");
        values[0] += 0.01;
        assert!(changed.self_test::<0>(&file) > 0, "tensor {tensor}");
    }
    assert!(EMBEDDED.self_test::<2>(&file) > 0, "a window in place of the carried state");
}

#[test]
fn another_shape_is_an_error() {
    let shape = Error::Shape { inputs: 2, hidden: 3 };
    assert_eq!(Forecaster::<1, 3>::from_file(TINY), Err(shape));
    assert_eq!(Forecaster::<2, 4>::from_file(TINY), Err(shape));
    assert!(shape.to_string().contains("2 channels and 3 hidden units"));
}

#[test]
fn every_truncation_and_every_addition_is_refused() {
    for length in 0..LENGTH {
        assert!(ModelFile::parse(&TINY[..length]).is_err(), "cut to {length} bytes");
    }
    for added in [0x00, 0xFF] {
        let mut longer = TINY.to_vec();
        longer.push(added);
        let length = Error::Length { expected: LENGTH, found: LENGTH + 1 };
        assert_eq!(ModelFile::parse(&longer).err(), Some(length));
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
    assert_eq!(error(&resealed(8, &[2, 0])), Some(Error::Version(2)));
    let bytes = [(10, 0), (10, 2), (11, 0), (11, 2), (12, 2), (13, 9), (14, 3), (15, 1)];
    for (offset, value) in bytes.into_iter().chain((44..48).chain(56..64).map(|at| (at, 1))) {
        assert_eq!(error(&resealed(offset, &[value])), Some(Error::Field { offset }));
    }
    let above = LIMIT as u32 + 1;
    let numbers = [
        (16, 0),
        (16, above),
        (16, u32::MAX),
        (20, 0),
        (20, above),
        (20, u32::MAX),
        (24, 1),
        (24, u32::MAX),
        (28, above),
        (32, 2),
        (32, u32::MAX),
        (36, above),
        (36, u32::MAX),
    ];
    for (offset, value) in numbers {
        let found = error(&resealed(offset, &value.to_le_bytes()));
        assert_eq!(found, Some(Error::Field { offset }), "{value} at {offset}");
    }
}

#[test]
fn sizes_must_be_those_of_the_bytes() {
    let largest = LIMIT as u32;
    for (offset, value) in [(20, 4), (20, largest), (36, 2), (36, 4), (36, largest), (40, 0)] {
        let bytes = resealed(offset, &u32::to_le_bytes(value));
        assert!(matches!(error(&bytes), Some(Error::Length { .. })), "{value} at {offset}");
    }
}

#[test]
fn numbers_must_be_usable() {
    let deviations = [64 + NAME + 4, 64 + NAME + 12, 64 + 80 + NAME + 4, 64 + 80 + NAME + 12];
    for offset in deviations {
        for bad in [0.0f32, -0.0, -1.0, f32::NAN, f32::INFINITY] {
            let found = error(&resealed(offset, &bad.to_le_bytes()));
            assert_eq!(found, Some(Error::Number { offset }), "deviation {bad}");
        }
    }
    let means = [64 + NAME, 64 + 80 + NAME + 8];
    for offset in means.into_iter().chain((TENSORS..LENGTH - 4).step_by(4)) {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let found = error(&resealed(offset, &bad.to_le_bytes()));
            assert_eq!(found, Some(Error::Number { offset }), "{bad}");
        }
    }
}

#[test]
fn a_name_that_is_not_utf8_reads_as_empty() {
    let bytes = resealed(64, &[0xFF, 0xFE]);
    assert_eq!(ModelFile::parse(&bytes).map(|file| file.name(0).len()), Ok(0));
}

/// Reads all of a file that the parser let pass.
fn read(file: &ModelFile<'_>) {
    let Header { inputs, self_tests, .. } = file.header;
    for i in 0..inputs {
        assert!(file.name(i).len() <= NAME);
        assert!(file.channel(i).level_deviation > 0.0);
    }
    assert_eq!(
        file.parameters().filter(|p| p.is_finite()).count(),
        file.header.shape().parameters()
    );
    assert_eq!(file.self_tests().count(), self_tests * inputs);
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
        length in prop_oneof![Just(LENGTH), 64usize..600],
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
