//! A conversation with a device over a serial line: one question, one answer.

mod update;

use crate::adapt;
use anyhow::{Context, Result, bail, ensure};
use rnn_core::adapt::Event;
use rnn_core::link::{
    self, Decoder, Frame, Info, MAX_FRAME, Message, Refusal, Sample, Stats, Values,
};
use rnn_core::watch::Verdict;
use serde::Serialize;
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

/// How long an answer may take before the question is asked again.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// How often a question is asked in all.
const TRIES: u32 = 3;
/// How often the greeting is, in the time of one question's try: a device that has just been started, or plugged in,
/// may be deaf to the first.
const GREETINGS: u32 = 5;

/// An open conversation. Reads of the line have to time out now and then (kinds `TimedOut` and
/// `WouldBlock`), or a device that is silent can't be noticed.
pub struct Session<L> {
    line: L,
    decoder: Decoder,
    /// Bytes that have come and were not yet looked at: behind an answer there may be the start of another.
    heard: VecDeque<u8>,
    sequence: u16,
    damaged: u32,
    answer_within: Duration,
    info: Info,
}

/// What is sent: a sample, or that none came when it was due.
#[derive(Clone, Debug, PartialEq)]
pub struct Sent {
    /// A value per channel.
    pub values: Option<Vec<f32>>,
    /// Sampling periods since the last one; NaN where that isn't known.
    pub elapsed: f32,
}

/// What is made of it, on a device or here.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// What the sample was.
    pub verdict: Verdict,
    /// What became of the networks.
    pub event: Option<Event>,
    /// Whether the weights that have predicted are others than the file's.
    pub adapted: bool,
    /// The numbers of the channels' faults, 0 for none.
    pub faults: Vec<u8>,
    /// The prediction of the next sample.
    pub prediction: Vec<f32>,
}

/// What became of a sample, as soon as the device has answered.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// What was sent.
    pub sent: &'a Sent,
    /// What the device made of it.
    pub told: &'a Told,
    /// Time there and back.
    pub took: Duration,
    /// Damaged frames from the device so far.
    pub damaged: u32,
}

/// The device does not do what it is asked to.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("the device refuses: {0}")]
pub struct Refused(pub Refusal);

/// A device's verdicts and predictions beside the host's.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Comparison {
    /// Samples streamed, a prediction each.
    pub steps: usize,
    /// Bits in which device and host differ, over all predictions and scores; what else of a verdict
    /// differs counts as one.
    pub differing_bits: u64,
    /// Samples of which a value wasn't admitted.
    pub faulty: usize,
    /// Samples that don't fit.
    pub alarms: usize,
    /// The steps at which something became of the networks, from 0, and what.
    pub events: Vec<Happened>,
    /// The first prediction, or score, that differs.
    pub first_difference: Option<Difference>,
    /// The device's predictions, a row per step.
    #[serde(skip)]
    pub predictions: Vec<Vec<f32>>,
}

/// Something that became of the networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Happened {
    /// The step, from 0.
    pub step: usize,
    /// What.
    #[serde(serialize_with = "by_name")]
    pub event: Event,
}

/// Machines are told of an event by its name.
fn by_name<S: serde::Serializer>(event: &Event, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(adapt::name(*event))
}

/// A prediction that differs between device and host.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// The step, from 0.
    pub step: usize,
    /// The channel, from 0; for a verdict one more than there are.
    pub channel: usize,
    /// The host's value.
    pub host: f32,
    /// The device's value.
    pub device: f32,
}

impl Sent {
    /// A sample without a time.
    pub fn timeless(values: &[f32]) -> Self {
        Sent { values: Some(values.to_vec()), elapsed: f32::NAN }
    }
}

impl From<link::Prediction<'_>> for Told {
    fn from(told: link::Prediction<'_>) -> Self {
        Told {
            verdict: told.verdict,
            event: told.event,
            adapted: told.adapted,
            faults: told.faults.to_vec(),
            prediction: told.values.iter().collect(),
        }
    }
}

impl Told {
    /// The predictions, then the score.
    fn numbers(&self) -> impl Iterator<Item = f32> {
        self.prediction.iter().copied().chain([self.verdict.score])
    }
}

