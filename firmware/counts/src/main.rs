//! The jobs whose instructions `cargo xtask mcu` counts: it follows every instruction of this image
//! and looks for those between the start of a job's function and its return.
//!
//! Each job prints a line of JSON: what it is, its function, the memory and the stack that it takes.
#![no_std]
#![no_main]

mod float;
mod integers;
mod weights;

use core::hint::black_box;
use cortex_m_rt::entry;
use support::{kernel, stack};

/// Calls of every job's function; they must all take the same instructions where there is an FPU.
const CALLS: usize = if cfg!(target_abi = "eabihf") { 3 } else { 2 };

/// A job in one number format.
struct Job {
    name: &'static str,
    format: &'static str,
    /// The kernel that runs.
    kernel: fn() -> &'static str,
    /// The function that makes a step, as the image names it.
    function: &'static str,
    /// Multiply-accumulates of a step.
    macs: usize,
    /// Bytes of state and scratch.
    memory: usize,
    /// Makes the calls; returns the stack of one, bytes.
    run: fn() -> u32,
}

support::interrupts!();

#[entry]
fn main() -> ! {
    kernel::expect();
    for job in float::JOBS.iter().chain(&integers::JOBS) {
        let stack = (job.run)();
        defmt::println!(
            "{{\"job\": \"{=str}\", \"format\": \"{=str}\", \"kernel\": \"{=str}\", \
             \"function\": \"{=str}\", \"calls\": {=usize}, \"macs\": {=usize}, \
             \"ram\": {=usize}, \"stack\": {=u32}}}",
            job.name,
            job.format,
            (job.kernel)(),
            job.function,
            CALLS,
            job.macs,
            job.memory,
            stack
        );
    }
    support::exit(0)
}

/// Calls `step` on an input and a memory that the compiler knows nothing of.
fn calls<X, M, Y>(step: fn(&X, &mut M) -> Y, x: X, mut memory: M) -> u32 {
    let mut call = || black_box(step(black_box(&x), black_box(&mut memory)));
    let stack = stack::used_by(&mut call);
    for _ in 1..CALLS {
        call();
    }
    stack
}
