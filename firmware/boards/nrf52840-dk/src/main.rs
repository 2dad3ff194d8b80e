//! Nordic's nRF52840-DK: Cortex-M4F at 64 MHz, 1 MB of flash, 256 KB of RAM.
#![no_std]
#![no_main]

use cortex_m_rt as _;
use embassy_executor::Spawner;
use embassy_nrf::buffered_uarte::{self, BufferedUarte};
use embassy_nrf::gpio::{Level, Output, OutputDrive};
use embassy_nrf::nvmc::Nvmc;
use embassy_nrf::temp::{self, Temp};
use embassy_nrf::wdt::{self, Watchdog, WatchdogHandle};
use embassy_nrf::{bind_interrupts, peripherals, uarte};
use station::{Hardware, Mapped};

bind_interrupts!(struct Interrupts {
    TEMP => temp::InterruptHandler;
    UARTE0 => buffered_uarte::InterruptHandler<peripherals::UARTE0>;
});

/// What the board has besides the serial line.
struct Parts {
    /// The chip's own, in steps of a quarter degree.
    thermometer: Temp<'static>,
    watchdog: WatchdogHandle,
    /// LED1, between the pin and the supply.
    lamp: Output<'static>,
}

impl Hardware for Parts {
    async fn sample(&mut self) -> Option<f32> {
        Some(self.thermometer.read().await.to_num())
    }

    fn feed(&mut self) {
        self.watchdog.pet();
    }

    fn light(&mut self, on: bool) {
        self.lamp.set_level((!on).into());
    }
}

#[embassy_executor::main]
async fn main(_spawner: Spawner) {
    let chip = embassy_nrf::init(Default::default());
    let mut config = wdt::Config::default();
    config.timeout_ticks = station::WATCHDOG_MS * 32_768 / 1000;
    config.action_during_debug_halt = wdt::HaltConfig::Pause;
    // It runs on through a restart of the chip; only one that is set up otherwise is refused.
    let Ok((_, [watchdog])) = Watchdog::try_new(chip.WDT, config) else { return };
    // To the debugger on the board, and from there over USB.
    let (mut received, mut sent) = ([0; 256], [0; 256]);
    let line = BufferedUarte::new(
        chip.UARTE0,
        chip.TIMER0,
        chip.PPI_CH0,
        chip.PPI_CH1,
        chip.PPI_GROUP0,
        chip.P0_08,
        chip.P0_06,
        Interrupts,
        uarte::Config::default(),
        &mut received,
        &mut sent,
    );
    let thermometer = Temp::new(chip.TEMP, Interrupts);
    let lamp = Output::new(chip.P0_13, Level::High, OutputDrive::Standard);
    // SAFETY: the chip has one such driver.
    #[allow(unsafe_code)]
    let flash = unsafe { Mapped::new(Nvmc::new(chip.NVMC), 0) };
    station::run(line, Parts { thermometer, watchdog, lamp }, flash).await
}
