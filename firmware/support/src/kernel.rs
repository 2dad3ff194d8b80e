//! Whether the kernel that was compiled in is the one that this board is meant to run. A fast kernel
//! that isn't taken changes no result, only the time: nothing else would tell.

use crate::fault;
use rnn_core::kernel::inference_form;

/// The kernel for `f32`, as the board's `.cargo/config.toml` names it.
const F32: &str = env!("KERNEL_F32", "build from a board's folder: `cd boards/mps2-an386`");

/// Whether it is.
pub fn is_the_expected_one() -> bool {
    inference_form() == F32
}

/// Ends the run when it isn't.
pub fn expect() {
    if !is_the_expected_one() {
        defmt::error!("the f32 kernel is {=str}, for this board {=str}", inference_form(), F32);
        fault::exit(fault::KERNEL)
    }
}