impl Comparison {
    /// Adds a step: what the host made of a sample, and the device.
    pub(super) fn add(&mut self, ours: &Told, theirs: Told) -> Result<()> {
        let step = self.steps;
        ensure!(
            ours.prediction.len() == theirs.prediction.len(),
            "step {step}: the device predicts {} channels, the host {}",
            theirs.prediction.len(),
            ours.prediction.len()
        );
        for (channel, (host, device)) in ours.numbers().zip(theirs.numbers()).enumerate() {
            let differing = (host.to_bits() ^ device.to_bits()).count_ones();
            if differing > 0 && self.first_difference.is_none() {
                self.first_difference = Some(Difference { step, channel, host, device });
            }
            self.differing_bits += u64::from(differing);
        }
        let verdict = Verdict { score: ours.verdict.score, ..theirs.verdict };
        let same = (verdict, theirs.event, theirs.adapted, &theirs.faults)
            == (ours.verdict, ours.event, ours.adapted, &ours.faults);
        self.differing_bits += u64::from(!same);
        self.faulty += usize::from(theirs.faults.iter().any(|fault| *fault != 0));
        self.alarms += usize::from(theirs.verdict.alarm);
        self.events.extend(theirs.event.map(|event| Happened { step, event }));
        self.predictions.push(theirs.prediction);
        self.steps += 1;
        Ok(())
    }
}

impl<L: Read + Write> Session<L> {
    /// Greets the device.
    ///
    /// # Errors
    /// When no device answers that speaks this version of the link.
    pub fn open(line: L) -> Result<Self> {
        Self::open_within(line, ANSWER_WITHIN)
    }

