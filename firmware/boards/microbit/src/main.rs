//! The BBC micro:bit: Cortex-M0 at 16 MHz, 256 KB of flash, 16 KB of RAM.
#![no_std]
#![no_main]

mod uart;

use cortex_m_rt::entry;
use uart::Nrf51;

support::interrupts!(Nrf51);

#[entry]
fn main() -> ! {
    support::serve::<Nrf51>()
}
