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
#[cfg_attr(not(learns), path = "frozen.rs")]
mod learner;
mod model;
#[cfg_attr(numbers = "float", path = "float.rs")]
#[cfg_attr(numbers = "integers", path = "integers.rs")]
mod numbers;
#[cfg_attr(task = "forecast", path = "forecaster.rs")]
#[cfg_attr(task = "text", path = "writer.rs")]
mod task;
mod update;

pub use model::{Model, Words, check, words};
pub use task::{CHANNELS, OUTPUTS, Predictor, Scales, Settings};

use embedded::{FILE, HIDDEN, SETTINGS, WINDOW};
use embedded_storage::nor_flash::NorFlash;
use error_meter::ErrorMeter;
use learner::Learnt;
use rnn_core::link::{
    self, Decoder, Frame, Info, MAX_FRAME, Message, OWN, Refusal, Sample, Slot, Stats, Values,
};
use rnn_core::model_file::ModelFile;
use rnn_core::slots::{self, Area, Slots};
use rnn_core::watch::Verdict;
use task::Stream;
use update::{Question, Updates};

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

/// The flash that a board lends for models that come over the link.
pub trait Flash: NorFlash {
    /// Where the two slots lie in it. With a size of 0 there are none: uploads are refused.
    fn area(&self) -> Area;
    /// `length` bytes from `offset` on, as the processor reads them, on a 4-byte boundary where `offset`
    /// is; none where there aren't so many.
    fn bytes(&self, offset: u32, length: u32) -> &[u8];
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
    /// A part of a model has come.
    Received,
    /// A model has come, has passed its self-tests, and runs from now on; its file's CRC-32, and whether it
    /// goes on from the state of the one before it.
    Updated {
        /// CRC-32 of its file.
        model: u32,
        /// Whether the state was handed over.
        handed_over: bool,
    },
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
    learnt: Learnt,
}

impl Answer {
    fn message(&self) -> Message<'_> {
        let &Answer { verdict, ref faults, ref prediction, learnt } = self;
        let (event, adapted) = learner::told(learnt);
        let values = Values::new(prediction);
        Message::Prediction(link::Prediction { verdict, event, adapted, faults, values })
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
    #[cfg_attr(learns, inline(never))] // Made where it is kept: the stack has room for one.
    fn start(settings: Settings) -> Self {
        let stream = Stream::start(settings);
        Samples { stream, errors: ErrorMeter::new(), last: None, steps: 0 }
    }

    /// Back to there, of another model perhaps.
    fn restart(&mut self, settings: Settings) {
        self.stream.restart(settings);
        (self.errors, self.last, self.steps) = (ErrorMeter::new(), None, 0);
    }

    /// Takes a sample, or that none came; one that comes twice is answered twice and taken once.
    fn take(
        &mut self,
        words: &Words,
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
        let (verdict, faults, prediction, learnt) = self.stream.take(words, sample, elapsed);
        self.errors.expect(&prediction);
        self.steps = self.steps.saturating_add(u32::from(verdict.step));
        let prediction = prediction.map(f32::to_le_bytes);
        let answer = Answer { verdict, faults, prediction, learnt };
        self.last = Some((sequence, answer));
        (answer, if verdict.alarm { Event::Alarm } else { Event::Stepped })
    }
}

/// What was made of a sample, to be said.
fn said(taken: &Result<(Answer, Event), Refusal>) -> (Message<'_>, Event) {
    match taken {
        Ok((answer, event)) => (answer.message(), *event),
        Err(refusal) => (Message::Refused(*refusal), Event::Refused),
    }
}

/// The samples, and the model that they go through.
struct Device<F> {
    samples: Samples,
    /// `None` where the board has no flash for models.
    slots: Option<Slots<F>>,
    updates: Updates,
}

