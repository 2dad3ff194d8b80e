//! Text on a device: a symbol in, the next one out.

use crate::activation::approx::exp;
use crate::forecast::Running;

/// The symbol of a vocabulary that stands for all others; it is never written.
pub const UNKNOWN: u16 = 0;

/// Reads `symbol` and chooses the next one; see [`choose`]. `o` is room for the outputs.
#[inline(always)]
pub fn step(
    network: &mut impl Running,
    symbol: u16,
    o: &mut [f32],
    temperature: f32,
    random: f32,
) -> u16 {
    network.step_symbol(symbol);
    network.read(o);
    choose(o, temperature, random).unwrap_or(UNKNOWN)
}

/// A symbol with probability proportional to e^(o / temperature), [`UNKNOWN`] left out; `random` is
/// uniform in [0, 1). At temperature 0 the most probable one, of equals the first. `None` where there
/// is no other symbol.
///
/// Every choice among as many symbols takes the same operations, in an order that is the same
/// everywhere: a device chooses what the host would.
pub fn choose(o: &[f32], temperature: f32, random: f32) -> Option<u16> {
    let (_, known) = o.split_first()?;
    let (mut best, mut max) = (1, *known.first()?);
    for (&o, symbol) in known.iter().zip(1u16..) {
        (best, max) = if o > max { (symbol, o) } else { (best, max) };
    }
    // Division by 0 gives no number where o = max; exp takes that for the least there is.
    let weight = |o: f32| exp((o - max) / temperature);
    let sum: f32 = known.iter().map(|&o| weight(o)).sum();
    let (mut left, mut chosen) = (random * sum, None);
    for (&o, symbol) in known.iter().zip(1u16..) {
        left -= weight(o);
        chosen = if chosen.is_none() && left < 0.0 { Some(symbol) } else { chosen };
    }
    // The most probable one gets what rounding leaves over.
    Some(if temperature > 0.0 { chosen.unwrap_or(best) } else { best })
}

#[cfg(test)]
mod tests {
    use super::choose;
    use crate::random::SplitMix64;

    fn shares(o: &[f32], temperature: f32) -> Vec<f64> {
        let mut random = SplitMix64::new(1);
        let mut counts = vec![0.0; o.len()];
        for _ in 0..20_000 {
            let symbol = choose(o, temperature, random.uniform() as f32).unwrap();
            counts[usize::from(symbol)] += 1.0 / 20_000.0;
        }
        counts
    }

    #[test]
    fn symbols_come_as_often_as_the_softmax_says() {
        // The unknown symbol, however probable, never comes.
        let o = [9.0, 0.0, 3.0f32.ln(), 4.0f32.ln()];
        for (temperature, expected) in [
            (1.0, [0.0, 1.0 / 8.0, 3.0 / 8.0, 4.0 / 8.0]),
            (0.5, [0.0, 1.0 / 26.0, 9.0 / 26.0, 16.0 / 26.0]),
            (0.0, [0.0, 0.0, 0.0, 1.0]),
        ] {
            // Four standard deviations of a share of 20,000 draws.
            for (share, expected) in shares(&o, temperature).iter().zip(expected) {
                assert!((share - expected).abs() < 0.0142, "{temperature}: {share} {expected}");
            }
        }
    }

    #[test]
    fn extremes_are_safe() {
        assert_eq!([choose(&[], 1.0, 0.5), choose(&[1.0], 1.0, 0.5)], [None; 2]);
        assert_eq!(choose(&[0.0, 2.0, 2.0], 0.0, 0.9), Some(1));
        assert_eq!(choose(&[0.0, 1e30, -1e30], 1e-30, 0.999), Some(1));
        assert_eq!(choose(&[0.0, -1e30, 1e30], 1e30, 1.0), Some(2));
        assert!(choose(&[0.0, f32::NAN, 1.0], f32::NAN, f32::NAN).is_some());
    }
}