    /// As [`Session::open`], with another time for each answer.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub fn open_within(line: L, answer_within: Duration) -> Result<Self> {
        let mut session = Self {
            line,
            decoder: Decoder::new(),
            heard: VecDeque::new(),
            sequence: 0,
            damaged: 0,
            answer_within,
            info: Info {
                inputs: 0,
                hidden: 0,
                outputs: 0,
                window: 0,
                model_crc: 0,
                slot: None,
                learning: None,
            },
        };
        session.info = session
            .ask_often(GREETINGS, Message::Hello, |answer| match answer {
                Message::Info(info) => Some(info),
                _ => None,
            })
            .context("no answer to the greeting: is this firmware of the rnn tool?")?;
        // The conversation starts here: what was cut off by the opening of the line is no damage to it.
        session.damaged = 0;
        Ok(session)
    }

    /// The model on the device.
    pub fn info(&self) -> Info {
        self.info
    }

    /// # Errors
    /// When the device carries another model; the error names both.
    pub fn expect_model(&self, expected: Info) -> Result<()> {
        let describe = |info: Info| {
            format!(
                "{:#010x} ({} inputs, {} hidden units, {} outputs, {})",
                info.model_crc,
                info.inputs,
                info.hidden,
                info.outputs,
                match info.window {
                    0 => "streamed".into(),
                    window => format!("windows of {window}"),
                }
            )
        };
        ensure!(
            Info { slot: None, learning: None, ..self.info } == expected,
            "the device carries model {}, the file is model {}: upload this file (rnn device upload), \
             or build the firmware with RNN_MODEL naming it",
            describe(self.info),
            describe(expected)
        );
        Ok(())
    }

    /// Sends one sample, or that none came; returns what the device makes of it.
    ///
    /// # Errors
    /// When the device doesn't answer, or refuses the sample.
    pub fn step(&mut self, sent: &Sent) -> Result<Told> {
        let Sent { values, elapsed } = sent;
        let raw: Vec<[u8; 4]> = values.iter().flatten().map(|value| value.to_le_bytes()).collect();
        let question = match values {
            Some(_) => Message::Sample(Sample { elapsed: *elapsed, values: Values::new(&raw) }),
            None => Message::Silence(*elapsed),
        };
        self.ask(question, |answer| match answer {
            Message::Prediction(told) => Some(told.into()),
            _ => None,
        })
    }

    /// Streams samples and compares what the device makes of them with what `judge` does; `each` hears of
    /// every one.
    ///
    /// # Errors
    /// As [`Session::step`]; those of `each`.
    pub fn compare(
        &mut self,
        samples: impl IntoIterator<Item = Sent>,
        mut judge: impl FnMut(&Sent) -> Told,
        mut each: impl FnMut(&Seen<'_>) -> Result<()>,
    ) -> Result<Comparison> {
        let mut all = Comparison::default();
        for (step, sent) in samples.into_iter().enumerate() {
            let ours = judge(&sent);
            let started = Instant::now();
            let theirs = self.step(&sent).with_context(|| format!("at step {step}"))?;
            let (took, damaged) = (started.elapsed(), self.damaged);
            each(&Seen { sent: &sent, told: &theirs, took, damaged })?;
            all.add(&ours, theirs)?;
        }
        Ok(all)
    }

    /// The device's counters.
    ///
    /// # Errors
    /// When the device doesn't answer.
    pub fn stats(&mut self) -> Result<Stats> {
        self.ask(Message::StatsRequest, |answer| match answer {
            Message::Stats(stats) => Some(stats),
            _ => None,
        })
    }

    /// Stops the device; returns how many frames from it were damaged since the greeting. A device may take its port
    /// along, as one on USB does: a line that is gone by then is an answer.
    ///
    /// # Errors
    /// When the device doesn't answer.
    pub fn quit(mut self) -> Result<u32> {
        match self.ask(Message::Quit, |answer| matches!(answer, Message::Quit).then_some(())) {
            Err(error) if !error.is::<std::io::Error>() => Err(error),
            _ => Ok(self.damaged),
        }
    }

    /// Asks until there is an answer, at most [`TRIES`] times; `read` takes what it is after.
    fn ask<T>(
        &mut self,
        question: Message<'_>,
        read: impl Fn(Message<'_>) -> Option<T>,
    ) -> Result<T> {
        self.ask_often(1, question, read)
    }

    /// As [`ask`](Self::ask), `often` times in the time of one try.
    fn ask_often<T>(
        &mut self,
        often: u32,
        question: Message<'_>,
        read: impl Fn(Message<'_>) -> Option<T>,
    ) -> Result<T> {
        let (tries, within) = (TRIES * often, self.answer_within / often);
        self.sequence = self.sequence.wrapping_add(1);
        let question = Frame { sequence: self.sequence, message: question };
        let mut buffer = [0; MAX_FRAME];
        let bytes = question.encode(&mut buffer)?;
        for _ in 0..tries {
            // A zero first: whatever the line has picked up ends there.
            self.line.write_all(&[0]).and_then(|()| self.line.write_all(bytes)).map_err(gone)?;
            self.line.flush().map_err(gone)?;
            if let Some(answer) = self.listen(within, &read)? {
                return Ok(answer);
            }
        }
        bail!(
            "the device didn't answer {tries} times within {within:?} each ({} damaged frames so far)",
            self.damaged
        )
    }

    /// Waits for the answer to the last question; `None` when the time is over.
    fn listen<T>(
        &mut self,
        within: Duration,
        read: &impl Fn(Message<'_>) -> Option<T>,
    ) -> Result<Option<T>> {
        let deadline = Instant::now() + within;
        let mut buffer = [0; MAX_FRAME];
        while Instant::now() < deadline {
            while let Some(byte) = self.heard.pop_front() {
                match self.decoder.push(byte) {
                    // Answers to earlier questions come late; they have been repeated since.
                    Some(Ok(frame)) if frame.sequence == self.sequence => {
                        return answer(frame.message, read).map(Some);
                    }
                    None | Some(Ok(_)) => {}
                    Some(Err(error @ rnn_core::link::Error::Version(_))) => {
                        return Err(error.into());
                    }
                    Some(Err(_)) => self.damaged += 1,
                }
            }
            self.heard.extend(received(&mut self.line, &mut buffer)?);
        }
        Ok(None)
    }
}

fn answer<T>(message: Message<'_>, read: &impl Fn(Message<'_>) -> Option<T>) -> Result<T> {
    match message {
        Message::Refused(refusal) => Err(Refused(refusal).into()),
        other => {
            read(other).with_context(|| format!("the device answered beside the point: {other:?}"))
        }
    }
}

/// What has come; nothing when the line's own patience is over.
pub(super) fn received<'b>(line: &mut impl Read, buffer: &'b mut [u8]) -> Result<&'b [u8]> {
    match line.read(buffer) {
        Ok(0) => Err(gone(ErrorKind::UnexpectedEof.into())),
        Ok(count) => Ok(&buffer[..count]),
        Err(error) => match error.kind() {
            ErrorKind::TimedOut | ErrorKind::WouldBlock | ErrorKind::Interrupted => Ok(&[]),
            _ => Err(gone(error)),
        },
    }
}

fn gone(error: std::io::Error) -> anyhow::Error {
    anyhow::Error::new(error).context("the line to the device is gone")
}

#[cfg(test)]
mod tests;
