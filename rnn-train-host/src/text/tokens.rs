//! A text cut into symbols, and symbols put together again.

use rnn_core::model_file::Unit;

/// The symbols of a text, one after the other.
///
/// - [`Unit::Character`]: every Unicode scalar value, white space too.
/// - [`Unit::Word`]: a word is a run of letters and digits, and an apostrophe or a hyphen between two
///   of them belongs to it; any other character is a piece of punctuation by itself; white space
///   separates and is dropped. Case is kept.
///
/// ```
/// use rnn_core::model_file::Unit;
/// use rnn_train_host::text::Tokens;
/// let words: Vec<&str> = Tokens::new("\"Don't,\" said the well-read cat.", Unit::Word).collect();
/// assert_eq!(words, ["\"", "Don't", ",", "\"", "said", "the", "well-read", "cat", "."]);
/// ```
#[derive(Debug, Clone)]
pub struct Tokens<'a> {
    rest: &'a str,
    unit: Unit,
}

impl<'a> Tokens<'a> {
    /// Of the whole of `text`.
    pub fn new(text: &'a str, unit: Unit) -> Self {
        Tokens { rest: text, unit }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if self.unit == Unit::Word {
            self.rest = self.rest.trim_start();
        }
        let first = self.rest.chars().next()?;
        let length = match self.unit {
            Unit::Word if first.is_alphanumeric() => word(self.rest),
            _ => first.len_utf8(),
        };
        let (token, rest) = self.rest.split_at(length);
        self.rest = rest;
        Some(token)
    }
}

/// Length in bytes of the word at the start of `text`.
fn word(text: &str) -> usize {
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        let joins = ['\'', '\u{2019}', '-'].contains(&character)
            && characters.peek().is_some_and(|(_, next)| next.is_alphanumeric());
        if !character.is_alphanumeric() && !joins {
            return at;
        }
    }
    text.len()
}

/// Writes symbols one after the other: characters as they are, words with the spaces that a reader
/// expects around punctuation.
pub fn join<'a>(symbols: impl IntoIterator<Item = &'a str>, unit: Unit) -> String {
    let mut text = String::new();
    let mut quoted = false;
    // Nothing before the first one, and nothing after an opening bracket or quotation mark.
    let mut tight = true;
    for symbol in symbols {
        if unit == Unit::Character {
            text += symbol;
            continue;
        }
        let closes = match symbol {
            "\"" => quoted,
            "." | "," | ";" | ":" | "!" | "?" | ")" | "]" | "}" | "'" | "\u{2019}" | "\u{201D}"
            | "\u{BB}" | "%" | "\u{2026}" => true,
            _ => false,
        };
        if !tight && !closes {
            text.push(' ');
        }
        text += symbol;
        tight = matches!(symbol, "(" | "[" | "{" | "\u{201C}" | "\u{2018}" | "\u{AB}");
        if symbol == "\"" {
            tight = !quoted;
            quoted = !quoted;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Tokens, join};
    use rnn_core::model_file::Unit;

    fn words(text: &str) -> Vec<&str> {
        Tokens::new(text, Unit::Word).collect()
    }

    #[test]
    fn characters_are_scalar_values() {
        let characters: Vec<&str> = Tokens::new("a\u{e9}\n\u{1F600} ", Unit::Character).collect();
        assert_eq!(characters, ["a", "\u{e9}", "\n", "\u{1F600}", " "]);
        assert_eq!(join(characters, Unit::Character), "a\u{e9}\n\u{1F600} ");
    }

    #[test]
    fn words_keep_inner_apostrophes_and_hyphens() {
        assert_eq!(words("it's o'clock-ish"), ["it's", "o'clock-ish"]);
        assert_eq!(words("'tis the dogs' -5 a--b"), {
            ["'", "tis", "the", "dogs", "'", "-", "5", "a", "-", "-", "b"]
        });
        assert_eq!(words("end-"), ["end", "-"]);
        assert_eq!(words("\u{c5}ngstr\u{f6}m 3.5\u{2026}"), {
            ["\u{c5}ngstr\u{f6}m", "3", ".", "5", "\u{2026}"]
        });
        assert_eq!(words(" \n\t "), [""; 0]);
    }

    #[test]
    fn words_are_joined_as_they_are_printed() {
        for text in [
            "\"Don't,\" said the cat (softly); \"please.\"",
            "One: two, three! Four? [Five]",
            "\u{201C}So\u{201D} it is.",
        ] {
            assert_eq!(join(words(text), Unit::Word), text);
        }
    }
}
