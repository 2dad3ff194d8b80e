//! Weights into their places, and back.

use super::block::{Block, BlockRef, Format, Layout, Narrow, Width, paired, unpaired};

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
    let mut rest = words;
    let [to_bias, to_multipliers, to_wide, to_narrow] =
        block.words(format).map(|count| crate::cell::take(&mut rest, count));
    to_bias.iter_mut().zip(bias).for_each(|(to, &from)| *to = from);
    to_multipliers.iter_mut().zip(multipliers).for_each(|(to, &from)| *to = from);
    let to_wide: &mut [i16] = bytemuck::cast_slice_mut(to_wide);
    for (i, j, w) in numbered(wide, block.wide) {
        to_wide[format.layout.place(block.wide, i, j)] = w;
    }
    let columns = block.narrow;
    match format {
        Format { width: Width::Sixteen, layout } => {
            let to: &mut [i16] = bytemuck::cast_slice_mut(to_narrow);
            for (i, j, w) in numbered(narrow, columns) {
                to[layout.place(columns, i, j)] = w;
            }
        }
        Format { width: Width::Eight, layout: Layout::Pairs } => {
            let to: &mut [i16] = bytemuck::cast_slice_mut(to_narrow);
            for (i, j, w) in numbered(narrow, columns) {
                let pair = &mut to[Layout::pair_place(columns, i, j)];
                let [a, b] = unpaired(*pair).map(|w| w as i8);
                *pair = if i % 2 == 0 { paired(w as i8, b) } else { paired(a, w as i8) };
            }
        }
        Format { width: Width::Eight, layout } => {
            let to: &mut [i8] = bytemuck::cast_slice_mut(to_narrow);
            for (i, j, w) in numbered(narrow, columns) {
                to[layout.place(columns, i, j)] = w as i8;
            }
        }
    }
    true
}

/// Rows and columns of row-major weights.
fn numbered(weights: &[i16], columns: usize) -> impl Iterator<Item = (usize, usize, i16)> + '_ {
    let rows = weights.chunks_exact(columns.max(1)).enumerate();
    rows.flat_map(|(i, row)| row.iter().enumerate().map(move |(j, &w)| (i, j, w)))
}

impl BlockRef<'_> {
    /// Wide weight of row i and column j.
    pub fn wide_weight(&self, i: usize, j: usize) -> i16 {
        self.wide[self.layout.place(self.wide_columns, i, j)]
    }

    /// Narrow weight of row i and column j.
    pub fn narrow_weight(&self, i: usize, j: usize) -> i16 {
        let columns = self.narrow_columns;
        match self.narrow {
            Narrow::Bytes(w) => w[self.layout.place(columns, i, j)].into(),
            Narrow::Halves(w) => w[self.layout.place(columns, i, j)],
            Narrow::Pairs(w) => unpaired(w[Layout::pair_place(columns, i, j)])[i % 2] as i16,
        }
    }
}
