//! Two slots in flash for the model that runs and the next one: power may fail at any instant.
//!
//! A slot:
//!
//! | offset | what |
//! |---|---|
//! | 0 | record: magic `RNNSLOT1`, sequence number, length and CRC-32 of the file (u32 each), 8 bytes of 0, CRC-32 of these 28 bytes |
//! | 32 | its seal: the same with magic `RNNSEAL1` |
//! | 64 | 3 more pairs, blank unless a cut tore one before |
//! | 256 | the [model file](crate::model_file), in one piece, to be run in place |
//!
//! An update never writes to the file that runs: it erases the other slot, writes the new file, reads it
//! back, has its self-tests run, and only then writes the record and, that being whole, the seal. A slot
//! counts when one of its records and the file's CRC are right; the highest sequence number runs.
//!
//! Where a cut falls into a record or an erase, bits may be left that read one way today and another
//! way tomorrow: the new model may run now and be gone later, or come back while it is being erased.
//! So before a slot is erased the other one is made to win, whatever reads as what: see
//! [`settle`](Slots::settle).
//!
//! ```
//! use rnn_core::slots::{Area, Slots, check};
//! # use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash};
//! # struct Flash([u8; 2048]);
//! # impl Flash { fn at(&self, m: rnn_core::slots::Model) -> &[u8] { &self.0[m.offset as usize..][..m.length as usize] } }
//! # impl ErrorType for Flash { type Error = NorFlashErrorKind; }
//! # impl ReadNorFlash for Flash {
//! #     const READ_SIZE: usize = 1;
//! #     fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> { bytes.copy_from_slice(&self.0[offset as usize..][..bytes.len()]); Ok(()) }
//! #     fn capacity(&self) -> usize { 2048 }
//! # }
//! # impl NorFlash for Flash {
//! #     const WRITE_SIZE: usize = 4;
//! #     const ERASE_SIZE: usize = 1024;
//! #     fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> { self.0[from as usize..to as usize].fill(0xFF); Ok(()) }
//! #     fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> { self.0[offset as usize..][..bytes.len()].copy_from_slice(bytes); Ok(()) }
//! # }
//! # let (flash, file) = (Flash([0xFF; 2048]), include_bytes!("../../tests/golden/tiny.rnn"));
//! // Whether a model may run: it is whole, of this firmware's shape, and gives the right bits.
//! let may_run = |flash: &mut Flash, model| {
//!     check(flash.at(model), |file| Ok(file.forecaster(file.elman::<2, 3>(0)?)?.self_test::<0>(file)))
//!         .map(|_| ())
//! };
//! let area = Area { starts: [0, 1024], size: 1024 };
//! let mut slots = Slots::open(flash, area, may_run)?;
//! assert!(slots.running().is_none(), "the model that is embedded in the firmware runs");
//!
//! slots.begin(file.len() as u32)?;
//! for chunk in file.chunks(100) {
//!     slots.write(chunk)?;
//! }
//! let model = slots.finish(may_run)?;
//! assert_eq!(slots.running(), Some(model));
//! # Ok::<(), rnn_core::slots::Error<NorFlashErrorKind>>(())
//! ```

use embedded_storage::nor_flash::NorFlash;

use crate::model_file::CRC;

mod area;
mod error;
mod record;
mod takeover;
mod update;

pub use area::{Area, Model};
pub use error::Error;
pub use record::FILE_AT;
pub use takeover::{Refusal, check};

use area::other;
use record::{BLANK, BLOCK, LENGTH_AT, Mark, PAIRS};
use update::Update;

/// The two slots; `F` must write blocks of 32 bytes and erase multiples of them.
#[derive(Debug)]
pub struct Slots<F> {
    flash: F,
    area: Area,
    running: Option<Model>,
    update: Option<Update>,
}

impl<F: NorFlash> Slots<F> {
    /// Finds the newest model that is whole and that `may_run`; writes nothing. Where there is none
    /// ([`running`](Self::running)), the model that is embedded in the firmware should run.
    /// [`Error::Area`] when there can't be such slots.
    pub fn open(
        flash: F,
        area: Area,
        mut may_run: impl FnMut(&mut F, Model) -> Result<(), Refusal>,
    ) -> Result<Self, Error<F::Error>> {
        const {
            assert!(BLOCK.is_multiple_of(F::WRITE_SIZE), "at most 32 bytes are written at once");
            assert!(BLOCK.is_multiple_of(F::READ_SIZE), "at most 32 bytes are read at once");
            assert!(F::ERASE_SIZE.is_multiple_of(BLOCK), "a page is a multiple of 32 bytes");
        }
        if !area.fits(F::ERASE_SIZE, flash.capacity()) {
            return Err(Error::Area);
        }
        let mut slots = Slots { flash, area, running: None, update: None };
        let mut found = [slots.find(0), slots.find(1)];
        if let [Some(a), Some(b)] = &found
            && b.is_newer_than(a)
        {
            found.reverse();
        }
        let mut newest_first = found.into_iter().flatten();
        slots.running = newest_first.find(|model| may_run(&mut slots.flash, *model).is_ok());
        Ok(slots)
    }

