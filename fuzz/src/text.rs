//! A text to learn from.

use rnn_core::model_file::Unit;
use rnn_train_host::text::{Corpus, Tokens, join};

/// Takes bytes as a file, of characters and of words.
pub fn run(bytes: &[u8]) {
    for unit in [Unit::Character, Unit::Word] {
        let Ok(corpus) = Corpus::from_bytes(bytes.to_vec(), unit) else { continue };
        let tokens: Vec<&str> = corpus.tokens().collect();
        let split = &corpus.split;
        assert_eq!(corpus.len(), tokens.len());
        assert_eq!((split.train.start, split.test.end), (0, tokens.len()));
        assert!(split.validation.len() >= 2 && split.test.len() >= 2);

        // No character is lost, and what is written is read as the same symbols.
        let text = std::str::from_utf8(bytes).expect("it was taken for a text");
        let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
        let kept = |c: &char| unit == Unit::Character || !c.is_whitespace();
        assert!(tokens.concat().chars().eq(text.chars().filter(kept)));
        let joined = join(tokens.iter().copied(), unit);
        assert!(Tokens::new(&joined, unit).eq(tokens.iter().copied()), "{joined:?}");

        for limit in [2, 1000] {
            let (vocabulary, cut) = corpus.vocabulary(limit);
            assert!(vocabulary.len() <= limit && vocabulary.len() <= cut.distinct + 1);
            let numbers = vocabulary.encode(corpus.tokens());
            for (&number, token) in numbers.iter().zip(&tokens) {
                assert!(number == 0 || vocabulary.name(number) == *token);
            }
        }
    }
}

/// Texts of their own.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    [
        ("prose", "\"Don't,\" said the well-read cat (softly); \"it isn't 5 o'clock.\"\n"),
        ("accents", "\u{FEFF}\u{c5}ngstr\u{f6}m \u{201C}so\u{201D} \u{1F600} \u{2026} na\u{ef}ve caf\u{e9}s, d\u{e9}j\u{e0} vu? Non!"),
        ("joiners", "a--b -c d- 'e f' g'h i\u{2019}j k-l-m n'-o p''q r- -s t\u{200D}u"),
        ("lines", "one\r\ntwo\n\n\tthree [four] {five} 6.7% 8:9;\u{A0}ten\u{2028}end.\n"),
        ("long", "thelongestwordthatamodelfileholds x thelongestwordthatamodelfileholds y a b c d e f g h i j k l m n"),
    ]
    .map(|(name, text)| (name, text.as_bytes().to_vec()))
    .into()
}
