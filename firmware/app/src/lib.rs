//! What the device does: a sample comes in over the link, the next one's prediction goes out. Of a model
//! of text: a symbol comes in, the next one goes out.
//!
//! No hardware names here: a board passes the bytes it receives to [`App::on_byte`] and lends
//! itself as a [`Board`].
#![no_std]

#[cfg(broken)]
mod broken;
pub mod embedded;
mod error_meter;
mod models;

use embedded::{CHANNELS, FILE, HIDDEN, OUTPUTS, Predictor, Stream, WINDOW};
use error_meter::ErrorMeter;
use rnn_core::link::{
    self, Decoder, Frame, Info, MAX_FRAME, Message, OWN, Refusal, Sample, Stats, Values,
};
use rnn_core::watch::Verdict;

const _: () = assert!(
    CHANNELS <= rnn_core::link::MAX_CHANNELS,
    "the model has more channels than a frame of the link can carry"
);

/// What the application asks of a board.
pub trait Board {
    /// Sends the bytes of one frame.
    fn send(&mut self, frame: &[u8]);
    /// Received bytes that were lost since the start because the queue was full.
    fn queue_overflows(&self) -> u32;
    /// Deepest stack since the start, bytes.
    fn stack_bytes(&self) -> u32;
    /// Static variables, bytes.
    fn ram_bytes(&self) -> u32;
}

/// What became of a byte that completed something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The host asked who is there.
    Greeted,
    /// A sample was judged, and what was admitted of it went through the network.
    Stepped,
    /// The same, and it doesn't fit.
    Alarm,
    /// The host asked again for an answer that it didn't get.
    Repeated,
    /// The host asked for the counters.
    Reported,
    /// A question was refused.
    Refused,
    /// A frame was damaged or not understood; nothing was sent.
    LinkError,
    /// The host asked to stop.
    Quit,
}

/// What is answered to a sample.
#[derive(Clone, Copy)]
struct Answer {
    verdict: Verdict,
    faults: [u8; OUTPUTS],
    prediction: [[u8; 4]; OUTPUTS],
}

impl Answer {
    fn message(&self) -> Message<'_> {
        let Answer { verdict, faults, prediction } = self;
        let values = Values::new(prediction);
        Message::Prediction(link::Prediction { verdict: *verdict, faults, values })
    }
}

/// The stream of samples, and what became of it.
struct Samples {
    stream: Stream,
    errors: ErrorMeter,
    /// Sequence number of the last sample and the answer to it.
    last: Option<(u16, Answer)>,
    steps: u32,
}

impl Samples {
    /// Before the first one.
    fn start() -> Self {
        Self { stream: Stream::start(), errors: ErrorMeter::new(), last: None, steps: 0 }
    }

    /// Takes a sample, or that none came; one that comes twice is answered twice and taken once.
    fn take(
        &mut self,
        sequence: u16,
        sample: Option<&[f32; CHANNELS]>,
        elapsed: f32,
    ) -> (Answer, Event) {
        if let Some((_, answer)) = self.last.filter(|(last, _)| *last == sequence) {
            return (answer, Event::Repeated);
        }
        if let Some(sample) = sample {
            self.errors.compare(sample);
        }
        let (verdict, faults, prediction) = self.stream.take(sample, elapsed);
        self.errors.expect(&prediction);
        self.steps = self.steps.saturating_add(u32::from(verdict.step));
        let answer = Answer { verdict, faults, prediction: prediction.map(f32::to_le_bytes) };
        self.last = Some((sequence, answer));
        (answer, if verdict.alarm { Event::Alarm } else { Event::Stepped })
    }
}

/// Samples, link and counters.
pub struct App {
    samples: Samples,
    decoder: Decoder,
    link_errors: u32,
}

impl App {
    /// Starts with the state at rest.
    pub fn new() -> Self {
        Self { samples: Samples::start(), decoder: Decoder::new(), link_errors: 0 }
    }

    /// Puts the state to rest: the samples come from elsewhere from now on.
    pub fn restart(&mut self) {
        self.samples = Samples::start();
    }

