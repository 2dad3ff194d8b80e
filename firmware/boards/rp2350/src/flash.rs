//! The flash: the chip erases and writes it with functions of its boot ROM.

use embassy_rp::Peri;
use embassy_rp::flash::{Blocking, ERASE_SIZE, Error, Flash, READ_SIZE, WRITE_SIZE};
use embassy_rp::peripherals::FLASH;
use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};

/// Where the processor reads it.
pub(crate) const ORIGIN: usize = 0x1000_0000;
/// All that there is, bytes.
const SIZE: usize = 4 << 20;

/// The driver. The ROM has a table of its functions' addresses: what they call can't be followed in the
/// image. So the ways to them are functions of their own.
pub(crate) struct BootRom<'d>(Flash<'d, FLASH, Blocking, SIZE>);

impl<'d> BootRom<'d> {
    pub(crate) fn new(flash: Peri<'d, FLASH>) -> Self {
        Self(Flash::new_blocking(flash))
    }
}

impl ErrorType for BootRom<'_> {
    type Error = Error;
}

impl ReadNorFlash for BootRom<'_> {
    const READ_SIZE: usize = READ_SIZE;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Error> {
        self.0.blocking_read(offset, bytes)
    }

    fn capacity(&self) -> usize {
        SIZE
    }
}

impl NorFlash for BootRom<'_> {
    const WRITE_SIZE: usize = WRITE_SIZE;
    const ERASE_SIZE: usize = ERASE_SIZE;

    #[inline(never)]
    fn erase(&mut self, from: u32, to: u32) -> Result<(), Error> {
        self.0.blocking_erase(from, to)
    }

    #[inline(never)]
    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Error> {
        self.0.blocking_write(offset, bytes)
    }
}
