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

use embedded::{CHANNELS, FILE, HIDDEN, OUTPUTS, Predictor, WINDOW};
use error_meter::ErrorMeter;
use rnn_core::link::{Decoder, Frame, Info, MAX_FRAME, Message, Refusal, Stats, Values};

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
    /// A sample went through the network.
    Stepped,
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

/// Predictor, link and counters.
pub struct App {
    predictor: Predictor,
    decoder: Decoder,
    errors: ErrorMeter,
    /// Sequence number of the last sample and the bits of the prediction made from it.
    last: Option<(u16, [[u8; 4]; OUTPUTS])>,
    steps: u32,
    link_errors: u32,
}

impl App {
    /// Starts with the state at rest.
    pub fn new() -> Self {
        Self {
            predictor: embedded::predictor(),
            decoder: Decoder::new(),
            errors: ErrorMeter::new(),
            last: None,
            steps: 0,
            link_errors: 0,
        }
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
        let prediction;
        let (answer, event) = match frame.message {
            Message::Hello => {
                // A new conversation counts its questions anew.
                self.last = None;
                (Message::Info(INFO), Event::Greeted)
            }
            Message::Sample(values) => match (values.to_array(), self.last) {
                (Some(_), Some((sequence, bits))) if sequence == frame.sequence => {
                    prediction = bits;
                    (Message::Prediction(Values::new(&prediction)), Event::Repeated)
                }
                (Some(sample), _) => {
                    self.errors.compare(&sample);
                    let next = step(&mut self.predictor, &sample);
                    self.errors.expect(&next);
                    self.steps = self.steps.saturating_add(1);
                    prediction = next.map(f32::to_le_bytes);
                    self.last = Some((frame.sequence, prediction));
                    (Message::Prediction(Values::new(&prediction)), Event::Stepped)
                }
                (None, _) => (Message::Refused(Refusal::Channels), Event::Refused),
            },
            Message::StatsRequest => (
                Message::Stats(Stats {
                    steps: self.steps,
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
        let answer = Frame { sequence: frame.sequence, message: answer };
        if let Ok(bytes) = answer.encode(&mut [0; MAX_FRAME]) {
            board.send(bytes);
        }
        Some(event)
    }

    /// Samples that went through the network.
    pub fn steps(&self) -> u32 {
        self.steps
    }

    /// Frames that were damaged or not understood.
    pub fn link_errors(&self) -> u32 {
        self.link_errors
    }

    /// Root of the mean squared error of the predictions so far, over all channels, in the
    /// samples' unit; for the log (see [`ErrorMeter`] for how exact it is).
    pub fn rms_error(&self) -> f32 {
        self.errors.rms()
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
