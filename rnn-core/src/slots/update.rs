//! An update: erase, write, read back, test, commit.

use embedded_storage::nor_flash::NorFlash;

use super::area::other;
use super::record::{BLANK, BLOCK};
use super::{Error, FILE_AT, Model, Refusal, Slots};

/// A file of which a part has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Update {
    slot: usize,
    length: u32,
    received: u32,
    /// What came since the last whole block.
    block: [u8; BLOCK],
}

impl<F: NorFlash> Slots<F> {
    /// Begins an update with a file of that length, and gives up one that was under way. The slot that
    /// doesn't run is erased: nothing may refer to a model in it any more.
    pub fn begin(&mut self, length: u32) -> Result<(), Error<F::Error>> {
        self.update = None;
        let room = self.area.room();
        if length > room {
            return Err(Error::Room { room });
        }
        self.settle()?;
        let slot = match self.running {
            Some(running) => other(running.slot),
            None => {
                // What is there doesn't run, but might seem newer than what is to come.
                self.erase(1, 0)?;
                0
            }
        };
        self.erase(slot, length)?;
        self.update = Some(Update { slot, length, received: 0, block: BLANK });
        Ok(())
    }

    /// Takes the next bytes of the file. [`Error::Length`] when there are more than were announced: none
    /// of them is taken.
    pub fn write(&mut self, chunk: &[u8]) -> Result<(), Error<F::Error>> {
        let Slots { flash, area, update: under_way, .. } = self;
        let Some(update) = under_way else { return Err(Error::NotBegun) };
        let found = chunk.len().saturating_add(update.received as usize);
        if found > update.length as usize {
            return Err(Error::Length { expected: update.length, found });
        }
        let file = area.file(update.slot);
        for byte in chunk {
            update.block[update.received as usize % BLOCK] = *byte;
            update.received += 1;
            if (update.received as usize).is_multiple_of(BLOCK) {
                let at = file + update.received - BLOCK as u32;
                if let Err(error) = flash.write(at, &update.block) {
                    *under_way = None;
                    return Err(Error::Flash(error));
                }
                update.block = BLANK;
            }
        }
        Ok(())
    }

    /// Ends an update: reads the file back, asks whether it `may_run`, and makes it the one that runs,
    /// now and after every reset. From here on no cut of the power can bring the old one back; the
    /// caller runs the new one from now on and may say so. After an error the old one runs on (where
    /// that error came with the record itself, the next reset may find the new one).
    pub fn finish(
        &mut self,
        may_run: impl FnOnce(&mut F, Model) -> Result<(), Refusal>,
    ) -> Result<Model, Error<F::Error>> {
        let Some(Update { slot, length, received, block }) = self.update else {
            return Err(Error::NotBegun);
        };
        if received < length {
            return Err(Error::Length { expected: length, found: received as usize });
        }
        self.update = None;
        let offset = self.area.file(slot);
        let rest = received % BLOCK as u32;
        if rest > 0 {
            self.flash.write(offset + received - rest, &block).map_err(Error::Flash)?;
        }
        let crc = self.crc(offset, length).ok_or(Error::Damaged)?;
        let sequence = self.running.map_or(0, |running| running.sequence.wrapping_add(1));
        let model = Model { slot, offset, length, crc, sequence };
        may_run(&mut self.flash, model).map_err(Error::Refused)?;
        self.write_pair(&model, 0)?;
        self.running = Some(model);
        Ok(model)
    }

    /// Erases the pages that the records and a file of that length take, the one of the records last: with
    /// its file gone a slot can't come to count. Also those that read blank: an erase that was cut
    /// leaves such pages, and their bits don't hold.
    fn erase(&mut self, slot: usize, length: u32) -> Result<(), Error<F::Error>> {
        let start = self.area.start(slot);
        let page = F::ERASE_SIZE as u32;
        let records = FILE_AT.next_multiple_of(page);
        let end = (FILE_AT + length).next_multiple_of(page);
        for (from, to) in [(records, end), (0, records)] {
            if from < to {
                self.flash.erase(start + from, start + to).map_err(Error::Flash)?;
            }
        }
        Ok(())
    }
}
