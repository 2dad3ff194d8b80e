//! What one step costs: instructions, over inputs of every kind, and stack.

use app::embedded::{CHANNELS, MODEL, Predictor, WINDOW};
use board::stack;
use core::hint::black_box;
use core::iter::repeat_n;
use core::ops::RangeInclusive;
use cortex_m::Peripherals;
use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;
use rnn_core::random::SplitMix64;

/// Steps measured: so many that they take about this many instructions, within these limits.
const BUDGET: u32 = 100_000_000;
const STEPS: RangeInclusive<u32> = 200..=10_000;
/// SysTick runs at 25 MHz; under `-icount shift=10` an instruction takes 1024 ns, 25.6 ticks.
const TICKS_PER_10_INSTRUCTIONS: u32 = 256;
/// SysTick counts down from here, which is about 655,000 instructions.
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
    instructions(report);
    stack(report);
}

fn instructions(report: &mut impl FnMut(&str, bool)) {
    let Some(mut timer) = Timer::start() else {
        return report("the timer is free", false);
    };
    let mut predictor = Predictor::new(&MODEL);
    // The first windows are short ones; from here on every step is whole.
    for sample in repeat_n([0.0; CHANNELS], WINDOW) {
        app::step(&mut predictor, &sample);
    }

    let empty = timer.instructions(|| ()).unwrap_or(u32::MAX);
    let mut random = SplitMix64::new(1);
    let (mut least, mut most, mut too_long) = (u32::MAX, 0, false);
    let mut steps = *STEPS.start();
    let mut step = 0;
    while step < steps && !too_long {
        let sample = black_box(sample(step, &mut random));
        match timer.instructions(|| black_box(app::step(&mut predictor, &sample))) {
            Some(cost) => {
                let cost = cost.saturating_sub(empty);
                least = least.min(cost);
                most = most.max(cost);
            }
            None => too_long = true,
        }
        steps = (BUDGET / most.max(1)).clamp(*STEPS.start(), *STEPS.end());
        step += 1;
    }
    report("a step is short enough for the timer (655,000 instructions)", !too_long);
    if !too_long {
        figure("instructions_min", least);
        figure("instructions_max", most);
        figure("instructions_over_steps", step);
        report("a step takes the same instructions for every input", least == most && least > 0);
    }
}

fn stack(report: &mut impl FnMut(&str, bool)) {
    let known = stack::used_by(known_frame);
    report("a frame of 512 bytes is measured", (512..640).contains(&known));

    let mut predictor = Predictor::new(&MODEL);
    let stack = stack::used_by(|| black_box(app::step(&mut predictor, &[0.0; CHANNELS])));
    figure("stack", stack);
    report("the stack of a step is measured", stack > 0);
}

#[inline(never)]
fn known_frame() {
    black_box([0u32; 128]);
}

/// SysTick as a counter of instructions.
struct Timer(SYST);

impl Timer {
    fn start() -> Option<Self> {
        let mut timer = Peripherals::take()?.SYST;
        timer.set_clock_source(SystClkSource::Core);
        timer.set_reload(RELOAD);
        timer.clear_current();
        timer.enable_counter();
        Some(Self(timer))
    }

    /// Instructions from one look at the timer to the next, and what `run` takes in between; `None`
    /// when the timer ran out meanwhile.
    #[inline(always)]
    fn instructions<T>(&mut self, run: impl FnOnce() -> T) -> Option<u32> {
        self.0.clear_current();
        let start = SYST::get_current();
        run();
        let end = SYST::get_current();
        let ticks = start.wrapping_sub(end) & RELOAD;
        (!self.0.has_wrapped())
            .then_some((ticks * 10 + TICKS_PER_10_INSTRUCTIONS / 2) / TICKS_PER_10_INSTRUCTIONS)
    }
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
