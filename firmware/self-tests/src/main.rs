//! Self-tests on the target, in the build that ships. Every result is a line of JSON in the log;
//! the exit code tells whether all held. Built from a board's folder, for that board.
//!
//! Instructions are only right in QEMU with `-icount shift=8`, as `cargo xtask test` starts it.
#![no_std]
#![no_main]

mod conversation;
mod cost;

use app::embedded;
use cortex_m_rt::entry;
use rnn_core::check::CHECKS;

support::interrupts!();

#[entry]
fn main() -> ! {
    let mut failed = 0;
    let mut report = |name: &str, ok: bool| {
        defmt::println!("{{\"test\": \"{=str}\", \"ok\": {=bool}}}", name, ok);
        failed += i32::from(!ok);
    };
    report("the kernel is the one for this board", support::kernel::is_the_expected_one());
    for check in CHECKS {
        report(check.name, (check.run)() == check.expected);
    }
    report("the embedded model's samples", embedded::self_test() == 0);
    conversation::run(&mut report);
    cost::run(&mut report);
    support::exit(failed.min(1))
}
