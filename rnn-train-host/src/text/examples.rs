//! Next-word examples, as a textbook makes them: n symbols as features, the one that follows as the
//! label.
//!
//! Example i reads the symbols i to i + n - 1 of the text and has symbol i + n as its label, so a text
//! of N symbols gives N - n examples. For a network that carries its state they aren't needed: it
//! reads every symbol once and has all of them as its context.

use std::ops::Range;

/// All examples of a text; they borrow it, so that none is copied.
///
/// ```
/// use rnn_core::model_file::Unit;
/// use rnn_train_host::text::examples::Examples;
/// use rnn_train_host::text::{Tokens, Vocabulary};
///
/// let tokens = || Tokens::new("the cat and the dog and the cow", Unit::Word);
/// // The unknown symbol (0) and the three most frequent words: the, and, cat.
/// let (vocabulary, _) = Vocabulary::of(tokens(), Unit::Word, 4);
/// let text = vocabulary.encode(tokens());
/// assert_eq!(text, [1, 3, 2, 1, 0, 2, 1, 0]);
///
/// let examples = Examples::new(&text, 3);
/// assert_eq!(examples.len(), 5);
/// assert_eq!(examples.get(1), Some((&[3, 2, 1][..], 0)));
/// assert_eq!(examples.label_index(1), 4); // "dog"
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Examples<'t> {
    text: &'t [u16],
    context: usize,
}

impl<'t> Examples<'t> {
    /// With `context` symbols as features.
    pub fn new(text: &'t [u16], context: usize) -> Self {
        Examples { text, context }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.text.len().saturating_sub(self.context)
    }

    /// Whether the text is too short for one.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Features and label of example `example`, if there is one.
    pub fn get(&self, example: usize) -> Option<(&'t [u16], u16)> {
        let label = *self.text.get(self.label_index(example))?;
        Some((&self.text[self.feature_indices(example)], label))
    }

    /// Where in the text an example's features stand.
    pub fn feature_indices(&self, example: usize) -> Range<usize> {
        example..example + self.context
    }

    /// Where in the text an example's label stands.
    pub fn label_index(&self, example: usize) -> usize {
        example + self.context
    }

    /// All of them in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&'t [u16], u16)> + use<'t> {
        let examples = *self;
        (0..self.len()).map(move |i| examples.get(i).expect("below the number of examples"))
    }
}

#[cfg(test)]
mod tests {
    use super::Examples;

    #[test]
    fn every_symbol_with_enough_before_it_is_a_label_once() {
        let text: Vec<u16> = (0..50).collect();
        for context in [0, 1, 3, 5, 20, 49] {
            let examples = Examples::new(&text, context);
            assert_eq!(examples.len(), 50 - context);
            for (i, (features, label)) in examples.iter().enumerate() {
                assert_eq!(usize::from(label), examples.label_index(i));
                assert_eq!(features, &text[examples.feature_indices(i)]);
                assert_eq!(features.len(), context);
            }
            assert_eq!(examples.get(50 - context), None);
        }
        for context in [50, 51, 1000] {
            assert!(Examples::new(&text, context).is_empty());
            assert_eq!(Examples::new(&text, context).get(0), None);
        }
    }
}
