//! Messages as bytes.

use cobs::{CobsEncoder, DecodeResult, DecoderState};
use crc::{CRC_32_ISO_HDLC, Crc, Digest};

use super::{
    Announcement, Chunk, Error, Frame, Info, Learning, MAX_CHANNELS, MAX_CHUNK, Message, Part,
    Prediction, Refusal, Sample, Slot, Stats, VERSION, Values,
};
use crate::adapt::Event;
use crate::model_file::HEADER;
use crate::watch::Verdict;
use crate::watch::guard::Sight;

/// Longest frame on the wire, bytes, delimiter included.
pub const MAX_FRAME: usize = cobs::max_encoding_length(MAX_BODY) + 1;
/// Longest frame before COBS: header, a prediction's verdict, values and faults, CRC.
pub(super) const MAX_BODY: usize = 4 + VERDICT + 5 * MAX_CHANNELS + 4;
const _: () = assert!(4 + 4 + MAX_CHUNK + 4 <= MAX_BODY && 4 + 4 + HEADER + 4 <= MAX_BODY);
/// Bytes of a verdict, with what became of the networks.
const VERDICT: usize = 8;

pub(super) static CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// Kinds on the wire; a device's have the top bit set.
pub(super) mod kind {
    pub(in super::super) const HELLO: u8 = 0x01;
    pub(in super::super) const SAMPLE: u8 = 0x02;
    pub(in super::super) const STATS_REQUEST: u8 = 0x03;
    pub(in super::super) const QUIT: u8 = 0x04;
    pub(in super::super) const SILENCE: u8 = 0x05;
    pub(in super::super) const UPDATE_BEGIN: u8 = 0x06;
    pub(in super::super) const UPDATE_CHUNK: u8 = 0x07;
    pub(in super::super) const UPDATE_FINISH: u8 = 0x08;
    pub(in super::super) const INFO: u8 = 0x81;
    pub(in super::super) const PREDICTION: u8 = 0x82;
    pub(in super::super) const STATS: u8 = 0x83;
    pub(in super::super) const RECEIVED: u8 = 0x84;
    pub(in super::super) const REFUSED: u8 = 0xff;
}