impl<F: Flash> Device<F> {
    #[cfg_attr(learns, inline(never))] // Made where it is kept: the stack has room for one.
    fn start(flash: F) -> Self {
        let area = flash.area();
        let may_run = |flash: &mut F, model: slots::Model| {
            check(flash.bytes(model.offset, model.length)).map(|_| ())
        };
        let mut slots = Slots::open(flash, area, may_run).ok();
        if let Some(slots) = &mut slots {
            // Where it can't be settled, the next update says so.
            let _ = slots.settle();
        }
        let settings = settings(&mut slots);
        Device { samples: Samples::start(settings), slots, updates: Updates::new() }
    }

    /// Puts the state of the model that runs to rest.
    fn restart(&mut self) {
        self.samples.restart(settings(&mut self.slots));
    }

    /// The model in a slot that runs; `None` for the embedded one.
    fn running(&self) -> Option<slots::Model> {
        self.slots.as_ref().and_then(Slots::running)
    }

    /// The bytes of the file of the model that runs.
    fn file(&self) -> &[u8] {
        file(&self.slots)
    }

    /// What is said of the model that runs; a model file's sizes are at most 4096.
    fn info(&self) -> Info {
        let (model_crc, slot) = match self.running() {
            Some(slots::Model { slot, crc, sequence, .. }) => {
                (crc, Some(Slot { number: slot as u8 + 1, sequence }))
            }
            None => (FILE.crc(), None),
        };
        Info {
            inputs: FILE.header.inputs as u16,
            hidden: HIDDEN as u16,
            outputs: FILE.header.inputs as u16,
            window: WINDOW as u16,
            model_crc,
            slot,
            learning: learner::LEARNING,
        }
    }

    /// Takes a sample, or that none came.
    fn take(
        &mut self,
        sequence: u16,
        sample: Option<&[f32; CHANNELS]>,
        elapsed: f32,
    ) -> Result<(Answer, Event), Refusal> {
        let words = words(file(&self.slots)).ok_or(Refusal::Flash)?;
        Ok(self.samples.take(words, sequence, sample, elapsed))
    }
}

/// What of the model that runs is copied into RAM.
fn settings<F: Flash>(slots: &mut Option<Slots<F>>) -> Settings {
    let settings = match slots.as_ref().and_then(Slots::running) {
        None => Ok(SETTINGS),
        Some(_) => ModelFile::parse(file(slots)).and_then(|file| Settings::of(&file)),
    };
    // It was whole when it was chosen: this flash is not to be relied on.
    if settings.is_err() {
        *slots = None;
    }
    settings.unwrap_or(SETTINGS)
}

/// The bytes of the file of the model that runs.
fn file<F: Flash>(slots: &Option<Slots<F>>) -> &[u8] {
    match slots.as_ref().and_then(|slots| Some((slots.flash(), slots.running()?))) {
        Some((flash, model)) => flash.bytes(model.offset, model.length),
        None => embedded::bytes(),
    }
}

/// A device on its line, and counters.
pub struct App<F> {
    device: Device<F>,
    decoder: Decoder,
    link_errors: u32,
}

impl<F: Flash> App<F> {
    /// Starts the newest model that may run, the embedded one where there is no other, with its state at
    /// rest.
    #[cfg_attr(learns, inline(never))] // Made where it is kept: the stack has room for one.
    pub fn new(flash: F) -> Self {
        App { device: Device::start(flash), decoder: Decoder::new(), link_errors: 0 }
    }

    /// Puts the state to rest: the samples come from elsewhere from now on.
    pub fn restart(&mut self) {
        self.device.restart();
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
        let device = &mut self.device;
        let sequence = device.samples.last.map_or(OWN, |(last, _)| last.wrapping_add(1) | OWN);
        let raw = sample.map(|values| values.map(f32::to_le_bytes));
        let values = raw.as_ref().map(|raw| Values::new(raw));
        let question = match values {
            Some(values) => Message::Sample(Sample { elapsed, values }),
            None => Message::Silence(elapsed),
        };
        send(Frame { sequence, message: question }, board);
        let taken = device.take(sequence, sample, elapsed);
        let (answer, event) = said(&taken);
        send(Frame { sequence, message: answer }, board);
        event
    }

