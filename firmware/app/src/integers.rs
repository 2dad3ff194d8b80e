//! Integers.

use crate::embedded::FILE;
use rnn_core::forecast::Running;
use rnn_core::quant::{IntegerNetwork, Live, Plan};

/// What the tensors are made of.
pub(crate) type Word = i32;

const PLAN: Plan = match FILE.header.plan() {
    Some(plan) => plan,
    None => panic!("the model file isn't what the build script read"),
};

/// What a network remembers from step to step, and room for its inputs and outputs.
pub(crate) struct State {
    memory: [i32; PLAN.memory()],
    x: [i16; PLAN.inputs],
    o: [i32; PLAN.inputs],
}

impl State {
    /// Before the first step.
    pub(crate) const REST: State = State { memory: [0; _], x: [0; _], o: [0; _] };

    /// The network on these numbers, in this state.
    #[inline(always)]
    pub(crate) fn of<'a>(&'a mut self, words: &'a [i32]) -> Option<impl Running + 'a> {
        let State { memory, x, o } = self;
        let network = IntegerNetwork::new(PLAN, words)?;
        Some(Live { network, memory, x, o })
    }
}
