//! Message frames between a host and a device, over any serial line.
//!
//! On the wire a frame is `COBS(version, kind, sequence, payload, CRC-32)` and a zero byte. COBS
//! removes all other zeros, so a receiver that has lost its place finds the next frame at the next
//! zero. Numbers are little-endian; an `f32` travels as its bits, NaN included. The host asks, the
//! device answers with the question's sequence number; a question that comes twice (its answer was
//! lost) is answered twice and carried out once.
//!
//! ```
//! use rnn_core::link::{Decoder, Frame, MAX_FRAME, Message, Values};
//!
//! let raw = [21.5_f32, f32::NAN].map(f32::to_le_bytes);
//! let frame = Frame { sequence: 7, message: Message::Sample(Values::new(&raw)) };
//! let mut buffer = [0; MAX_FRAME];
//! let bytes = frame.encode(&mut buffer)?;
//!
//! let mut decoder = Decoder::new();
//! let (last, start) = bytes.split_last().unwrap();
//! assert!(start.iter().all(|&byte| decoder.push(byte).is_none()));
//! assert_eq!(decoder.push(*last), Some(Ok(frame)));
//! # Ok::<(), rnn_core::link::Error>(())
//! ```

use cobs::{CobsEncoder, DecodeResult, DecoderState};
use crc::{CRC_32_ISO_HDLC, Crc, Digest};

/// Version of the messages; a receiver refuses all others.
pub const VERSION: u8 = 1;
/// Most channels that a [`Values`] message can carry.
pub const MAX_CHANNELS: usize = 32;
/// Longest frame on the wire, bytes, delimiter included.
pub const MAX_FRAME: usize = cobs::max_encoding_length(MAX_BODY) + 1;

/// Longest frame before COBS: header, payload, CRC.
const MAX_BODY: usize = 4 + 4 * MAX_CHANNELS + 4;

static CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// A message and its place in the conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Chosen by the host, one more for each question; the answer repeats it.
    pub sequence: u16,
    /// What is said.
    pub message: Message<'a>,
}

/// Everything that a host or a device can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// Host: who are you? Answered by [`Message::Info`].
    Hello,
    /// Device: the model that it runs.
    Info(Info),
    /// Host: one sample, a value per input channel. Answered by [`Message::Prediction`].
    Sample(Values<'a>),
    /// Device: its prediction of the next sample.
    Prediction(Values<'a>),
    /// Host: how are you? Answered by [`Message::Stats`].
    StatsRequest,
    /// Device: what it has counted since it started.
    Stats(Stats),
    /// Host: stop. The device answers with the same, then ends where it can (an emulated one).
    Quit,
    /// Device: the question was understood and can't be answered.
    Refused(Refusal),
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

/// Why a device refuses a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The sample's number of channels isn't the model's.
    Channels,
    /// A message that only a device sends.
    NotAQuestion,
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
    /// More bytes, or channels, than a frame can hold.
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
            Self::TooLong => write!(f, "too long for a frame (at most {MAX_CHANNELS} channels)"),
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

/// Kinds on the wire; a device's have the top bit set.
mod kind {
    pub(super) const HELLO: u8 = 0x01;
    pub(super) const SAMPLE: u8 = 0x02;
    pub(super) const STATS_REQUEST: u8 = 0x03;
    pub(super) const QUIT: u8 = 0x04;
    pub(super) const INFO: u8 = 0x81;
    pub(super) const PREDICTION: u8 = 0x82;
    pub(super) const STATS: u8 = 0x83;
    pub(super) const REFUSED: u8 = 0xff;
}

impl<'a> Frame<'a> {
    /// The bytes to send, delimiter included.
    ///
    /// # Errors
    /// [`Error::TooLong`] for more than [`MAX_CHANNELS`] values.
    pub fn encode<'b>(&self, out: &'b mut [u8; MAX_FRAME]) -> Result<&'b [u8], Error> {
        let mut body = Body { cobs: CobsEncoder::new(out), digest: CRC.digest() };
        let kind = match self.message {
            Message::Hello => kind::HELLO,
            Message::Info(_) => kind::INFO,
            Message::Sample(_) => kind::SAMPLE,
            Message::Prediction(_) => kind::PREDICTION,
            Message::StatsRequest => kind::STATS_REQUEST,
            Message::Stats(_) => kind::STATS,
            Message::Quit => kind::QUIT,
            Message::Refused(_) => kind::REFUSED,
        };
        body.put(&[VERSION, kind])?;
        body.put(&self.sequence.to_le_bytes())?;
        match self.message {
            Message::Hello | Message::StatsRequest | Message::Quit => {}
            Message::Info(info) => {
                for half in [info.inputs, info.hidden, info.outputs, info.window] {
                    body.put(&half.to_le_bytes())?;
                }
                body.put(&info.model_crc.to_le_bytes())?;
            }
            Message::Sample(values) | Message::Prediction(values) => {
                if values.0.len() > MAX_CHANNELS {
                    return Err(Error::TooLong);
                }
                body.put(values.0.as_flattened())?;
            }
            Message::Stats(stats) => {
                let Stats { steps, link_errors, queue_overflows, stack_bytes, ram_bytes } = stats;
                for word in [steps, link_errors, queue_overflows, stack_bytes, ram_bytes] {
                    body.put(&word.to_le_bytes())?;
                }
            }
            Message::Refused(refusal) => body.put(&[match refusal {
                Refusal::Channels => 1,
                Refusal::NotAQuestion => 2,
            }])?,
        }
        let length = body.finish()?;
        *out.get_mut(length).ok_or(Error::TooLong)? = 0;
        out.get(..=length).ok_or(Error::TooLong)
    }

    /// Reads a frame from which COBS and delimiter have been taken off.
    fn parse(body: &'a [u8]) -> Result<Self, Error> {
        let (content, crc) = body.split_last_chunk::<4>().ok_or(Error::Length)?;
        if CRC.checksum(content) != u32::from_le_bytes(*crc) {
            return Err(Error::Crc);
        }
        let [version, kind, low, high, payload @ ..] = content else {
            return Err(Error::Length);
        };
        if *version != VERSION {
            return Err(Error::Version(*version));
        }
        let message = match *kind {
            kind::HELLO => empty(payload, Message::Hello)?,
            kind::STATS_REQUEST => empty(payload, Message::StatsRequest)?,
            kind::QUIT => empty(payload, Message::Quit)?,
            kind::SAMPLE => Message::Sample(Values(words(payload)?)),
            kind::PREDICTION => Message::Prediction(Values(words(payload)?)),
            kind::INFO => {
                let (&[i0, i1, h0, h1, o0, o1, w0, w1], crc) =
                    payload.split_first_chunk::<8>().ok_or(Error::Length)?;
                Message::Info(Info {
                    inputs: u16::from_le_bytes([i0, i1]),
                    hidden: u16::from_le_bytes([h0, h1]),
                    outputs: u16::from_le_bytes([o0, o1]),
                    window: u16::from_le_bytes([w0, w1]),
                    model_crc: u32::from_le_bytes(crc.try_into().map_err(|_| Error::Length)?),
                })
            }
            kind::STATS => {
                let raw: &[[u8; 4]; 5] = words(payload)?.try_into().map_err(|_| Error::Length)?;
                let [steps, link_errors, queue_overflows, stack_bytes, ram_bytes] =
                    raw.map(u32::from_le_bytes);
                Message::Stats(Stats {
                    steps,
                    link_errors,
                    queue_overflows,
                    stack_bytes,
                    ram_bytes,
                })
            }
            kind::REFUSED => Message::Refused(match payload {
                [1] => Refusal::Channels,
                [2] => Refusal::NotAQuestion,
                _ => return Err(Error::Length),
            }),
            unknown => return Err(Error::Kind(unknown)),
        };
        Ok(Self { sequence: u16::from_le_bytes([*low, *high]), message })
    }
}

