//! The nRF51's flash. Registers after Nordic's nRF51 Series Reference Manual, version 3.0, chapter 6.
#![allow(unsafe_code)] // The registers, and the flash where it lies.

use app::Flash;
use core::ops::Range;
use core::ptr::{addr_of, read_volatile, write_volatile};
use core::slice;
use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write,
};
use rnn_core::slots::Area;

// `memory.x`: only their addresses mean anything.
unsafe extern "C" {
    static _slots_start: u32;
    static _slots_end: u32;
}

/// The region SLOTS of the flash, behind the image.
pub(crate) struct Nvmc {
    addresses: Range<usize>,
}

#[derive(Clone, Copy)]
#[repr(usize)]
enum Register {
    Ready = 0x4001_e400,
    Mode = 0x4001_e504,
    ErasePage = 0x4001_e508,
}

/// What the flash may be used for.
#[derive(Clone, Copy)]
enum Mode {
    Read = 0,
    Write = 1,
    Erase = 2,
}

impl Register {
    fn write(self, value: u32) {
        // SAFETY: a word register of a peripheral that is always there.
        unsafe { write_volatile(self as usize as *mut u32, value) }
    }
}

/// Waits until the last operation is done.
fn wait() {
    // SAFETY: as above.
    while unsafe { read_volatile(Register::Ready as usize as *const u32) } & 1 == 0 {}
}

impl Nvmc {
    /// The board's only one.
    ///
    /// # Safety
    /// To be called once: a second one would write where the first one lends what is there.
    pub(crate) unsafe fn take() -> Self {
        Nvmc { addresses: addr_of!(_slots_start) as usize..addr_of!(_slots_end) as usize }
    }

    /// Does something in a mode in which that may be done.
    fn in_mode(mode: Mode, act: impl FnOnce()) {
        Register::Mode.write(mode as u32);
        act();
        Register::Mode.write(Mode::Read as u32);
    }
}

impl ErrorType for Nvmc {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for Nvmc {
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

impl NorFlash for Nvmc {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = 1024;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        check_erase(&*self, from, to)?;
        Self::in_mode(Mode::Erase, || {
            for page in (from..to).step_by(Self::ERASE_SIZE) {
                Register::ErasePage.write(self.addresses.start as u32 + page);
                wait();
            }
        });
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        check_write(&*self, offset, bytes.len())?;
        let start = self.addresses.start + offset as usize;
        Self::in_mode(Mode::Write, || {
            let words = bytes.as_chunks::<4>().0;
            for (address, word) in (start..).step_by(4).zip(words) {
                // SAFETY: a word of the region, as was checked; nothing is lent of it meanwhile.
                unsafe { write_volatile(address as *mut u32, u32::from_ne_bytes(*word)) };
                wait();
            }
        });
        Ok(())
    }
}

impl Flash for Nvmc {
    fn area(&self) -> Area {
        let size = self.addresses.len() as u32 / 2;
        Area { starts: [0, size], size }
    }

    fn bytes(&self, offset: u32, length: u32) -> &[u8] {
        let (offset, length) = (offset as usize, length as usize);
        if offset.saturating_add(length) > self.addresses.len() {
            return &[];
        }
        // SAFETY: inside the flash, which is written by this one alone, and not while it is lent.
        unsafe { slice::from_raw_parts((self.addresses.start + offset) as *const u8, length) }
    }
}
