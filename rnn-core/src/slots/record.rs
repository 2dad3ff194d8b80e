//! The records at the start of a slot.

use super::Model;
use crate::model_file::CRC;

/// Bytes that are read and written at once, and those of a record: a multiple of every write size that
/// is supported.
pub(super) const BLOCK: usize = 32;
/// Records in a slot: pairs of a record and its seal, used one after another.
pub(super) const PAIRS: u32 = 4;
/// Where the model file starts in its slot.
pub const FILE_AT: u32 = 2 * PAIRS * BLOCK as u32;

/// Where a model file has its own length; a block starts there.
pub(super) const LENGTH_AT: u32 = 32;

/// What a block reads as after an erase.
pub(super) const BLANK: [u8; BLOCK] = [0xFF; BLOCK];

/// Which of a pair a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// The file of this slot is whole and has passed its self-tests.
    Record,
    /// The record before this one was written to its end: no bit of it is in doubt.
    Seal,
}

impl Mark {
    /// Both, in the order in which they are written.
    pub(super) const PAIR: [Mark; 2] = [Mark::Record, Mark::Seal];

    const fn magic(self) -> [u8; 8] {
        match self {
            Mark::Record => *b"RNNSLOT1",
            Mark::Seal => *b"RNNSEAL1",
        }
    }
}

/// Where a record or seal of a pair lies in its slot.
pub(super) const fn start(pair: u32, mark: Mark) -> u32 {
    (2 * pair + mark as u32) * BLOCK as u32
}

/// The block that says so of a model.
#[inline(never)] // As below: once in an image, not at every use. Flash is scarce, updates are rare.
pub(super) fn encode(mark: Mark, model: &Model) -> [u8; BLOCK] {
    let words = [model.sequence, model.length, model.crc, 0, 0].map(u32::to_le_bytes);
    let mut block = BLANK;
    let content = mark.magic().into_iter().chain(words.into_iter().flatten());
    block.iter_mut().zip(content).for_each(|(to, from)| *to = from);
    if let Some((data, crc)) = block.split_last_chunk_mut::<4>() {
        *crc = CRC.checksum(data).to_le_bytes();
    }
    block
}

/// The model in this slot of which a block, either of a pair, speaks; `None` if it is no record.
#[inline(never)]
pub(super) fn decode(block: &[u8; BLOCK], slot: usize, start: u32) -> Option<Model> {
    let mark = Mark::PAIR.into_iter().find(|mark| block.starts_with(&mark.magic()))?;
    let (words, []) = block.as_chunks::<4>() else { return None };
    let mut words = words.iter().skip(2).map(|bytes| u32::from_le_bytes(*bytes));
    let (sequence, length, crc) = (words.next()?, words.next()?, words.next()?);
    let model = Model { slot, offset: start + FILE_AT, length, crc, sequence };
    (encode(mark, &model) == *block).then_some(model)
}
