//! The application, asked over the link as a host asks it.

use app::embedded::{self, CHANNELS, FILE, OUTPUTS};
use app::{App, Board, Event};
use rnn_core::link::{Decoder, Frame, MAX_FRAME, Message, Refusal, Sample, Values};

const SAMPLE: [f32; CHANNELS] = [1.5; CHANNELS];

/// Keeps the last answer.
struct Line {
    answer: [u8; MAX_FRAME],
    length: usize,
}

impl Board for Line {
    fn send(&mut self, frame: &[u8]) {
        self.answer.iter_mut().zip(frame).for_each(|(to, from)| *to = *from);
        self.length = frame.len();
    }

    fn queue_overflows(&self) -> u32 {
        3
    }

    fn stack_bytes(&self) -> u32 {
        4
    }

    fn ram_bytes(&self) -> u32 {
        5
    }
}

/// An application and a host's end of the line.
struct Talk {
    app: App,
    line: Line,
}

impl Talk {
    /// Sends a question; passes the answer, if there is one, to `read`.
    fn ask<T>(
        &mut self,
        sequence: u16,
        message: Message<'_>,
        read: impl FnOnce(Frame<'_>) -> T,
    ) -> (Option<Event>, Option<T>) {
        let mut buffer = [0; MAX_FRAME];
        let question = Frame { sequence, message };
        let bytes = question.encode(&mut buffer).unwrap_or_default();
        self.send(bytes, read)
    }

    fn send<T>(
        &mut self,
        bytes: &[u8],
        read: impl FnOnce(Frame<'_>) -> T,
    ) -> (Option<Event>, Option<T>) {
        self.line.length = 0;
        let mut event = None;
        for &byte in bytes {
            event = self.app.on_byte(byte, &mut self.line).or(event);
        }
        let mut decoder = Decoder::new();
        let sent = self.line.answer.get(..self.line.length).unwrap_or_default();
        let (last, start) = sent.split_last().unwrap_or((&0, &[]));
        for &byte in start {
            decoder.push(byte);
        }
        (event, decoder.push(*last).and_then(Result::ok).map(read))
    }

    fn sample(&mut self, sequence: u16) -> (Option<Event>, Option<[u32; OUTPUTS]>) {
        let raw = SAMPLE.map(f32::to_le_bytes);
        let (event, bits) = self.ask(sequence, message(&raw), |frame| match frame.message {
            Message::Prediction(told) => told.values.to_array().map(|v| v.map(f32::to_bits)),
            _ => None,
        });
        (event, bits.flatten())
    }
}

/// A sample that comes in time.
fn message(raw: &[[u8; 4]]) -> Message<'_> {
    Message::Sample(Sample { elapsed: 1.0, values: Values::new(raw) })
}

/// Runs every test of this file.
pub(crate) fn run(report: &mut impl FnMut(&str, bool)) {
    let mut talk = Talk { app: App::new(), line: Line { answer: [0; MAX_FRAME], length: 0 } };
    let mut predictor = embedded::predictor();
    let mut expected = || predictor.step(&SAMPLE).map(f32::to_bits);

    let info = talk.ask(1, Message::Hello, |frame| match frame.message {
        Message::Info(info) => (frame.sequence, usize::from(info.inputs)),
        _ => (0, 0),
    });
    report(
        "greeting: the model's shape",
        info == (Some(Event::Greeted), Some((1, FILE.header.inputs))),
    );

    let first = expected();
    report("sample: a prediction", talk.sample(2) == (Some(Event::Stepped), Some(first)));
    let again = talk.sample(2);
    report("the same sample again: no step", again == (Some(Event::Repeated), Some(first)));
    let second = talk.sample(3);
    report("next sample: the state goes on", second == (Some(Event::Stepped), Some(expected())));

    let short = [[0; 4]; CHANNELS + 1];
    let refused =
        talk.ask(4, message(&short), |frame| frame.message == Message::Refused(Refusal::Channels));
    report("a sample of another shape: refused", refused == (Some(Event::Refused), Some(true)));

    let damaged = talk.send(&[5, 1, 2, 3, 4, 0], |_| ());
    report("a damaged frame: counted", damaged == (Some(Event::LinkError), None));

    let stats = talk.ask(5, Message::StatsRequest, |frame| match frame.message {
        Message::Stats(stats) => [
            stats.steps,
            stats.link_errors,
            stats.queue_overflows,
            stats.stack_bytes,
            stats.ram_bytes,
        ],
        _ => [0; 5],
    });
    report("counters", stats == (Some(Event::Reported), Some([2, 1, 3, 4, 5])));

    let quit = talk.ask(6, Message::Quit, |frame| frame.message == Message::Quit);
    report("quit", quit == (Some(Event::Quit), Some(true)));
}
