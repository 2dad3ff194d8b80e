//! Inputs near to those of a corpus, the same for the same seed.

use rnn_core::random::SplitMix64;

/// Values at which lengths and numbers tip over.
const WORDS: [[u8; 4]; 7] = [
    [0; 4],
    [0xFF; 4],
    [0xFF, 0xFF, 0xFF, 0x7F],
    [0, 0, 0, 0x80],
    [1, 0, 0, 0],
    [0, 0, 0xC0, 0x7F],
    [0, 0, 0x80, 0x7F],
];

/// Changes an input in 1 to 4 places; `other` is one to take pieces from.
pub fn mutate(random: &mut SplitMix64, input: &mut Vec<u8>, other: &[u8]) {
    for _ in 0..=random.below(4) {
        let at = random.below(input.len() + 1);
        let length = random.below(input.len() - at + 1).min(random.below(64));
        match random.below(7) {
            0 => input.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << random.below(8)),
            1 => input.iter_mut().skip(at).take(1).for_each(|byte| *byte = random.next_u64() as u8),
            2 => {
                let word = WORDS[random.below(WORDS.len())];
                input.iter_mut().skip(at).zip(word).for_each(|(byte, new)| *byte = new);
            }
            3 => drop(input.drain(at..at + length)),
            4 => input.truncate(at),
            5 => {
                let piece = input[at..at + length].to_vec();
                input.splice(at..at, piece);
            }
            _ => {
                let from = random.below(other.len() + 1);
                let piece = &other[from..];
                input.splice(at..at + length, piece.iter().take(random.below(64)).copied());
            }
        }
    }
}
