//! N-grams, the rivals of a network on text: modified Kneser-Ney, interpolated (S. F. Chen,
//! J. Goodman, "An empirical study of smoothing techniques for language modeling", Computer Speech and
//! Language 13, 1999, section 3).
//!
//! With c(h w) the count of symbol w behind the context h of k symbols, and h' the context without its
//! first symbol:
//!
//! p_k(w | h) = (c(h w) - D(c(h w)) + (D_1 N_1(h) + D_2 N_2(h) + D_3 N_3(h)) p_k-1(w | h')) / c(h)
//!
//! where N_1(h), N_2(h), N_3(h) count the symbols that follow
//! h once, twice, more often; below p_0 stands the uniform distribution. The highest order counts
//! occurrences, the ones below count the different symbols that precede h w. The discounts follow from
//! the training part, so there is nothing to choose.

use std::collections::HashMap;
use std::ops::Range;

/// Orders 0 to 5: symbols of context.
pub const ORDERS: usize = 6;

/// Smallest discount: the formulas can come to less than 0 where a text has few rare n-grams, and then
/// what was never seen would have no probability at all.
const LEAST: f64 = 0.05;

/// Tables of all orders.
#[derive(Debug)]
pub struct Ngrams {
    symbols: usize,
    tables: Vec<Table>,
}

/// N-grams of one length.
#[derive(Debug, Default)]
struct Table {
    /// N-gram: occurrences, different symbols before it.
    grams: HashMap<u128, [u32; 2]>,
    /// Context: the same two kinds.
    contexts: HashMap<u128, [Context; 2]>,
    discounts: [[f64; 3]; 2],
}

/// What follows a context.
#[derive(Debug, Clone, Copy, Default)]
struct Context {
    total: u64,
    /// Symbols that follow once, twice, more often.
    follow: [u32; 3],
}

/// Index of a count's kind: occurrences, for the highest order.
const RAW: usize = 0;
/// Different symbols before, for the orders below.
const BEFORE: usize = 1;

/// Symbols as digits of a number.
fn key(symbols: &[u16]) -> u128 {
    symbols.iter().fold(0, |key, symbol| key << 16 | u128::from(*symbol))
}

impl Ngrams {
    /// Counts a training text of a vocabulary of so many symbols.
    pub fn of(training: &[u16], symbols: usize) -> Self {
        let mut tables: Vec<Table> = Vec::new();
        for order in 0..ORDERS {
            let mut table = Table::default();
            for gram in training.windows(order + 1) {
                table.grams.entry(key(gram)).or_default()[RAW] += 1;
            }
            if let Some(below) = tables.last_mut() {
                let suffix = (1 << (16 * order)) - 1;
                for gram in table.grams.keys() {
                    below.grams.entry(gram & suffix).or_default()[BEFORE] += 1;
                }
            }
            tables.push(table);
        }
        tables.iter_mut().for_each(Table::finish);
        Ngrams { symbols, tables }
    }

    /// p(symbol | history) of every order; what lies further back than the order is not looked at.
    pub fn probabilities(&self, history: &[u16], symbol: u16) -> [f64; ORDERS] {
        let mut below = 1.0 / self.symbols as f64;
        let mut probabilities = [below; ORDERS];
        for (order, table) in self.tables.iter().enumerate() {
            // At the start of a text the longer contexts don't exist.
            if let Some(from) = history.len().checked_sub(order) {
                let context = key(&history[from..]);
                let gram = context << 16 | u128::from(symbol);
                probabilities[order] = table.probability(RAW, context, gram, below);
                below = table.probability(BEFORE, context, gram, below);
            } else {
                probabilities[order] = probabilities[order - 1];
            }
        }
        probabilities
    }

    /// Mean of -log2 p over the symbols of `part`, every order, given all that precedes.
    pub fn bits(&self, text: &[u16], part: Range<usize>) -> [f64; ORDERS] {
        let mut sums = [0.0; ORDERS];
        for t in part.clone() {
            let probabilities = self.probabilities(&text[..t], text[t]);
            sums.iter_mut().zip(probabilities).for_each(|(sum, p)| *sum -= libm::log2(p));
        }
        sums.map(|sum| sum / part.len() as f64)
    }

    /// Entries that an order needs: the different n-grams of its length and of the lengths below.
    pub fn entries(&self, order: usize) -> usize {
        self.tables.iter().take(order + 1).map(|table| table.grams.len()).sum()
    }
}

impl Table {
    /// Sums up contexts and discounts from the counts.
    fn finish(&mut self) {
        // How many n-grams have the counts 1 to 4.
        let mut n = [[0.0f64; 4]; 2];
        for (gram, counts) in &self.grams {
            let contexts = self.contexts.entry(gram >> 16).or_default();
            for ((&count, context), n) in counts.iter().zip(contexts).zip(&mut n) {
                if count == 0 {
                    continue;
                }
                context.total += u64::from(count);
                context.follow[count.min(3) as usize - 1] += 1;
                if let Some(n) = n.get_mut(count as usize - 1) {
                    *n += 1.0;
                }
            }
        }
        // D_j = j - (j + 1) Y n_(j+1) / n_j with Y = n_1 / (n_1 + 2 n_2).
        self.discounts = n.map(|n| {
            let y = n[0] / (n[0] + 2.0 * n[1]).max(1.0);
            std::array::from_fn(|i| {
                let j = (i + 1) as f64;
                (j - (j + 1.0) * y * n[i + 1] / n[i].max(1.0)).clamp(LEAST, j)
            })
        });
    }

