//! `cargo xtask demo --full`: a machine's fan clogs; a frozen model beside one that learns, alarms, and an update
//! with the power cut in its middle.

use super::machine::{self, CLOGS, DAY, END};
use super::picture::picture;
use super::rnn;
use super::run::Run;
use super::update::{self, UPDATED, Update};
use crate::board::MAIN;
use crate::command::{self, root};
use crate::firmware::{self, Built, Profile};
use anyhow::{Context, Result, ensure};
use rnn_core::adapt::Event;
use rnn_train_host::atomic::write_atomically;
use rnn_train_host::device::{self, Device};
use rnn_train_host::model::Model;
use rnn_train_host::report::figure;
use std::fmt;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::thread;

/// Where everything goes, under the workspace's folder.
const OUT: &str = "out/demo-full";
const TARGET: &str = "temperature";
/// What is trained on at first; the rest is streamed.
const HEALTHY: Range<usize> = 0..21 * DAY;
/// What the update is trained on: three weeks again, the last two of them with the fan clogged.
const RECENT: Range<usize> = 35 * DAY..56 * DAY;
/// The streamed part before the fan clogs, and that after it.
const BEFORE: Range<usize> = HEALTHY.end..CLOGS.start;
const AFTER: Range<usize> = CLOGS.end..END;
/// What the update is judged on, once it has warmed up.
const UPDATE: Range<usize> = UPDATED + DAY / 4..END;
/// Samples that the chip learns from at a time.
const ADAPT: &str = "16";
/// What learns has at most this share of the frozen error once the fan is clogged.
const BAR: f64 = 0.8;

/// Plays the story; `true` when all held.
pub(crate) fn run() -> Result<bool> {
    let folder = root().join(OUT);
    fs::create_dir_all(&folder).with_context(|| format!("can't create {}", folder.display()))?;
    let readings = machine::readings();

    println!("== 1. Three weeks of a machine's bearing temperature, and a model of it");
    let old = train("healthy", &readings[HEALTHY])?;

    println!("\n== 2. Six weeks more through the emulated {}, as the fan clogs", MAIN.core);
    let [frozen_image, learning_image] = images(&folder)?;
    let (frozen, learning) = thread::scope(|scope| {
        let learning = scope.spawn(|| stream(&learning_image, &old, &readings));
        let frozen = stream(&frozen_image, &old, &readings);
        (frozen, learning.join().expect("a panic has ended all"))
    });
    let (frozen, learning) = (frozen.context("frozen")?, learning.context("learning")?);
    println!("  {:<10}{:>12}{:>12}", "", "frozen", "learning");
    for (name, samples) in [("clean", BEFORE), ("clogging", CLOGS), ("clogged", AFTER)] {
        let rmse = [&frozen, &learning].map(|run| figure(run.rmse(samples.clone())));
        println!("  {name:<10}{:>12}{:>12}", rmse[0], rmse[1]);
    }

    let samples = frozen.rows.len();
    let differing = frozen.differing_bits + learning.differing_bits;
    println!("  {differing} bits differ between chip and laptop, in {samples} samples each");
    println!("  {}", happened(&learning));

    println!("\n== 3. An update, and the power is cut in the middle of it");
    let new = train("recent", &readings[RECENT])?;
    let update = update::play(&frozen_image, &old, &new, &readings)?;
    let Update { bytes, cut_at, slot, run } = &update;
    let crc = |model: &Model| anyhow::Ok(format!("{:#010x}", model.info()?.model_crc));
    println!("\n  the chip runs model {} from the firmware", crc(&old)?);
    println!("  upload: the power is cut when {cut_at} of {bytes} bytes have come");
    println!("  the chip runs model {} from the firmware again", crc(&old)?);
    println!(
        "  upload again: the chip runs model {} from slot {}, also after another cut",
        crc(&new)?,
        slot.number
    );
    println!(
        "  {} bits differ between chip and laptop, in {} samples; RMSE from then on {} K",
        run.differing_bits,
        run.rows.len(),
        figure(run.rmse(UPDATE))
    );

    let story = Story { readings, frozen, learning, update };
    println!("\n{story}");
    let path = folder.join("picture.svg");
    picture(&story, &path)?;
    println!("Picture: {OUT}/picture.svg");
    Ok(story.held())
}

/// The images with the model of the healthy machine: one that stays as it is, one that learns.
fn images(folder: &Path) -> Result<[PathBuf; 2]> {
    let model = folder.join("healthy.rnn");
    // Both are built to the same place.
    let keep = |built: Built, name: &str| {
        let image = folder.join(name);
        fs::copy(built.app, &image).with_context(|| format!("can't write {}", image.display()))?;
        anyhow::Ok(image)
    };
    let frozen = keep(firmware::build(MAIN, &model, Profile::Release)?, "frozen.elf")?;
    let learning = firmware::build_learning(MAIN, &model, Profile::Release, ADAPT)?;
    Ok([frozen, keep(learning, "learning.elf")?])
}

