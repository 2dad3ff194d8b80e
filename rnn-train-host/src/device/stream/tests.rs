use super::*;
use rnn_core::link;
use std::collections::VecDeque;

const INFO: Info =
    Info { inputs: 1, hidden: 4, outputs: 1, window: 0, model_crc: 7, slot: None, learning: None };

const UPLOADED: Info =
    Info { model_crc: 9, slot: Some(link::Slot { number: 1, sequence: 0 }), ..INFO };
const FILE: &[u8] = include_bytes!("../../../../rnn-core/tests/golden/tiny.rnn");

/// A device whose prediction is the sum of the samples so far, on a line with faults.
struct Fake {
    decoder: Decoder,
    answers: VecDeque<u8>,
    sum: f32,
    last: Option<u16>,
    steps: u32,
    /// What has come of a model file, while it comes.
    file: Option<Vec<u8>>,
    /// Chunks that are left until it is reset, once.
    until_reset: Option<u32>,
    /// Refused at the end of an upload.
    refusal: Option<Refusal>,
    /// Called with the number of each answer and its bytes, before they go out.
    fault: fn(usize, &mut Vec<u8>),
    answered: usize,
    /// Nothing more is heard of it.
    gone: bool,
    /// Bytes that are read at once, at most.
    piece: usize,
}

impl Fake {
    fn new(fault: fn(usize, &mut Vec<u8>)) -> Self {
        Self {
            decoder: Decoder::new(),
            answers: VecDeque::new(),
            sum: 0.0,
            last: None,
            steps: 0,
            file: None,
            until_reset: None,
            refusal: None,
            fault,
            answered: 0,
            gone: false,
            piece: usize::MAX,
        }
    }
}

