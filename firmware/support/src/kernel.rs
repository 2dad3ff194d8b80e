//! Whether the kernels that were compiled in are those that this board is meant to run. A fast kernel
//! that isn't taken changes no result, only the time: nothing else would tell.

use rnn_core::kernel::inference_form;
use rnn_core::kernel::integer::{self, LAYOUT};

/// The kernels' names, as the board's `.cargo/config.toml` has them.
const F32: &str = env!("KERNEL_F32", "build from a board's folder: `cd boards/mps2-an386`");
const INTEGER: &str = env!("KERNEL_INTEGER", "build from a board's folder: `cd boards/mps2-an386`");

/// Whether they are.
pub fn are_the_expected_ones() -> bool {
    (inference_form(), integer::form(LAYOUT)) == (F32, INTEGER)
}

/// Says so when they aren't; returns whether they are.
pub fn expect() -> bool {
    let expected = are_the_expected_ones();
    if !expected {
        defmt::error!(
            "the kernels are {=str} (f32) and {=str} (integers), for this board {=str} and {=str}",
            inference_form(),
            integer::form(LAYOUT),
            F32,
            INTEGER
        );
    }
    expected
}
