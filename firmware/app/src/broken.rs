//! Promises broken on purpose, to show that it is noticed: `cargo xtask prove --broken` builds images with
//! the environment variable `RNN_BREAK`. Without it nothing of this is compiled.
//! One more is in the core: with `RNN_BREAK_KERNELS` the kernels swap the first two lanes of their sums.
#![allow(dead_code)] // One of them at a time.

use crate::embedded::{CHANNELS, OUTPUTS};
use core::hint::black_box;

/// A sample that no sensor sends.
const NEVER: f32 = 12345.0;

/// `panic`: a step that may panic.
pub(crate) fn panic(sample: &[f32; CHANNELS]) {
    assert!(sample.iter().all(|&value| value != NEVER), "planted");
}

/// `allocation`: a step that may allocate.
pub(crate) fn allocation(sample: &[f32; CHANNELS]) {
    if sample.contains(&NEVER) {
        black_box(malloc(black_box(8)));
    }
}

#[inline(never)]
fn malloc(bytes: usize) -> usize {
    black_box(bytes)
}

/// `time`: a step that takes longer for NaN.
pub(crate) fn time(sample: &[f32; CHANNELS]) {
    if sample.iter().any(|value| value.is_nan()) {
        (0..10).for_each(|i| {
            black_box(i);
        });
    }
}

/// `bits`: a prediction that is off by its last bit.
pub(crate) fn bits(prediction: &mut [f32; OUTPUTS]) {
    for value in prediction {
        *value = f32::from_bits(value.to_bits() ^ 1);
    }
}
