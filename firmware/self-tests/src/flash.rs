//! A flash of few pages in RAM, so that an upload of the embedded model fits beside all else.

use app::{Flash, embedded};
use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write,
};
use rnn_core::slots::{Area, FILE_AT};

const PAGE: usize = 256;
const SLOT: usize = (FILE_AT as usize + embedded::FILE.header.file_length()).next_multiple_of(PAGE);
/// Bytes of two slots for a model like the embedded one.
pub(crate) const SIZE: usize = 2 * SLOT;

/// With no bytes a board without slots.
pub(crate) struct SmallFlash<'f>(pub(crate) &'f mut [u8]);

impl ErrorType for SmallFlash<'_> {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for SmallFlash<'_> {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        check_read(&*self, offset, bytes.len())?;
        let from = self.0.iter().skip(offset as usize);
        bytes.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.0.len()
    }
}

impl NorFlash for SmallFlash<'_> {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = PAGE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        check_erase(&*self, from, to)?;
        let part = self.0.get_mut(from as usize..to as usize).unwrap_or_default();
        part.iter_mut().for_each(|byte| *byte = 0xFF);
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        check_write(&*self, offset, bytes.len())?;
        let to = self.0.iter_mut().skip(offset as usize);
        to.zip(bytes).for_each(|(to, from)| *to &= from);
        Ok(())
    }
}

impl Flash for SmallFlash<'_> {
    fn area(&self) -> Area {
        let size = self.0.len() as u32 / 2;
        Area { starts: [0, size], size }
    }

    fn bytes(&self, offset: u32, length: u32) -> &[u8] {
        let from = offset as usize;
        self.0.get(from..from.saturating_add(length as usize)).unwrap_or_default()
    }
}
