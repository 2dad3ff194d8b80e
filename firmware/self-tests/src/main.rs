//! Self-tests on the target, in the build that ships. Every result is a line of JSON in the log;
//! the exit code tells whether all held. Built from a board's folder, for that board.
//!
//! Instructions are only right in QEMU with `-icount shift=8`, as `cargo xtask test` starts it.
#![no_std]
#![no_main]

mod conversation;
mod cost;
mod flash;
mod upload;

use app::{Model, embedded};
use core::hint::black_box;
use cortex_m_rt::entry;
use rnn_core::check::CHECKS;
use rnn_core::model_file::ModelFile;

support::interrupts!();

#[entry]
fn main() -> ! {
    let mut failed = 0;
    let mut report = |name: &str, ok: bool| {
        defmt::println!("{{\"test\": \"{=str}\", \"ok\": {=bool}}}", name, ok);
        failed += i32::from(!ok);
    };
    report("the kernels are those for this board", support::kernel::are_the_expected_ones());
    for check in CHECKS {
        // Not all in one frame: on the smallest board there is no room for that.
        report(check.name, black_box(check.run)() == check.expected);
    }
    let file = embedded::bytes();
    report("the embedded model's samples", app::check(file).is_ok());
    let crc = load(black_box(file));
    report("the model's file, read at run time", crc == Some(embedded::FILE.crc()));
    let (start, _) = file.split_at(file.len() / 2);
    report("half a file is refused", load(black_box(start)).is_none());
    conversation::run(&mut report);
    if support::stack::left() > upload::STACK {
        upload::run(&mut report);
    }
    cost::run(&mut report);
    support::exit(failed.min(1))
}

/// The embedded model.
fn model() -> Option<Model<'static>> {
    let words = app::words(embedded::bytes())?;
    Some(Model { words, scales: const { &embedded::SETTINGS.scales } })
}

/// Reads a model file: a function of its own, whose calls are checked.
#[inline(never)]
fn load(bytes: &[u8]) -> Option<u32> {
    ModelFile::parse(bytes).ok().map(|file| file.crc())
}