impl Write for Fake {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        for &byte in bytes {
            let Some(Ok(frame)) = self.decoder.push(byte) else { continue };
            let (raw, faults);
            let message = match frame.message {
                Message::Hello => Message::Info(INFO),
                Message::Sample(sample) => match sample.values.to_array::<1>() {
                    Some([sample]) => {
                        if self.last != Some(frame.sequence) {
                            self.last = Some(frame.sequence);
                            self.sum += sample;
                            self.steps += 1;
                        }
                        raw = [self.sum.to_le_bytes()];
                        let values = Values::new(&raw);
                        faults = [self.steps as u8 % 2];
                        Message::Prediction(link::Prediction {
                            verdict: Verdict::FITS,
                            event: None,
                            adapted: false,
                            faults: &faults,
                            values,
                        })
                    }
                    None => Message::Refused(Refusal::Channels),
                },
                Message::UpdateBegin(_) => {
                    self.file = Some(Vec::new());
                    Message::Received(0)
                }
                Message::UpdateChunk(chunk) => {
                    self.until_reset = self.until_reset.map(|left| left.wrapping_sub(1));
                    if self.until_reset.take_if(|left| *left == 0).is_some() {
                        self.file = None;
                    }
                    match &mut self.file {
                        None => Message::Refused(Refusal::NotBegun),
                        Some(file) => match file.len().checked_sub(chunk.offset as usize) {
                            None => Message::Refused(Refusal::Offset(file.len() as u32)),
                            Some(known) => {
                                file.extend(chunk.bytes.iter().skip(known));
                                Message::Received(file.len() as u32)
                            }
                        },
                    }
                }
                Message::UpdateFinish => match self.refusal {
                    Some(refusal) => Message::Refused(refusal),
                    None => Message::Info(UPLOADED),
                },
                Message::StatsRequest => {
                    Message::Stats(Stats { steps: self.steps, ..Stats::default() })
                }
                _ => Message::Quit,
            };
            let mut buffer = [0; MAX_FRAME];
            let answer = Frame { sequence: frame.sequence, message };
            let mut wire = answer.encode(&mut buffer).unwrap().to_vec();
            (self.fault)(self.answered, &mut wire);
            self.answered += 1;
            self.answers.extend(wire);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Read for Fake {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.gone {
            return Err(ErrorKind::BrokenPipe.into());
        }
        if self.answers.is_empty() {
            return Err(ErrorKind::TimedOut.into());
        }
        let count = buffer.len().min(self.piece);
        self.answers.read(&mut buffer[..count])
    }
}

/// What the fake device says.
fn told(prediction: f32, fault: u8) -> Told {
    Told {
        verdict: Verdict::FITS,
        event: None,
        adapted: false,
        faults: vec![fault],
        prediction: vec![prediction],
    }
}

fn open(fault: fn(usize, &mut Vec<u8>)) -> Session<Fake> {
    Session::open_within(Fake::new(fault), Duration::from_millis(2)).unwrap()
}

/// Streams 300 samples; the host's sums must be the device's: each sample counted exactly once.
fn stream(fault: fn(usize, &mut Vec<u8>)) -> (Comparison, Stats, u32) {
    let mut session = open(fault);
    session.expect_model(INFO).unwrap();
    let samples = (0..300).map(|i| Sent::timeless(&[i as f32 * 0.1]));
    let (mut sum, mut steps) = (0.0, 0u32);
    let comparison = session
        .compare(
            samples,
            |sent| {
                sum += sent.values.as_ref().unwrap()[0];
                steps += 1;
                told(sum, steps as u8 % 2)
            },
            |_| Ok(()),
        )
        .unwrap();
    let stats = session.stats().unwrap();
    (comparison, stats, session.quit().unwrap())
}

#[test]
fn a_device_that_takes_its_line_along_has_quit() {
    let mut session = open(|_, _| {});
    session.line.gone = true;
    assert_eq!(session.quit().unwrap(), 0);
    let mut session = open(|_, _| {});
    session.line.gone = true;
    let error = session.stats().unwrap_err();
    assert!(error.to_string().contains("gone"), "{error:#}");
}

#[test]
fn a_clean_line() {
    let (comparison, stats, damaged) = stream(|_, _| {});
    assert_eq!((comparison.steps, comparison.differing_bits, damaged), (300, 0, 0));
    assert_eq!(stats.steps, 300);
    assert_eq!(comparison.predictions.len(), 300);
    assert_eq!((comparison.faulty, comparison.alarms), (150, 0));
}

#[test]
fn lost_damaged_and_doubled_answers_cost_no_sample() {
    let (comparison, stats, damaged) = stream(|n, wire| match n % 7 {
        3 => wire.clear(),
        4 => wire[2] ^= 0x10,
        5 => wire.extend(wire.clone()),
        _ => {}
    });
    assert_eq!((comparison.steps, comparison.differing_bits), (300, 0));
    assert_eq!(stats.steps, 300);
    assert!(damaged > 0);
}

#[test]
fn what_comes_behind_an_answer_is_not_lost() {
    // Every answer comes twice, as those to a repeated greeting do, the second one cut anywhere.
    for piece in 1..100 {
        let line = Fake { piece, ..Fake::new(|_, wire| wire.extend(wire.clone())) };
        let mut session = Session::open_within(line, Duration::from_millis(20)).unwrap();
        for value in [1.0, 2.0, 3.0] {
            session.step(&Sent::timeless(&[value])).unwrap();
        }
        assert_eq!((session.stats().unwrap().steps, session.quit().unwrap()), (3, 0), "{piece}");
    }
}

/// What the comparison says when the host sees the second of two samples so.
fn second(seen: Told) -> Comparison {
    let mut session = open(|_, _| {});
    let mut ours = [told(1.0, 1), seen].into_iter();
    let samples = [1.0, 2.0].map(|value| Sent::timeless(&[value]));
    session.compare(samples, |_| ours.next().unwrap(), |_| Ok(())).unwrap()
}

#[test]
fn a_difference_is_found_and_counted() {
    assert_eq!(second(told(3.0, 0)).differing_bits, 0);
    let host = f32::from_bits(3.0_f32.to_bits() ^ 0b101);
    let comparison = second(told(host, 0));
    assert_eq!(comparison.differing_bits, 2);
    let expected = Difference { step: 1, channel: 0, host, device: 3.0 };
    assert_eq!(comparison.first_difference, Some(expected));
    // In the verdict.
    assert_eq!(second(told(3.0, 2)).differing_bits, 1);
    let alarm = Verdict { alarm: true, ..Verdict::FITS };
    assert_eq!(second(Told { verdict: alarm, ..told(3.0, 0) }).differing_bits, 1);
    let score = Verdict { score: f32::from_bits(1), ..Verdict::FITS };
    let comparison = second(Told { verdict: score, ..told(3.0, 0) });
    assert_eq!(comparison.differing_bits, 1);
    assert_eq!(comparison.first_difference.map(|first| first.channel), Some(1));
}

#[test]
fn errors_say_what_is_wrong() {
    let silent = Session::open_within(Fake::new(|_, wire| wire.clear()), Duration::from_millis(2));
    let error = format!("{:#}", silent.err().unwrap());
    assert!(error.contains("no answer to the greeting") && error.contains("15 times"), "{error}");

    let mut session = open(|_, _| {});
    let error = session.expect_model(Info { model_crc: 8, ..INFO }).unwrap_err().to_string();
    assert!(error.contains("0x00000007") && error.contains("RNN_MODEL"), "{error}");

    let error = session.step(&Sent::timeless(&[1.0, 2.0])).unwrap_err().to_string();
    assert!(error.contains("number of channels"), "{error}");

    let error = session.step(&Sent::timeless(&[0.0; 33])).unwrap_err().to_string();
    assert!(error.contains("32 channels"), "{error}");
}

#[test]
fn every_answer_is_heard_of() {
    let mut session = open(|_, _| {});
    let mut heard = Vec::new();
    let samples = [1.0, 2.0].map(|value| Sent::timeless(&[value]));
    let each = |seen: &Seen<'_>| {
        heard.push((seen.sent.values.clone().unwrap()[0], seen.told.prediction[0]));
        Ok(())
    };
    session.compare(samples.clone(), |_| told(0.0, 0), each).unwrap();
    assert_eq!(heard, [(1.0, 1.0), (2.0, 3.0)]);
    let stop = session.compare(samples, |_| told(0.0, 0), |_| bail!("enough"));
    assert_eq!(stop.unwrap_err().to_string(), "enough");
}