    /// The model that runs; `None` for the one that is embedded in the firmware.
    pub const fn running(&self) -> Option<Model> {
        self.running
    }

    /// Bytes that have come of the update under way; `None` where none is.
    pub fn received(&self) -> Option<u32> {
        self.update.map(|update| update.received)
    }

    /// The flash, to read the model from.
    pub const fn flash(&self) -> &F {
        &self.flash
    }

    /// Makes the model that runs the one that wins after every reset, if a cut in the midst of an update
    /// has left that in doubt: when its last record has no seal, or when the other slot holds a whole
    /// file whose record isn't known to be older. It gets another record and seal then, with a sequence
    /// number above all that there can be. [`begin`](Self::begin) does it; a device that tells which
    /// model it runs should do it before.
    pub fn settle(&mut self) -> Result<(), Error<F::Error>> {
        let Some(running) = self.running else { return Ok(()) };
        let other = other(running.slot);
        let used = self.used_pairs(running.slot);
        let last = record::start(used.saturating_sub(1), Mark::Seal);
        let seal = self.block(self.area.start(running.slot) + last);
        let sealed = seal == Some(record::encode(Mark::Seal, &running));
        let is_older = |record| running.is_newer_than(&record);
        if sealed && (self.newest_record(other).is_some_and(is_older) || !self.may_win(other)) {
            return Ok(());
        }
        if used == PAIRS {
            return Err(Error::Full);
        }
        // Any of the used pairs may be torn, and its sequence number unknown. Each was this much above the
        // number of a model that ran, with fewer pairs used: the sum of all of them is less.
        let step = 2 << (used + self.used_pairs(other));
        let model = Model { sequence: running.sequence.wrapping_add(step), ..running };
        self.write_pair(&model, used)?;
        self.running = Some(model);
        Ok(())
    }

    /// Record, then seal; each is read back.
    fn write_pair(&mut self, model: &Model, pair: u32) -> Result<(), Error<F::Error>> {
        for mark in Mark::PAIR {
            let block = record::encode(mark, model);
            let at = self.area.start(model.slot) + record::start(pair, mark);
            self.flash.write(at, &block).map_err(Error::Flash)?;
            if self.block(at) != Some(block) {
                return Err(Error::Damaged);
            }
        }
        Ok(())
    }

    /// The whole model in a slot.
    fn find(&mut self, slot: usize) -> Option<Model> {
        let model = self.newest_record(slot)?;
        let fits = model.length <= self.area.room();
        (fits && self.crc(model.offset, model.length) == Some(model.crc)).then_some(model)
    }

    /// What the newest record of a slot says.
    fn newest_record(&mut self, slot: usize) -> Option<Model> {
        let start = self.area.start(slot);
        let blocks = (0..PAIRS).flat_map(|pair| self.pair(slot, pair)).flatten();
        let records = blocks.filter_map(|block| record::decode(&block, slot, start));
        records.reduce(|a, b| if b.is_newer_than(&a) { b } else { a })
    }

    /// Whether a slot may come to count: something was to be a record, and there is a whole model file, of
    /// the length that its own header says.
    fn may_win(&mut self, slot: usize) -> bool {
        let file = self.area.file(slot);
        let Some([a, b, c, d, ..]) = self.block(file + LENGTH_AT) else { return false };
        let length = u32::from_le_bytes([a, b, c, d]);
        let whole = length <= self.area.room() && self.crc(file, length).is_some();
        whole && self.used_pairs(slot) > 0
    }

    /// Pairs up to the last one that isn't blank.
    fn used_pairs(&mut self, slot: usize) -> u32 {
        let used = (0..PAIRS).rev().find(|pair| self.pair(slot, *pair) != [Some(BLANK); 2]);
        used.map_or(0, |pair| pair + 1)
    }

    /// The file's CRC-32 if its last bytes say the same, else `None`.
    #[inline(never)]
    fn crc(&mut self, offset: u32, length: u32) -> Option<u32> {
        let length = length as usize;
        let data = length.checked_sub(4)?;
        let (mut digest, mut stored) = (CRC.digest(), 0);
        for at in (0..length).step_by(BLOCK) {
            let block = self.block(offset + at as u32)?;
            let (file, _) = block.split_at_checked(length - at).unwrap_or((&block, &[]));
            let (data, crc) = file.split_at_checked(data.saturating_sub(at)).unwrap_or((file, &[]));
            digest.update(data);
            crc.iter().for_each(|byte| stored = stored >> 8 | u32::from(*byte) << 24);
        }
        (digest.finalize() == stored).then_some(stored)
    }

    /// A record and its seal.
    #[inline(never)]
    fn pair(&mut self, slot: usize, pair: u32) -> [Option<[u8; BLOCK]>; 2] {
        let start = self.area.start(slot);
        Mark::PAIR.map(|mark| self.block(start + record::start(pair, mark)))
    }

    /// A block as the flash reads it; `None` where it can't, as some can't read torn words.
    #[inline(never)]
    fn block(&mut self, at: u32) -> Option<[u8; BLOCK]> {
        let mut block = BLANK;
        self.flash.read(at, &mut block).ok().map(|()| block)
    }
}
