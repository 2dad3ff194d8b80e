//! Arm's MPS2 board with the AN385 image: Cortex-M3 at 25 MHz.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use support::cmsdk::Cmsdk;
use support::ram_flash::RamFlash;

/// UART 0 and its receive interrupt, after Application Note 385.
type Uart = Cmsdk<0x4000_4000, 0>;

support::interrupts!(Uart);

#[entry]
fn main() -> ! {
    support::serve::<Uart>(RamFlash::take())
}
