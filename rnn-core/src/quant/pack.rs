//! Weights into their places, and back.

use super::block::{Block, BlockRef, Format, Layout, Width, paired, unpaired};
use super::network::{IntegerNetwork, Plan};
use crate::cell::take;

/// The integers of a block, row after row.
#[derive(Clone, Copy, Debug)]
pub struct BlockValues<'a> {
    /// What the sums start with: N values.
    pub bias: &'a [i32],
    /// The multipliers: N values.
    pub multipliers: &'a [i32],
    /// N x `wide` weights.
    pub wide: &'a [i16],
    /// N x `narrow` weights, within the limit of the format's width.
    pub narrow: &'a [i16],
}

/// Writes the tensors of a block, [`Block::words`] together, into `words`; `false` when `words` or a
/// tensor isn't of that size, or a weight is beyond the limit of its width.
pub fn pack(block: Block, format: Format, values: BlockValues<'_>, words: &mut [i32]) -> bool {
    let BlockValues { bias, multipliers, wide, narrow } = values;
    let limit = format.width.limit();
    let sizes = [bias.len(), multipliers.len()] == [block.rows; 2]
        && wide.len() == block.rows * block.wide
        && narrow.len() == block.rows * block.narrow
        && words.len() == block.words(format).iter().sum::<usize>();
    if !sizes || narrow.iter().any(|&w| i32::from(w).abs() > limit) {
        return false;
    }
    words.fill(0);
    let mut writer = Writer::new(block, format, &mut { words });
    writer.bias.iter_mut().zip(bias).for_each(|(to, &from)| *to = from);
    writer.multipliers.iter_mut().zip(multipliers).for_each(|(to, &from)| *to = from);
    numbered(wide, block.wide).for_each(|(i, j, w)| writer.put_wide(i, j, w));
    numbered(narrow, block.narrow).for_each(|(i, j, w)| writer.put_narrow(i, j, w));
    set_offsets(block, format, words);
    true
}

/// A block's tensors, to be written; no weight but 0 at first.
struct Writer<'a> {
    block: Block,
    format: Format,
    bias: &'a mut [i32],
    multipliers: &'a mut [i32],
    wide: &'a mut [i16],
    narrow: &'a mut [i32],
}

impl<'a> Writer<'a> {
    /// In the front of `words`, which moves on.
    fn new(block: Block, format: Format, words: &mut &'a mut [i32]) -> Self {
        let [bias, multipliers, wide, narrow] = block.words(format).map(|count| take(words, count));
        let wide = bytemuck::cast_slice_mut(wide);
        if matches!(format, Format { width: Width::Eight, layout: Layout::Pairs }) {
            bytemuck::cast_slice_mut(narrow).fill(paired(0, 0));
        }
        Writer { block, format, bias, multipliers, wide, narrow }
    }

    fn put_wide(&mut self, i: usize, j: usize, w: i16) {
        self.wide[self.format.layout.place(self.block.wide, i, j)] = w;
    }

    fn put_narrow(&mut self, i: usize, j: usize, w: i16) {
        let place = self.format.place(self.block.narrow, i, j);
        match self.format {
            Format { width: Width::Sixteen, .. } => {
                bytemuck::cast_slice_mut::<i32, i16>(self.narrow)[place] = w;
            }
            Format { layout: Layout::Pairs, .. } => {
                let pair = &mut bytemuck::cast_slice_mut::<i32, i16>(self.narrow)[place];
                let [a, b] = unpaired(*pair).map(|w| w as i8);
                *pair = if i.is_multiple_of(2) { paired(w as i8, b) } else { paired(a, w as i8) };
            }
            _ => {
                let (_, bytes) = self.narrow.split_at_mut(self.block.offsets(self.format));
                bytemuck::cast_slice_mut::<i32, i8>(bytes)[place] = w as i8;
            }
        }
    }
}

/// Writes the offsets of the weights in a block's words, where it has such: see [`Narrow::Quads`].
pub(crate) fn set_offsets(block: Block, format: Format, words: &mut [i32]) {
    let [bias, multipliers, wide, _] = block.words(format);
    for i in 0..block.offsets(format) {
        let of_block = BlockRef::take(block, format, &mut &*words);
        let weights = (0..block.in_fours()).filter_map(|j| of_block.narrow_weight(i, j));
        let offset = weights.fold(0i32, |sum, w| sum.wrapping_sub(i32::from(w) << 15));
        if let Some(word) = words.get_mut(bias + multipliers + wide + i) {
            *word = offset;
        }
    }
}

/// Writes the words of a network in another layout into `words`; `false` when there aren't as many as
/// its plan with that layout counts.
pub fn repack(network: &IntegerNetwork<'_>, layout: Layout, words: &mut [i32]) -> bool {
    let plan = *network.plan();
    let to = Plan { format: Format { layout, ..plan.format }, ..plan };
    if words.len() != to.words() {
        return false;
    }
    words.fill(0);
    let mut rest = words;
    let scales = take(&mut rest, plan.scales());
    scales.iter_mut().enumerate().for_each(|(i, to)| *to = network.scale(i).to_bits() as i32);
    for (block, from) in network.all_blocks() {
        let own = take(&mut rest, block.words(to.format).iter().sum());
        let mut writer = Writer::new(block, to.format, &mut &mut *own);
        for i in 0..block.rows {
            writer.bias[i] = from.bias[i];
            writer.multipliers[i] = from.multipliers[i];
            for j in 0..block.wide {
                writer.put_wide(i, j, from.wide_weight(i, j).unwrap_or_default());
            }
            for j in 0..block.narrow {
                writer.put_narrow(i, j, from.narrow_weight(i, j).unwrap_or_default());
            }
        }
        set_offsets(block, to.format, own);
    }
    true
}

/// Rows and columns of row-major weights.
fn numbered(weights: &[i16], columns: usize) -> impl Iterator<Item = (usize, usize, i16)> + '_ {
    let rows = weights.chunks_exact(columns.max(1)).enumerate();
    rows.flat_map(|(i, row)| row.iter().enumerate().map(move |(j, &w)| (i, j, w)))
}
