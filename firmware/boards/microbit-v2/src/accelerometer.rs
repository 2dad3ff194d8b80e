//! The accelerometer on the board, ST's LSM303AGR; registers after its datasheet (DocID027765), chapter 8.

use embassy_nrf::twim::Twim;
use embassy_time::{Duration, with_timeout};
use micromath::F32Ext;

/// Its address on the bus.
const ADDRESS: u8 = 0x19;
/// CTRL_REG1_A: 100 samples a second, all three axes.
const CONTROL_1: [u8; 2] = [0x20, 0x57];
/// CTRL_REG4_A: no value is changed while it is read, +-2 g, 12 bits.
const CONTROL_4: [u8; 2] = [0x23, 0x88];
/// OUT_X_L_A, and that the address counts on.
const VALUES: [u8; 1] = [0x28 | 0x80];
/// Bytes of the longest of these.
pub(crate) const LONGEST: usize = 2;
/// In units of g; the 12 bits are the upper ones of 16.
const G_PER_STEP: f32 = 0.98e-3 / 16.0;
/// A bus on which a line is held down would wait for ever.
const WITHIN: Duration = Duration::from_millis(20);

/// The accelerometer.
pub(crate) struct Accelerometer<'d> {
    bus: Twim<'d>,
    running: bool,
}

impl<'d> Accelerometer<'d> {
    /// It is switched on with the first sample, and again after one that failed.
    pub(crate) fn new(bus: Twim<'d>) -> Self {
        Self { bus, running: false }
    }

    /// The norm of the acceleration, in units of g: 1 at rest, whichever way up.
    ///
    /// micromath's square root is a few per cent off (its documentation: 5 % on average), least
    /// around 1; it grows with its argument, and the network learns what it is given.
    pub(crate) async fn norm(&mut self) -> Option<f32> {
        let axes = with_timeout(WITHIN, self.read()).await.ok().flatten();
        self.running = axes.is_some();
        let axes = axes?;
        let squares = axes.map(|steps| {
            let g = f32::from(steps) * G_PER_STEP;
            g * g
        });
        let sum: f32 = squares.iter().sum();
        Some(F32Ext::sqrt(sum))
    }

    async fn read(&mut self) -> Option<[i16; 3]> {
        let mut raw = [0; 6];
        if !self.running {
            self.bus.write(ADDRESS, &CONTROL_1).await.ok()?;
            self.bus.write(ADDRESS, &CONTROL_4).await.ok()?;
        }
        self.bus.write_read(ADDRESS, &VALUES, &mut raw).await.ok()?;
        let [x, y, z] = *raw.as_chunks::<2>().0 else { return None };
        Some([x, y, z].map(i16::from_le_bytes))
    }
}
