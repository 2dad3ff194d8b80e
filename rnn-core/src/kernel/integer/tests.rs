//! The checker: each form against the portable one, bit for bit.

use super::{EachUnit, IntegerWork, Kernel, OneHot, Portable};
use crate::quant::block::{Block, BlockRef, Format, Layout, Width};
use crate::quant::fixed::{Number, blend, cell, multiply, sigmoid_of_half, tanh};
use crate::quant::{BlockValues, pack};
use crate::random::SplitMix64;

/// Numbers within the limit, many of them at its ends.
fn numbers(random: &mut SplitMix64, count: usize, limit: i32) -> Vec<i16> {
    let one = |_| match random.below(4) {
        0 => limit,
        1 => -limit,
        _ => random.below(2 * limit as usize + 1) as i32 - limit,
    } as i16;
    (0..count).map(one).collect()
}

/// Sums of a block of `rows`, with one-hot inputs and without.
fn check_sums<K: Kernel>(rows: usize, wide: usize, narrow: usize, format: Format) {
    let random = &mut SplitMix64::new((rows * 131 + narrow) as u64);
    let block = Block { rows, wide, narrow };
    // No row may come to more than 32 bits hold.
    let bound = (65534 / (wide + narrow).max(1)).min(32767) as i32;
    let wide_weights = numbers(random, rows * wide, bound);
    let narrow_weights = numbers(random, rows * narrow, bound.min(format.width.limit()));
    let bias: Vec<i32> = (0..rows).map(|_| random.below(1 << 16) as i32 - (1 << 15)).collect();
    let multipliers: Vec<i32> =
        (0..rows).map(|_| 1 + random.below(i32::MAX as usize) as i32).collect();
    let values = BlockValues {
        bias: &bias,
        multipliers: &multipliers,
        wide: &wide_weights,
        narrow: &narrow_weights,
    };
    let mut words = vec![0; block.words(format).iter().sum()];
    assert!(pack(block, format, values, &mut words));
    let block = BlockRef::take(block, format, &mut words.as_slice());
    let edges = [i16::MIN, i16::MAX, -32767];
    let mut v = vec![0i32; (wide + narrow) / 2];
    let x: &mut [i16] = bytemuck::cast_slice_mut(&mut v);
    for (i, x) in x.iter_mut().enumerate() {
        *x = if random.below(2) == 0 { edges[i % 3] } else { random.next_u64() as i16 };
    }
    let mut cases = vec![(None, &*x)];
    if wide > 0 {
        cases.push((Some((random.below(wide) as u16, 32767)), &x[wide..]));
    }
    for (hot, x) in cases {
        let mut expected = vec![0; block.bias.len()];
        Portable::multiply(&block, hot, x, &mut expected);
        let mut found = vec![-1; block.bias.len()];
        K::multiply(&block, hot, x, &mut found);
        assert_eq!(found, expected, "{rows} x ({wide} + {narrow}), {format:?}, {hot:?}");
    }
}

fn check<K: Kernel>() {
    for layout in [Layout::Rows, Layout::Pairs, Layout::Panels] {
        for width in [Width::Eight, Width::Sixteen] {
            let format = Format { width, layout };
            for n in 1..=130usize {
                let even = n.next_multiple_of(2);
                check_sums::<K>(n, 2 * (n % 4), 130 - even, format);
                check_sums::<K>(131 - n, 2 * (n % 3), even, format);
            }
        }
    }
    check_units::<K>();
}

/// A unit that takes all that there is.
struct Everything;

impl EachUnit<3> for Everything {
    fn unit<N: Number>([f, z, q]: [N; 3], c: N, h: N) -> (N, N) {
        let (f, z, n) = (sigmoid_of_half(f), sigmoid_of_half(z), tanh(q.scale(sigmoid_of_half(f))));
        (cell(f, c, z, n), blend(z, multiply(f, h), n))
    }
}

fn check_units<K: Kernel>() {
    type Each = fn(usize, [&[i32]; 3], &mut [i32], &mut [i16]);
    let random = &mut SplitMix64::new(5);
    for units in 0..=70 {
        let mut any = |bits: u32| -> Vec<i32> {
            let edges = [i32::MIN >> (32 - bits), i32::MAX >> (32 - bits)];
            let one = |i: usize, v: u64| {
                if v.is_multiple_of(4) { edges[i % 2] } else { v as i32 >> (32 - bits) }
            };
            (0..units).map(|i| one(i, random.next_u64() >> 16)).collect()
        };
        let gates = [any(32), any(32), any(32)];
        let (c, h): (Vec<i32>, Vec<i16>) =
            (any(27), any(16).into_iter().map(|h| h as i16).collect());
        let run = |each: Each| {
            let (mut c, mut h) = (c.clone(), h.clone());
            each(units, [0, 1, 2].map(|g| gates[g].as_slice()), &mut c, &mut h);
            (c, h)
        };
        assert_eq!(run(K::each_unit::<Everything, 3>), run(Portable::each_unit::<Everything, 3>));
    }
}

/// A kernel with two lanes the wrong way round.
struct Swapped;

impl Kernel for Swapped {
    fn multiply(block: &BlockRef<'_>, hot: OneHot, v: &[i16], out: &mut [i32]) {
        Portable::multiply(block, hot, v, out);
        if let [a, b, ..] = out {
            core::mem::swap(a, b);
        }
    }
}

#[test]
#[should_panic = "width: Eight, layout: Pairs"]
fn a_swapped_lane_shows() {
    check_sums::<Swapped>(37, 2, 38, Format { width: Width::Eight, layout: Layout::Pairs });
}

struct Check;

impl IntegerWork for Check {
    type Output = ();
    fn run<K: Kernel>(&mut self) {
        check::<K>();
    }
}

#[test]
fn every_form_of_the_host_gives_the_same_bits() {
    super::x86::each_form(|| Check);
}