    /// The equation above; `below` where the context was never seen.
    fn probability(&self, kind: usize, context: u128, gram: u128, below: f64) -> f64 {
        let Some(Context { total, follow }) = self.contexts.get(&context).map(|both| both[kind])
        else {
            return below;
        };
        if total == 0 {
            return below;
        }
        let discounts = self.discounts[kind];
        let count = self.grams.get(&gram).map_or(0, |counts| counts[kind]);
        let discount = if count > 0 { discounts[count.min(3) as usize - 1] } else { 0.0 };
        let left: f64 = discounts.iter().zip(follow).map(|(d, n)| d * f64::from(n)).sum();
        (f64::from(count) - discount + left * below) / total as f64
    }
}

#[cfg(test)]
mod tests {
    use super::{Ngrams, ORDERS};
    use rnn_core::random::SplitMix64;

    /// A text whose next symbol depends on the two before it.
    fn text(length: usize) -> Vec<u16> {
        let mut random = SplitMix64::new(5);
        let mut text = vec![1u16, 2];
        while text.len() < length {
            let (a, b) = (text[text.len() - 2], text[text.len() - 1]);
            let next = if random.below(4) == 0 { random.below(6) as u16 } else { (a + 2 * b) % 6 };
            text.push(next + 1);
        }
        text
    }

    #[test]
    fn probabilities_of_every_order_add_up_to_one() {
        let text = text(3000);
        let ngrams = Ngrams::of(&text[..2000], 9);
        // Contexts that were seen, that weren't, and that are cut short.
        for history in [&text[..2500], &[3, 3, 3, 3, 3, 3], &[8, 8, 8], &[2], &[]] {
            let mut sums = [0.0; ORDERS];
            for symbol in 0..9 {
                let probabilities = ngrams.probabilities(history, symbol);
                assert!(probabilities.iter().all(|p| *p > 0.0), "{history:?} {symbol}");
                sums.iter_mut().zip(probabilities).for_each(|(sum, p)| *sum += p);
            }
            sums.iter().for_each(|sum| assert!((sum - 1.0).abs() < 1e-12, "{history:?} {sums:?}"));
        }
    }

    #[test]
    fn the_order_of_the_source_is_found() {
        let text = text(30_000);
        let bits = Ngrams::of(&text[..25_000], 8).bits(&text, 25_000..30_000);
        let best = (0..ORDERS).min_by(|a, b| bits[*a].total_cmp(&bits[*b])).unwrap();
        assert_eq!(best, 2, "{bits:?}");
        // The source: its symbol with 3/4 + 1/24, every other one of the six with 1/24.
        let (often, seldom) = (0.75f64 + 1.0 / 24.0, 1.0f64 / 24.0);
        let entropy = -often * often.log2() - 5.0 * seldom * seldom.log2();
        assert!((bits[2] - entropy).abs() < 0.04, "{bits:?} {entropy}");
    }

    /// Order 0 by hand: a a a b, two symbols seen and one not.
    #[test]
    fn the_equation_holds_by_hand() {
        let ngrams = Ngrams::of(&[1, 1, 1, 2], 3);
        // n_1 = 1, n_2 = 0, n_3 = 1: Y = 1, D_1 = 1, D_2 at its least, D_3 = 3.
        let left = (1.0 + 3.0) / 3.0;
        for (symbol, expected) in [(0, left / 4.0), (1, left / 4.0), (2, left / 4.0)] {
            assert!((ngrams.probabilities(&[], symbol)[0] - expected).abs() < 1e-12);
        }
        // No n-gram is rare: D_3 = 3.
        let ngrams = Ngrams::of(&[1, 1, 1, 1, 1, 2, 2, 2, 2, 2], 3);
        let p = ngrams.probabilities(&[], 1)[0];
        let d_3 = 3.0;
        assert!((p - (5.0 - d_3 + 2.0 * d_3 / 3.0) / 10.0).abs() < 1e-12, "{p}");
    }

    #[test]
    fn entries_are_different_ngrams() {
        let ngrams = Ngrams::of(&[1, 2, 1, 2, 1], 3);
        assert_eq!((0..4).map(|order| ngrams.entries(order)).collect::<Vec<_>>(), [2, 4, 6, 8]);
        assert_eq!(Ngrams::of(&[], 3).entries(5), 0);
        assert_eq!(Ngrams::of(&[], 4).probabilities(&[1, 2], 3), [0.25; ORDERS]);
    }
}
