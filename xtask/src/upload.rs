//! Models that are uploaded to the emulated chip, which learns, in the middle of a stream, and resets in the
//! middle of an upload.

use crate::board::MAIN;
use crate::chip::{SAMPLES, random_model, samples};
use crate::command::root;
use crate::firmware::{self, Built, Profile};
use crate::learning;
use crate::tally::Tally;
use anyhow::{Context, Result, ensure};
use rnn_core::gru::Reset;
use rnn_core::layers::{Kind, Layers};
use rnn_core::model_file::{Header, Task};
use rnn_core::scaling::Mode;
use rnn_train_host::adapt::Twin;
use rnn_train_host::device::Line;
use rnn_train_host::device::qemu::Qemu;
use rnn_train_host::device::stream::{ANSWER_WITHIN, Sent, Session};
use rnn_train_host::model::Model;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// Samples before an upload, and after it.
const BEFORE: usize = 100;

/// The model in the firmware, and two that follow it: one from rest, one from the state that there is.
struct Models {
    old: Model,
    new: Model,
    heir: Model,
}

/// Runs every test of this file.
pub(crate) fn test(tally: &mut Tally) -> Result<()> {
    let header = Header {
        self_tests: 16,
        ..Header::new(
            Task::Forecast { mode: Mode::Residual, target: 0 },
            2,
            Layers::one(Kind::Gru(Reset::After), 16),
        )
    };
    let of = |seed, hand_over| random_model(Header { seed, hand_over, ..header });
    let models = Models { old: of(1, false), new: of(2, false), heir: of(3, true) };
    let folder = root().join("out/test");
    fs::create_dir_all(&folder).with_context(|| format!("can't create {}", folder.display()))?;
    let path = folder.join("uploads.rnn");
    models.old.save(&path)?;
    // Of one that learns there is more to be handed over.
    let built = firmware::build_learning(MAIN, &path, Profile::Release, "16")?;
    midstream(&built, &models.old, &models.new)?;
    midstream(&built, &models.old, &models.heir)?;
    torn(&built, &models)?;
    tally.passed += 3;
    learning::test(&built, &models.old, tally)?;
    Ok(())
}

/// A device and its host beside it: every answer must have the same bits.
struct Pair<'s, 'm, L> {
    session: &'s mut Session<L>,
    twin: Twin<'m>,
    samples: &'s mut dyn Iterator<Item = Sent>,
}

impl<L: Line> Pair<'_, '_, L> {
    fn steps(&mut self, count: usize) -> Result<()> {
        let samples: Vec<Sent> = self.samples.take(count).collect();
        ensure!(samples.len() == count, "there are too few samples");
        let judge = |sent: &Sent| self.twin.judge(sent);
        let comparison = self.session.compare(samples, judge, |_| Ok(()))?;
        let first = comparison.first_difference;
        ensure!(comparison.differing_bits == 0, "the device differs from the host: {first:?}");
        Ok(())
    }
}

/// Uploads `next` while `old` predicts, a sample for each part of it.
fn midstream(built: &Built, old: &Model, next: &Model) -> Result<()> {
    let file = next.to_bytes()?;
    let mut qemu = Qemu::start(MAIN.name, &built.app, &[])?;
    let mut session = Session::open(qemu.serial())?;
    session.expect_model(old.info()?)?;
    let mut samples = samples(old.header.inputs).into_iter().cycle();
    let learning = session.info().learning;
    let twin = Twin::new(old, learning)?;
    let mut pair = Pair { session: &mut session, twin, samples: &mut samples };
    pair.steps(BEFORE)?;
    pair.session.begin_update(&file)?;
    let mut sent = 0;
    while sent < file.len() {
        pair.steps(1)?;
        sent = pair.session.send_part(&file, sent)?;
    }
    pair.steps(1)?;
    pair.session.finish_update()?;
    pair.session.expect_model(next.info()?)?;
    let slot = pair.session.info().slot.map(|slot| slot.number);
    ensure!(slot == Some(1), "the model runs from {slot:?}");

    // What the next prediction must not be: that of the old model, and that of the new one in another state.
    let sound = Sent { values: Some(vec![9.0; old.header.inputs]), elapsed: 1.0 };
    let prediction = |mut twin: Twin<'_>| twin.judge(&sound).prediction;
    let mut taken_over = pair.twin.clone();
    taken_over.take_over(next);
    let [stayed, expected, from_rest] =
        [pair.twin.clone(), taken_over.clone(), Twin::new(next, learning)?].map(prediction);
    ensure!(stayed != expected, "the models predict the same: nothing is shown");
    ensure!((from_rest == expected) != next.header.hand_over, "the state makes no difference");

    pair.twin = taken_over;
    let mut all = std::iter::once(sound).chain(pair.samples);
    let Pair { session: same, twin, .. } = pair;
    Pair { session: same, twin, samples: &mut all }.steps(SAMPLES)?;
    let stats = session.stats()?;
    ensure!(
        (stats.link_errors, stats.queue_overflows) == (0, 0),
        "the line lost something: {stats:?}"
    );
    session.quit()?;
    qemu.wait(ANSWER_WITHIN)?.check()
}

