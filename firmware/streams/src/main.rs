//! Long streams on the target: a line of JSON in the log for each, the exit code tells whether all
//! arrived at the host's digests. No model is needed: they bring their own weights.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use rnn_core::check::streams::{STREAMS, Stream};
use rnn_core::kernel::integer::LAYOUT;

support::interrupts!();

#[entry]
fn main() -> ! {
    let mut failed = 0;
    for stream in STREAMS {
        let Stream { name, expected, .. } = stream;
        let ok = stream.digest(LAYOUT) == expected;
        defmt::println!("{{\"test\": \"{=str}\", \"ok\": {=bool}}}", name, ok);
        failed += i32::from(!ok);
    }
    support::exit(failed.min(1))
}
