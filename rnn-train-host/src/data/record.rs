//! Lines into fields, strictly: a line is a record, and nothing is guessed.

use std::io::{BufRead, Read};

use super::error::{Error, Problem};

const LONGEST_LINE: u64 = 1 << 20;
const BOM: &[u8] = b"\xEF\xBB\xBF";

/// Reads records line by line; one line is in memory at a time.
pub(super) struct Records<R> {
    input: R,
    separator: u8,
    splitter: csv_core::Reader,
    line: Vec<u8>,
    line_number: u64,
    /// Bytes of the file before the current line's first.
    offset: u64,
    next_offset: u64,
    unquoted: Vec<u8>,
    ends: Vec<usize>,
}

/// The fields of one line.
pub(super) struct Record<'a> {
    pub(super) line: u64,
    text: &'a str,
    ends: &'a [usize],
}

impl<'a> Record<'a> {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// A field without the white space around it; empty beyond the last one.
    pub(super) fn field(&self, index: usize) -> &'a str {
        let start = match index {
            0 => 0,
            _ => self.ends.get(index - 1).copied().unwrap_or(self.text.len()),
        };
        let end = self.ends.get(index).copied().unwrap_or(self.text.len());
        self.text.get(start..end).unwrap_or_default().trim()
    }

    pub(super) fn is_blank(&self) -> bool {
        self.len() == 1 && self.field(0).is_empty()
    }
}

impl<R: BufRead> Records<R> {
    /// Reads the header, the first line that isn't blank, and with it the separator: comma,
    /// semicolon or tab, whichever is most frequent in it outside quotes.
    pub(super) fn open(input: R) -> Result<(Self, Vec<String>), Error> {
        let mut records = Self {
            input,
            separator: b',',
            splitter: csv_core::Reader::new(),
            line: Vec::new(),
            line_number: 0,
            offset: 0,
            next_offset: 0,
            unquoted: Vec::new(),
            ends: Vec::new(),
        };
        loop {
            if !records.advance()? {
                return Err(Problem::Empty.into());
            }
            if !records.line.trim_ascii().is_empty() {
                break;
            }
        }
        records.separator = separator(&records.line);
        records.splitter = csv_core::ReaderBuilder::new().delimiter(records.separator).build();
        let header = records.split()?;
        let names = (0..header.len()).map(|i| header.field(i).to_owned()).collect();
        Ok((records, names))
    }

    pub(super) fn separator(&self) -> u8 {
        self.separator
    }

    pub(super) fn line_number(&self) -> u64 {
        self.line_number
    }

    /// The next line's fields, blank lines included; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Record<'_>>, Error> {
        Ok(match self.advance()? {
            true => Some(self.split()?),
            false => None,
        })
    }

    /// Reads a line without its ending; false at the end of the file.
    fn advance(&mut self) -> Result<bool, Error> {
        self.line.clear();
        self.line_number += 1;
        self.offset = self.next_offset;
        let read = (&mut self.input)
            .take(LONGEST_LINE + 1)
            .read_until(b'\n', &mut self.line)
            .map_err(|e| self.fault(Problem::Io(e)))?;
        self.next_offset += read as u64;
        if read as u64 > LONGEST_LINE {
            return Err(self.fault(Problem::LineTooLong(LONGEST_LINE)));
        }
        if self.line_number == 1 && self.line.starts_with(BOM) {
            self.line.drain(..BOM.len());
            self.offset = BOM.len() as u64;
        }
        while let Some(b'\n' | b'\r') = self.line.last() {
            self.line.pop();
        }
        Ok(read > 0)
    }

    fn split(&mut self) -> Result<Record<'_>, Error> {
        if self.line.contains(&0) {
            return Err(self.fault(Problem::Nul));
        }
        if self.line.contains(&b'\r') {
            return Err(self.fault(Problem::CarriageReturn));
        }
        if !quotes_in_place(&self.line, self.separator) {
            return Err(self.fault(Problem::Quote));
        }
        self.splitter.reset();
        self.unquoted.resize(self.line.len() + 1, 0);
        self.ends.resize(self.line.len() + 1, 0);
        let (_, _, bytes, ends) =
            self.splitter.read_record(&self.line, &mut self.unquoted, &mut self.ends);
        let (_, _, _, last) = self.splitter.read_record(&[], &mut [], &mut self.ends[ends..]);
        let text = std::str::from_utf8(&self.unquoted[..bytes])
            .map_err(|_| self.fault(self.first_invalid_byte()))?;
        Ok(Record {
            line: self.line_number,
            text,
            // A blank line has one empty field.
            ends: if ends + last == 0 { &[0] } else { &self.ends[..ends + last] },
        })
    }

    fn first_invalid_byte(&self) -> Problem {
        let valid = std::str::from_utf8(&self.line).map_or_else(|e| e.valid_up_to(), str::len);
        Problem::NotUtf8 {
            in_line: valid + 1,
            in_file: self.offset + valid as u64 + 1,
            value: self.line.get(valid).copied().unwrap_or_default(),
        }
    }

    fn fault(&self, problem: Problem) -> Error {
        Error::at_line(self.line_number, problem)
    }
}

fn separator(header: &[u8]) -> u8 {
    let mut quoted = false;
    let [mut commas, mut semicolons, mut tabs] = [0; 3];
    for byte in header {
        match byte {
            b'"' => quoted = !quoted,
            b',' if !quoted => commas += 1,
            b';' if !quoted => semicolons += 1,
            b'\t' if !quoted => tabs += 1,
            _ => {}
        }
    }
    if commas >= semicolons && commas >= tabs {
        b','
    } else if semicolons >= tabs {
        b';'
    } else {
        b'\t'
    }
}

/// Quotes come in pairs, and each stands at a field's border or beside another: `"1"2` and
/// an unclosed one, which would swallow the lines below, don't pass.
fn quotes_in_place(line: &[u8], separator: u8) -> bool {
    let border = |i: Option<usize>| {
        i.and_then(|i| line.get(i)).is_none_or(|&byte| byte == separator || byte == b'"')
    };
    let mut pairs = true;
    for (i, _) in line.iter().enumerate().filter(|(_, b)| **b == b'"') {
        pairs = !pairs;
        if !border(i.checked_sub(1)) && !border(Some(i + 1)) {
            return false;
        }
    }
    pairs
}
