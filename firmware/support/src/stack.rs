//! How deep the stack has been: free RAM is painted, and what is no longer painted was used.
#![allow(unsafe_code)] // Reads and writes the free RAM between the static variables and the stack.

use core::ptr::{addr_of, read_volatile, write_volatile};
use cortex_m::register::msp;
use cortex_m_rt::STACK_PAINT_VALUE;

// The linker script's marks: only their addresses mean anything.
unsafe extern "C" {
    static __sdata: u32;
    static _stack_end: u32;
    static _stack_start: u32;
}

/// Address below which the static variables lie.
fn end() -> usize {
    addr_of!(_stack_end) as usize
}

/// Stack that `run` takes below its caller's frame, bytes; paints the free RAM anew for it.
///
/// Inlined, so that painting needs no frame of its own, and every word below the caller's is paint.
#[inline(always)]
pub fn used_by<T>(run: impl FnOnce() -> T) -> u32 {
    let top = msp::read() as usize;
    let mut address = end();
    while address < top {
        // SAFETY: aligned, above every static and below the stack in use; interrupts may push
        // there, but what they pushed is dead when they have returned.
        unsafe { write_volatile(address as *mut u32, STACK_PAINT_VALUE) };
        address += 4;
    }
    run();
    (top - lowest()) as u32
}

/// Lowest address that the stack has reached since the last painting.
fn lowest() -> usize {
    let top = addr_of!(_stack_start) as usize;
    (end()..top)
        .step_by(4)
        // SAFETY: aligned and inside the RAM.
        .find(|&address| unsafe { read_volatile(address as *const u32) } != STACK_PAINT_VALUE)
        .unwrap_or(top)
}

/// Deepest stack since the start, bytes.
pub fn deepest() -> u32 {
    (addr_of!(_stack_start) as usize - lowest()) as u32
}

/// What is left for it below the caller's frame, bytes.
pub fn left() -> usize {
    (msp::read() as usize).saturating_sub(end())
}

/// Static variables, bytes.
pub fn static_ram() -> u32 {
    (end() - addr_of!(__sdata) as usize) as u32
}
