//! Arm's MPS2 board with the AN500 image: Cortex-M7 at 25 MHz.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use support::cmsdk::Cmsdk;
use support::ram_flash::RamFlash;

/// UART 0 and its receive interrupt, after Application Note 500.
type Uart = Cmsdk<0x4000_4000, 0>;

support::interrupts!(Uart);

#[entry]
fn main() -> ! {
    support::serve::<Uart>(RamFlash::take())
}
