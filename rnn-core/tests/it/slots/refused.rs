//! Updates that don't come to an end: the model that ran goes on.

use std::fmt::Write;

use rnn_core::activation::Activation;
use rnn_core::layers::{Kind, Layers};
use rnn_core::model_file::{Error as FileError, Header, Task};
use rnn_core::scaling::Mode;
use rnn_core::slots::{Area, Error, FILE_AT, Refusal, Slots};

use super::broken::Flash;
use super::cuts::{Grid, singles};
use super::models::{LENGTH, crc, file, file_with, header};
use super::ram::{Cut, Reading, Tear};

/// An update that is refused with this error; then the old one still runs, and an update succeeds.
#[track_caller]
fn check_refused(file: &[u8], refusal: Refusal) {
    let (old, new) = (self::file(1), self::file(2));
    let mut flash = Flash::after(&[&old]);
    // More often than there are records in a slot: a refusal uses none up.
    for _ in 0..10 {
        assert_eq!(flash.update(file), Err(Error::Refused(refusal)));
        assert_eq!(flash.running(), Some(crc(&old)));
    }
    assert_eq!(flash.update(&new).map(|model| model.sequence), Ok(1));
    assert_eq!((flash.running(), flash.misuse), (Some(crc(&new)), None));
}

/// With other bytes at `at`, and a checksum that fits them.
fn resealed(at: usize, with: &[u8]) -> Vec<u8> {
    let mut bytes = file(3);
    bytes[at..at + with.len()].copy_from_slice(with);
    let end = bytes.len() - 4;
    let checksum = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(&bytes[..end]);
    bytes[end..].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

#[test]
fn a_model_that_may_not_run_is_refused() {
    check_refused(&file_with(3, 1, 1e-6), Refusal::SelfTests { wrong: 1 });
    check_refused(&file_with(3, 0, 0.0), Refusal::NoSelfTests);
    check_refused(&resealed(8, &[3, 0]), Refusal::File(FileError::Version(3)));
    check_refused(&resealed(0, b"R2"), Refusal::File(FileError::NotAModel));
    check_refused(&resealed(65, &[4]), Refusal::File(FileError::Field { offset: 64 }));
}

#[test]
fn a_file_that_came_damaged_is_not_committed() {
    let mut flash = Flash::after(&[&file(1)]);
    for at in 0..LENGTH {
        let mut bytes = file(2);
        bytes[at] ^= 1 << (at % 8);
        assert_eq!(flash.update(&bytes), Err(Error::Damaged), "byte {at}");
    }
    assert_eq!(flash.running(), Some(crc(&file(1))));
}

#[test]
fn lengths_must_be_those_announced() {
    let [old, new] = [1, 2].map(file);
    let mut flash = Flash::after(&[&old]);
    let room = Flash::area().size - FILE_AT;
    let before = flash.bytes.clone();
    let mut slots = flash.open();
    assert_eq!(slots.begin(room + 1), Err(Error::Room { room }));
    assert_eq!(slots.begin(u32::MAX), Err(Error::Room { room }));
    assert_eq!(slots.write(&new), Err(Error::NotBegun));
    assert_eq!(slots.finish(|_, _| Ok(())), Err(Error::NotBegun));
    assert_eq!(flash.bytes, before, "nothing was erased");

    let mut slots = flash.open();
    let expected = LENGTH as u32;
    slots.begin(expected).expect("a new update");
    slots.write(&new[..100]).expect("a part");
    assert_eq!(slots.write(&new), Err(Error::Length { expected, found: 100 + LENGTH }));
    assert_eq!(slots.finish(|_, _| Ok(())), Err(Error::Length { expected, found: 100 }));
    slots.write(&new[100..]).expect("the rest");
    let model = slots.finish(|flash, model| flash.may_run(model)).expect("whole");
    assert_eq!((model.length, model.crc, model.sequence), (expected, crc(&new), 1));
    assert_eq!(slots.write(&[1]), Err(Error::NotBegun));
    assert_eq!(flash.running(), Some(crc(&new)));
}

#[test]
fn another_beginning_gives_the_first_up() {
    let [old, given_up, new] = [1, 2, 3].map(file);
    let mut flash = Flash::after(&[&old]);
    let mut slots = flash.open();
    for length in [200, LENGTH] {
        slots.begin(length as u32).expect("a new update");
        slots.write(&given_up[..150]).expect("a part");
    }
    assert_eq!(flash.running(), Some(crc(&old)));
    flash.update(&new).expect("a new update");
    assert_eq!((flash.running(), flash.misuse), (Some(crc(&new)), None));
}

#[test]
fn chunks_may_be_of_any_length() {
    let new = file(2);
    let whole = Flash::after(&[&new]);
    for length in [1, 3, 4, 31, 32, 33, LENGTH] {
        let mut flash = Flash::with_slots();
        let mut slots = flash.open();
        slots.begin(LENGTH as u32).expect("an update");
        new.chunks(length).for_each(|chunk| slots.write(chunk).expect("announced"));
        slots.write(&[]).expect("nothing is no error");
        slots.finish(|flash, model| flash.may_run(model)).expect("whole");
        assert_eq!(flash.bytes, whole.bytes, "chunks of {length}");
    }
}

#[test]
fn an_area_must_be_whole_pages_apart() {
    let good = Flash::area();
    let pages = |a: u32, b: u32, size: u32| Area { starts: [256 * a, 256 * b], size: 256 * size };
    let bad = [
        pages(0, 1, 2),
        pages(1, 0, 2),
        pages(0, 0, 2),
        pages(0, 3, 1),
        pages(0, 3, 0),
        pages(0, 5, 2),
        pages((1 << 24) - 1, 0, 2),
        pages(0, 3, (1 << 24) - 1),
        Area { starts: [128, 768], ..good },
        Area { starts: [256, 800], ..good },
        Area { size: 500, ..good },
    ];
    let open = |area| Slots::open(&mut Flash::with_slots(), area, |_, _| Ok(())).err();
    bad.into_iter().for_each(|area| assert_eq!(open(area), Some(Error::Area), "{area:?}"));
    let fits = [good, pages(0, 2, 2), pages(4, 2, 2), pages(0, 3, 3)];
    fits.into_iter().for_each(|area| assert_eq!(open(area), None, "{area:?}"));
}

/// A torn record needs another pair of records in the slot that runs; there is an end to them.
#[test]
fn records_that_are_used_up_leave_what_runs() {
    let [old, new] = [1, 2].map(file);
    let mut flash = Flash::after(&[&old]);
    for torn in 0..5 {
        let mut dry = flash.clone();
        dry.reset(Reading::Before);
        let result = dry.update(&new);
        if torn == 4 {
            assert_eq!(result, Err(Error::Full));
            break;
        }
        result.expect("room for records");
        let operation = dry.operations.len() - 2;
        flash.reset(Reading::Before);
        flash.cut = Some(Cut { operation, byte: 0, tear: Tear::InDoubt });
        flash.update(&new).expect_err("the power is cut");
        flash.reset(Reading::Before);
        assert_eq!(flash.running(), Some(crc(&old)));
    }
    assert_eq!(flash.misuse, None);
}

#[test]
fn sequence_numbers_wrap() {
    let [a, b, c, d, e] = [1, 2, 3, 4, 5].map(file);
    let mut flash = Flash::with_slots();
    flash.put(0, &a, u32::MAX - 1);
    flash.put(1, &b, u32::MAX);
    assert_eq!(flash.running(), Some(crc(&b)));
    let grid = Grid { write_step: 8, erase_step: 64, chance: None };
    let cuts = singles(&flash, |flash, file| flash.update(file).is_ok(), [&c, &d], grid);
    assert!(cuts.is_ok_and(|cuts| cuts > 100), "{cuts:?}");
    for (file, sequence) in [(&c, 0), (&d, 1), (&e, 2)] {
        assert_eq!(flash.update(file).map(|model| model.sequence), Ok(sequence));
        assert_eq!(flash.running(), Some(crc(file)));
    }
}

#[test]
fn there_and_back_again() {
    let [a, b, c] = [1, 2, 3].map(file);
    let mut flash = Flash::with_slots();
    for (turn, file) in [&a, &b, &a, &a, &c, &b].into_iter().cycle().take(60).enumerate() {
        let model = flash.update(file).expect("an update");
        assert_eq!((model.slot, model.sequence), (turn % 2, turn as u32));
        assert_eq!((flash.running(), flash.misuse), (Some(crc(file)), None));
    }
}

#[test]
fn a_model_takes_the_state_only_of_one_like_it() {
    let old = header(1);
    let new = Header { hand_over: true, seed: 7, self_tests: 4, ..old };
    assert!(new.takes_state_of(&old));
    assert!(!old.takes_state_of(&new), "it doesn't say so");
    let layers = |hidden| Layers::one(Kind::Elman(Activation::Tanh), hidden);
    let others = [
        Header { layers: layers(2), ..old },
        Header { layers: Layers::one(Kind::Elman(Activation::Relu), 1), ..old },
        Header { inputs: 2, ..old },
        Header { window: 8, ..old },
        Header { task: Task::Forecast { mode: Mode::Difference, target: 0 }, ..old },
    ];
    for other in others {
        assert!(!new.takes_state_of(&other), "{other:?}");
    }
}

#[test]
fn errors_say_what_to_do() {
    let mut text = String::new();
    let errors = [
        Error::Area,
        Error::Room { room: 100 },
        Error::Length { expected: 10, found: 11 },
        Error::NotBegun,
        Error::Damaged,
        Error::Refused(Refusal::SelfTests { wrong: 3 }),
        Error::Refused(Refusal::NoSelfTests),
        Error::Refused(Refusal::File(FileError::Version(3))),
        Error::Full,
        Error::Flash("a fuse"),
    ];
    errors.iter().for_each(|error| writeln!(text, "{error}").expect("a string"));
    for part in
        ["100 bytes", "11 bytes of a model file of 10", "3 self-tests", "version 3", "a fuse"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(text.lines().filter(|line| line.len() > 20).count(), errors.len(), "{text}");
}
