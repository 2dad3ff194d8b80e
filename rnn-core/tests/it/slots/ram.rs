//! A NOR flash in RAM whose power can be cut at any byte of any write or erase.

use std::ops::Range;

use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write,
};
use rnn_core::random::SplitMix64;

/// What a cut leaves of the word that was being written or of the page that was being erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tear {
    /// The bytes up to the cut are as they were to be, the others as they were.
    Prefix,
    /// Beyond these, any of the bits that were to change have changed.
    AnyBits,
    /// The bits that were to change are in doubt: they read one way after one reset and another way
    /// after the next. A write's first bit shows that it has begun.
    InDoubt,
    /// The word, or the page, can't be read until it is erased, as where the flash checks its words.
    Unreadable,
}

pub(crate) static TEARS: [Tear; 4] = [Tear::Prefix, Tear::AnyBits, Tear::InDoubt, Tear::Unreadable];

/// How bits in doubt read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// As if the write or erase had not begun.
    Before,
    /// As if it had ended.
    After,
    /// Each as chance has it, at every reading.
    Mixed,
}

pub(crate) static READINGS: [Reading; 3] = [Reading::Before, Reading::After, Reading::Mixed];

/// A cut of the power.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    /// In which write or erase since the reset.
    pub(crate) operation: usize,
    /// After how many of its bytes; all of them: right after it.
    pub(crate) byte: usize,
    pub(crate) tear: Tear,
}

/// A write or an erase of so many bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Write(usize),
    Erase(usize),
}

#[derive(Clone, Debug)]
pub(crate) struct Ram<const WRITE: usize, const ERASE: usize> {
    /// Every bit; one in doubt as it was to become.
    pub(crate) bytes: Vec<u8>,
    /// The bits in doubt.
    doubt: Vec<u8>,
    unreadable: Vec<bool>,
    /// Pages whose erase was cut.
    half_erased: Vec<bool>,
    reading: Reading,
    powered: bool,
    pub(crate) cut: Option<Cut>,
    /// Since the reset.
    pub(crate) operations: Vec<Operation>,
    /// What no flash allows.
    pub(crate) misuse: Option<&'static str>,
    random: SplitMix64,
}

impl<const WRITE: usize, const ERASE: usize> Ram<WRITE, ERASE> {
    /// All zeros: nothing was ever erased.
    pub(crate) fn new(pages: usize) -> Self {
        Ram {
            bytes: vec![0; pages * ERASE],
            doubt: vec![0; pages * ERASE],
            unreadable: vec![false; pages * ERASE],
            half_erased: vec![false; pages],
            reading: Reading::After,
            powered: true,
            cut: None,
            operations: vec![],
            misuse: None,
            random: SplitMix64::new(1),
        }
    }

    /// Power comes back.
    pub(crate) fn reset(&mut self, reading: Reading) {
        self.reading = reading;
        self.powered = true;
        self.cut = None;
        self.operations.clear();
    }

    /// Begins an operation: after how many bytes, and how, power is cut.
    fn begin(&mut self, operation: Operation) -> Option<Cut> {
        self.operations.push(operation);
        let cut = self.cut.filter(|cut| cut.operation + 1 == self.operations.len());
        self.powered = cut.is_none();
        cut
    }

    /// The ways in which its bits may read.
    pub(crate) fn readings(&self) -> &'static [Reading] {
        let in_doubt = self.doubt.chunks(ERASE).any(|page| page != [0; ERASE]);
        if in_doubt { &READINGS } else { &READINGS[..1] }
    }

    fn powered(&self) -> Result<(), NorFlashErrorKind> {
        if self.powered { Ok(()) } else { Err(NorFlashErrorKind::Other) }
    }

    fn random_byte(&mut self) -> u8 {
        self.random.next_u64() as u8
    }

    fn byte(&mut self, at: usize) -> u8 {
        let flipped = match self.reading {
            Reading::Before => 0xFF,
            Reading::After => 0,
            Reading::Mixed => self.random_byte(),
        };
        self.bytes[at] ^ (self.doubt[at] & flipped)
    }

    /// Bits become 0, and are in doubt no more.
    fn program(&mut self, at: usize, value: u8) {
        self.bytes[at] &= value;
        self.doubt[at] &= value;
    }

    fn erase_bytes(&mut self, range: Range<usize>) {
        self.bytes[range.clone()].fill(0xFF);
        self.doubt[range.clone()].fill(0);
        self.unreadable[range].fill(false);
    }
}

