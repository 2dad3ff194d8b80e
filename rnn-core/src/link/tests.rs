use super::wire::{CRC, MAX_BODY, kind};
use super::*;
use crate::watch::guard::Sight;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

const INFO: Info = Info { inputs: 2, hidden: 16, outputs: 2, window: 0, model_crc: 0xdead_0000 };
const STATS: Stats = Stats {
    steps: 1,
    link_errors: 0,
    queue_overflows: 256,
    stack_bytes: u32::MAX,
    ram_bytes: 0x0100_0001,
};

const VERDICT: Verdict = Verdict {
    step: false,
    restart: false,
    sight: Sight::Clear,
    score: 4.25,
    out_of_range: false,
    alarm: false,
};

fn sample(elapsed: f32, raw: &[[u8; 4]]) -> Message<'_> {
    Message::Sample(Sample { elapsed, values: Values::new(raw) })
}

fn prediction<'a>(verdict: Verdict, faults: &'a [u8], raw: &'a [[u8; 4]]) -> Message<'a> {
    Message::Prediction(Prediction { verdict, faults, values: Values::new(raw) })
}

fn receive(decoder: &mut Decoder, bytes: &[u8], mut got: impl FnMut(Result<Frame<'_>, Error>)) {
    for &byte in bytes {
        if let Some(frame) = decoder.push(byte) {
            got(frame);
        }
    }
}

#[test]
fn every_message_survives_the_line() {
    let raw = [f32::NAN, -0.0, f32::INFINITY, 1e-40].map(f32::to_le_bytes);
    let full = [[0; 4]; MAX_CHANNELS];
    let mut decoder = Decoder::new();
    for message in [
        Message::Hello,
        Message::Info(INFO),
        sample(1.0, &raw),
        sample(-0.5, &[]),
        Message::Silence(1.5),
        prediction(VERDICT, &[0; MAX_CHANNELS], &full),
        prediction(Verdict { step: true, ..VERDICT }, &[7; 2], &[[0xff; 4]; 2]),
        prediction(Verdict { restart: true, sight: Sight::Recovering, ..VERDICT }, &[], &[]),
        prediction(Verdict { out_of_range: true, sight: Sight::Blind, ..VERDICT }, &[], &[]),
        prediction(Verdict { alarm: true, ..VERDICT }, &[1], &[[1, 2, 3, 4]]),
        Message::StatsRequest,
        Message::Stats(STATS),
        Message::Quit,
        Message::Refused(Refusal::Channels),
        Message::Refused(Refusal::NotAQuestion),
    ] {
        for sequence in [0, 1, 256, u16::MAX] {
            let frame = Frame { sequence, message };
            let mut buffer = [0xaa; MAX_FRAME];
            let bytes = frame.encode(&mut buffer).unwrap();
            assert_eq!(bytes.iter().position(|&b| b == 0), Some(bytes.len() - 1));
            let mut received = 0;
            receive(&mut decoder, bytes, |got| {
                assert_eq!(got, Ok(frame));
                received += 1;
            });
            assert_eq!(received, 1);
        }
    }
}

#[test]
fn values_come_back_as_the_same_bits() {
    let sent = [f32::from_bits(0x7fc0_1234), -1.5];
    let raw = sent.map(f32::to_le_bytes);
    let values = Values::new(&raw);
    assert_eq!(values.to_array::<2>().unwrap().map(f32::to_bits), sent.map(f32::to_bits));
    assert_eq!(values.to_array::<3>(), None);
    assert!(values.iter().map(f32::to_bits).eq(sent.map(f32::to_bits)));
}

#[test]
fn too_many_channels_are_refused() {
    let raw = [[0; 4]; MAX_CHANNELS + 1];
    let encode = |message| Frame { sequence: 0, message }.encode(&mut [0; MAX_FRAME]).map(|_| ());
    assert_eq!(encode(sample(1.0, &raw)), Err(Error::TooLong));
    assert_eq!(encode(prediction(VERDICT, &[0; MAX_CHANNELS + 1], &raw)), Err(Error::TooLong));
    assert_eq!(encode(prediction(VERDICT, &[0], &[])), Err(Error::Length), "a fault too many");
}

/// A frame with a right CRC and whatever content.
fn forged(content: &[u8]) -> Vec<u8> {
    let mut body = content.to_vec();
    body.extend(CRC.checksum(content).to_le_bytes());
    let mut wire = vec![0; cobs::max_encoding_length(body.len()) + 1];
    cobs::try_encode(&body, &mut wire).unwrap();
    wire
}

/// The content of a sample of so many channels.
fn sample_of(channels: usize) -> Vec<u8> {
    [&[VERSION, kind::SAMPLE, 0, 0][..], &vec![0; 4 + 4 * channels]].concat()
}

#[test]
fn wrong_content_is_named() {
    for (content, error) in [
        (&[VERSION + 1, kind::HELLO, 0, 0][..], Error::Version(VERSION + 1)),
        (&[VERSION, 0x7e, 0, 0], Error::Kind(0x7e)),
        (&[VERSION, kind::HELLO, 0], Error::Length),
        (&[VERSION, kind::HELLO, 0, 0, 1], Error::Length),
        (&[VERSION, kind::SAMPLE, 0, 0, 1, 2, 3], Error::Length),
        (&[VERSION, kind::SAMPLE, 0, 0, 1, 2, 3, 4, 5], Error::Length),
        (&[VERSION, kind::SILENCE, 0, 0, 1, 2, 3, 4, 5], Error::Length),
        (&[VERSION, kind::PREDICTION, 0, 0, 1, 2, 3, 4, 5, 6, 7], Error::Length),
        (&[VERSION, kind::PREDICTION, 0, 0, 0, 0, 0, 0, 5, 6, 7, 8, 1, 2, 3, 4], Error::Length),
        // A sight, a flag and a filling that don't exist.
        (&[VERSION, kind::PREDICTION, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0], Error::Length),
        (&[VERSION, kind::PREDICTION, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0], Error::Length),
        (&[VERSION, kind::PREDICTION, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0], Error::Length),
        (&[VERSION, kind::INFO, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9], Error::Length),
        (&[VERSION, kind::STATS, 0, 0, 1, 2, 3, 4], Error::Length),
        (&[VERSION, kind::REFUSED, 0, 0, 9], Error::Length),
        (&[7; MAX_BODY], Error::TooLong),
        // A sample of one channel too many, which would fit into the body.
        (&sample_of(MAX_CHANNELS + 1), Error::TooLong),
    ] {
        let mut answers = Vec::new();
        receive(&mut Decoder::new(), &forged(content), |got| answers.push(got.map(|_| ())));
        assert_eq!(answers, [Err(error)]);
    }
    let mut answers = Vec::new();
    receive(&mut Decoder::new(), &[2, 7, 0], |got| answers.push(got.map(|_| ())));
    assert_eq!(answers, [Err(Error::Length)]);
}

/// The buffers on a chip are no larger than the longest message, a prediction.
#[test]
fn the_longest_frame_fills_its_buffer() {
    let longest = prediction(VERDICT, &[7; MAX_CHANNELS], &[[7; 4]; MAX_CHANNELS]);
    let mut buffer = [0; MAX_FRAME];
    let sent = Frame { sequence: 0x0101, message: longest }.encode(&mut buffer).unwrap();
    let mut body = [0; MAX_FRAME];
    let decoded = cobs::decode(&sent[..sent.len() - 1], &mut body).unwrap();
    assert_eq!(decoded.frame_size(), MAX_BODY);
    assert_eq!(MAX_FRAME, cobs::max_encoding_length(MAX_BODY) + 1);
}

#[test]
fn errors_say_what_is_wrong() {
    let text = |error: Error| error.to_string();
    assert!(text(Error::Framing).contains("bytes were lost"));
    assert!(text(Error::TooLong).contains(&format!("at most {MAX_CHANNELS} channels")));
    assert!(text(Error::Crc).contains("checksum"));
    assert!(text(Error::Version(9)).contains("speaks link version 9"));
    assert!(text(Error::Kind(0x7e)).contains("0x7e"));
    assert!(text(Error::Length).contains("length"));
}

/// Miri takes a second for a hundred.
const FRAMES: u64 = if cfg!(miri) { 300 } else { 1_000_000 };

/// Bit errors at 1e-3, lost, doubled and inserted bytes, whole frames dropped or doubled:
/// what is accepted was sent, and the first undamaged frame after damage is received.
#[test]
fn a_bad_line_gets_no_wrong_frame_accepted_in_a_million() {
    let mut random = Random(1);
    let mut decoder = Decoder::new();
    let (mut accepted, mut refused) = (0, 0);
    let mut line_is_clean = true;
    for sequence in 0..FRAMES {
        let raw: Vec<[u8; 4]> =
            (0..random.below(8)).map(|_| (random.next() as u32).to_le_bytes()).collect();
        let message = match random.below(4) {
            0 => Message::Info(Info { model_crc: random.next() as u32, ..INFO }),
            1 => Message::Stats(Stats { steps: random.next() as u32, ..STATS }),
            _ => sample(1.0, &raw),
        };
        let frame = Frame { sequence: sequence as u16, message };
        let mut buffer = [0; MAX_FRAME];
        let sent = frame.encode(&mut buffer).unwrap();

        let mut wire = Vec::new();
        for _ in 0..[1, 1, 1, 1, 1, 1, 0, 2][random.below(8) as usize] {
            wire.extend_from_slice(sent);
        }
        let copies = wire.len() / sent.len();
        let clean = wire.clone();
        for at in (0..wire.len()).rev() {
            for bit in 0..8 {
                wire[at] ^= u8::from(random.below(1000) == 0) << bit;
            }
            match random.below(4000) {
                0 => drop(wire.remove(at)),
                1 => wire.insert(at, wire[at]),
                2 => wire.insert(at, random.next() as u8),
                _ => {}
            }
        }

        let mut received = 0;
        receive(&mut decoder, &wire, |got| match got {
            Ok(got) => {
                assert_eq!(got, frame);
                received += 1;
            }
            Err(_) => refused += 1,
        });
        if line_is_clean && wire == clean {
            assert_eq!(received, copies);
        }
        accepted += received;
        line_is_clean = if wire.is_empty() { line_is_clean } else { wire.ends_with(&[0]) };
    }
    let [accepted, refused] = [accepted as u64, refused];
    assert!(
        2 * accepted > FRAMES && 10 * refused > FRAMES,
        "{accepted} accepted, {refused} refused"
    );
}

#[test]
fn random_bytes_are_no_frames() {
    let mut random = Random(2);
    let mut decoder = Decoder::new();
    for _ in 0..FRAMES / 3 {
        for byte in random.next().to_le_bytes() {
            // Small bytes often: they make short, well-formed COBS groups.
            let byte = if random.below(2) == 0 { byte & 7 } else { byte };
            if let Some(frame) = decoder.push(byte) {
                assert!(frame.is_err(), "{frame:?}");
            }
        }
    }
}
