//! A board with the STM32F405: Cortex-M4F at 16 MHz, 1 MB of flash, 128 KB of RAM. The same image runs
//! in QEMU, as the machine `netduinoplus2`.
//!
//! The clock is the chip's own oscillator as it is after a reset: accurate enough for the serial line, no wait states
//! of the flash, and the same on every board, whatever crystal it has. QEMU has no other.
#![no_std]
#![no_main]

mod clock;
mod line;
mod sensor;

use embassy_executor::Spawner;
use line::Line;
use sensor::Sensor;
use station::{Hardware, Mapped};
use stm32f4xx_hal::flash::FlashExt;
use stm32f4xx_hal::gpio::{Output, PC12};
use stm32f4xx_hal::pac::Peripherals;
use stm32f4xx_hal::prelude::*;
use stm32f4xx_hal::watchdog::IndependentWatchdog;

/// What the board has besides the serial line.
struct Parts {
    sensor: Sensor,
    watchdog: IndependentWatchdog,
    /// The status lamp of Olimex's STM32-H405, between the pin and the supply.
    lamp: PC12<Output>,
}

impl Hardware for Parts {
    async fn sample(&mut self) -> Option<f32> {
        Some(self.sensor.celsius().await)
    }

    fn feed(&mut self) {
        self.watchdog.feed();
    }

    fn light(&mut self, on: bool) {
        self.lamp.set_state((!on).into());
    }
}

#[embassy_executor::main]
async fn main(_spawner: Spawner) {
    let (Some(mut chip), Some(core)) = (Peripherals::take(), cortex_m::Peripherals::take()) else {
        return;
    };
    let mut watchdog = IndependentWatchdog::new(chip.IWDG);
    watchdog.stop_on_debug(&chip.DBGMCU, true);
    watchdog.start(station::WATCHDOG_MS.millis());
    // Not frozen: set up as after a reset.
    let mut rcc = chip.RCC.constrain();
    clock::start(core.SYST, &rcc.clocks);
    let (port_a, port_c) = (chip.GPIOA.split(&mut rcc), chip.GPIOC.split(&mut rcc));
    let sensor = Sensor::new(chip.ADC1, chip.ADC_COMMON, &mut rcc);
    let lamp = port_c.pc12.into_push_pull_output_in_state(true.into());
    let Ok(line) = Line::start(chip.USART1, port_a.pa9, port_a.pa10, &mut rcc) else { return };
    // QEMU has no controller of the flash; a real one is locked after a reset.
    let writable = chip.FLASH.cr().read().lock().bit();
    let address = chip.FLASH.address();
    // SAFETY: the chip has one such driver.
    #[allow(unsafe_code)]
    let flash = unsafe { Mapped::new(chip.FLASH.unlocked(), address) };
    let flash = if writable { flash } else { flash.without_slots() };
    station::run(line, Parts { sensor, watchdog, lamp }, flash).await
}
