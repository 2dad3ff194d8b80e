//! The BBC micro:bit: Cortex-M0 at 16 MHz, 256 KB of flash, 16 KB of RAM.
#![no_std]
#![no_main]

mod nvmc;
mod uart;

use cortex_m_rt::entry;
use nvmc::Nvmc;
use uart::Nrf51;

support::interrupts!(Nrf51);

#[entry]
fn main() -> ! {
    // SAFETY: once.
    #[allow(unsafe_code)]
    let flash = unsafe { Nvmc::take() };
    support::serve::<Nrf51>(Some(flash))
}
