//! A stream through the emulated chip in which something changes: what the application learns of it, bit for
//! bit as this machine learns it.

use crate::board::MAIN;
use crate::elf;
use crate::firmware::Built;
use crate::tally::Tally;
use anyhow::{Result, ensure};
use rnn_core::adapt::Event;
use rnn_core::random::SplitMix64;
use rnn_train_host::device::stream::Sent;
use rnn_train_host::device::{self, Device, Report};
use rnn_train_host::model::Model;
use std::f32::consts::TAU;

/// One step of the networks with what is learnt, as the image names it.
const LEARN: &str = "app::learner::learn";
/// Samples streamed.
const SAMPLES: usize = 3000;
/// The one from which on level, gain and period are others.
const CHANGE: usize = 1500;

/// Runs every test of this file with an image that learns.
pub(crate) fn test(built: &Built, model: &Model, tally: &mut Tally) -> Result<()> {
    for root in [LEARN, "app::App::on_byte"] {
        elf::walk(MAIN.cpu, &built.app, root)?.check(&built.app, root)?;
        tally.passed += 1;
    }
    let device = Device::Qemu(MAIN.name.into());
    let samples = samples(model.header.inputs);
    let Report { comparison, .. } =
        device::run(&device, Some(&built.app), model, samples, |_| Ok(()))?;
    let first = &comparison.first_difference;
    ensure!(comparison.steps == SAMPLES, "{} steps were made", comparison.steps);
    ensure!(comparison.differing_bits == 0, "learning differs from the host's: {first:?}");
    let taken_over = |from: usize, to: usize| {
        let mut events = comparison.events.iter();
        events.any(|e| e.event == Event::TakenOver && (from..to).contains(&e.step))
    };
    ensure!(
        taken_over(0, CHANGE) && taken_over(CHANGE, SAMPLES),
        "nothing is taken over: {:?}",
        comparison.events
    );
    tally.passed += 1;
    Ok(())
}

/// Noisy waves, of which a value is wrong now and then.
fn samples(channels: usize) -> Vec<Sent> {
    let mut random = SplitMix64::new(7);
    let mut turn = 0.0;
    let sample = |t: usize| {
        let (period, gain, level) = if t < CHANGE { (25.0, 4.0, 10.0) } else { (15.0, 6.0, 13.0) };
        turn += TAU / period;
        let value = |channel: usize| {
            let noise = random.uniform() as f32 - 0.5;
            let wrong = random.below(500) == 0;
            let wave = (turn + channel as f32).sin();
            if wrong { f32::NAN } else { level + gain * wave + 0.2 * noise }
        };
        Sent { values: Some((0..channels).map(value).collect()), elapsed: 1.0 }
    };
    (0..SAMPLES).map(sample).collect()
}
