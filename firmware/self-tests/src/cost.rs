//! What one step costs: instructions, over inputs of every kind, and stack.

use app::embedded::{self, CHANNELS, WINDOW};
use core::hint::black_box;
use core::iter::repeat_n;
use core::ops::RangeInclusive;
use cortex_m::Peripherals;
use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;
use rnn_core::random::SplitMix64;
use support::stack;

/// Steps measured: so many that they take about this many instructions, within these limits.
const BUDGET: u32 = 100_000_000;
const STEPS: RangeInclusive<u32> = 200..=10_000;
/// Under `-icount shift=8`: an instruction takes 256 ns, which is several ticks on every board.
const NANOSECONDS_PER_INSTRUCTION: u64 = 256;
/// SysTick counts down from here, which is at least two million instructions.
const RELOAD: u32 = 0x00ff_ffff;
/// With a unit for floating point a step takes the same instructions whatever the input; the
/// routines that stand in for it don't.
const CONSTANT: bool = cfg!(target_abi = "eabihf");
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
    let mut predictor = embedded::predictor();
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
    report("a step is short enough for the timer (two million instructions)", !too_long);
    if !too_long {
        figure("instructions_min", least);
        figure("instructions_max", most);
        figure("instructions_over_steps", step);
        let held = least > 0 && (least == most || !CONSTANT);
        report("a step takes the same instructions for every input, where there is an FPU", held);
    }
}

fn stack(report: &mut impl FnMut(&str, bool)) {
    let known = stack::used_by(known_frame);
    report("a frame of 512 bytes is measured", (512..640).contains(&known));

    let mut predictor = embedded::predictor();
    let stack = stack::used_by(|| black_box(app::step(&mut predictor, &[0.0; CHANNELS])));
    figure("stack", stack);
    report("the stack of a step is measured", stack > 0);
}

#[inline(never)]
fn known_frame() {
    black_box([0u32; 128]);
}

/// SysTick as a counter of instructions.
struct Timer {
    systick: SYST,
    /// The core's clock, MHz.
    clock: u32,
}

impl Timer {
    fn start() -> Option<Self> {
        let mut systick = Peripherals::take()?.SYST;
        systick.set_clock_source(SystClkSource::Core);
        systick.set_reload(RELOAD);
        systick.clear_current();
        systick.enable_counter();
        let mut timer = Self { systick, clock: 0 };
        // It runs so many instructions, and a few that don't matter to a whole number of MHz.
        const KNOWN: u32 = 10_000;
        let ticks = u64::from(timer.ticks(|| cortex_m::asm::delay(KNOWN))?);
        let nanoseconds = u64::from(KNOWN) * NANOSECONDS_PER_INSTRUCTION;
        timer.clock = ((ticks * 1000 + nanoseconds / 2) / nanoseconds) as u32;
        Some(timer)
    }

    /// Instructions from one look at the timer to the next, and what `run` takes in between; `None`
    /// when the timer ran out meanwhile.
    #[inline(always)]
    fn instructions<T>(&mut self, run: impl FnOnce() -> T) -> Option<u32> {
        let ticks = self.ticks(run)?;
        let per_instruction = NANOSECONDS_PER_INSTRUCTION * u64::from(self.clock);
        Some(((u64::from(ticks) * 1000 + per_instruction / 2) / per_instruction) as u32)
    }

    /// The same in the timer's ticks.
    #[inline(always)]
    fn ticks<T>(&mut self, run: impl FnOnce() -> T) -> Option<u32> {
        self.systick.clear_current();
        let start = SYST::get_current();
        run();
        let end = SYST::get_current();
        (!self.systick.has_wrapped()).then_some(start.wrapping_sub(end) & RELOAD)
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
