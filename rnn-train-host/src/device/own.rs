//! A board's own samples: from its start until somebody greets it, it tells of each unasked, in two frames,
//! the sample and what it makes of it.

use super::stream::{Comparison, Seen, Sent, Told, received};
use anyhow::{Context, Result, bail, ensure};
use rnn_core::link::{Decoder, Error, MAX_FRAME, Message, OWN, Sample};
use std::collections::VecDeque;
use std::io::Read;
use std::time::{Duration, Instant};

/// Listens to a board from its start; compares what it makes of so many of its samples with what `judge` does,
/// bit for bit; `each` hears of every one.
///
/// # Errors
/// When the board is silent for longer than `patience`, or a frame is missed, for then nobody here knows its state;
/// those of `each`.
pub fn listen(
    line: &mut impl Read,
    samples: usize,
    patience: Duration,
    mut judge: impl FnMut(&Sent) -> Told,
    mut each: impl FnMut(&Seen<'_>) -> Result<()>,
) -> Result<Comparison> {
    let mut own = Own {
        line,
        decoder: Decoder::new(),
        heard: VecDeque::new(),
        sample: None,
        next: OWN,
        damaged: 0,
    };
    let mut all = Comparison::default();
    while all.steps < samples {
        let (sent, theirs) =
            own.wait(patience).with_context(|| format!("at step {}", all.steps))?;
        // The board samples when it is due, not when it is asked.
        each(&Seen { sent: &sent, told: &theirs, took: Duration::ZERO, damaged: own.damaged })?;
        all.add(&judge(&sent), theirs)?;
    }
    Ok(all)
}

struct Own<'l, L> {
    line: &'l mut L,
    decoder: Decoder,
    /// Bytes that have come and were not yet looked at.
    heard: VecDeque<u8>,
    /// The sample to which no answer has been heard.
    sample: Option<Sent>,
    /// The number of the next sample.
    next: u16,
    /// Damaged frames so far: before the first sample, what the start has left on the line.
    damaged: u32,
}

impl<L: Read> Own<'_, L> {
    /// The next sample, and the answer to it.
    fn wait(&mut self, patience: Duration) -> Result<(Sent, Told)> {
        let deadline = Instant::now() + patience;
        let mut buffer = [0; MAX_FRAME];
        while Instant::now() < deadline {
            while let Some(byte) = self.heard.pop_front() {
                let frame = match self.decoder.push(byte) {
                    Some(Ok(frame)) => frame,
                    Some(Err(error @ Error::Version(_))) => return Err(error.into()),
                    Some(Err(_)) => {
                        self.damaged += 1;
                        continue;
                    }
                    None => continue,
                };
                if frame.sequence != self.next {
                    // Left over from a conversation.
                    ensure!(
                        frame.sequence < OWN,
                        "sample {} came, and number {} was to come: a frame was lost, or the board has not just \
                         started, and its state isn't known here",
                        frame.sequence - OWN,
                        self.next - OWN
                    );
                    continue;
                }
                match (frame.message, self.sample.take()) {
                    (Message::Sample(Sample { elapsed, values }), None) => {
                        self.sample = Some(Sent { values: Some(values.iter().collect()), elapsed });
                    }
                    (Message::Silence(elapsed), None) => {
                        self.sample = Some(Sent { values: None, elapsed });
                    }
                    (Message::Prediction(prediction), Some(sent)) => {
                        self.next = self.next.wrapping_add(1) | OWN;
                        return Ok((sent, prediction.into()));
                    }
                    (other, _) => bail!("the board said, beside the point: {other:?}"),
                }
            }
            self.heard.extend(received(self.line, &mut buffer)?);
        }
        bail!(
            "the board told of no sample of its own within {patience:?} ({} damaged frames so far): is its model \
             for its own sensor, of one channel?",
            self.damaged
        )
    }
}

#[cfg(test)]
mod tests;
