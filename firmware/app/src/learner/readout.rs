//! The readout alone learns.

use super::{BLOCK, SHAPE, Sizes};
use crate::Words;
use rnn_core::adapt::flat::{Readout, room_of_readout};
use rnn_core::link::Part;

/// What the host is told.
pub(super) const PART: Part = Part::Readout;
/// Numbers that are adapted.
pub(super) const PARAMETERS: usize = SHAPE.outputs * (SHAPE.layers.hidden() + 1);
/// Numbers beside.
pub(super) const ROOM: usize = room_of_readout(SHAPE, BLOCK);

pub(super) type Learner = Readout<Sizes>;

/// What of a model never learns, and what does.
#[inline(always)]
pub(super) fn of(words: &Words) -> Option<(&[f32], &[f32; PARAMETERS])> {
    Some((words, words.last_chunk()?))
}
