//! Arm's MPS3 board with the AN547 image: Cortex-M55 at 32 MHz, in the secure state.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use support::cmsdk::Cmsdk;
use support::ram_flash::RamFlash;

/// UART 0 and its receive interrupt, after Application Note 547.
/// (The address is the secure one: the board's protection controller lets nothing else through.)
type Uart = Cmsdk<0x5930_3000, 33>;

support::interrupts!(Uart);

#[entry]
fn main() -> ! {
    support::serve::<Uart>(RamFlash::take())
}
