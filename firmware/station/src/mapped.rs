//! A chip's flash that the processor reads where it lies, lent for models that come over the link.
#![allow(unsafe_code)] // The flash where it lies.

use app::Flash;
use core::ops::Range;
use core::ptr::addr_of;
use core::slice;
use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash, check_erase, check_read,
    check_write,
};
use rnn_core::slots::Area;

// The board's `memory.x`: only their addresses mean anything.
unsafe extern "C" {
    static _slots_start: u32;
    static _slots_end: u32;
}

/// The region SLOTS of the board's memory, written through the chip's own driver.
pub struct Mapped<F> {
    driver: F,
    /// From where on the driver counts.
    origin: usize,
    addresses: Range<usize>,
}

impl<F: NorFlash> Mapped<F> {
    /// With the driver of the whole flash, which the processor reads from the address `origin` on.
    ///
    /// # Safety
    /// There is one driver, and nobody else writes in that region.
    pub unsafe fn new(driver: F, origin: usize) -> Self {
        let addresses = addr_of!(_slots_start) as usize..addr_of!(_slots_end) as usize;
        Mapped { driver, origin, addresses }
    }

    /// The same without any slots: where there is nothing that could write.
    pub fn without_slots(self) -> Self {
        let start = self.addresses.start;
        Mapped { addresses: start..start, ..self }
    }

    /// What the driver calls this offset.
    fn of_driver(&self, offset: u32) -> u32 {
        (self.addresses.start - self.origin) as u32 + offset
    }
}

impl<F: NorFlash> ErrorType for Mapped<F> {
    type Error = NorFlashErrorKind;
}

impl<F: NorFlash> ReadNorFlash for Mapped<F> {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        check_read(&*self, offset, bytes.len())?;
        let from = self.bytes(offset, bytes.len() as u32);
        bytes.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.addresses.len()
    }
}

impl<F: NorFlash> NorFlash for Mapped<F> {
    const WRITE_SIZE: usize = F::WRITE_SIZE;
    const ERASE_SIZE: usize = F::ERASE_SIZE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        check_erase(&*self, from, to)?;
        let (from, to) = (self.of_driver(from), self.of_driver(to));
        self.driver.erase(from, to).map_err(|error| error.kind())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        check_write(&*self, offset, bytes.len())?;
        let offset = self.of_driver(offset);
        self.driver.write(offset, bytes).map_err(|error| error.kind())
    }
}

impl<F: NorFlash> Flash for Mapped<F> {
    fn area(&self) -> Area {
        let size = self.addresses.len() as u32 / 2;
        Area { starts: [0, size], size }
    }

    fn bytes(&self, offset: u32, length: u32) -> &[u8] {
        let (offset, length) = (offset as usize, length as usize);
        if offset.saturating_add(length) > self.addresses.len() {
            return &[];
        }
        // SAFETY: inside the flash, which is written through this one alone, and not while it is lent.
        unsafe { slice::from_raw_parts((self.addresses.start + offset) as *const u8, length) }
    }
}