impl<'a> Frame<'a> {
    /// The bytes to send, delimiter included.
    ///
    /// # Errors
    /// [`Error::TooLong`] for more than [`MAX_CHANNELS`] values or [`MAX_CHUNK`] bytes of a file,
    /// [`Error::Length`] for no bytes, and for another number of faults than values.
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
            Message::UpdateBegin(_) => kind::UPDATE_BEGIN,
            Message::UpdateChunk(_) => kind::UPDATE_CHUNK,
            Message::UpdateFinish => kind::UPDATE_FINISH,
            Message::Received(_) => kind::RECEIVED,
            Message::Refused(_) => kind::REFUSED,
        };
        body.put(&[VERSION, kind])?;
        body.put(&self.sequence.to_le_bytes())?;
        match self.message {
            Message::Hello | Message::StatsRequest | Message::UpdateFinish | Message::Quit => {}
            Message::Info(info) => {
                for half in [info.inputs, info.hidden, info.outputs, info.window] {
                    body.put(&half.to_le_bytes())?;
                }
                body.put(&info.model_crc.to_le_bytes())?;
                let Slot { number, sequence } =
                    info.slot.unwrap_or(Slot { number: 0, sequence: 0 });
                body.put(&[number])?;
                body.put(&sequence.to_le_bytes())?;
                let (part, block) =
                    info.learning.map_or((0, 0), |Learning { part, block }| (part as u8, block));
                body.put(&[part])?;
                body.put(&block.to_le_bytes())?;
            }
            Message::UpdateBegin(Announcement { crc, header }) => {
                body.put(&crc.to_le_bytes())?;
                body.put(header)?;
            }
            Message::UpdateChunk(Chunk { offset, bytes }) => {
                chunk_fits(bytes)?;
                body.put(&offset.to_le_bytes())?;
                body.put(bytes)?;
            }
            Message::Received(bytes) => body.put(&bytes.to_le_bytes())?,
            Message::Sample(Sample { elapsed, values }) => {
                body.put(&elapsed.to_le_bytes())?;
                body.put_values(values)?;
            }
            Message::Silence(elapsed) => body.put(&elapsed.to_le_bytes())?,
            Message::Prediction(Prediction { verdict, event, adapted, faults, values }) => {
                if faults.len() != values.0.len() {
                    return Err(Error::Length);
                }
                body.put(&verdict_bytes(verdict, event, adapted))?;
                body.put_values(values)?;
                body.put(faults)?;
            }
            Message::Stats(stats) => {
                let Stats { steps, link_errors, queue_overflows, stack_bytes, ram_bytes } = stats;
                for word in [steps, link_errors, queue_overflows, stack_bytes, ram_bytes] {
                    body.put(&word.to_le_bytes())?;
                }
            }
            Message::Refused(refusal) => body.put(&refusal.bytes())?,
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
                let (verdict, event, adapted) = verdict_of(verdict).ok_or(Error::Length)?;
                let values = Values(words(values)?);
                Message::Prediction(Prediction { verdict, event, adapted, faults, values })
            }
            kind::INFO => {
                let (sizes, rest) = payload.split_first_chunk().ok_or(Error::Length)?;
                let &[i0, i1, h0, h1, o0, o1, w0, w1] = sizes;
                let &[c0, c1, c2, c3, number, s0, s1, s2, s3, part, b0, b1] = rest else {
                    return Err(Error::Length);
                };
                let block = u16::from_le_bytes([b0, b1]);
                let sequence = u32::from_le_bytes([s0, s1, s2, s3]);
                Message::Info(Info {
                    inputs: u16::from_le_bytes([i0, i1]),
                    hidden: u16::from_le_bytes([h0, h1]),
                    outputs: u16::from_le_bytes([o0, o1]),
                    window: u16::from_le_bytes([w0, w1]),
                    model_crc: u32::from_le_bytes([c0, c1, c2, c3]),
                    slot: match number {
                        0 if sequence == 0 => None,
                        1 | 2 => Some(Slot { number, sequence }),
                        _ => return Err(Error::Length),
                    },
                    learning: match (part, block) {
                        (0, 0) => None,
                        (1, 1..) => Some(Learning { part: Part::Whole, block }),
                        (2, 1..) => Some(Learning { part: Part::Readout, block }),
                        _ => return Err(Error::Length),
                    },
                })
            }
            kind::UPDATE_BEGIN => {
                let (&crc, header) = payload.split_first_chunk().ok_or(Error::Length)?;
                let header = header.try_into().map_err(|_| Error::Length)?;
                Message::UpdateBegin(Announcement { crc: u32::from_le_bytes(crc), header })
            }
            kind::UPDATE_CHUNK => {
                let (&offset, bytes) = payload.split_first_chunk().ok_or(Error::Length)?;
                chunk_fits(bytes)?;
                Message::UpdateChunk(Chunk { offset: u32::from_le_bytes(offset), bytes })
            }
            kind::UPDATE_FINISH => empty(payload, Message::UpdateFinish)?,
            kind::RECEIVED => {
                let bytes = payload.try_into().map_err(|_| Error::Length)?;
                Message::Received(u32::from_le_bytes(bytes))
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
            kind::REFUSED => {
                let refusal = payload.try_into().ok().and_then(Refusal::of);
                Message::Refused(refusal.ok_or(Error::Length)?)
            }
            unknown => return Err(Error::Kind(unknown)),
        };
        Ok(Self { sequence: u16::from_le_bytes([*low, *high]), message })
    }
}

/// Sight, flags, what became of the networks and whether they are adapted, score.
fn verdict_bytes(verdict: Verdict, event: Option<Event>, adapted: bool) -> [u8; VERDICT] {
    let Verdict { step, restart, sight, score, out_of_range, alarm } = verdict;
    let flags = [step, restart, out_of_range, alarm].into_iter().rev();
    let flags = flags.fold(0, |bits, flag| 2 * bits + u8::from(flag));
    let [a, b, c, d] = score.to_le_bytes();
    let event = event.map_or(0, |event| 1 + event as u8);
    [sight as u8, flags, event, u8::from(adapted), a, b, c, d]
}

fn verdict_of(bytes: &[u8; VERDICT]) -> Option<(Verdict, Option<Event>, bool)> {
    let &[sight, flags, event, adapted @ 0..=1, a, b, c, d] = bytes else { return None };
    let [step, restart, out_of_range, alarm] = [1, 2, 4, 8].map(|bit| flags & bit != 0);
    let (sight, score) = (Sight::of(sight)?, f32::from_le_bytes([a, b, c, d]));
    let event = match event {
        0 => None,
        1 => Some(Event::TakenOver),
        2 => Some(Event::RolledBack),
        3 => Some(Event::Restarted),
        _ => return None,
    };
    let verdict = Verdict { step, restart, sight, score, out_of_range, alarm };
    (flags < 16).then_some((verdict, event, adapted == 1))
}

fn empty<'a>(payload: &[u8], message: Message<'a>) -> Result<Message<'a>, Error> {
    if payload.is_empty() { Ok(message) } else { Err(Error::Length) }
}

fn chunk_fits(bytes: &[u8]) -> Result<(), Error> {
    match bytes.len() {
        0 => Err(Error::Length),
        1..=MAX_CHUNK => Ok(()),
        _ => Err(Error::TooLong),
    }
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
