//! Raspberry Pi's Pico 2: RP2350, of which a Cortex-M33 at 150 MHz is used; 4 MB of flash, 520 KB of RAM.
#![no_std]
#![no_main]

mod flash;

use cortex_m_rt as _;
use embassy_executor::Spawner;
use embassy_rp::adc::{self, Adc, Channel};
use embassy_rp::gpio::{Level, Output};
use embassy_rp::uart::{self, BufferedInterruptHandler, BufferedUart};
use embassy_rp::watchdog::Watchdog;
use embassy_rp::{bind_interrupts, peripherals};
use embassy_time::Duration;
use flash::BootRom;
use station::{Hardware, Mapped};

bind_interrupts!(struct Interrupts {
    ADC_IRQ_FIFO => adc::InterruptHandler;
    UART0_IRQ => BufferedInterruptHandler<peripherals::UART0>;
});

/// After how long the watchdog bites.
const WATCHDOG: Duration = Duration::from_millis(station::WATCHDOG_MS as u64);
/// Conversions of which a sample is the mean: a step of the converter is half a degree.
const CONVERSIONS: u16 = 64;
/// Volts per step of the converter, with a supply of 3.3 V.
const VOLTS: f32 = 3.3 / 4096.0;

/// What the board has besides the serial line.
struct Parts {
    converter: Adc<'static, adc::Async>,
    /// The chip's own thermometer.
    thermometer: Channel<'static>,
    watchdog: Watchdog,
    lamp: Output<'static>,
}

impl Hardware for Parts {
    /// In degrees, after the RP2350 datasheet, 12.4.6.
    async fn sample(&mut self) -> Option<f32> {
        let mut sum = 0;
        for _ in 0..CONVERSIONS {
            sum += u32::from(self.converter.read(&mut self.thermometer).await.ok()?);
        }
        let volts = sum as f32 / f32::from(CONVERSIONS) * VOLTS;
        Some(27.0 - (volts - 0.706) / 0.001721)
    }

    fn feed(&mut self) {
        self.watchdog.feed(WATCHDOG);
    }

    fn light(&mut self, on: bool) {
        self.lamp.set_level(on.into());
    }
}

#[embassy_executor::main]
async fn main(_spawner: Spawner) {
    let chip = embassy_rp::init(Default::default());
    let mut watchdog = Watchdog::new(chip.WATCHDOG);
    watchdog.pause_on_debug(true);
    watchdog.start(WATCHDOG);
    let mut config = uart::Config::default();
    config.baudrate = station::BAUD;
    let (mut sent, mut received) = ([0; 256], [0; 256]);
    let line = BufferedUart::new(
        chip.UART0,
        chip.PIN_0,
        chip.PIN_1,
        Interrupts,
        &mut sent,
        &mut received,
        config,
    );
    let converter = Adc::new(chip.ADC, Interrupts, Default::default());
    let thermometer = Channel::new_temp_sensor(chip.ADC_TEMP_SENSOR);
    let lamp = Output::new(chip.PIN_25, Level::Low);
    // SAFETY: the chip has one such driver.
    #[allow(unsafe_code)]
    let flash = unsafe { Mapped::new(BootRom::new(chip.FLASH), flash::ORIGIN) };
    station::run(line, Parts { converter, thermometer, watchdog, lamp }, flash).await
}
