//! A text on the disk, read and split into its parts.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use rnn_core::model_file::Unit;

use super::{Cut, Tokens, Vocabulary};
use crate::data::Split;

/// Fewest symbols of a corpus: its validation and test part have two each then.
const SHORTEST: usize = 20;

/// A text, and how many symbols it has.
#[derive(Debug, Clone)]
pub struct Corpus {
    text: String,
    /// What a symbol is.
    pub unit: Unit,
    /// Borders of the parts, in symbols.
    pub split: Split,
}

impl Corpus {
    /// Reads a file in UTF-8; a byte-order mark at its start is left out.
    ///
    /// # Errors
    /// A file that can't be read, that is no text, or that is too short to be split.
    pub fn read(path: &Path, unit: Unit) -> Result<Self> {
        let shown = path.display();
        ensure!(!path.is_dir(), "{shown} is a folder; name the text file itself");
        let bytes = std::fs::read(path).with_context(|| {
            format!("{shown} can't be read; check the path and the permissions")
        })?;
        Corpus::from_bytes(bytes, unit).with_context(|| format!("{shown}"))
    }

    /// Of a file's bytes; see [`Corpus::read`].
    ///
    /// # Errors
    /// Bytes that are no text, or a text too short to be split.
    pub fn from_bytes(bytes: Vec<u8>, unit: Unit) -> Result<Self> {
        let mut text = text(bytes)?;
        if text.starts_with('\u{FEFF}') {
            text.remove(0);
        }
        Corpus::new(text, unit)
    }

    /// Of a text in memory: training on the first 80 % of its symbols, validation on the next 10 %,
    /// test on the last 10 %.
    ///
    /// # Errors
    /// A text too short to be split.
    pub fn new(text: String, unit: Unit) -> Result<Self> {
        let n = Tokens::new(&text, unit).count();
        let symbols = match unit {
            Unit::Character => "characters",
            Unit::Word => "words and pieces of punctuation",
        };
        ensure!(n > 0, "there is no text in it: the corpus is empty");
        ensure!(
            n >= SHORTEST,
            "{n} {symbols} are too few: a corpus needs at least {SHORTEST} (80 % of them to learn from, 10 % to choose, 10 % to test), and many thousands to learn something"
        );
        Ok(Corpus { text, unit, split: split(n) })
    }

    /// Number of symbols.
    pub fn len(&self) -> usize {
        self.split.test.end
    }

    /// Never: an empty text is no corpus.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All symbols in order.
    pub fn tokens(&self) -> Tokens<'_> {
        Tokens::new(&self.text, self.unit)
    }

    /// The vocabulary of all that comes before the test part; see [`Vocabulary::of`].
    pub fn vocabulary(&self, limit: usize) -> (Vocabulary, Cut) {
        Vocabulary::of(self.tokens().take(self.split.test.start), self.unit, limit)
    }
}

fn split(n: usize) -> Split {
    let train = n * 4 / 5;
    let validation = train + n / 10;
    Split { train: 0..train, validation: train..validation, test: validation..n }
}

/// The bytes as text; what isn't says on which line and at which byte of the file it stands.
fn text(bytes: Vec<u8>) -> Result<String> {
    let place = |bytes: &[u8], at: usize| {
        let line = bytes[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
        format!("line {line}, byte offset {at}")
    };
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        bail!(
            "{}: a NUL byte; this is a binary file or UTF-16: save it as text in UTF-8",
            place(&bytes, at)
        );
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let bytes = error.as_bytes();
        anyhow::anyhow!(
            "{}: 0x{:02X} is not UTF-8; save the file as text in UTF-8",
            place(bytes, at),
            bytes[at]
        )
    })
}

#[cfg(test)]
mod tests {
    use super::{Corpus, text};
    use rnn_core::model_file::Unit;

    #[test]
    fn parts_are_eight_one_and_one_tenth() {
        let corpus = Corpus::new("ab ".repeat(67), Unit::Character).unwrap();
        assert_eq!(corpus.split.train, 0..160);
        assert_eq!(corpus.split.validation, 160..180);
        assert_eq!(corpus.split.test, 180..201);
        let corpus = Corpus::new("ab ".repeat(67), Unit::Word).unwrap();
        assert_eq!((corpus.len(), corpus.split.test.len()), (67, 8));
    }

    #[test]
    fn too_little_text_is_refused() {
        let error = |text: &str, unit| Corpus::new(text.into(), unit).unwrap_err().to_string();
        assert!(error("", Unit::Character).contains("the corpus is empty"));
        assert!(error(" \n\n ", Unit::Word).contains("the corpus is empty"));
        assert!(error("too short", Unit::Character).starts_with("9 characters are too few"));
        assert!(Corpus::new("just long enough, so".into(), Unit::Character).is_ok());
    }

    #[test]
    fn bytes_that_are_no_text_are_located() {
        let error = |bytes: &[u8]| text(bytes.into()).unwrap_err().to_string();
        assert!(error(b"ab\ncd\xFFe").starts_with("line 2, byte offset 5: 0xFF is not UTF-8"));
        assert!(error(b"ab\n\n\0").starts_with("line 3, byte offset 4: a NUL byte"));
        // A character that the end of the file cuts off.
        assert!(error(b"\xC3").starts_with("line 1, byte offset 0: 0xC3"));
        assert_eq!(text("\u{e9}".into()).unwrap(), "\u{e9}");
    }
}