fn empty<'a>(payload: &[u8], message: Message<'a>) -> Result<Message<'a>, Error> {
    if payload.is_empty() { Ok(message) } else { Err(Error::Length) }
}

fn words(payload: &[u8]) -> Result<&[[u8; 4]], Error> {
    match payload.as_chunks::<4>() {
        (words, []) => Ok(words),
        _ => Err(Error::Length),
    }
}

/// A frame in the making: bytes go through the checksum into COBS.
struct Body<'a> {
    cobs: CobsEncoder<'a>,
    digest: Digest<'static, u32>,
}

impl Body<'_> {
    // Not inlined: checksum and COBS at a dozen calls would be kilobytes of flash.
    #[inline(never)]
    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.digest.update(bytes);
        self.cobs.push(bytes).map_err(|_| Error::TooLong)
    }

    fn finish(mut self) -> Result<usize, Error> {
        let crc = self.digest.clone().finalize().to_le_bytes();
        self.put(&crc)?;
        Ok(self.cobs.finalize())
    }
}

/// Finds frames in a stream of bytes, one byte at a time.
#[derive(Debug)]
pub struct Decoder {
    state: DecoderState,
    body: [u8; MAX_BODY],
    /// Bytes of the body so far; greater than `MAX_BODY` when they didn't fit.
    length: usize,
}

impl Decoder {
    /// A decoder that waits for the start of a frame.
    pub const fn new() -> Self {
        Self { state: DecoderState::Idle, body: [0; MAX_BODY], length: 0 }
    }

    /// Takes the next byte from the line; returns a frame, or what was wrong with it, at its
    /// delimiter. After an error the next frame is found at the next delimiter.
    pub fn push(&mut self, byte: u8) -> Option<Result<Frame<'_>, Error>> {
        match self.state.feed(byte) {
            Ok(DecodeResult::NoData) => None,
            Ok(DecodeResult::DataStart) => {
                self.length = 0;
                None
            }
            Ok(DecodeResult::DataContinue(decoded)) => {
                if let Some(free) = self.body.get_mut(self.length) {
                    *free = decoded;
                }
                self.length = self.length.saturating_add(1);
                None
            }
            Ok(DecodeResult::DataComplete) => {
                Some(self.body.get(..self.length).ok_or(Error::TooLong).and_then(Frame::parse))
            }
            Err(_) => Some(Err(Error::Framing)),
        }
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
