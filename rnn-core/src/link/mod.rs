//! Message frames between a host and a device, over any serial line.
//!
//! On the wire a frame is `COBS(version, kind, sequence, payload, CRC-32)` and a zero byte. COBS
//! removes all other zeros, so a receiver that has lost its place finds the next frame at the next
//! zero. Numbers are little-endian; an `f32` travels as its bits, NaN included. The host asks, the
//! device answers with the question's sequence number; a question that comes twice (its answer was
//! lost) is answered twice and carried out once. A board that nobody has greeted samples its own sensor
//! and tells of it unasked, from the number [`OWN`] on.
//!
//! ```
//! use rnn_core::link::{Decoder, Frame, MAX_FRAME, Message, Sample, Values};
//!
//! let raw = [21.5_f32, f32::NAN].map(f32::to_le_bytes);
//! let sample = Sample { elapsed: 1.0, values: Values::new(&raw) };
//! let frame = Frame { sequence: 7, message: Message::Sample(sample) };
//! let mut buffer = [0; MAX_FRAME];
//! let bytes = frame.encode(&mut buffer)?;
//!
//! let mut decoder = Decoder::new();
//! let (last, start) = bytes.split_last().unwrap();
//! assert!(start.iter().all(|&byte| decoder.push(byte).is_none()));
//! assert_eq!(decoder.push(*last), Some(Ok(frame)));
//! # Ok::<(), rnn_core::link::Error>(())
//! ```

mod refusal;
mod wire;

pub use refusal::Refusal;
pub use wire::{Decoder, MAX_FRAME};

use crate::adapt::Event;
use crate::model_file::HEADER;
use crate::watch::Verdict;

/// Version of the messages; a receiver refuses all others.
pub const VERSION: u8 = 3;
/// Sequence numbers from here on are those of a board that samples its own sensor and tells of it
/// unasked: a frame with the sample (or the silence), as the host would send it, and one with the answer.
/// The first after a start has this number; the host's own questions are numbered from 1.
pub const OWN: u16 = 0x8000;
/// Most channels that a [`Values`] message can carry.
pub const MAX_CHANNELS: usize = 32;
/// Most bytes of a model file that a [`Chunk`] can carry.
pub const MAX_CHUNK: usize = 128;

/// A message and its place in the conversation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frame<'a> {
    /// Chosen by the host, one more for each question; the answer repeats it.
    pub sequence: u16,
    /// What is said.
    pub message: Message<'a>,
}

/// Everything that a host or a device can say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Message<'a> {
    /// Host: who are you? Answered by [`Message::Info`].
    Hello,
    /// Device: the model that it runs.
    Info(Info),
    /// Host: a model file comes, to be run instead of the one that does. Answered by
    /// [`Message::Received`]; what had come of another one is given up.
    UpdateBegin(Announcement<'a>),
    /// Host: the next bytes of the file. Answered by [`Message::Received`]; bytes that have come already are
    /// passed over.
    UpdateChunk(Chunk<'a>),
    /// Host: that was all, run it. Answered by [`Message::Info`] of the new model, which from then on
    /// runs after every reset too.
    UpdateFinish,
    /// Device: so many bytes of the file have come, from its start on.
    Received(u32),
    /// Host: one sample. Answered by [`Message::Prediction`].
    Sample(Sample<'a>),
    /// Host: no sample came when one was due, so many sampling periods after the last message. Answered
    /// by [`Message::Prediction`].
    Silence(f32),
    /// Device: its prediction of the next sample, and what this one was.
    Prediction(Prediction<'a>),
    /// Host: how are you? Answered by [`Message::Stats`].
    StatsRequest,
    /// Device: what it has counted since it started.
    Stats(Stats),
    /// Host: stop. The device answers with the same, then ends where it can (an emulated one).
    Quit,
    /// Device: the question was understood and can't be answered.
    Refused(Refusal),
}

/// A sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample<'a> {
    /// Sampling periods since the last one; NaN where there is no clock.
    pub elapsed: f32,
    /// A value per input channel.
    pub values: Values<'a>,
}

/// What a device says to a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction<'a> {
    /// What the sample was.
    pub verdict: Verdict,
    /// What became of the networks with this sample, on a device that learns.
    pub event: Option<Event>,
    /// Whether the weights that have predicted are others than the model file's.
    pub adapted: bool,
    /// Why a channel's value wasn't admitted: the [`Fault`](crate::watch::guard::Fault)'s number, 0 where it
    /// was. As many as values.
    pub faults: &'a [u8],
    /// The next sample, as predicted.
    pub values: Values<'a>,
}

/// A model file that is to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announcement<'a> {
    /// The file's own CRC-32.
    pub crc: u32,
    /// How the file starts: version, length and shape stand there, and a device that can't take it says so
    /// before it gives up what it has.
    pub header: &'a [u8; HEADER],
}

