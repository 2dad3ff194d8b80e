//! Integer sums, the verb that integer cells are built from, and how their weights lie in memory:
//! out = requantised(start + W v).
//!
//! The first columns of a block, the *wide* ones, hold 16-bit weights: those of a network's inputs, of
//! which there are few. The others, the *narrow* ones, hold the format's. All weights of a row have
//! one unit, which the row's multiplier knows. Sums are taken in 32 bits; that they cannot overflow,
//! whatever v is, is checked when a model file is read ([`row_bound`]). So the order of a sum means
//! nothing, and every kernel gives the same bits.
//!
//! Weights lie in tiles of R rows and two columns, tile after tile along the columns; what is missing
//! of a tile are zeros. [`Layout`] says for whom which R is, and how 8-bit weights lie otherwise.

use core::fmt;

use crate::kernel::integer::OneHot;

/// How the weights of a block lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// R = 1: row after row. For cores that multiply one number at a time, and for Helium.
    Rows,
    /// R = 8, for cores with SMLAD, which feed two products with each word. Of 8-bit weights the two
    /// of a column in neighbouring rows share 16 bits, 256 a + (b + 128): taken whole, and taken for a,
    /// they give the sums of both rows.
    Pairs,
    /// R = 16, for vectors of a host. Tiles of 8-bit weights have four columns, which an instruction
    /// multiplies at once; two that are left make a tile of two.
    Panels,
}

impl Layout {
    /// R
    #[inline(always)]
    pub const fn rows(self) -> usize {
        match self {
            Layout::Rows => 1,
            Layout::Pairs => 8,
            Layout::Panels => 16,
        }
    }

    /// Where the 16-bit weight of row i and column j lies among those of so many columns.
    #[inline(always)]
    pub const fn place(self, columns: usize, i: usize, j: usize) -> usize {
        self.place_in_tile(2, columns, i, j)
    }

    /// The same in tiles of so many columns. Where fewer are left, two, they make a tile of their own.
    #[inline(always)]
    const fn place_in_tile(self, width: usize, columns: usize, i: usize, j: usize) -> usize {
        let (r, first) = (self.rows(), j - j % width);
        let width = if first + width <= columns { width } else { 2 };
        r * (i / r * columns + first) + width * (i % r) + j % width
    }
}

/// The format's name.
impl fmt::Display for Width {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Width::Eight => "w8a16",
            Width::Sixteen => "w16a16",
        })
    }
}

/// Bits of the narrow weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// `w8a16`
    Eight,
    /// `w16a16`
    Sixteen,
}

impl Width {
    /// Bytes of a weight.
    pub const fn bytes(self) -> usize {
        match self {
            Width::Eight => 1,
            Width::Sixteen => 2,
        }
    }

    /// The largest weight; the smallest is its negative.
    pub const fn limit(self) -> i32 {
        match self {
            Width::Eight => 127,
            Width::Sixteen => 32767,
        }
    }
}

/// Weights of one number format in one layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// Bits of the weights.
    pub width: Width,
    /// Where they lie.
    pub layout: Layout,
}

impl Format {
    /// Where the narrow weight of row i and column j lies among those of so many columns, counted in
    /// weights; in pairs where [`Layout::Pairs`] have 8 bits.
    #[inline(always)]
    pub const fn place(self, columns: usize, i: usize, j: usize) -> usize {
        match (self.width, self.layout) {
            (Width::Eight, Layout::Pairs) => {
                let r = Layout::Pairs.rows();
                r * (i / r * (columns / 2) + j / 2) + 2 * (i % r / 2) + j % 2
            }
            (Width::Eight, Layout::Panels) => self.layout.place_in_tile(4, columns, i, j),
            (Width::Eight, Layout::Rows) | (Width::Sixteen, _) => self.layout.place(columns, i, j),
        }
    }
}

/// Rows and columns of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Outputs.
    pub rows: usize,
    /// Columns of 16-bit weights; even.
    pub wide: usize,
    /// Columns of the format's weights; even.
    pub narrow: usize,
}

impl Block {
    /// `n` blocks of this size over one another.
    #[inline(always)]
    pub const fn times(self, n: usize) -> Self {
        Block { rows: n * self.rows, ..self }
    }

