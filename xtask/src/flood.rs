//! A line on which garbage comes before every question: the predictions go on.

use crate::board::Board;
use crate::chip::{self, Tested};
use crate::firmware::{self, Built, Profile};
use crate::tally::Tally;
use anyhow::{Result, ensure};
use rnn_core::random::SplitMix64;
use rnn_train_host::device::qemu::Qemu;
use rnn_train_host::device::stream::{ANSWER_WITHIN, Session};
use rnn_train_host::model::Model;
use rnn_train_host::watch::Watching;
use std::io::{Read, Result as IoResult, Write};

/// Bytes of garbage before each question: four queues of the firmware, dozens of frames' ends. The
/// emulator takes some thousand bytes a second.
const GARBAGE: usize = 1000;
/// Questions with a sample.
const SAMPLES: usize = 20;

/// A line that sends garbage first.
struct Flooded<L> {
    line: L,
    random: SplitMix64,
}

impl<L: Write> Write for Flooded<L> {
    fn write(&mut self, frame: &[u8]) -> IoResult<usize> {
        let mut garbage: Vec<u8> = (0..GARBAGE).map(|_| self.random.below(256) as u8).collect();
        // Short groups and many ends, as where a line is only noise.
        garbage.iter_mut().for_each(|byte| *byte &= [0xFF, 7][self.random.below(2)]);
        garbage.push(0);
        self.line.write_all(&garbage)?;
        self.line.write_all(frame)?;
        Ok(frame.len())
    }

    fn flush(&mut self) -> IoResult<()> {
        self.line.flush()
    }
}

impl<L: Read> Read for Flooded<L> {
    fn read(&mut self, bytes: &mut [u8]) -> IoResult<usize> {
        self.line.read(bytes)
    }
}

/// Streams samples through an emulated chip on such a line: every answer comes, and is the host's bit for
/// bit. Returns how many bytes of garbage were sent.
pub(crate) fn run(board: &Board, tested: &Tested, built: &Built) -> Result<u64> {
    let model = Model::load(&tested.path)?;
    let mut watching = Watching::new(&model);
    let mut qemu = Qemu::start(board.name, &built.app, &[])?;
    let line = Flooded { line: qemu.serial(), random: SplitMix64::new(6) };
    // A greeting that is repeated before its answer is on the way only makes the flood deeper.
    let mut session = Session::open_within(line, 5 * ANSWER_WITHIN)?;
    session.expect_model(model.info()?)?;
    let samples = chip::samples(model.header.inputs).into_iter().take(SAMPLES);
    let comparison = session.compare(samples, |sent| watching.judge(sent), |_| Ok(()))?;
    let stats = session.stats()?;
    session.quit()?;
    qemu.wait(ANSWER_WITHIN)?.check()?;
    ensure!(comparison.steps == SAMPLES, "{} answers came", comparison.steps);
    ensure!(comparison.differing_bits == 0, "{} bits differ", comparison.differing_bits);
    // Greeting, samples and counters.
    let errors = (SAMPLES + 2) * GARBAGE / 256;
    ensure!(stats.link_errors as usize > errors, "only {} link errors", stats.link_errors);
    Ok(((SAMPLES + 2) * GARBAGE) as u64)
}

/// Counts it as a test.
pub(crate) fn test(board: &Board, tested: &Tested, tally: &mut Tally) -> Result<()> {
    run(board, tested, &firmware::build(board, &tested.path, Profile::Release)?)?;
    tally.passed += 1;
    Ok(())
}
