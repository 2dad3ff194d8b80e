//! Whether one model can stand where another one does, and go on where that one was.

use core::fmt;

use super::{Header, Task};

/// In what two models differ, so that a program that was compiled for one can't run the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// One forecasts, the other writes characters, or words.
    Task,
    /// The number of channels, or of symbols.
    Inputs,
    /// The cells: how many, of which kind, how large.
    Layers,
    /// The samples per window, or that there are none.
    Window,
    /// The number format, or the layout of the tensors.
    Numbers,
}

impl Difference {
    /// All of them, in the order in which they are looked for.
    pub const ALL: [Difference; 5] = [
        Difference::Task,
        Difference::Inputs,
        Difference::Layers,
        Difference::Window,
        Difference::Numbers,
    ];
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Difference::Task => "its task (forecast, text of characters or of words)",
            Difference::Inputs => "its number of channels or symbols",
            Difference::Layers => "its cells (number, kind, hidden units)",
            Difference::Window => "its window",
            Difference::Numbers => {
                "its number format (f32, w8a16, w16a16) or the chip that it is laid out for"
            }
        })
    }
}

impl Header {
    /// The first difference to `other` that matters to a program of fixed sizes, if there is one. Mode,
    /// target, scales, weights, and what is watched for may differ.
    pub fn differs_from(&self, other: &Header) -> Option<Difference> {
        let text = |task| if let Task::Text(unit) = task { Some(unit) } else { None };
        Difference::ALL.into_iter().find(|difference| match difference {
            Difference::Task => text(self.task) != text(other.task),
            Difference::Inputs => self.inputs != other.inputs,
            Difference::Layers => self.layers != other.layers,
            Difference::Window => self.window != other.window,
            Difference::Numbers => self.numbers != other.numbers,
        })
    }

    /// Whether the state of the model that ran before is handed over to this one: if this one says so,
    /// and reads, computes and remembers the same things. Else it starts from rest.
    pub fn takes_state_of(&self, before: &Header) -> bool {
        self.hand_over && self.task == before.task && self.differs_from(before).is_none()
    }
}
