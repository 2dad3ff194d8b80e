//! Bits that turned over, and slots that hold something else.

use rnn_core::slots::{FILE_AT, Model, Refusal, Slots};

use super::broken::Flash;
use super::models::{LENGTH, crc, file};
use super::ram::Ram;

/// A flash with an old and a new model; the places of their records, seals and files.
fn old_and_new() -> (Flash, [[usize; 3]; 2]) {
    let flash = Flash::after(&[&file(1), &file(2)]);
    let places = Flash::area().starts.map(|start| start as usize);
    (flash, places.map(|start| [start, start + 32, start + FILE_AT as usize]))
}

#[test]
fn a_flipped_bit_of_a_file_brings_the_other_model() {
    let (mut flash, [old, new]) = old_and_new();
    for bit in 0..8 * LENGTH {
        for (slot, runs) in [(new, 1), (old, 2)] {
            flash.bytes[slot[2] + bit / 8] ^= 1 << (bit % 8);
            assert_eq!(flash.running(), Some(crc(&file(runs))), "bit {bit}");
            flash.bytes[slot[2] + bit / 8] ^= 1 << (bit % 8);
        }
    }
    flash.bytes[old[2] + 7] ^= 1;
    flash.bytes[new[2] + 7] ^= 1;
    assert_eq!(flash.running(), None);
}

/// The seal says all that its record does.
#[test]
fn a_flipped_bit_of_a_record_or_of_its_seal_changes_nothing() {
    let (mut flash, [_, [record, seal, _]]) = old_and_new();
    let blocks = (8 * record..8 * (record + 32)).chain(8 * seal..8 * (seal + 32));
    for bit in blocks {
        flash.bytes[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(flash.running(), Some(crc(&file(2))), "bit {bit}");
        // Without its seal what runs gets another pair first.
        let mut updated = flash.clone();
        updated.update(&file(3)).expect("an update");
        assert_eq!((updated.running(), updated.misuse), (Some(crc(&file(3))), None));
        flash.bytes[bit / 8] ^= 1 << (bit % 8);
    }
    for bit in 0..8 * 32 {
        for block in [record, seal] {
            flash.bytes[block + bit / 8] ^= 1 << (bit % 8);
        }
        assert_eq!(flash.running(), Some(crc(&file(1))), "bit {bit} of both");
        for block in [record, seal] {
            flash.bytes[block + bit / 8] ^= 1 << (bit % 8);
        }
    }
}

#[test]
fn slots_that_hold_anything_else_are_none() {
    for byte in [0x00, 0xFF, 0x52] {
        let mut flash = Ram::<8, 256>::with_slots();
        for start in Ram::<8, 256>::area().starts.map(|start| start as usize) {
            flash.bytes[start..start + 512].fill(byte);
        }
        assert_eq!(flash.running(), None);
        flash.update(&file(1)).expect("an update");
        assert_eq!(flash.running(), Some(crc(&file(1))));
    }
}

/// Its length is beyond its slot: a record of a larger area.
#[test]
fn a_record_of_a_longer_file_is_none() {
    let mut flash = Flash::after(&[&file(1)]);
    let long = file(2).repeat(3);
    let area = Flash::area();
    let [at, _] = area.starts.map(|start| start as usize);
    let words = [9, long.len() as u32, 0, 0, 0].map(u32::to_le_bytes);
    flash.bytes[at..at + 8].copy_from_slice(b"RNNSLOT1");
    flash.bytes[at + 8..at + 28].copy_from_slice(words.as_flattened());
    let checksum = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(&flash.bytes[at..at + 28]);
    flash.bytes[at + 28..at + 32].copy_from_slice(&checksum.to_le_bytes());
    assert_eq!(flash.running(), None);
}

/// As after a new firmware, which runs models of another shape.
#[test]
fn what_may_not_run_never_wins_over_an_update() {
    let (mut flash, _) = old_and_new();
    let [old, newest, next] = [1, 2, 3].map(file);
    let may_run = |flash: &mut &mut Flash, model: Model| {
        if model.crc == crc(&newest) { Err(Refusal::NoSelfTests) } else { flash.may_run(model) }
    };
    let mut slots = Slots::open(&mut flash, Flash::area(), may_run).expect("an area");
    assert_eq!(slots.running().map(|model| model.crc), Some(crc(&old)));
    slots.settle().expect("room for records");
    // From here on the old one wins over the newest even where that may run.
    assert_eq!(flash.clone().running(), Some(crc(&old)));
    assert_eq!(flash.update(&next).map(|model| model.slot), Ok(1));
    assert_eq!(flash.running(), Some(crc(&next)));
}