#[test]
fn an_upload_arrives_whole_on_a_bad_line() {
    for until_reset in [None, Some(3)] {
        let mut session = open(|n, wire| match n % 5 {
            3 => wire.clear(),
            4 => wire[2] ^= 0x10,
            _ => {}
        });
        session.line.until_reset = until_reset;
        let mut heard = Vec::new();
        let info = session.upload(FILE, |sent| {
            heard.push(sent);
            Ok(())
        });
        assert_eq!(info.unwrap(), UPLOADED);
        assert_eq!(session.line.file.as_deref(), Some(FILE));
        assert_eq!(session.info(), UPLOADED);
        assert_eq!((heard[0], heard.last()), (0, Some(&FILE.len())));
        // Where the model lies doesn't matter to who expects it.
        session.expect_model(Info { slot: None, ..UPLOADED }).unwrap();
    }
}

#[test]
fn a_part_that_the_device_lacks_is_sent_again() {
    let mut session = open(|_, _| {});
    session.begin_update(FILE).unwrap();
    assert_eq!(session.send_part(FILE, 100).unwrap(), 0);
    assert_eq!(session.send_part(FILE, 0).unwrap(), 128);
    assert_eq!(session.send_part(FILE, 0).unwrap(), 128);
}

#[test]
fn refused_uploads_say_why() {
    let mut session = open(|_, _| {});
    session.line.refusal = Some(Refusal::SelfTests(3));
    let error = session.upload(FILE, |_| Ok(())).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Refused(Refusal::SelfTests(3))));
    assert!(error.to_string().contains("3 self-tests"), "{error}");
    // A device that is reset again and again.
    session.line.refusal = Some(Refusal::NotBegun);
    let error = session.upload(FILE, |_| Ok(())).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Refused(Refusal::NotBegun)));
    let error = session.upload(&FILE[1..], |_| Ok(())).unwrap_err();
    assert!(error.to_string().contains("not a model file"), "{error}");
}
