//! A model's network in the middle of a stream, whatever its numbers.

use rnn_core::forecast::Running;
use rnn_core::kernel::{Columns, Inference};
use rnn_core::network::NetworkRef;
use rnn_core::quant::{self, Inputs, IntegerNetwork};

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
}

/// The same with the network of integers.
fn integers<'a>(
    network: &'a IntegerNetwork<'_>,
    memory: &'a mut [i32],
    x: &'a mut [i16],
    o: &'a mut [i32],
) -> quant::Live<'a> {
    quant::Live { network, memory, x, o }
}

impl Running for Live<'_> {
    fn rest(&mut self) {
        match self {
            Live::Float { memory, .. } => memory.fill(0.0),
            Live::Integer { network, memory, x, o } => integers(network, memory, x, o).rest(),
        }
    }
    fn step(&mut self, u: &[f32]) {
        match self {
            Live::Float { network, memory } => {
                network.step::<Inference>(Columns::Values(u), memory);
            }
            Live::Integer { network, memory, x, o } => integers(network, memory, x, o).step(u),
        }
    }
    fn step_symbol(&mut self, symbol: u16) {
        match self {
            Live::Float { network, memory } => {
                network.step::<Inference>(Columns::Symbols(&[symbol]), memory);
            }
            Live::Integer { network, memory, .. } => network.step(Inputs::Symbol(symbol), memory),
        }
    }
    fn read(&mut self, o: &mut [f32]) {
        match self {
            Live::Float { network, memory } => {
                network.readout().forward::<Inference>(network.h(memory), o);
            }
            Live::Integer { network, memory, x, o: sums } => {
                integers(network, memory, x, sums).read(o);
            }
        }
    }
}
