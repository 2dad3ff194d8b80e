//! How a run ends: every way out leaves the emulator with an exit code.

use core::panic::PanicInfo;
use cortex_m_rt::{ExceptionFrame, exception};

/// Exit code after a panic.
const PANIC: i32 = 101;
/// Exit code after a hardware fault, or an interrupt that nothing has enabled.
const FAULT: i32 = 102;
/// Exit code where other kernels were compiled in than the board is meant to run.
#[cfg(feature = "application")]
pub(crate) const KERNEL: i32 = 103;

/// Leaves the emulator.
pub fn exit(code: i32) -> ! {
    semihosting::process::exit(code)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    if let Some(place) = info.location() {
        defmt::error!("panicked at {=str}:{=u32}", place.file(), place.line());
    }
    exit(PANIC)
}

// Without a log: the fault may have come from the logger.
#[exception]
#[allow(unsafe_code)] // The attribute asks for it: a fault handler must not assume anything.
unsafe fn HardFault(_frame: &ExceptionFrame) -> ! {
    exit(FAULT)
}

/// What stands in the interrupt table where no interrupt is expected.
pub extern "C" fn unexpected() {
    exit(FAULT)
}
