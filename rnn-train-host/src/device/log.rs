//! The firmware's log: defmt frames, made readable with the strings that its ELF file holds.

use anyhow::{Context, Result, anyhow};
use defmt_decoder::{DecodeError, Table};
use std::io::Read;
use std::path::Path;

/// The strings of a firmware's log.
pub struct Strings(Table);

impl Strings {
    /// Reads the strings from the ELF file of the firmware.
    ///
    /// # Errors
    /// When the file can't be read, is no ELF file, or holds no defmt strings.
    pub fn of(firmware: &Path) -> Result<Self> {
        let elf = std::fs::read(firmware)
            .with_context(|| format!("{}: can't read the firmware", firmware.display()))?;
        let table = Table::parse(&elf)
            .and_then(|table| table.ok_or_else(|| anyhow!("it has no .defmt section")))
            .with_context(|| format!("{}: no firmware with a log", firmware.display()))?;
        Ok(Self(table))
    }

    /// Decodes `frames` until their end; a line per frame, a level in front where there is one.
    pub fn decode(&self, mut frames: impl Read) -> Vec<String> {
        let mut lines = Vec::new();
        let mut decoder = self.0.new_stream_decoder();
        let mut buffer = [0; 1024];
        while let Ok(count @ 1..) = frames.read(&mut buffer) {
            decoder.received(&buffer[..count]);
            loop {
                match decoder.decode() {
                    Ok(frame) => {
                        let level = frame
                            .level()
                            .map(|level| format!("{} ", level.as_str().to_uppercase()));
                        let message = frame.display_message();
                        lines.push(format!("{}{message}", level.unwrap_or_default()));
                    }
                    Err(DecodeError::UnexpectedEof) => break,
                    Err(DecodeError::Malformed) => lines.push("(a damaged line of the log)".into()),
                }
            }
        }
        lines
    }
}
