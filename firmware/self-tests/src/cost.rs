//! What one step costs: instructions, over inputs of every kind, and stack.

use app::embedded::{CHANNELS, MODEL, Predictor, WINDOW};
use board::stack;
use core::hint::black_box;
use cortex_m::Peripherals;
use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;
use rnn_core::random::SplitMix64;

/// Steps measured.
const STEPS: u32 = 10_000;
/// SysTick runs at 25 MHz; under `-icount shift=10` an instruction takes 1024 ns, 25.6 ticks.
const TICKS_PER_10_INSTRUCTIONS: u32 = 256;
/// SysTick counts down from here.
const RELOAD: u32 = 0x00ff_ffff;
/// Values that sensors shouldn't send.
const ODD: [f32; 8] = [
    f32::NAN,
    f32::INFINITY,
    f32::NEG_INFINITY,
    f32::MAX,
    f32::MIN,
    f32::from_bits(1),
    -0.0,
    f32::MIN_POSITIVE,
];

/// Measures, prints the figures, and tests that they don't depend on the input.
pub(crate) fn run(report: &mut impl FnMut(&str, bool)) {
    let Some(mut peripherals) = Peripherals::take() else {
        return report("the timer is free", false);
    };
    peripherals.SYST.set_clock_source(SystClkSource::Core);
    peripherals.SYST.set_reload(RELOAD);
    peripherals.SYST.clear_current();
    peripherals.SYST.enable_counter();

    let mut predictor = Predictor::new(&MODEL);
    // The first windows are short ones; from here on every step is whole.
    for _ in 0..WINDOW {
        app::step(&mut predictor, &[0.0; CHANNELS]);
    }
    let empty = instructions(|| ());
    let mut random = SplitMix64::new(1);
    let (mut least, mut most) = (u32::MAX, 0);
    for step in 0..STEPS {
        let sample = black_box(sample(step, &mut random));
        let cost = instructions(|| black_box(app::step(&mut predictor, &sample))) - empty;
        least = least.min(cost);
        most = most.max(cost);
    }
    figure("instructions_min", least);
    figure("instructions_max", most);
    report("a step takes the same instructions for every input", least == most && least > 0);

    let stack = stack::used_by(|| black_box(app::step(&mut predictor, &[0.0; CHANNELS])));
    figure("stack", stack);
    report("the stack of a step is measured", stack > 0);
}

/// Instructions from one look at the timer to the next, and what `run` takes in between.
#[inline(always)]
fn instructions<T>(run: impl FnOnce() -> T) -> u32 {
    let start = SYST::get_current();
    run();
    let ticks = start.wrapping_sub(SYST::get_current()) & RELOAD;
    (ticks * 10 + TICKS_PER_10_INSTRUCTIONS / 2) / TICKS_PER_10_INSTRUCTIONS
}

/// All kinds of samples: odd values on all channels, on one, any bits at all, and plain ones.
fn sample(step: u32, random: &mut SplitMix64) -> [f32; CHANNELS] {
    let bits = random.next_u64();
    let odd = ODD[(bits % ODD.len() as u64) as usize];
    let mut sample = core::array::from_fn(|_| (random.uniform() * 100.0 - 50.0) as f32);
    match step % 4 {
        0 => sample = [odd; CHANNELS],
        1 => sample[(bits >> 32) as usize % CHANNELS] = odd,
        2 => sample = core::array::from_fn(|_| f32::from_bits(random.next_u64() as u32)),
        _ => {}
    }
    sample
}

fn figure(name: &str, value: u32) {
    defmt::println!("{{\"figure\": \"{=str}\", \"value\": {=u32}}}", name, value);
}
