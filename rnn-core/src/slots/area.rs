//! Where the slots and their models lie.

use super::FILE_AT;

/// Where the slots lie in the flash, bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// Where they start; pages of the flash begin there.
    pub starts: [u32; 2],
    /// Size of one slot, whole pages.
    pub size: u32,
}

impl Area {
    /// Longest file that a slot can hold.
    pub const fn room(&self) -> u32 {
        self.size.saturating_sub(FILE_AT)
    }

    pub(super) const fn start(&self, slot: usize) -> u32 {
        let [a, b] = self.starts;
        if slot == 0 { a } else { b }
    }

    pub(super) const fn file(&self, slot: usize) -> u32 {
        self.start(slot) + FILE_AT
    }

    /// Whether there can be such slots in a flash of that page size and capacity.
    pub(super) fn fits(&self, page: usize, capacity: usize) -> bool {
        let [a, b] = self.starts;
        let whole = |bytes: u32| (bytes as usize).is_multiple_of(page);
        let inside =
            |start: u32| start.checked_add(self.size).is_some_and(|end| end as usize <= capacity);
        self.room() > 0
            && a.abs_diff(b) >= self.size
            && [a, b, self.size].into_iter().all(whole)
            && [a, b].into_iter().all(inside)
    }
}

/// A whole model in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Model {
    /// 0 or 1.
    pub slot: usize,
    /// Where its file starts in the flash, bytes.
    pub offset: u32,
    /// Length of its file, bytes.
    pub length: u32,
    /// CRC-32 of its file; see [`ModelFile::crc`](crate::model_file::ModelFile::crc).
    pub crc: u32,
    /// Higher than that of the model before it; wraps.
    pub sequence: u32,
}

impl Model {
    pub(super) const fn is_newer_than(&self, other: &Model) -> bool {
        self.sequence.wrapping_sub(other.sequence) as i32 > 0
    }
}

/// The other slot.
pub(super) const fn other(slot: usize) -> usize {
    if slot == 0 { 1 } else { 0 }
}
