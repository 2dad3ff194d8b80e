//! A RAM that is written like a flash, for emulated boards: what QEMU's reset leaves as it is.
#![allow(unsafe_code)] // Its memory is the linker's.

use app::Flash;
use core::ptr::{addr_of, addr_of_mut};
use core::slice;
use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write,
};
use rnn_core::slots::Area;

// The board's `memory.x`: only their addresses mean anything.
unsafe extern "C" {
    static mut _slots_start: u32;
    static _slots_end: u32;
}

/// The region SLOTS of the board's memory.
pub struct RamFlash(&'static mut [u8]);

impl RamFlash {
    /// Takes it; `None` when it has been taken before.
    pub fn take() -> Option<Self> {
        let () = *cortex_m::singleton!(: () = ())?;
        let start = addr_of_mut!(_slots_start);
        let length = addr_of!(_slots_end) as usize - start as usize;
        // SAFETY: nothing else lies in that region, and it is taken once. Whatever it holds are bytes.
        Some(RamFlash(unsafe { slice::from_raw_parts_mut(start.cast(), length) }))
    }

    fn part(&mut self, from: u32, to: u32) -> &mut [u8] {
        self.0.get_mut(from as usize..to as usize).unwrap_or_default()
    }
}

impl ErrorType for RamFlash {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for RamFlash {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        check_read(&*self, offset, bytes.len())?;
        let from = self.bytes(offset, bytes.len() as u32);
        bytes.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.0.len()
    }
}

impl NorFlash for RamFlash {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = 4096;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        check_erase(&*self, from, to)?;
        self.part(from, to).iter_mut().for_each(|byte| *byte = 0xFF);
        Ok(())
    }

    // A flash clears bits, it doesn't set any.
    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        check_write(&*self, offset, bytes.len())?;
        let to = self.part(offset, offset.saturating_add(bytes.len() as u32));
        to.iter_mut().zip(bytes).for_each(|(to, from)| *to &= from);
        Ok(())
    }
}

impl Flash for RamFlash {
    fn area(&self) -> Area {
        let size = self.0.len() as u32 / 2;
        Area { starts: [0, size], size }
    }

    fn bytes(&self, offset: u32, length: u32) -> &[u8] {
        let from = offset as usize;
        self.0.get(from..from.saturating_add(length as usize)).unwrap_or_default()
    }
}
