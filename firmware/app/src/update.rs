//! A model that comes over the link while predictions go on: every message is a step of its own.

use crate::embedded::FILE;
use crate::task::Settings;
use crate::{Device, Event, Flash, check};
use rnn_core::link::{Announcement, Chunk, Message, Refusal};
use rnn_core::model_file::{Error, Header, VERSION};
use rnn_core::slots;

/// What is remembered from one message to the next, beside what the slots remember.
pub(crate) struct Updates {
    /// CRC-32 of the file that was announced.
    crc: u32,
    /// Sequence number of the last question, and what became of it.
    pub(crate) last: Option<(u16, Result<Done, Refusal>)>,
}

/// What a message of an update may ask for.
pub(crate) enum Question<'a> {
    Begin(Announcement<'a>),
    Chunk(Chunk<'a>),
    Finish,
}

/// What was done.
#[derive(Clone, Copy)]
pub(crate) enum Done {
    /// So many bytes have come.
    Received(u32),
    /// The new model runs.
    Updated { handed_over: bool },
}

impl Updates {
    pub(crate) const fn new() -> Self {
        Updates { crc: 0, last: None }
    }
}

impl<F: Flash> Device<F> {
    /// Carries a question out; one that comes twice is answered twice and carried out once.
    pub(crate) fn update(
        &mut self,
        sequence: u16,
        question: Question<'_>,
    ) -> (Message<'static>, Event) {
        let before = self.updates.last.filter(|(last, _)| *last == sequence);
        let done = match (before, question) {
            (Some((_, done)), _) => done,
            (None, Question::Begin(announcement)) => self.begin(announcement),
            (None, Question::Chunk(chunk)) => self.receive(chunk),
            (None, Question::Finish) => self.finish(),
        };
        self.updates.last = Some((sequence, done));
        let (message, event) = match done {
            Ok(Done::Received(bytes)) => (Message::Received(bytes), Event::Received),
            Ok(Done::Updated { handed_over }) => {
                let info = self.info();
                (Message::Info(info), Event::Updated { model: info.model_crc, handed_over })
            }
            Err(refusal) => (Message::Refused(refusal), Event::Refused),
        };
        (message, if before.is_some() { Event::Repeated } else { event })
    }

    /// Refuses what can't run here before the other slot is erased.
    fn begin(&mut self, Announcement { crc, header }: Announcement<'_>) -> Result<Done, Refusal> {
        let slots = self.slots.as_mut().ok_or(Refusal::NoSlots)?;
        let header = Header::fields(header).map_err(|error| match error {
            Error::Version(_) => Refusal::FileVersion(VERSION),
            _ => Refusal::NotAModel,
        })?;
        if let Some(difference) = header.differs_from(&FILE.header) {
            return Err(Refusal::Differs(difference));
        }
        if header.self_tests == 0 {
            return Err(Refusal::NoSelfTests);
        }
        slots.begin(header.file_length() as u32).map_err(refusal)?;
        self.updates.crc = crc;
        Ok(Done::Received(0))
    }

    fn receive(&mut self, Chunk { offset, bytes }: Chunk<'_>) -> Result<Done, Refusal> {
        let slots = self.slots.as_mut().ok_or(Refusal::NoSlots)?;
        let received = slots.received().ok_or(Refusal::NotBegun)?;
        let known = received.checked_sub(offset).ok_or(Refusal::Offset(received))?;
        slots.write(bytes.get(known as usize..).unwrap_or_default()).map_err(refusal)?;
        Ok(Done::Received(slots.received().unwrap_or(received)))
    }

    /// Takes the new model over, if it is the one that was announced and its self-tests give the right bits.
    fn finish(&mut self) -> Result<Done, Refusal> {
        let before = Header::fields(self.file()).ok();
        let slots = self.slots.as_mut().ok_or(Refusal::NoSlots)?;
        let announced = self.updates.crc;
        let mut next = None;
        let may_run = |flash: &mut F, model: slots::Model| {
            if model.crc != announced {
                return Err(slots::Refusal::File(Error::Checksum));
            }
            let file = check(flash.bytes(model.offset, model.length))?;
            let settings = Settings::of(&file).map_err(slots::Refusal::File)?;
            next = Some((settings, file.header));
            Ok(())
        };
        slots.finish(may_run).map_err(refusal)?;
        let mut handed_over = false;
        if let Some((settings, header)) = next {
            handed_over = before.is_some_and(|before| header.takes_state_of(&before));
            let stream = &mut self.samples.stream;
            if handed_over {
                stream.go_on(settings);
            } else {
                stream.restart(settings);
            }
        }
        Ok(Done::Updated { handed_over })
    }
}

/// What the host is told.
fn refusal<E>(error: slots::Error<E>) -> Refusal {
    match error {
        slots::Error::Room { room } => Refusal::Room(room),
        slots::Error::Length { found, expected } if found < expected as usize => {
            Refusal::Offset(found as u32)
        }
        slots::Error::NotBegun => Refusal::NotBegun,
        slots::Error::Length { .. }
        | slots::Error::Damaged
        | slots::Error::Refused(slots::Refusal::File(_)) => Refusal::Damaged,
        slots::Error::Refused(slots::Refusal::NoSelfTests) => Refusal::NoSelfTests,
        slots::Error::Refused(slots::Refusal::SelfTests { wrong }) => {
            Refusal::SelfTests(wrong as u32)
        }
        slots::Error::Full => Refusal::Full,
        _ => Refusal::Flash,
    }
}
