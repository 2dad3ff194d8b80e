//! Which of two predictors errs less, decided in the middle of an endless stream.

/// Share of the wealth that is staked on a sample.
const STAKE: f32 = 0.4;
/// Most wealth that is kept: a bet that was right for long must be able to turn.
const MOST: f32 = 1e6;
/// Squared errors below this, in scaled units, are all the same.
const NOTHING: f32 = 1e-9;

/// A bet, sample after sample, that a challenger errs less than a holder.
///
/// With the squared errors e_c and e_h of predictions made before the sample was known, the gain
/// g = (e_h - e_c) / (e_h + e_c) lies in +-1, and the wealth w goes to max(1, w (1 + s g)), s the
/// stake. As long as the challenger is no better (the expectation of g isn't above 0, whatever came
/// before), w reaches 1/a by chance once in 1/a samples on average at most, however long the stream
/// and however often one looks (J. Shin, A. Ramdas, A. Rinaldo, "E-detectors", 2022).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Contest {
    wealth: f32,
}

impl Contest {
    /// Nothing won so far.
    pub(super) const NEW: Contest = Contest { wealth: 1.0 };

    /// Hears the squared errors of one sample, both finite.
    pub(super) fn hear(&mut self, challenger: f32, holder: f32) {
        let gain = (holder - challenger) / (holder + challenger + NOTHING);
        let wealth = self.wealth * (1.0 + STAKE * gain);
        self.wealth = if wealth > 1.0 { wealth.min(MOST) } else { 1.0 };
    }

    /// Whether it has won so much.
    pub(super) fn won(&self, goal: f32) -> bool {
        self.wealth >= goal
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SplitMix64;

    /// Samples until the goal is reached, 100,000 at most.
    fn samples(goal: f32, mut errors: impl FnMut() -> (f32, f32)) -> usize {
        let mut contest = Contest::NEW;
        let lost = |_: &usize| {
            let (challenger, holder) = errors();
            contest.hear(challenger, holder);
            !contest.won(goal)
        };
        (0..100_000).take_while(lost).count()
    }

    #[test]
    fn who_errs_less_wins_and_equals_hardly_ever_do() {
        let mut random = SplitMix64::new(1);
        let mut error = |deviation: f32| {
            let e = (0..12).map(|_| random.uniform() as f32 - 0.5).sum::<f32>() * deviation;
            e * e
        };
        assert!(samples(1e4, || (error(0.5), error(1.0))) < 200);
        assert!(samples(1e4, || (error(0.9), error(1.0))) < 5000);
        // Equal ones: once in 1e4 samples at most on average, here over 1e6 samples.
        let chances = (0..10).filter(|_| samples(1e6, || (error(1.0), error(1.0))) < 100_000);
        assert_eq!(chances.count(), 0);
        assert_eq!(samples(1e4, || (error(1.0), error(0.7))), 100_000);
        assert_eq!(samples(1.001, || (0.0, 0.0)), 100_000);
    }

    #[test]
    fn a_bet_that_was_right_for_long_turns_soon() {
        let mut contest = Contest::NEW;
        (0..1_000_000).for_each(|_| contest.hear(0.1, 1.0));
        assert!(contest.won(1e4));
        let until = (0..1000).take_while(|_| {
            contest.hear(1.0, 0.1);
            contest.won(1e4)
        });
        assert!(until.count() < 20);
    }
}
