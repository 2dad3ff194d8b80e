//! A model's network in the middle of a stream, whatever its numbers.

use rnn_core::forecast::Running;
use rnn_core::network::NetworkRef;
use rnn_core::quant::{self, IntegerNetwork};
use rnn_core::stream::InPlace;

use crate::aligned::Aligned;

/// A network with its memory, at rest at first.
#[derive(Debug, Clone)]
pub enum Live<'m> {
    /// Of `f32`.
    Float {
        /// The network.
        network: NetworkRef<'m, f32>,
        /// Its memory.
        memory: Aligned,
    },
    /// Of integers.
    Integer {
        /// The network.
        network: IntegerNetwork<'m>,
        /// Its memory.
        memory: Vec<i32>,
        /// Room for the inputs.
        x: Vec<i16>,
        /// Room for the outputs.
        o: Vec<i32>,
    },
}

impl<'m> Live<'m> {
    /// A network of `f32`.
    pub fn float(network: NetworkRef<'m, f32>) -> Self {
        Live::Float { network, memory: Aligned::new(network.shape().memory()) }
    }

    /// A network of integers.
    pub fn integer(network: IntegerNetwork<'m>) -> Self {
        let plan = network.plan();
        let (memory, inputs) = (vec![0; plan.memory()], plan.inputs);
        Live::Integer { network, memory, x: vec![0; inputs], o: vec![0; inputs] }
    }

    /// Goes on with the network of another one of the same shape, in the state that there is.
    pub fn go_on(&mut self, other: Live<'m>) {
        match (self, other) {
            (Live::Float { network, .. }, Live::Float { network: next, .. }) => *network = next,
            (Live::Integer { network, .. }, Live::Integer { network: next, .. }) => *network = next,
            (live, other) => *live = other,
        }
    }
}

/// The same call for the network that it is.
macro_rules! with_network {
    ($live:expr, $running:ident => $call:expr) => {
        match $live {
            Live::Float { network, memory } => {
                let mut $running = InPlace { network: *network, memory };
                $call
            }
            Live::Integer { network, memory, x, o } => {
                let mut $running = quant::Live { network: *network, memory, x, o };
                $call
            }
        }
    };
}

impl Running for Live<'_> {
    fn rest(&mut self) {
        with_network!(self, live => live.rest());
    }
    fn step(&mut self, u: &[f32]) {
        with_network!(self, live => live.step(u));
    }
    fn step_symbol(&mut self, symbol: u16) {
        with_network!(self, live => live.step_symbol(symbol));
    }
    fn read(&mut self, o: &mut [f32]) {
        with_network!(self, live => live.read(o));
    }
}
