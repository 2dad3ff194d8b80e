//! A million samples learnt on the target: minutes. Lines of JSON in the log, as of the streams.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use rnn_core::check::adaptations::{SOAK_EXPECTED, SOAK_SAMPLES, soak};
use support::timer::Timer;

support::interrupts!();

/// No sample may take more instructions, which is the deadline: at 168 MHz and two cycles for each of them 6 ms.
const MOST: u32 = 500_000;

#[entry]
fn main() -> ! {
    let Some(mut timer) = Timer::start() else { support::exit(1) };
    let (mut least, mut most) = (u32::MAX, 0);
    let digest = soak(|step| {
        // One that takes longer than the timer runs has missed it, too.
        let taken = timer.instructions(step).unwrap_or(u32::MAX);
        (least, most) = (least.min(taken), most.max(taken));
    });
    let learnt = digest == SOAK_EXPECTED;
    defmt::println!(
        "{{\"test\": \"{=usize} samples learnt: elman, 16 units\", \"ok\": {=bool}}}",
        SOAK_SAMPLES,
        learnt
    );
    let held = most <= MOST;
    defmt::println!(
        "{{\"test\": \"{=u32} instructions at most for a sample of them, {=u32} for one from which nothing is learnt yet, within the deadline of {=u32}\", \"ok\": {=bool}}}",
        most,
        least,
        MOST,
        held
    );
    support::exit(i32::from(!(learnt && held)))
}
