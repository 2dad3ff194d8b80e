//! A million samples learnt on the target: minutes. A line of JSON in the log, as of the streams.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use rnn_core::check::adaptations::{Adaptation, SOAK};

support::interrupts!();

#[entry]
fn main() -> ! {
    let (samples, Adaptation { name, run, expected, .. }) = SOAK;
    let ok = run(samples) == expected;
    defmt::println!(
        "{{\"test\": \"{=usize} samples learnt: {=str}\", \"ok\": {=bool}}}",
        samples,
        name,
        ok
    );
    support::exit(i32::from(!ok))
}
