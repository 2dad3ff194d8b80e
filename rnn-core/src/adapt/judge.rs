//! Who predicts: decided from the errors that four forecasts made on the same samples.

use super::Event;
use super::contest::Contest;

/// What a bet must win before the shadow is taken over, or starts again from the active network.
const WIN: f32 = 1e4;
/// What adapted weights may cost, as so many mean squared errors of the frozen network.
const BUDGET: f32 = 32.0;
/// A difference counts from here on: the better one's squared error is at most this share of the
/// other's.
const MARGIN: f32 = 0.9;
/// Samples over which the running means remember.
const WINDOW: f32 = 64.0;

/// Squared errors in scaled units, summed over the channels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Errors {
    /// Of the network that was flashed.
    pub frozen: f32,
    /// Of the one that predicts.
    pub active: f32,
    /// Of the one that learns.
    pub shadow: f32,
    /// Of the forecast that nothing changes.
    pub persistence: f32,
}

/// Bets and running means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Judge {
    means: Errors,
    /// The shadow against the frozen network, and against the active one.
    shadow: [Contest; 2],
    /// What the active network has cost against the frozen one since it was last ahead: the sum of
    /// the differences of their squared errors, never below 0.
    cost: f32,
    /// The active network against the shadow.
    active: Contest,
}

impl Judge {
    /// Nothing heard.
    pub(super) const NEW: Judge = Judge {
        means: Errors { frozen: 0.0, active: 0.0, shadow: 0.0, persistence: 0.0 },
        shadow: [Contest::NEW; 2],
        cost: 0.0,
        active: Contest::NEW,
    };

    /// Running means of the squared errors.
    pub(super) fn means(&self) -> Errors {
        self.means
    }

    /// Hears the errors of one sample, all finite, and says what is to be done. `adapted`: whether the
    /// active network is another one than the frozen.
    pub(super) fn hear(&mut self, e: Errors, adapted: bool) -> Option<Event> {
        let mean = &mut self.means;
        mean.frozen += (e.frozen - mean.frozen) / WINDOW;
        mean.active += (e.active - mean.active) / WINDOW;
        mean.shadow += (e.shadow - mean.shadow) / WINDOW;
        mean.persistence += (e.persistence - mean.persistence) / WINDOW;
        let [over_frozen, over_active] = &mut self.shadow;
        over_frozen.hear(e.shadow, MARGIN * e.frozen);
        over_active.hear(e.shadow, MARGIN * e.active);
        self.cost = (self.cost + (e.active - e.frozen)).max(0.0);
        self.active.hear(e.active, MARGIN * e.shadow);

        let mean = self.means;
        let wins = over_frozen.won(WIN) && over_active.won(WIN);
        let event = if wins
            && mean.shadow < MARGIN * mean.frozen.min(mean.active)
            && mean.shadow < mean.persistence
        {
            self.means.active = mean.shadow;
            Event::TakenOver
        } else if adapted && self.cost > BUDGET * mean.frozen {
            self.means.active = mean.frozen;
            Event::RolledBack
        } else if self.active.won(WIN) && mean.active < MARGIN * mean.shadow {
            self.means.shadow = mean.active;
            Event::Restarted
        } else {
            return None;
        };
        *self = Judge { means: self.means, ..Judge::NEW };
        Some(event)
    }
}
