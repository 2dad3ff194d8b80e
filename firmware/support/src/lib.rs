//! What the boards share. A board itself is its folder: the memory, the target, and a `main.rs`.
//!
//! All have [`kernel`] and [`stack`]. The rest is for the emulated chips, whose `main.rs` names the
//! UART: logs go through semihosting as defmt frames; the serial line carries frames of the link alone.
//! What the real ones have besides is in the package `station`.
#![no_std]

#[cfg(feature = "application")]
mod application;
#[cfg(feature = "emulated")]
pub mod cmsdk;
#[cfg(feature = "emulated")]
mod fault;
#[cfg(feature = "emulated")]
mod interrupts;
pub mod kernel;
#[cfg(feature = "application")]
pub mod ram_flash;
#[cfg(feature = "emulated")]
pub mod serial;
pub mod stack;
#[cfg(feature = "emulated")]
pub mod timer;

#[cfg(feature = "emulated")]
use defmt_semihosting as _;

#[cfg(feature = "application")]
pub use application::serve;
#[cfg(feature = "emulated")]
pub use fault::{exit, unexpected};
#[cfg(feature = "emulated")]
pub use interrupts::{Vector, vectors};
