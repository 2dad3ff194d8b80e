//! Updates in another order than the right one: the checks see each of them.

use embedded_storage::nor_flash::{NorFlash, NorFlashErrorKind, ReadNorFlash};
use rnn_core::slots::{FILE_AT, Model};

use super::cuts::{Grid, Violation, Way, pairs, singles};
use super::models::{crc, file};
use super::ram::Ram;

pub(crate) type Flash = Ram<4, 256>;

#[derive(Clone, Copy)]
enum Step {
    Settle,
    /// The slot that doesn't run, or both, or that one only where it doesn't read blank.
    Erase,
    EraseBoth,
    EraseWhatShows,
    File,
    Record,
    Seal,
    /// A record with the sequence number of the model that runs.
    SameSequence,
    Acknowledge,
}

use Step::*;

const RIGHT: [Step; 6] = [Settle, Erase, File, Record, Seal, Acknowledge];

/// A record as the table in `slots` has it.
fn record(magic: &[u8; 8], file: &[u8], sequence: u32) -> Vec<u8> {
    let words = [sequence, file.len() as u32, crc(file), 0, 0];
    let mut bytes = magic.to_vec();
    bytes.extend(words.into_iter().flat_map(u32::to_le_bytes));
    let checksum = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(&bytes);
    bytes.extend(checksum.to_le_bytes());
    bytes
}

impl Flash {
    fn erase_slot(&mut self, slot: usize) -> Result<(), NorFlashErrorKind> {
        let start = Self::area().starts[slot];
        self.erase(start + 256, start + 512)?;
        self.erase(start, start + 256)
    }

    fn write_file(&mut self, slot: usize, file: &[u8]) -> Result<(), NorFlashErrorKind> {
        let at = Self::area().starts[slot] + FILE_AT;
        let mut padded = file.to_vec();
        padded.resize(file.len().next_multiple_of(32), 0xFF);
        (at..).step_by(32).zip(padded.chunks(32)).try_for_each(|(at, block)| self.write(at, block))
    }

    fn reads_blank(&mut self, slot: usize) -> Result<bool, NorFlashErrorKind> {
        let mut bytes = vec![0; 512];
        self.read(Self::area().starts[slot], &mut bytes)?;
        Ok(bytes.iter().all(|byte| *byte == 0xFF))
    }

    /// A slot with this model, whatever was there.
    pub(crate) fn put(&mut self, slot: usize, file: &[u8], sequence: u32) {
        let start = Self::area().starts[slot];
        self.erase_slot(slot).expect("no cut");
        self.write_file(slot, file).expect("no cut");
        self.write(start, &record(b"RNNSLOT1", file, sequence)).expect("no cut");
        self.write(start + 32, &record(b"RNNSEAL1", file, sequence)).expect("no cut");
    }

    /// Whether the update was acknowledged.
    fn update_in_order(&mut self, file: &[u8], steps: &[Step]) -> bool {
        let mut running = self.open().running();
        let slot = running.map_or(0, |model| 1 - model.slot);
        let start = Self::area().starts[slot];
        let mut acknowledged = false;
        for step in steps {
            let sequence =
                |plus: u32| running.map_or(0, |model: Model| model.sequence.wrapping_add(plus));
            let done = match step {
                Settle => {
                    let mut slots = self.open();
                    let settled = slots.settle();
                    running = slots.running();
                    settled.map_err(|_| NorFlashErrorKind::Other)
                }
                Erase => self.erase_slot(slot),
                EraseBoth => self.erase_slot(slot).and_then(|()| self.erase_slot(1 - slot)),
                EraseWhatShows => match self.reads_blank(slot) {
                    Ok(true) => Ok(()),
                    _ => self.erase_slot(slot),
                },
                File => self.write_file(slot, file),
                Record => self.write(start, &record(b"RNNSLOT1", file, sequence(1))),
                Seal => self.write(start + 32, &record(b"RNNSEAL1", file, sequence(1))),
                SameSequence => self.write(start, &record(b"RNNSLOT1", file, sequence(0))),
                Acknowledge => {
                    acknowledged = true;
                    Ok(())
                }
            };
            if done.is_err() {
                break;
            }
        }
        acknowledged
    }
}

/// What single cuts show; where they show nothing, pairs.
fn check(way: Way<Flash>) -> Result<usize, Violation> {
    let [a, b, c, d, e] = [1, 2, 3, 4, 5].map(file);
    let start = Flash::after(&[&a, &b, &c]);
    let single = Grid { write_step: 4, erase_step: 32, chance: None };
    singles(&start, way, [&d, &e], single)?;
    let pair = Grid { write_step: 15, erase_step: 250, chance: None };
    pairs(&start, way, [&d, &e, &a], pair)
}

#[test]
fn the_right_order_holds_and_is_that_of_the_slots() {
    let right: Way<Flash> = |flash, file| flash.update_in_order(file, &RIGHT);
    assert!(check(right).is_ok_and(|pairs| pairs > 10_000));
    let files = [1, 2, 3].map(file);
    let mut flash = Flash::with_slots();
    assert!(files.iter().all(|file| right(&mut flash, file)));
    assert_eq!(flash.bytes, Flash::after(&files.each_ref().map(Vec::as_slice)).bytes);
}

#[test]
fn an_acknowledgement_before_the_record_is_seen() {
    let way: Way<Flash> = |flash, file| {
        flash.update_in_order(file, &[Settle, Erase, File, Acknowledge, Record, Seal])
    };
    assert_eq!(check(way), Err(Violation::Lost));
}

#[test]
fn an_erase_of_what_runs_is_seen() {
    let way: Way<Flash> = |flash, file| {
        flash.update_in_order(file, &[Settle, EraseBoth, File, Record, Seal, Acknowledge])
    };
    assert_eq!(check(way), Err(Violation::Neither));
}

#[test]
fn a_record_before_the_file_is_seen() {
    let way: Way<Flash> = |flash, file| {
        flash.update_in_order(file, &[Settle, Erase, Record, Seal, File, Acknowledge])
    };
    assert_eq!(check(way), Err(Violation::Neither));
}

#[test]
fn an_erase_beside_a_record_without_a_seal_is_seen() {
    let way: Way<Flash> =
        |flash, file| flash.update_in_order(file, &[Erase, File, Record, Seal, Acknowledge]);
    assert_eq!(check(way), Err(Violation::Neither));
}

#[test]
fn an_erase_of_what_only_reads_blank_spared_is_seen() {
    let way: Way<Flash> = |flash, file| {
        flash.update_in_order(file, &[Settle, EraseWhatShows, File, Record, Seal, Acknowledge])
    };
    assert_eq!(check(way), Err(Violation::Lost));
}

#[test]
fn a_sequence_number_that_stays_is_seen() {
    let way: Way<Flash> = |flash, file| {
        flash.update_in_order(file, &[Settle, Erase, File, SameSequence, Acknowledge])
    };
    assert_eq!(check(way), Err(Violation::Lost));
}

#[test]
fn a_record_written_twice_is_seen() {
    let way: Way<Flash> = |flash, file| {
        flash.update_in_order(file, &[Settle, Erase, File, Record, Record, Seal, Acknowledge])
    };
    assert_eq!(check(way), Err(Violation::Misuse));
}
