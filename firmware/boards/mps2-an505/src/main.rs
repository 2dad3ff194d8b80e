//! Arm's MPS2 board with the AN505 image: Cortex-M33 at 20 MHz, in the secure state.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use support::cmsdk::Cmsdk;
use support::ram_flash::RamFlash;

/// UART 0 and its receive interrupt, after Application Note 505.
/// (The address is the secure one: the board's protection controller lets nothing else through.)
type Uart = Cmsdk<0x5020_0000, 32>;

support::interrupts!(Uart);

#[entry]
fn main() -> ! {
    support::serve::<Uart>(RamFlash::take())
}
