//! Messages as bytes.

use cobs::{CobsEncoder, DecodeResult, DecoderState};
use crc::{CRC_32_ISO_HDLC, Crc, Digest};

use super::{
    Error, Frame, Info, MAX_CHANNELS, Message, Prediction, Refusal, Sample, Stats, VERSION, Values,
};
use crate::watch::Verdict;
use crate::watch::guard::Sight;

/// Longest frame on the wire, bytes, delimiter included.
pub const MAX_FRAME: usize = cobs::max_encoding_length(MAX_BODY) + 1;
/// Longest frame before COBS: header, a prediction's verdict, values and faults, CRC.
pub(super) const MAX_BODY: usize = 4 + VERDICT + 5 * MAX_CHANNELS + 4;
/// Bytes of a verdict.
const VERDICT: usize = 8;

pub(super) static CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// Kinds on the wire; a device's have the top bit set.
pub(super) mod kind {
    pub(in super::super) const HELLO: u8 = 0x01;
    pub(in super::super) const SAMPLE: u8 = 0x02;
    pub(in super::super) const STATS_REQUEST: u8 = 0x03;
    pub(in super::super) const QUIT: u8 = 0x04;
    pub(in super::super) const SILENCE: u8 = 0x05;
    pub(in super::super) const INFO: u8 = 0x81;
    pub(in super::super) const PREDICTION: u8 = 0x82;
    pub(in super::super) const STATS: u8 = 0x83;
    pub(in super::super) const REFUSED: u8 = 0xff;
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
            Message::Silence(_) => kind::SILENCE,
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
            Message::Sample(Sample { elapsed, values }) => {
                body.put(&elapsed.to_le_bytes())?;
                body.put_values(values)?;
            }
            Message::Silence(elapsed) => body.put(&elapsed.to_le_bytes())?,
            Message::Prediction(Prediction { verdict, faults, values }) => {
                if faults.len() != values.0.len() {
                    return Err(Error::Length);
                }
                body.put(&verdict_bytes(verdict))?;
                body.put_values(values)?;
                body.put(faults)?;
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
            kind::SAMPLE => {
                let (&elapsed, values) = payload.split_first_chunk().ok_or(Error::Length)?;
                let (elapsed, values) = (f32::from_le_bytes(elapsed), words(values)?);
                // A body has room for more of them than for a prediction's.
                if values.len() > MAX_CHANNELS {
                    return Err(Error::TooLong);
                }
                Message::Sample(Sample { elapsed, values: Values(values) })
            }
            kind::SILENCE => {
                let elapsed = payload.try_into().map_err(|_| Error::Length)?;
                Message::Silence(f32::from_le_bytes(elapsed))
            }
            kind::PREDICTION => {
                let (verdict, rest) = payload.split_first_chunk().ok_or(Error::Length)?;
                let channels = rest.len() / 5;
                let (values, faults) = rest.split_at_checked(4 * channels).ok_or(Error::Length)?;
                if faults.len() != channels {
                    return Err(Error::Length);
                }
                let verdict = verdict_of(verdict).ok_or(Error::Length)?;
                Message::Prediction(Prediction { verdict, faults, values: Values(words(values)?) })
            }
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

/// Sight, flags, two zeros, score.
fn verdict_bytes(verdict: Verdict) -> [u8; VERDICT] {
    let Verdict { step, restart, sight, score, out_of_range, alarm } = verdict;
    let flags = [step, restart, out_of_range, alarm].into_iter().rev();
    let flags = flags.fold(0, |bits, flag| 2 * bits + u8::from(flag));
    let [a, b, c, d] = score.to_le_bytes();
    [sight as u8, flags, 0, 0, a, b, c, d]
}

fn verdict_of(bytes: &[u8; VERDICT]) -> Option<Verdict> {
    let &[sight, flags, 0, 0, a, b, c, d] = bytes else { return None };
    let [step, restart, out_of_range, alarm] = [1, 2, 4, 8].map(|bit| flags & bit != 0);
    let (sight, score) = (Sight::of(sight)?, f32::from_le_bytes([a, b, c, d]));
    (flags < 16).then_some(Verdict { step, restart, sight, score, out_of_range, alarm })
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

    fn put_values(&mut self, Values(values): Values<'_>) -> Result<(), Error> {
        if values.len() > MAX_CHANNELS {
            return Err(Error::TooLong);
        }
        self.put(values.as_flattened())
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
