//! Requantisation against its definition, over every sum that there is. Ten times 2^32 of them take
//! minutes: run by `cargo xtask prove --requantisation`.

use rnn_core::kernel::integer::{IntegerWork, Kernel, Portable, run};
use rnn_core::quant::block::{BlockRef, Layout, Narrow};

/// Sums of a block.
const ROWS: usize = 1 << 14;
/// The least and the greatest, neighbours of powers of two, all bits in turn, and a row's usual size.
const NASTIEST: [i32; 10] = [
    1,
    2,
    3,
    (1 << 30) - 1,
    1 << 30,
    (1 << 30) + 1,
    i32::MAX - 1,
    i32::MAX,
    0x5555_5555,
    123_456_789,
];

/// Blocks without columns: their sums are the biases.
struct Requantise<'a> {
    block: BlockRef<'a>,
    out: &'a mut [i32],
}

impl IntegerWork for Requantise<'_> {
    type Output = ();
    fn run<K: Kernel>(&mut self) {
        K::multiply(&self.block, None, &[], self.out);
    }
}

/// No sum in which `out` isn't a m / 2^32 rounded to the nearest, halves up.
fn exact(sums: &[i32], m: i32, out: &[i32]) -> bool {
    let rest = |(&a, &out): (&i32, &i32)| (i64::from(out) << 32) - i64::from(a) * i64::from(m);
    sums.iter().zip(out).map(rest).fold(true, |all, r| all & (-(1 << 31) < r && r <= 1 << 31))
}

#[test]
#[ignore = "takes minutes"]
fn requantisation_of_all_sums() {
    let (mut sums, mut out) = (vec![0; ROWS], vec![0; ROWS]);
    for m in NASTIEST {
        let multipliers = vec![m; ROWS];
        for first in (i32::MIN..=i32::MAX).step_by(ROWS) {
            sums.iter_mut().zip(first..).for_each(|(sum, a)| *sum = a);
            let block = BlockRef {
                wide_columns: 0,
                narrow_columns: 0,
                layout: Layout::Panels,
                bias: &sums,
                multipliers: &multipliers,
                wide: &[],
                narrow: Narrow::Quads(&[]),
            };
            Portable::multiply(&block, None, &[], &mut out);
            assert!(exact(&sums, m, &out), "plain loops, sums from {first}, multiplier {m}");
            run(&mut Requantise { block, out: &mut out });
            assert!(exact(&sums, m, &out), "vectors, sums from {first}, multiplier {m}");
        }
    }
}

#[test]
fn halves_are_rounded_up() {
    // a m / 2^32 is a / 4: 2 / 4 and -2 / 4 are the halves.
    let quarter = 1 << 30;
    assert!(exact(&[2, -2, 3, -3, i32::MIN], quarter, &[1, 0, 1, -1, i32::MIN / 4]));
    for wrong in [[0, 0], [1, -1]] {
        assert!(!exact(&[2, -2], quarter, &wrong));
    }
}
