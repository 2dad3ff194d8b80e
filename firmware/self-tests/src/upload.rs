//! The embedded model, uploaded once more.

use crate::conversation::{SAMPLE, Talk};
use crate::flash::{SIZE, SmallFlash};
use crate::model;
use app::embedded::{self, FILE};
use app::{Event, OUTPUTS, Predictor};
use rnn_core::link::{Announcement, Chunk, Info, MAX_CHUNK, Message, Refusal, Slot};
use rnn_core::model_file::{Difference, HEADER, VERSION};

/// What the device says to a message of an update.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Said {
    Received(u32),
    Runs(Info),
    Refused(Refusal),
}

/// A conversation whose questions are numbered.
struct Upload<'f> {
    talk: Talk<'f>,
    sequence: u16,
}

impl<'f> Upload<'f> {
    /// With a device that starts on this flash.
    fn start(bytes: &'f mut [u8]) -> Self {
        let talk = Talk::start(SmallFlash(bytes));
        Upload { talk, sequence: 0 }
    }

    fn ask(&mut self, message: Message<'_>) -> (Option<Event>, Option<Said>) {
        self.sequence += 1;
        self.again(message)
    }

    /// With the number of the last question.
    fn again(&mut self, message: Message<'_>) -> (Option<Event>, Option<Said>) {
        let (event, said) = self.talk.ask(self.sequence, message, |frame| match frame.message {
            Message::Received(bytes) => Some(Said::Received(bytes)),
            Message::Info(info) => Some(Said::Runs(info)),
            Message::Refused(refusal) => Some(Said::Refused(refusal)),
            _ => None,
        });
        (event, said.flatten())
    }

    fn begin(&mut self, change: impl FnOnce(&mut [u8; HEADER])) -> Option<Said> {
        let mut header = *embedded::bytes().first_chunk()?;
        change(&mut header);
        self.ask(Message::UpdateBegin(Announcement { crc: FILE.crc(), header: &header })).1
    }

    fn chunk(&mut self, offset: u32, bytes: &[u8]) -> Option<Said> {
        self.ask(Message::UpdateChunk(Chunk { offset, bytes })).1
    }

    /// Sends the file's chunks, each twice; whether all were taken once.
    fn send(&mut self) -> bool {
        let mut sent = 0;
        embedded::bytes().chunks(MAX_CHUNK).all(|bytes| {
            let offset = sent;
            sent += bytes.len() as u32;
            let received = Some(Said::Received(sent));
            self.chunk(offset, bytes) == received && self.chunk(offset, bytes) == received
        })
    }

    fn sample(&mut self) -> Option<[u32; OUTPUTS]> {
        self.sequence += 1;
        self.talk.sample(self.sequence).1
    }
}

/// What they take of the stack at most: the flash, and what goes on beside it. The smallest board hasn't as
/// much for the larger models.
pub(crate) const STACK: usize = SIZE + 8192;

/// Runs every test of this file. A function of its own: only here is the flash on the stack.
#[inline(never)]
pub(crate) fn run(report: &mut impl FnMut(&str, bool)) {
    let refused = |refusal| Some(Said::Refused(refusal));
    let mut none = Upload::start(&mut []);
    report("upload without slots: refused", none.begin(|_| ()) == refused(Refusal::NoSlots));

    let Some(model) = model() else { return report("the embedded model can be read", false) };
    let flash = &mut [0; SIZE];
    let mut predictor = Predictor::REST;
    let mut next = || Some(app::step(&mut predictor, model, &SAMPLE).map(f32::to_bits));

    let mut upload = Upload::start(flash);
    let other = upload.begin(|header| header[20] ^= 1);
    let other_window = refused(Refusal::Differs(Difference::Window));
    report("upload of another window: refused", other == other_window);
    let later = upload.begin(|header| header[8] += 1);
    report("upload of another version: refused", later == refused(Refusal::FileVersion(VERSION)));
    let no_model = upload.begin(|header| header[0] = 0);
    report("upload of something else: refused", no_model == refused(Refusal::NotAModel));
    let untested = upload.begin(|header| {
        header[28..32].fill(0);
        let length =
            FILE.header.file_length() - 8 * FILE.header.self_tests * FILE.header.sample_length();
        header[32..36].copy_from_slice(&(length as u32).to_le_bytes());
    });
    report("upload without self-tests: refused", untested == refused(Refusal::NoSelfTests));
    report("a chunk of nothing: refused", upload.chunk(0, &[1]) == refused(Refusal::NotBegun));

    report("upload: begun", upload.begin(|_| ()) == Some(Said::Received(0)));
    report("predictions go on", upload.sample() == next());
    report("a chunk too early: refused", upload.chunk(5, &[1]) == refused(Refusal::Offset(0)));
    let early = upload.ask(Message::UpdateFinish).1;
    report("an end too early: refused", early == refused(Refusal::Offset(0)));
    report("chunks: each taken once", upload.send());
    report("predictions go on still", upload.sample() == next());
    let end = FILE.header.file_length() as u32;
    report("a byte too many: refused", upload.chunk(end, &[1]) == refused(Refusal::Damaged));

    let slot = |number, sequence| Some(Slot { number, sequence });
    let first = Info { slot: slot(1, 0), ..upload.talk.info() };
    let updated = Event::Updated { model: FILE.crc(), handed_over: false };
    let finished = upload.ask(Message::UpdateFinish);
    report("upload: taken over", finished == (Some(updated), Some(Said::Runs(first))));
    let again = upload.again(Message::UpdateFinish);
    report(
        "the same end again: no update",
        again == (Some(Event::Repeated), Some(Said::Runs(first))),
    );
    let after = refused(Refusal::NotBegun);
    report("another end: refused", upload.ask(Message::UpdateFinish).1 == after);
    predictor = Predictor::REST;
    let mut next = || Some(app::step(&mut predictor, model, &SAMPLE).map(f32::to_bits));
    report("predictions: from rest", upload.sample() == next());

    report("a second upload: begun", upload.begin(|_| ()) == Some(Said::Received(0)));
    report("a damaged chunk: taken", upload.chunk(0, &[1]) == Some(Said::Received(1)));
    let rest = embedded::bytes().get(1..).unwrap_or_default();
    let sent = rest.chunks(MAX_CHUNK).zip((1..).step_by(MAX_CHUNK));
    let all = sent
        .map(|(bytes, offset)| upload.chunk(offset, bytes))
        .all(|said| matches!(said, Some(Said::Received(_))));
    report("its other chunks: taken", all);
    let damaged = upload.ask(Message::UpdateFinish).1;
    report("a damaged file: refused", damaged == refused(Refusal::Damaged));
    report("predictions go on after that", upload.sample() == next());
    report("a third upload: begun", upload.begin(|_| ()) == Some(Said::Received(0)));

    let mut upload = Upload::start(flash);
    report("after a reset: the model of the slot", upload.talk.info() == first);
    let second = Info { slot: slot(2, 1), ..first };
    let begun = upload.begin(|_| ()) == Some(Said::Received(0));
    let sent = upload.send();
    let finished = upload.ask(Message::UpdateFinish).1;
    report("an upload to the other slot", begun && sent && finished == Some(Said::Runs(second)));
}
