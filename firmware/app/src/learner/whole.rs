//! The whole network learns.

use super::{BLOCK, SHAPE, Sizes};
use crate::Words;
use rnn_core::adapt::flat::{Whole, room_of_whole};
use rnn_core::link::Part;

/// What the host is told.
pub(super) const PART: Part = Part::Whole;
/// Numbers that are adapted.
pub(super) const PARAMETERS: usize = SHAPE.parameters();
/// Numbers beside.
pub(super) const ROOM: usize = room_of_whole(SHAPE, BLOCK);

pub(super) type Learner = Whole<Sizes>;

/// What of a model never learns, and what does.
#[inline(always)]
pub(super) fn of(words: &Words) -> Option<((), &[f32; PARAMETERS])> {
    Some(((), words.first_chunk()?))
}
