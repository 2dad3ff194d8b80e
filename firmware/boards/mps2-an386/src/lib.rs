//! Arm's MPS2 board with the AN386 image (Cortex-M4F at 25 MHz), as QEMU emulates it.
//!
//! The hardware as the application and the self-tests need it. Logs go through semihosting as
//! defmt frames; the serial line carries frames of the link alone.
#![no_std]

mod fault;
pub mod stack;
pub mod uart;

use defmt_semihosting as _;

pub use fault::exit;
