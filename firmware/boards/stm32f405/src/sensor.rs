//! The chip's own thermometer, at the converter's channel 16.

use embassy_time::Timer;
use stm32f4xx_hal::pac::{ADC_COMMON, ADC1};
use stm32f4xx_hal::rcc::{Enable, Rcc, Reset};

/// A conversion takes 492 cycles of the converter's clock, half of 16 MHz.
const CONVERSION_MS: u64 = 1;
/// Volts per step of the converter, with a supply of 3.3 V.
const VOLTS: f32 = 3.3 / 4096.0;
/// Typical, after the datasheet (DS8626, table 69): the voltage at 25 degrees, and more of it per
/// degree. A chip's own offset may be 45 degrees; changes are what it is good for.
const VOLTS_AT_25: f32 = 0.76;
const VOLTS_PER_DEGREE: f32 = 0.0025;

/// The thermometer.
pub(crate) struct Sensor(ADC1);

impl Sensor {
    /// Switches it on.
    pub(crate) fn new(adc: ADC1, common: ADC_COMMON, rcc: &mut Rcc) -> Self {
        ADC1::enable(rcc);
        ADC1::reset(rcc);
        common.ccr().modify(|_, w| w.vbate().disabled().tsvrefe().enabled());
        // The longest sampling time: the sensor asks for 10 us.
        adc.smpr1().modify(|_, w| w.smp16().cycles480());
        // SAFETY: the number of a channel that there is.
        #[allow(unsafe_code)]
        adc.sqr3().modify(|_, w| unsafe { w.sq1().bits(16) });
        adc.cr2().modify(|_, w| w.adon().enabled());
        Self(adc)
    }

    /// The temperature of the chip.
    pub(crate) async fn celsius(&mut self) -> f32 {
        let Self(adc) = self;
        adc.cr2().modify(|_, w| w.swstart().start());
        // Not until the flag of its end: QEMU's converter has none. A converter that has stopped gives
        // the same value again and again, which the watch over the stream calls stuck.
        Timer::after_millis(CONVERSION_MS).await;
        let steps = adc.dr().read().data().bits();
        (f32::from(steps) * VOLTS - VOLTS_AT_25) / VOLTS_PER_DEGREE + 25.0
    }
}
