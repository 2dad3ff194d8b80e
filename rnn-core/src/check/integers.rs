//! The sums of the integers' kernel that runs here against their definition.

use crate::kernel::integer::{self, IntegerWork, Kernel, LAYOUT, OneHot};
use crate::quant::block::{Block, BlockRef, Format, Width};
use crate::quant::fixed::multiply_high;
use crate::quant::set_offsets;
use crate::random::SplitMix64;

/// Words of the largest block; they fit into the smallest chip.
const WORDS: usize = 1440;
/// Rows of the largest block with those that fill up a tile, and columns.
const MOST: usize = 144;

/// Sums of 1 to 130 rows and up to 130 columns in both widths, requantised and not, of one-hot inputs and of
/// numbers up to the ends of 16 bits. Returns how many differ.
pub(super) fn sums() -> u32 {
    let mut random = SplitMix64::new(27);
    let mut words = [0; WORDS];
    let mut differ = 0;
    for width in [Width::Eight, Width::Sixteen] {
        let format = Format { width, layout: LAYOUT };
        for n in 1..=130usize {
            let even = n.next_multiple_of(2);
            // Many rows with few columns, then few with many.
            for (rows, narrow) in [(n, 2 * (n % 6)), (1 + n % 9, even), (n % 40 + 1, 2 * (n % 23))]
            {
                let wide = 2 * (n % 4);
                // A block without columns there is not.
                let narrow = if wide == 0 { narrow.max(2) } else { narrow };
                let block = Block { rows, wide, narrow };
                let count = block.words(format).iter().sum();
                let Some(words) = words.get_mut(..count) else { return u32::MAX };
                fill(block, format, &mut random, words);
                differ += compare(block, format, &mut random, words);
            }
        }
    }
    differ
}

/// Weights of 16 bits stay within +-255: so no sum overflows.
fn fill(block: Block, format: Format, random: &mut SplitMix64, words: &mut [i32]) {
    let [bias, multipliers, wide, _] = block.words(format);
    for (i, word) in words.iter_mut().enumerate() {
        let bits = random.next_u64();
        *word = if i < bias + multipliers {
            (bits >> 36) as i32
        } else if i >= bias + multipliers + wide && format.width == Width::Eight {
            bits as u32 as i32
        } else {
            let half = |bits: u64| (bits % 511) as i16 - 255;
            let [a, b] = [half(bits >> 40), half(bits >> 16)].map(|w| u32::from(w as u16));
            (a << 16 | b) as i32
        };
    }
    set_offsets(block, format, words);
}

fn compare(block: Block, format: Format, random: &mut SplitMix64, mut words: &[i32]) -> u32 {
    // Words, so that pairs of numbers are aligned.
    let mut v = [0i32; MOST / 2];
    for v in &mut v {
        let bits = random.next_u64();
        *v = if bits >> 62 == 0 { i32::from_be_bytes([0x80, 0, 0x7F, 0xFF]) } else { bits as i32 };
    }
    let columns = block.wide + block.narrow;
    let v = bytemuck::try_cast_slice(&v).unwrap_or_default().get(..columns).unwrap_or_default();
    let symbol = random.below(block.wide + 1) as u16;
    let whole = BlockRef::take(block, format, &mut words);
    let raw = BlockRef { multipliers: &[], ..whole };
    let narrow = v.get(block.wide..).unwrap_or_default();
    let mut differ = 0;
    for (block, hot, v) in
        [(whole, None, v), (raw, None, v), (whole, Some((symbol, i16::MAX)), narrow)]
    {
        let mut out = [-1; MOST];
        let Some(out) = out.get_mut(..block.bias.len()) else { return u32::MAX };
        integer::run(&mut Sums { block, hot, v, out });
        let right = |i| sum(&block, hot, v, i);
        differ += out.iter().enumerate().filter(|&(i, &out)| right(i) != Some(out)).count() as u32;
    }
    differ
}

/// The sum of row i, weight by weight.
fn sum(block: &BlockRef<'_>, hot: OneHot, v: &[i16], i: usize) -> Option<i32> {
    let wide = |j| block.wide_weight(i, j).map(i32::from);
    let narrow = |j| block.narrow_weight(i, j).map(i32::from);
    let (of_wide, of_narrow) = v.split_at_checked(v.len() - block.narrow_columns)?;
    let mut sum = *block.bias.get(i)?;
    match hot {
        Some((symbol, _)) if usize::from(symbol) >= block.wide_columns => {}
        Some((symbol, one)) => sum += wide(symbol.into())? * i32::from(one),
        None => {
            for (j, &v) in of_wide.iter().enumerate() {
                sum += wide(j)? * i32::from(v);
            }
        }
    }
    for (j, &v) in of_narrow.iter().enumerate() {
        sum += narrow(j)? * i32::from(v);
    }
    Some(block.multipliers.get(i).map_or(sum, |&m| multiply_high(sum, m)))
}

/// [`Kernel::multiply`].
struct Sums<'a> {
    block: BlockRef<'a>,
    hot: OneHot,
    v: &'a [i16],
    out: &'a mut [i32],
}

impl IntegerWork for Sums<'_> {
    type Output = ();

    fn run<K: Kernel>(&mut self) {
        K::multiply(&self.block, self.hot, self.v, self.out);
    }
}
