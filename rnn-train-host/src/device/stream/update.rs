//! A model file on its way to a device, a question for each part of it.

use anyhow::{Context, Result};
use rnn_core::link::{Announcement, Chunk, Info, MAX_CHUNK, Message, Refusal};
use rnn_core::model_file::ModelFile;
use std::io::{Read, Write};

use super::{Refused, Session};

/// How often an upload begins in all: a device that is reset meanwhile knows nothing of what has come.
const BEGINNINGS: usize = 3;

impl<L: Read + Write> Session<L> {
    /// Announces a model file. Until [`finish_update`](Self::finish_update) the model that runs goes on.
    ///
    /// # Errors
    /// When the bytes are no model file; when the device doesn't answer, or can't take this model
    /// ([`Refused`]).
    pub fn begin_update(&mut self, file: &[u8]) -> Result<()> {
        let crc = ModelFile::parse(file)?.crc();
        let header = file.first_chunk().context("a model file has a header")?;
        self.ask(Message::UpdateBegin(Announcement { crc, header }), received)?;
        Ok(())
    }

    /// Sends the part of the file that starts at `offset`; returns where the next one starts.
    ///
    /// # Errors
    /// When the device doesn't answer, or doesn't take it ([`Refused`]).
    pub fn send_part(&mut self, file: &[u8], offset: usize) -> Result<usize> {
        let rest = file.get(offset..).unwrap_or_default();
        let bytes = &rest[..rest.len().min(MAX_CHUNK)];
        let offset = u32::try_from(offset)?;
        match self.ask(Message::UpdateChunk(Chunk { offset, bytes }), received) {
            Err(error) => match error.downcast_ref() {
                // It has more, or less, than was thought.
                Some(Refused(Refusal::Offset(wanted))) => Ok(*wanted as usize),
                _ => Err(error),
            },
            received => received,
        }
    }

    /// Ends an update: the new model runs from now on.
    ///
    /// # Errors
    /// When the device doesn't answer, or doesn't take the model over ([`Refused`]).
    pub fn finish_update(&mut self) -> Result<Info> {
        self.info = self.ask(Message::UpdateFinish, |answer| match answer {
            Message::Info(info) => Some(info),
            _ => None,
        })?;
        Ok(self.info)
    }

    /// The whole of it; `each` hears how many bytes have come.
    ///
    /// # Errors
    /// As those of the parts; those of `each`.
    pub fn upload(
        &mut self,
        file: &[u8],
        mut each: impl FnMut(usize) -> Result<()>,
    ) -> Result<Info> {
        let mut beginnings = 1;
        loop {
            match self.attempt(file, &mut each) {
                Err(error) if is_not_begun(&error) && beginnings < BEGINNINGS => beginnings += 1,
                done => return done,
            }
        }
    }

    fn attempt(&mut self, file: &[u8], each: &mut impl FnMut(usize) -> Result<()>) -> Result<Info> {
        self.begin_update(file)?;
        let mut sent = 0;
        while sent < file.len() {
            each(sent)?;
            sent = self.send_part(file, sent)?;
        }
        each(sent)?;
        self.finish_update()
    }
}

fn received(answer: Message<'_>) -> Option<usize> {
    match answer {
        Message::Received(bytes) => Some(bytes as usize),
        _ => None,
    }
}

fn is_not_begun(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(Refused(Refusal::NotBegun)))
}
