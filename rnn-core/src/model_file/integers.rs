//! Whether the integers of a file are such that no sum can overflow; also in a `const`.

use super::read::{at, f32_at, u32_at};
use crate::quant::Plan;
use crate::quant::block::{Block, Format, Layout, Width, row_bound, unpaired};

/// The word, counted from the tensors' first one at byte `first`, that makes a file unusable: a scale that
/// isn't finite and above 0, a negative multiplier, the bias of a row whose sum could overflow, an
/// offset that isn't its row's.
pub(super) const fn unusable(plan: &Plan, bytes: &[u8], first: usize) -> Option<usize> {
    let mut word = 0;
    while word < plan.scales() {
        let scale = f32_at(bytes, first + 4 * word);
        if !(scale.is_finite() && scale > 0.0) {
            return Some(word);
        }
        word += 1;
    }
    // A symbol adds one of the wide weights, so many times; numbers add all of them, any times.
    let one = plan.one(f32_at(bytes, first));
    let mut i = 0;
    while i <= plan.layers.count() {
        let (blocks, mut k) = (plan.blocks(i), 0);
        while k < blocks.len() {
            let block = blocks[k];
            let [biases, multipliers, wide, narrow] = block.words(plan.format);
            let mut row = 0;
            while row < biases {
                if (u32_at(bytes, first + 4 * (word + biases + row)) as i32) < 0 {
                    return Some(word + biases + row);
                }
                let bias = u32_at(bytes, first + 4 * (word + row)) as i32;
                let tensors = first + 4 * (word + biases + multipliers);
                let offsets = block.offsets(plan.format);
                let narrow_at = tensors + 4 * (wide + offsets);
                let sums = sums(block, plan.format, bytes, tensors, narrow_at, row);
                if offsets > 0 {
                    let offset = u32_at(bytes, tensors + 4 * (wide + row)) as i32;
                    if offset != sums.narrow_offset {
                        return Some(word + biases + multipliers + wide + row);
                    }
                }
                let wide_bound = match one {
                    Some(one) => sums.wide_largest * one as u64,
                    None => sums.wide << 15,
                };
                if row_bound(bias, sums.narrow) + wide_bound >= 1 << 31 {
                    return Some(word + row);
                }
                row += 1;
            }
            word += biases + multipliers + wide + narrow;
            k += 1;
        }
        i += 1;
    }
    None
}

/// Of the magnitudes of a row's weights.
struct Sums {
    wide: u64,
    wide_largest: u64,
    narrow: u64,
    /// -2^15 times the sum of the weights in tiles of four.
    narrow_offset: i32,
}

const fn sums(
    block: Block,
    format: Format,
    bytes: &[u8],
    wide_at: usize,
    narrow_at: usize,
    row: usize,
) -> Sums {
    let layout = format.layout;
    let mut sums = Sums { wide: 0, wide_largest: 0, narrow: 0, narrow_offset: 0 };
    let mut j = 0;
    while j < block.wide {
        let w = half(bytes, wide_at, layout.place(block.wide, row, j)).unsigned_abs() as u64;
        sums.wide += w;
        sums.wide_largest = if w > sums.wide_largest { w } else { sums.wide_largest };
        j += 1;
    }
    let columns = block.narrow;
    j = 0;
    while j < columns {
        let place = format.place(columns, row, j);
        let w = match (format.width, layout) {
            (Width::Sixteen, _) => half(bytes, narrow_at, place) as i32,
            (Width::Eight, Layout::Pairs) => unpaired(half(bytes, narrow_at, place))[row % 2],
            (Width::Eight, _) => i8::from_le_bytes(at(bytes, narrow_at + place)) as i32,
        };
        sums.narrow += w.unsigned_abs() as u64;
        if j < block.in_fours() {
            sums.narrow_offset = sums.narrow_offset.wrapping_sub(w << 15);
        }
        j += 1;
    }
    sums
}

const fn half(bytes: &[u8], from: usize, place: usize) -> i16 {
    i16::from_le_bytes(at(bytes, from + 2 * place))
}
