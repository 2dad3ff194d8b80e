//! SysTick as a counter of instructions, in QEMU with `-icount shift=8`.

use core::arch::asm;
use cortex_m::Peripherals;
use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;

/// Under `-icount shift=8`: an instruction takes 256 ns, which is several ticks on every board.
const NANOSECONDS_PER_INSTRUCTION: u64 = 256;
/// SysTick counts down from here, which is at least two million instructions.
const RELOAD: u32 = 0x00ff_ffff;

/// SysTick as a counter of instructions.
pub struct Timer {
    systick: SYST,
    /// The core's clock, MHz.
    clock: u32,
}

impl Timer {
    /// Takes the timer; `None` when it has been taken before.
    pub fn start() -> Option<Self> {
        let mut systick = Peripherals::take()?.SYST;
        systick.set_clock_source(SystClkSource::Core);
        systick.set_reload(RELOAD);
        systick.clear_current();
        systick.enable_counter();
        let mut timer = Self { systick, clock: 0 };
        // A few instructions more don't matter to a whole number of MHz.
        const KNOWN: u32 = 10_000;
        let ticks = u64::from(timer.ticks(execute::<KNOWN>)?);
        let nanoseconds = u64::from(KNOWN) * NANOSECONDS_PER_INSTRUCTION;
        timer.clock = ((ticks * 1000 + nanoseconds / 2) / nanoseconds) as u32;
        Some(timer)
    }

    /// Instructions from one look at the timer to the next, and what `run` takes in between; `None`
    /// when the timer ran out meanwhile.
    #[inline(always)]
    pub fn instructions<T>(&mut self, run: impl FnOnce() -> T) -> Option<u32> {
        let ticks = self.ticks(run)?;
        let per_instruction = NANOSECONDS_PER_INSTRUCTION * u64::from(self.clock);
        Some(((u64::from(ticks) * 1000 + per_instruction / 2) / per_instruction) as u32)
    }

    /// The same in the timer's ticks.
    #[inline(always)]
    fn ticks<T>(&mut self, run: impl FnOnce() -> T) -> Option<u32> {
        self.systick.clear_current();
        let start = SYST::get_current();
        run();
        let end = SYST::get_current();
        (!self.systick.has_wrapped()).then_some(start.wrapping_sub(end) & RELOAD)
    }
}

/// Executes N instructions, an even number.
#[inline(always)]
#[allow(unsafe_code)] // A loop whose instructions are known is written in them.
fn execute<const N: u32>() {
    // SAFETY: counts a register down.
    unsafe { asm!("2:", "subs {0}, #1", "bne 2b", inout(reg) N / 2 => _, options(nomem, nostack)) }
}