/// A piece of a model file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk<'a> {
    /// Where in the file it starts.
    pub offset: u32,
    /// 1 to [`MAX_CHUNK`] bytes.
    pub bytes: &'a [u8],
}

/// The model on a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info {
    /// Channels in a sample.
    pub inputs: u16,
    /// Hidden units.
    pub hidden: u16,
    /// Channels in a prediction.
    pub outputs: u16,
    /// Samples per window; 0 when the state is carried for ever.
    pub window: u16,
    /// The model file's own CRC-32.
    pub model_crc: u32,
    /// Where it lies; `None` for the one that the firmware was built with.
    pub slot: Option<Slot>,
    /// Whether it learns from the samples, and how.
    pub learning: Option<Learning>,
}

/// How a device learns; see [`adapt`](crate::adapt).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Learning {
    /// What of the network learns.
    pub part: Part,
    /// T, the samples of a block, at least 1.
    pub block: u16,
}

/// What of a network learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Whole = 1,
    /// The readout alone.
    Readout = 2,
}

/// A place for an uploaded model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// 1 or 2.
    pub number: u8,
    /// Higher than that of the model before it; wraps.
    pub sequence: u32,
}

/// What a device has counted since it started; counters saturate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Samples that went through the network.
    pub steps: u32,
    /// Frames that were damaged or not understood.
    pub link_errors: u32,
    /// Received bytes that found the queue full and were lost.
    pub queue_overflows: u32,
    /// Deepest stack so far, bytes.
    pub stack_bytes: u32,
    /// Static variables, bytes.
    pub ram_bytes: u32,
}

/// The values of a sample or a prediction, as bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Values<'a>(&'a [[u8; 4]]);

impl<'a> Values<'a> {
    /// Wraps little-endian `f32`s: `sample.map(f32::to_le_bytes)`.
    pub const fn new(raw: &'a [[u8; 4]]) -> Self {
        Self(raw)
    }

    /// The values in channel order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = f32> + use<'a> {
        self.0.iter().map(|raw| f32::from_le_bytes(*raw))
    }

    /// The values, if there are exactly `N`.
    pub fn to_array<const N: usize>(&self) -> Option<[f32; N]> {
        let raw = <[[u8; 4]; N]>::try_from(self.0).ok()?;
        Some(raw.map(f32::from_le_bytes))
    }
}

/// Why bytes are no frame, or a message can't be made one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The COBS framing is broken: bytes were lost or damaged.
    Framing,
    /// More bytes, or channels, than a frame, or a message of its kind, can hold.
    TooLong,
    /// The CRC-32 doesn't match: bytes were damaged.
    Crc,
    /// The other side speaks this version of the messages.
    Version(u8),
    /// An unknown kind of message.
    Kind(u8),
    /// The payload's length doesn't fit the kind of message.
    Length,
}

impl core::fmt::Display for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Framing => write!(f, "broken frame: bytes were lost or damaged on the line"),
            Self::TooLong => write!(
                f,
                "too long for a frame (at most {MAX_CHANNELS} channels, or {MAX_CHUNK} bytes of a model)"
            ),
            Self::Crc => write!(f, "wrong checksum: bytes were damaged on the line"),
            Self::Version(theirs) => write!(
                f,
                "the other side speaks link version {theirs}, this one {VERSION}: \
                 build the host tool and the firmware from the same sources"
            ),
            Self::Kind(kind) => write!(f, "unknown kind of message: {kind:#04x}"),
            Self::Length => write!(f, "the payload's length doesn't fit its kind of message"),
        }
    }
}

impl core::error::Error for Error {}

#[cfg(test)]
mod tests;
