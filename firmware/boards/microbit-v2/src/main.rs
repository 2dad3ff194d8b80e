//! The BBC micro:bit v2: Nordic nRF52833, Cortex-M4F at 64 MHz, 512 KB of flash, 128 KB of RAM.
#![no_std]
#![no_main]

mod accelerometer;

use accelerometer::Accelerometer;
use cortex_m_rt as _;
use embassy_executor::Spawner;
use embassy_nrf::buffered_uarte::{self, BufferedUarte};
use embassy_nrf::gpio::{Level, Output, OutputDrive};
use embassy_nrf::nvmc::Nvmc;
use embassy_nrf::twim::{self, Twim};
use embassy_nrf::wdt::{self, Watchdog, WatchdogHandle};
use embassy_nrf::{bind_interrupts, peripherals, uarte};
use station::{Hardware, Mapped};

bind_interrupts!(struct Interrupts {
    TWISPI0 => twim::InterruptHandler<peripherals::TWISPI0>;
    UARTE0 => buffered_uarte::InterruptHandler<peripherals::UARTE0>;
});

/// What the board has besides the serial line.
struct Parts<'d> {
    accelerometer: Accelerometer<'d>,
    watchdog: WatchdogHandle,
    /// The row of the lamp in the upper left corner; its column is low for good.
    lamp: Output<'static>,
}

impl Hardware for Parts<'_> {
    async fn sample(&mut self) -> Option<f32> {
        self.accelerometer.norm().await
    }

    fn feed(&mut self) {
        self.watchdog.pet();
    }

    fn light(&mut self, on: bool) {
        self.lamp.set_level(on.into());
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
        chip.P1_08,
        chip.P0_06,
        Interrupts,
        uarte::Config::default(),
        &mut received,
        &mut sent,
    );
    // The bus of the board's own sensors, and room for what is sent from flash.
    let (config, mut room) = (twim::Config::default(), [0; accelerometer::LONGEST]);
    let bus = Twim::new(chip.TWISPI0, Interrupts, chip.P0_16, chip.P0_08, config, &mut room);
    let accelerometer = Accelerometer::new(bus);
    let lamp = Output::new(chip.P0_21, Level::Low, OutputDrive::Standard);
    let _column = Output::new(chip.P0_28, Level::Low, OutputDrive::Standard);
    // SAFETY: the chip has one such driver.
    #[allow(unsafe_code)]
    let flash = unsafe { Mapped::new(Nvmc::new(chip.NVMC), 0) };
    station::run(line, Parts { accelerometer, watchdog, lamp }, flash).await
}