impl<const WRITE: usize, const ERASE: usize> ErrorType for Ram<WRITE, ERASE> {
    type Error = NorFlashErrorKind;
}

impl<const WRITE: usize, const ERASE: usize> ReadNorFlash for Ram<WRITE, ERASE> {
    const READ_SIZE: usize = WRITE;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        self.powered()?;
        check_read(self, offset, bytes.len())?;
        let range = offset as usize..offset as usize + bytes.len();
        if self.unreadable[range.clone()].contains(&true) {
            return Err(NorFlashErrorKind::Other);
        }
        bytes.copy_from_slice(&self.bytes[range.clone()]);
        if self.doubt[range.clone()].iter().any(|bits| *bits != 0) {
            bytes.iter_mut().zip(range).for_each(|(byte, at)| *byte = self.byte(at));
        }
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.bytes.len()
    }
}

impl<const WRITE: usize, const ERASE: usize> NorFlash for Ram<WRITE, ERASE> {
    const WRITE_SIZE: usize = WRITE;
    const ERASE_SIZE: usize = ERASE;

    fn write(&mut self, offset: u32, data: &[u8]) -> Result<(), NorFlashErrorKind> {
        self.powered()?;
        check_write(self, offset, data.len())?;
        let start = offset as usize;
        let cut = self.begin(Operation::Write(data.len()));
        let done = cut.map_or(data.len(), |cut| cut.byte);
        for at in start..start + data.len() {
            if self.half_erased[at / ERASE] {
                self.misuse = Some("a write to a page whose erase was cut");
            } else if self.unreadable[at] || self.byte(at) != 0xFF {
                self.misuse = Some("a second write to a word");
            }
        }
        let whole = if done < data.len() { done - done % WRITE } else { done };
        let (before, torn) = data.split_at(whole);
        before.iter().enumerate().for_each(|(i, byte)| self.program(start + i, *byte));
        let Some(cut) = cut else { return Ok(()) };
        let mut begun = false;
        for (i, byte) in (whole..).zip(torn) {
            let at = start + i;
            match cut.tear {
                Tear::InDoubt => {
                    let mut doubtful = self.bytes[at] & !byte;
                    if !begun && doubtful != 0 {
                        begun = true;
                        doubtful &= doubtful - 1;
                    }
                    self.program(at, *byte);
                    self.doubt[at] |= doubtful;
                }
                _ if i < done => self.program(at, *byte),
                Tear::AnyBits => {
                    let value = byte | self.random_byte();
                    self.program(at, value);
                }
                Tear::Prefix | Tear::Unreadable => {}
            }
            self.unreadable[at] |= cut.tear == Tear::Unreadable && i < whole + WRITE;
        }
        Err(NorFlashErrorKind::Other)
    }

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        self.powered()?;
        check_erase(self, from, to)?;
        let (from, to) = (from as usize, to as usize);
        let cut = self.begin(Operation::Erase(to - from));
        let done = cut.map_or(to, |cut| from + cut.byte);
        let page = done - done % ERASE;
        self.erase_bytes(from..page);
        self.half_erased[from / ERASE..page / ERASE].fill(false);
        let Some(cut) = cut else { return Ok(()) };
        if page < to && (page < done || cut.tear != Tear::Prefix) {
            self.half_erased[page / ERASE] = true;
            for at in page..page + ERASE {
                match cut.tear {
                    Tear::InDoubt => {
                        self.doubt[at] |= !self.bytes[at];
                        self.bytes[at] = 0xFF;
                    }
                    _ if at < done => self.erase_bytes(at..at + 1),
                    Tear::AnyBits => {
                        let erased = self.random_byte();
                        self.bytes[at] |= erased;
                        self.doubt[at] &= !erased;
                    }
                    Tear::Prefix | Tear::Unreadable => {}
                }
                self.unreadable[at] |= cut.tear == Tear::Unreadable;
            }
        }
        Err(NorFlashErrorKind::Other)
    }
}