/// Streams what comes after the first three weeks through the emulated chip.
fn stream(image: &Path, model: &Model, readings: &[f32]) -> Result<Run> {
    let mut run = Run::new(HEALTHY.end);
    let device = Device::Qemu(MAIN.name.into());
    let (_, told) = device::converse(&device, Some(image), model.info()?, |session| {
        run.stream(session, model, readings, END)
    })?;
    let lost = (told.link_errors, told.queue_overflows);
    ensure!(lost == (0, 0), "the line damaged or lost something: {lost:?}");
    Ok(run)
}

/// When what was learnt was taken over, and rolled back.
fn happened(run: &Run) -> String {
    let of = |kind: Event| {
        let events = run.events().filter(|(_, event)| *event == kind);
        let days: Vec<_> = events.map(|(t, _)| format!("{:.1}", t as f64 / DAY as f64)).collect();
        if days.is_empty() { "never".into() } else { format!("on day {}", days.join(", ")) }
    };
    format!("taken over {}; rolled back {}", of(Event::TakenOver), of(Event::RolledBack))
}

/// Writes a part of the log to a file and trains a model on it.
fn train(name: &str, readings: &[f32]) -> Result<Model> {
    let (log, model) = (format!("{OUT}/{name}.csv"), format!("{OUT}/{name}.rnn"));
    write_atomically(&root().join(&log), |file| {
        writeln!(file, "{TARGET}")?;
        readings.iter().try_for_each(|reading| Ok(writeln!(file, "{reading:.2}")?))
    })?;
    let how = ["--target", TARGET, "--cell", "gru", "--hidden", "16", "--out", &model];
    command::run(rnn(&["train", &log]).args(how))?;
    Model::load(&root().join(model))
}

/// All that has been seen.
pub(crate) struct Story {
    pub(crate) readings: Vec<f32>,
    pub(crate) frozen: Run,
    pub(crate) learning: Run,
    pub(crate) update: Update,
}

impl Story {
    fn differing_bits(&self) -> u64 {
        let runs = [&self.frozen, &self.learning, &self.update.run];
        runs.map(|run| run.differing_bits).iter().sum()
    }

    /// In a sentence.
    pub(crate) fn verdict(&self) -> String {
        let Self { frozen, learning, update, .. } = self;
        format!(
            "RMSE with the fan clogged: {} K frozen, {} K learning; after the update {} K with the \
             uploaded model. Bits that differ between chip and laptop: {}.",
            figure(frozen.rmse(AFTER)),
            figure(learning.rmse(AFTER)),
            figure(update.run.rmse(UPDATE)),
            self.differing_bits()
        )
    }

    /// Every bit the same, what learns below its bar, and what was uploaded better than what it replaced.
    fn held(&self) -> bool {
        let Self { frozen, learning, update, .. } = self;
        self.differing_bits() == 0
            && learning.rmse(AFTER) <= BAR * frozen.rmse(AFTER)
            && update.run.rmse(UPDATE) < frozen.rmse(UPDATE)
    }
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { frozen, learning, update, .. } = self;
        let runs = [frozen, learning, &update.run];
        let mut row = |name: &str, cells: [String; 3]| {
            let [frozen, learning, uploaded] = cells;
            writeln!(f, "  {name:<34}{frozen:>10}{learning:>10}{uploaded:>10}")
        };
        row("", ["frozen", "learning", "uploaded"].map(Into::into))?;
        let rmse = |run: &Run, samples: Range<usize>| {
            if run.start <= samples.start { figure(run.rmse(samples)) } else { "-".into() }
        };
        for (name, samples) in [
            ("RMSE, K: clean, days 21 to 28", BEFORE),
            ("  clogging, days 28 to 42", CLOGS),
            ("  clogged, days 42 to 63", AFTER),
            ("  after the update, to day 63", UPDATE),
        ] {
            row(name, runs.map(|run| rmse(run, samples.clone())))?;
        }
        let found = |run: &Run, samples: Range<usize>| {
            let (found, all) = run.found(samples.clone());
            if run.start <= samples.start { format!("{found} of {all}") } else { "-".into() }
        };
        row("troubles noticed, clean", runs.map(|run| found(run, BEFORE)))?;
        row("troubles noticed, clogged", runs.map(|run| found(run, UPDATED..END)))?;
        let about_nothing = |run: &Run, samples: Range<usize>| {
            let alarms = run.false_alarms(samples.clone());
            if run.start <= samples.start { alarms.to_string() } else { "-".into() }
        };
        row("false alarms, clean", runs.map(|run| about_nothing(run, BEFORE)))?;
        row(
            "  from day 28 to the update",
            runs.map(|run| about_nothing(run, CLOGS.start..UPDATED)),
        )?;
        row("  from then on", runs.map(|run| about_nothing(run, UPDATED..END)))?;
        writeln!(
            f,
            "  clogged, learning against frozen    {:.3} times the RMSE",
            learning.rmse(AFTER) / frozen.rmse(AFTER)
        )?;
        let samples: usize = runs.iter().map(|run| run.rows.len()).sum();
        writeln!(
            f,
            "  bits that differ                    {} between chip and laptop, in {samples} samples",
            self.differing_bits()
        )
    }
}
