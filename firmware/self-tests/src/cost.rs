//! What one step costs: instructions, over inputs of every kind, and stack.

use crate::model;
use app::embedded::WINDOW;
use app::{CHANNELS, Predictor};
use core::hint::black_box;
use core::iter::repeat_n;
use core::ops::RangeInclusive;
use rnn_core::random::SplitMix64;
use support::stack;
use support::timer::Timer;

/// Steps measured: so many that they take about this many instructions, within these limits.
const BUDGET: u32 = 100_000_000;
const STEPS: RangeInclusive<u32> = 200..=10_000;
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
#[inline(never)]
pub(crate) fn run(report: &mut impl FnMut(&str, bool)) {
    instructions(report);
    stack(report);
}

fn instructions(report: &mut impl FnMut(&str, bool)) {
    let Some(mut timer) = Timer::start() else {
        return report("the timer is free", false);
    };
    let mut predictor = Predictor::REST;
    let Some(model) = model() else { return report("the embedded model can be read", false) };
    // The first windows are short ones; from here on every step is whole.
    for sample in repeat_n([0.0; CHANNELS], WINDOW) {
        app::step(&mut predictor, model, &sample);
    }

    let empty = timer.instructions(|| ()).unwrap_or(u32::MAX);
    let mut random = SplitMix64::new(1);
    let (mut least, mut most, mut too_long) = (u32::MAX, 0, false);
    let mut steps = *STEPS.start();
    let mut step = 0;
    while step < steps && !too_long {
        let sample = black_box(sample(step, &mut random));
        match timer.instructions(|| black_box(app::step(&mut predictor, model, &sample))) {
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

    let mut predictor = Predictor::REST;
    let Some(model) = model() else { return report("the embedded model can be read", false) };
    let stack = stack::used_by(|| black_box(app::step(&mut predictor, model, &[0.0; CHANNELS])));
    figure("stack", stack);
    report("the stack of a step is measured", stack > 0);
}

#[inline(never)]
fn known_frame() {
    black_box([0u32; 128]);
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