/// Resets the chip at several places of an upload; what ran before runs on. After its end the new model does.
fn torn(built: &Built, models: &Models) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let socket = folder.path().join("qmp");
    let option = format!("unix:{},server=on,wait=off", socket.display());
    // A reset is no end here.
    let options = ["-action", "reboot=reset", "-qmp", &option];
    let mut qemu = Qemu::start(MAIN.name, &built.app, &options)?;
    let mut power = Power::over(&socket)?;
    let mut runs = &models.old;
    for next in [&models.new, &models.heir] {
        let file = next.to_bytes()?;
        for share in [0.0, 0.5, 1.0] {
            let mut session = Session::open(qemu.serial())?;
            session.expect_model(runs.info()?).with_context(|| format!("before {share}"))?;
            session.begin_update(&file)?;
            let mut sent = 0;
            while (sent as f64) < share * file.len() as f64 {
                sent = session.send_part(&file, sent)?;
            }
            power.cut()?;
        }
        after_reset(qemu.serial(), runs)?.upload(&file, |_| Ok(()))?;
        power.cut()?;
        runs = next;
        after_reset(qemu.serial(), runs)?;
    }
    Session::open(qemu.serial())?.quit()?;
    qemu.wait(ANSWER_WITHIN)?.check()
}

/// A conversation with a device that has just started and runs this model, bit for bit.
fn after_reset<'q, L: Line>(line: &'q mut L, model: &Model) -> Result<Session<&'q mut L>> {
    let mut session = Session::open(line)?;
    session.expect_model(model.info()?)?;
    let mut samples = samples(model.header.inputs).into_iter();
    let twin = Twin::new(model, session.info().learning)?;
    Pair { session: &mut session, twin, samples: &mut samples }.steps(BEFORE)?;
    Ok(session)
}

/// The switch of an emulated machine.
struct Power {
    monitor: BufReader<UnixStream>,
}

impl Power {
    fn over(socket: &Path) -> Result<Self> {
        let monitor = UnixStream::connect(socket).context("no way to QEMU's monitor")?;
        monitor.set_read_timeout(Some(ANSWER_WITHIN))?;
        let mut power = Power { monitor: BufReader::new(monitor) };
        power.ask("qmp_capabilities", "\"return\"")?;
        Ok(power)
    }

    /// Starts the machine anew; the slots stay as they are.
    fn cut(&mut self) -> Result<()> {
        self.ask("system_reset", "\"RESET\"")
    }

    /// Sends a command and waits for a line with `answer` in it.
    fn ask(&mut self, command: &str, answer: &str) -> Result<()> {
        writeln!(self.monitor.get_mut(), "{{\"execute\": \"{command}\"}}")?;
        let mut line = String::new();
        while !line.contains(answer) {
            line.clear();
            let length = self.monitor.read_line(&mut line).with_context(|| command.to_owned())?;
            ensure!(length > 0, "QEMU is gone before {command}");
        }
        Ok(())
    }
}
