//! Which symbols a model knows, and their numbers.

use std::cmp::Reverse;
use std::collections::HashMap;

use rnn_core::model_file::{Task, Unit, VOCABULARY_LIMIT};

use super::Tokens;

pub use rnn_core::text::UNKNOWN;

/// The symbols of a model: the unknown one, then the most frequent ones.
#[derive(Debug, Clone, PartialEq)]
pub struct Vocabulary {
    /// What a symbol is.
    pub unit: Unit,
    names: Vec<String>,
    numbers: HashMap<String, u16>,
}

/// What a vocabulary leaves out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// Different symbols in the text.
    pub distinct: usize,
    /// Words that a model file has no room for, the most frequent first.
    pub too_long: Vec<String>,
}

impl Vocabulary {
    /// The most frequent tokens, `limit` symbols with the unknown one; of equally frequent ones the
    /// one that comes first in the text. Words longer than the model file's names are unknown.
    pub fn of<'a>(tokens: impl Iterator<Item = &'a str>, unit: Unit, limit: usize) -> (Self, Cut) {
        // Token: how often, and which one it is in the order of first appearance.
        let mut counts: HashMap<&str, (usize, usize)> = HashMap::new();
        for token in tokens {
            let place = counts.len();
            counts.entry(token).or_insert((0, place)).0 += 1;
        }
        let mut order: Vec<(&str, (usize, usize))> = counts.into_iter().collect();
        order.sort_unstable_by_key(|(_, (count, place))| (Reverse(*count), *place));
        let distinct = order.len();
        let longest = Task::Text(unit).name_length();
        let (short, long): (Vec<&str>, Vec<&str>) =
            order.into_iter().map(|(token, _)| token).partition(|token| token.len() <= longest);
        let known = short.into_iter().take(limit.min(VOCABULARY_LIMIT).saturating_sub(1));
        let names = [""].into_iter().chain(known).map(str::to_owned).collect();
        let too_long = long.into_iter().map(str::to_owned).collect();
        (Vocabulary::from_names(names, unit), Cut { distinct, too_long })
    }

    /// The vocabulary of a model: `names[0]` is the unknown symbol, whatever it is called.
    pub fn from_names(names: Vec<String>, unit: Unit) -> Self {
        let numbers = names.iter().zip(0u16..).skip(1);
        let numbers = numbers.map(|(name, number)| (name.clone(), number)).collect();
        Vocabulary { unit, names, numbers }
    }

    /// Number of symbols, the unknown one among them.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there isn't even an unknown symbol.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The symbols, in the order of their numbers.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The symbol's text; empty for the unknown one.
    pub fn name(&self, symbol: u16) -> &str {
        self.names.get(usize::from(symbol)).map_or("", String::as_str)
    }

    /// The token's number, [`UNKNOWN`] where it has none.
    pub fn number(&self, token: &str) -> u16 {
        self.numbers.get(token).copied().unwrap_or(UNKNOWN)
    }

    /// The numbers of tokens.
    pub fn encode(&self, tokens: Tokens<'_>) -> Vec<u16> {
        tokens.map(|token| self.number(token)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{UNKNOWN, Vocabulary};
    use crate::text::Tokens;
    use rnn_core::model_file::Unit;

    fn names(text: &str, unit: Unit, limit: usize) -> Vec<String> {
        let (vocabulary, _) = Vocabulary::of(Tokens::new(text, unit), unit, limit);
        vocabulary.names().to_vec()
    }

    #[test]
    fn the_most_frequent_come_first_and_ties_in_order_of_appearance() {
        assert_eq!(names("cabbac b", Unit::Character, 100), ["", "b", "c", "a", " "]);
        assert_eq!(names("cabbac b", Unit::Character, 3), ["", "b", "c"]);
        assert_eq!(names("cabbac b", Unit::Character, 2), ["", "b"]);
        assert_eq!(names("to be or not to be", Unit::Word, 9), ["", "to", "be", "or", "not"]);
    }

    #[test]
    fn what_is_not_in_it_is_unknown() {
        let tokens = || Tokens::new("to be or not to be", Unit::Word);
        let (vocabulary, cut) = Vocabulary::of(tokens(), Unit::Word, 3);
        assert_eq!(vocabulary.encode(tokens()), [1, 2, UNKNOWN, UNKNOWN, 1, 2]);
        assert_eq!((cut.distinct, cut.too_long.len()), (4, 0));
        assert_eq!(vocabulary.name(2), "be");
        assert_eq!((vocabulary.name(UNKNOWN), vocabulary.name(77)), ("", ""));
        // The empty name is no token.
        assert_eq!(vocabulary.number(""), UNKNOWN);
    }

    #[test]
    fn words_beyond_the_model_files_room_are_unknown() {
        let long = "x".repeat(33);
        let text = format!("{long} {long} {} a", &long[1..]);
        let (vocabulary, cut) = Vocabulary::of(Tokens::new(&text, Unit::Word), Unit::Word, 100);
        assert_eq!(vocabulary.names(), ["", &long[1..], "a"]);
        assert_eq!((cut.distinct, cut.too_long), (3, vec![long]));
    }
}