    /// Outputs with those that fill up the last tile.
    #[inline(always)]
    pub const fn padded_rows(self, layout: Layout) -> usize {
        // Even, so that all tensors end on a word.
        let r = if layout.rows() > 2 { layout.rows() } else { 2 };
        self.rows.next_multiple_of(r)
    }

    /// 32-bit words of the tensors: biases, multipliers, wide weights, narrow weights.
    #[inline(always)]
    pub const fn words(self, format: Format) -> [usize; 4] {
        let rows = self.padded_rows(format.layout);
        let narrow = rows * self.narrow * format.width.bytes() / 4;
        [rows, rows, rows * self.wide / 2, self.offsets(format) + narrow]
    }

    /// Narrow columns that lie in tiles of four.
    #[inline(always)]
    pub const fn in_fours(self) -> usize {
        self.narrow - self.narrow % 4
    }

    /// How many of the narrow weights' words come before them: see [`Narrow::Quads`].
    #[inline(always)]
    pub const fn offsets(self, format: Format) -> usize {
        match format {
            Format { width: Width::Eight, layout } if self.narrow > 0 => match layout {
                Layout::Panels => self.padded_rows(layout),
                Layout::Rows | Layout::Pairs => 0,
            },
            _ => 0,
        }
    }
}

/// Narrow weights in memory.
#[derive(Clone, Copy, Debug)]
pub enum Narrow<'a> {
    /// 8 bits in [`Layout::Rows`].
    Bytes(&'a [i8]),
    /// 8 bits in [`Layout::Panels`], behind what turns a row's products with x + 2^15, numbers without
    /// signs, to those with x: -2^15 times the sum of its weights in tiles of four columns. See
    /// [`quads`](BlockRef::quads).
    Quads(&'a [i32]),
    /// 8 bits in [`Layout::Pairs`].
    Pairs(&'a [i16]),
    /// 16 bits.
    Halves(&'a [i16]),
}

/// A block's tensors.
#[derive(Clone, Copy, Debug)]
pub struct BlockRef<'a> {
    /// Columns of `wide`.
    pub wide_columns: usize,
    /// Columns of `narrow`.
    pub narrow_columns: usize,
    /// Where the weights lie.
    pub layout: Layout,
    /// What the sums start with, for every padded row.
    pub bias: &'a [i32],
    /// What requantises them, above 0; with none the sums stay as they are.
    pub multipliers: &'a [i32],
    /// 16-bit weights of the first columns.
    pub wide: &'a [i16],
    /// Weights of the others.
    pub narrow: Narrow<'a>,
}

/// 256 a + (b + 128)
pub const fn paired(a: i8, b: i8) -> i16 {
    i16::from_be_bytes([a as u8, (b as u8) ^ 0x80])
}

/// a and b.
#[inline(always)]
pub const fn unpaired(pair: i16) -> [i32; 2] {
    [pair as i32 >> 8, (pair as i32 & 255) - 128]
}

impl<'a> BlockRef<'a> {
    /// The block's tensors from the front of `words`, which moves on.
    #[inline(always)]
    pub fn take(block: Block, format: Format, words: &mut &'a [i32]) -> Self {
        let [bias, multipliers, wide, narrow] = block.words(format);
        let mut next = |count| {
            let (first, rest) = words.split_at_checked(count).unwrap_or_default();
            *words = rest;
            first
        };
        let (bias, multipliers, wide, narrow) =
            (next(bias), next(multipliers), next(wide), next(narrow));
        let halves = |words| bytemuck::try_cast_slice(words).unwrap_or_default();
        BlockRef {
            wide_columns: block.wide,
            narrow_columns: block.narrow,
            layout: format.layout,
            bias,
            multipliers,
            wide: halves(wide),
            narrow: match format {
                Format { width: Width::Eight, layout: Layout::Pairs } => {
                    Narrow::Pairs(halves(narrow))
                }
                Format { width: Width::Eight, layout: Layout::Rows } => {
                    Narrow::Bytes(bytemuck::try_cast_slice(narrow).unwrap_or_default())
                }
                Format { width: Width::Eight, layout: Layout::Panels } => Narrow::Quads(narrow),
                Format { width: Width::Sixteen, .. } => Narrow::Halves(halves(narrow)),
            },
        }
    }

    /// The parts of `v` for the wide and the narrow columns.
    #[inline(always)]
    pub fn split(&self, v: &'a [i16]) -> (&'a [i16], &'a [i16]) {
        v.split_at_checked(v.len().saturating_sub(self.narrow_columns)).unwrap_or_default()
    }

    /// out = bias, with the product with a one-hot input where there is one.
    #[inline(always)]
    pub fn start(&self, hot: OneHot, out: &mut [i32]) {
        out.iter_mut().zip(self.bias).for_each(|(out, &bias)| *out = bias);
        if let Some((symbol, one)) = hot {
            self.look_up(symbol, one, out);
        }
    }

    /// out += `one` times wide column `symbol`: the product with a one-hot input. A symbol beyond the
    /// columns adds nothing.
    #[inline(always)]
    fn look_up(&self, symbol: u16, one: i16, out: &mut [i32]) {
        let (symbol, columns) = (usize::from(symbol), self.wide_columns);
        if symbol >= columns {
            return;
        }
        for (i, out) in out.iter_mut().enumerate() {
            let w = self.wide_weight(i, symbol).unwrap_or(0);
            *out += i32::from(w) * i32::from(one);
        }
    }

    /// The offsets and the weights of [`Narrow::Quads`].
    #[inline(always)]
    pub fn quads(&self, words: &'a [i32]) -> (&'a [i32], &'a [i8]) {
        let offsets = if self.narrow_columns > 0 { self.bias.len() } else { 0 };
        let (offsets, w) = words.split_at_checked(offsets).unwrap_or_default();
        (offsets, bytemuck::try_cast_slice(w).unwrap_or_default())
    }

    /// Wide weight of row i and column j.
    #[inline(always)]
    pub fn wide_weight(&self, i: usize, j: usize) -> Option<i16> {
        self.wide.get(self.layout.place(self.wide_columns, i, j)).copied()
    }

    /// Narrow weight of row i and column j.
    pub fn narrow_weight(&self, i: usize, j: usize) -> Option<i16> {
        let place = |width| Format { width, layout: self.layout }.place(self.narrow_columns, i, j);
        Some(match self.narrow {
            Narrow::Bytes(w) => i16::from(*w.get(place(Width::Eight))?),
            Narrow::Quads(words) => i16::from(*self.quads(words).1.get(place(Width::Eight))?),
            Narrow::Pairs(w) => unpaired(*w.get(place(Width::Eight))?)[i % 2] as i16,
            Narrow::Halves(w) => *w.get(place(Width::Sixteen))?,
        })
    }
}

/// The largest magnitude that the sum of a row can come to on its way: |bias| + 2^15 sum |w|. It must
/// stay below 2^31.
pub const fn row_bound(bias: i32, sum_of_weights: u64) -> u64 {
    bias.unsigned_abs() as u64 + (sum_of_weights << 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAIRS: Format = Format { width: Width::Eight, layout: Layout::Pairs };

    #[test]
    fn pairs_come_back() {
        for a in -127..=127 {
            for b in -127..=127 {
                assert_eq!(unpaired(paired(a, b)), [a.into(), b.into()]);
            }
        }
    }

    #[test]
    fn every_weight_has_a_place_of_its_own() {
        for layout in [Layout::Rows, Layout::Pairs, Layout::Panels] {
            for width in [Width::Eight, Width::Sixteen] {
                let format = Format { width, layout };
                for columns in [2, 4, 6, 8] {
                    let block = Block { rows: 37, wide: 0, narrow: columns };
                    let rows = block.padded_rows(layout);
                    // The two weights of a pair share a place.
                    let step = if format == PAIRS { 2 } else { 1 };
                    let place = |i| (0..columns).map(move |j| format.place(columns, i, j));
                    let mut places: Vec<usize> = (0..rows).step_by(step).flat_map(place).collect();
                    places.sort();
                    assert!(places.iter().copied().eq(0..rows / step * columns), "{format:?}");
                }
            }
        }
    }
}
