//! Long streams on the target, learning on it, and whether steps of integers take the same instructions for
//! every input.
//! Each is a line of JSON in the log; the exit code tells whether all held. No model is needed: the streams
//! bring their own weights.
#![no_std]
#![no_main]

use core::hint::black_box;
use cortex_m_rt::entry;
use rnn_core::check::adaptations::{ADAPTATIONS, Adaptation, SAMPLES};
use rnn_core::check::streams::{INPUTS, STREAMS, Stream, with_integers};
use rnn_core::kernel::integer::LAYOUT;
use rnn_core::quant::block::Format;
use rnn_core::quant::{Inputs, IntegerNetwork};
use rnn_core::random::SplitMix64;
use support::timer::Timer;

/// Steps whose instructions are compared.
const STEPS: usize = 10_000;

support::interrupts!();

#[entry]
fn main() -> ! {
    let Some(mut timer) = Timer::start() else { support::exit(1) };
    let mut failed = 0;
    let mut report = |test: &str, name: &str, ok: bool| {
        defmt::println!("{{\"test\": \"{=str}: {=str}\", \"ok\": {=bool}}}", test, name, ok);
        failed += i32::from(!ok);
    };
    for stream in STREAMS {
        let Stream { name, kind, width, expected } = stream;
        report("100000 steps", name, stream.digest(LAYOUT) == expected);
        if let Some(width) = width {
            let format = Format { width, layout: LAYOUT };
            let constant = with_integers(kind, format, |network, memory| {
                is_constant(&mut timer, network, memory)
            });
            report("the same instructions for 10000 inputs", name, constant == Some(true));
        }
    }
    // The smallest board has no room for all.
    let room = support::stack::left();
    for Adaptation { name, run, expected, .. } in ADAPTATIONS.iter().filter(|a| a.stack < room) {
        report("2000 samples learnt", name, run(SAMPLES) == *expected);
    }
    support::exit(failed.min(1))
}

/// Whether steps take the same instructions for any inputs, extremes among them.
fn is_constant(timer: &mut Timer, network: &IntegerNetwork<'_>, memory: &mut [i32]) -> bool {
    let mut random = SplitMix64::new(24);
    let mut first = None;
    (0..STEPS).all(|t| {
        let bits = random.next_u64();
        let any: [i16; INPUTS] = core::array::from_fn(|i| (bits >> (16 * i)) as i16);
        let x = black_box(match t % 4 {
            0 => [[i16::MIN, -1, 0, i16::MAX][(bits >> 62) as usize]; INPUTS],
            _ => any,
        });
        let count = instructions(timer, network, &x, memory);
        count.is_some() && *first.get_or_insert(count) == count
    })
}

/// Of one step. A function of its own, so that the first call isn't another code than the others.
#[inline(never)]
fn instructions(
    timer: &mut Timer,
    network: &IntegerNetwork<'_>,
    x: &[i16; INPUTS],
    memory: &mut [i32],
) -> Option<u32> {
    timer.instructions(|| network.step(Inputs::Values(x), memory))
}