    /// Takes a sample of the board's own sensor, or that none came; tells the host unasked, first the
    /// sample, as the host would send it, then the answer (see [`OWN`]).
    #[inline(never)]
    pub fn on_own_sample(
        &mut self,
        sample: Option<&[f32; CHANNELS]>,
        elapsed: f32,
        board: &mut impl Board,
    ) -> Event {
        let sequence = self.samples.last.map_or(OWN, |(last, _)| last.wrapping_add(1) | OWN);
        let values = sample.map(|values| values.map(f32::to_le_bytes));
        let question = match &values {
            Some(raw) => Message::Sample(Sample { elapsed, values: Values::new(raw) }),
            None => Message::Silence(elapsed),
        };
        send(Frame { sequence, message: question }, board);
        let (answer, event) = self.samples.take(sequence, sample, elapsed);
        send(Frame { sequence, message: answer.message() }, board);
        event
    }

    /// Takes one received byte; answers through `board` when it completes a question.
    ///
    /// A function of its own in every image: what it calls is checked.
    #[inline(never)]
    pub fn on_byte(&mut self, byte: u8, board: &mut impl Board) -> Option<Event> {
        let frame = match self.decoder.push(byte)? {
            Ok(frame) => frame,
            Err(_) => {
                self.link_errors = self.link_errors.saturating_add(1);
                return Some(Event::LinkError);
            }
        };
        let told;
        let (answer, event) = match frame.message {
            Message::Hello => {
                // A new conversation counts its questions anew.
                self.samples.last = None;
                (Message::Info(INFO), Event::Greeted)
            }
            Message::Sample(Sample { elapsed, values }) => match values.to_array() {
                Some(sample) => {
                    let event;
                    (told, event) = self.samples.take(frame.sequence, Some(&sample), elapsed);
                    (told.message(), event)
                }
                None => (Message::Refused(Refusal::Channels), Event::Refused),
            },
            Message::Silence(elapsed) => {
                let event;
                (told, event) = self.samples.take(frame.sequence, None, elapsed);
                (told.message(), event)
            }
            Message::StatsRequest => (
                Message::Stats(Stats {
                    steps: self.samples.steps,
                    link_errors: self.link_errors,
                    queue_overflows: board.queue_overflows(),
                    stack_bytes: board.stack_bytes(),
                    ram_bytes: board.ram_bytes(),
                }),
                Event::Reported,
            ),
            Message::Quit => (Message::Quit, Event::Quit),
            Message::Info(_) | Message::Prediction(_) | Message::Stats(_) | Message::Refused(_) => {
                (Message::Refused(Refusal::NotAQuestion), Event::Refused)
            }
        };
        send(Frame { sequence: frame.sequence, message: answer }, board);
        Some(event)
    }

    /// Steps that the network has made.
    pub fn steps(&self) -> u32 {
        self.samples.steps
    }

    /// Frames that were damaged or not understood.
    pub fn link_errors(&self) -> u32 {
        self.link_errors
    }

    /// Root of the mean squared error of the predictions so far, over all channels, in the
    /// samples' unit; for the log (see [`ErrorMeter`] for how exact it is).
    pub fn rms_error(&self) -> f32 {
        self.samples.errors.rms()
    }
}

fn send(frame: Frame<'_>, board: &mut impl Board) {
    if let Ok(bytes) = frame.encode(&mut [0; MAX_FRAME]) {
        board.send(bytes);
    }
}

impl Default for App {
    fn default() -> Self {
        Self::new()
    }
}

/// One step of the network: the part whose calls, stack and instructions are checked, hence a
/// function of its own in every image.
#[inline(never)]
pub fn step(predictor: &mut Predictor, sample: &[f32; CHANNELS]) -> [f32; OUTPUTS] {
    #[cfg(broken = "panic")]
    broken::panic(sample);
    #[cfg(broken = "allocation")]
    broken::allocation(sample);
    #[cfg(broken = "time")]
    broken::time(sample);
    #[cfg_attr(not(broken = "bits"), allow(unused_mut))]
    let mut prediction = predictor.step(sample);
    #[cfg(broken = "bits")]
    broken::bits(&mut prediction);
    prediction
}

/// What the device says of its model; a model file's sizes are at most 4096.
const INFO: Info = Info {
    inputs: FILE.header.inputs as u16,
    hidden: HIDDEN as u16,
    outputs: FILE.header.inputs as u16,
    window: WINDOW as u16,
    model_crc: FILE.crc(),
};
