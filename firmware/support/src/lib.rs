//! What the boards share. A board itself is its folder: the memory, the target, and a `main.rs` that
//! names the UART.
//!
//! Logs go through semihosting as defmt frames; the serial line carries frames of the link alone.
#![no_std]

#[cfg(feature = "application")]
mod application;
pub mod cmsdk;
mod fault;
mod interrupts;
pub mod kernel;
#[cfg(feature = "application")]
pub mod ram_flash;
pub mod serial;
pub mod stack;
pub mod timer;

use defmt_semihosting as _;

#[cfg(feature = "application")]
pub use application::serve;
pub use fault::{exit, unexpected};
pub use interrupts::{Vector, vectors};