    /// Takes one received byte; answers through `board` when it completes a question.
    ///
    /// A function of its own in every image: what it calls is checked.
    #[inline(never)]
    pub fn on_byte(&mut self, byte: u8, board: &mut impl Board) -> Option<Event> {
        let App { device, decoder, link_errors } = self;
        let frame = match decoder.push(byte)? {
            Ok(frame) => frame,
            Err(_) => {
                *link_errors = link_errors.saturating_add(1);
                return Some(Event::LinkError);
            }
        };
        let taken;
        let (answer, event) = match frame.message {
            Message::Hello => {
                // A new conversation counts its questions anew.
                device.samples.last = None;
                device.updates.last = None;
                (Message::Info(device.info()), Event::Greeted)
            }
            Message::Sample(Sample { elapsed, values }) => {
                let sample = values.to_array().ok_or(Refusal::Channels);
                taken =
                    sample.and_then(|sample| device.take(frame.sequence, Some(&sample), elapsed));
                said(&taken)
            }
            Message::Silence(elapsed) => {
                taken = device.take(frame.sequence, None, elapsed);
                said(&taken)
            }
            Message::StatsRequest => (
                Message::Stats(Stats {
                    steps: device.samples.steps,
                    link_errors: *link_errors,
                    queue_overflows: board.queue_overflows(),
                    stack_bytes: board.stack_bytes(),
                    ram_bytes: board.ram_bytes(),
                }),
                Event::Reported,
            ),
            Message::UpdateBegin(announcement) => {
                device.update(frame.sequence, Question::Begin(announcement))
            }
            Message::UpdateChunk(chunk) => device.update(frame.sequence, Question::Chunk(chunk)),
            Message::UpdateFinish => device.update(frame.sequence, Question::Finish),
            Message::Quit => (Message::Quit, Event::Quit),
            Message::Info(_)
            | Message::Prediction(_)
            | Message::Stats(_)
            | Message::Received(_)
            | Message::Refused(_) => (Message::Refused(Refusal::NotAQuestion), Event::Refused),
        };
        send(Frame { sequence: frame.sequence, message: answer }, board);
        Some(event)
    }

    /// The model that runs, and where it lies.
    pub fn info(&self) -> Info {
        self.device.info()
    }

    /// Steps that the network has made.
    pub fn steps(&self) -> u32 {
        self.device.samples.steps
    }

    /// Frames that were damaged or not understood.
    pub fn link_errors(&self) -> u32 {
        self.link_errors
    }

    /// Root of the mean squared error of the predictions so far, over all channels, in the
    /// samples' unit; for the log (see [`ErrorMeter`] for how exact it is).
    pub fn rms_error(&self) -> f32 {
        self.device.samples.errors.rms()
    }
}

fn send(frame: Frame<'_>, board: &mut impl Board) {
    if let Ok(bytes) = frame.encode(&mut [0; MAX_FRAME]) {
        board.send(bytes);
    }
}

/// One step of the network: the part whose calls, stack and instructions are checked, hence a
/// function of its own in every image.
#[inline(never)]
pub fn step(
    predictor: &mut Predictor,
    model: Model<'_>,
    sample: &[f32; CHANNELS],
) -> [f32; OUTPUTS] {
    #[cfg(broken = "panic")]
    broken::panic(sample);
    #[cfg(broken = "allocation")]
    broken::allocation(sample);
    #[cfg(broken = "time")]
    broken::time(sample);
    #[cfg_attr(not(broken = "bits"), allow(unused_mut))]
    let mut prediction = predictor.step(model, sample);
    #[cfg(broken = "bits")]
    broken::bits(&mut prediction);
    prediction
}
