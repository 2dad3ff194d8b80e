//! [`rnn_core::adapt::Learner`] for shapes known at run time: the same functions on owned memory, hence
//! the same bits.

use rnn_core::adapt::{Learner, readout_gradient};
use rnn_core::cell::Sequence;
use rnn_core::dense::{DenseMut, DenseRef};
use rnn_core::kernel::{Columns, Inference};
use rnn_core::loss::mean_mse_gradient;
use rnn_core::network::{BackwardSpace, NetworkRef, Shape, Workspace};

use crate::aligned::Aligned;

/// [`rnn_core::adapt::Whole`]: a whole network learns. I channels, T steps.
#[derive(Debug, Clone)]
pub struct Whole {
    shape: Shape,
    steps: usize,
    sensed: Vec<f32>,
    /// I x T
    u: Vec<f32>,
    /// I x T
    targets: Vec<f32>,
    /// The layers' states in front of the block.
    start: Vec<f32>,
    /// o, then dL/do, I x T.
    o: Vec<f32>,
    cache: Aligned,
    d: Aligned,
    space: Aligned,
}

impl Whole {
    /// Learns blocks of T = `steps` >= 1 samples.
    pub fn new(network: NetworkRef<'_, f32>, steps: usize) -> Self {
        let shape = network.shape();
        let samples = || vec![0.0; shape.inputs * steps];
        Whole {
            shape,
            steps,
            sensed: vec![0.0; shape.inputs],
            u: samples(),
            targets: samples(),
            start: vec![0.0; shape.state()],
            o: samples(),
            cache: Aligned::new(shape.cache() * steps),
            d: Aligned::new(shape.units() * steps),
            space: Aligned::new(network.space::<Inference>()),
        }
    }

    fn network<'w>(&self, weights: &'w Aligned) -> NetworkRef<'w, f32> {
        NetworkRef::new(self.shape, weights).expect("weights are as many as the shape's parameters")
    }
}

impl Learner for Whole {
    type Weights = Aligned;
    type Memory = Aligned;
    type Sample = Vec<f32>;

    fn steps(&self) -> usize {
        self.steps
    }
    fn at_rest(&self) -> Aligned {
        Aligned::new(self.shape.memory())
    }
    fn rest(&mut self) {}
    fn sense(&mut self, u: &Vec<f32>) {
        self.sensed.copy_from_slice(u);
    }
    fn step(&self, weights: &Aligned, memory: &mut Aligned, o: &mut Vec<f32>) {
        let network = self.network(weights);
        let h = network.step::<Inference>(Columns::Values(&self.sensed), memory);
        network.readout().forward::<Inference>(h, o);
    }
    fn keep(&mut self, t: usize, target: &Vec<f32>) {
        let place = t * self.shape.inputs..(t + 1) * self.shape.inputs;
        self.u[place.clone()].copy_from_slice(&self.sensed);
        self.targets[place].copy_from_slice(target);
    }
    fn gradient(&mut self, weights: &Aligned, start: &Aligned, gradient: &mut Aligned) {
        let network = self.network(weights);
        let Whole { shape, steps, u, targets, start: states, o, cache, d, space, .. } = self;
        // A memory is a state with scratch behind it, layer after layer.
        let (mut memory, mut rest) = (&start[..], &mut states[..]);
        for layer in shape.layers() {
            let (of_layer, memory_above) = memory.split_at(layer.memory());
            let (state, rest_above) = rest.split_at_mut(layer.state());
            state.copy_from_slice(&of_layer[..layer.state()]);
            (memory, rest) = (memory_above, rest_above);
        }
        let sequence = Sequence { batch: 1, x: Columns::Values(u), start: states };
        let workspace = Workspace { cache: &mut *cache, masks: &[], masked: &mut [] };
        network.forward::<Inference>(sequence, workspace, o);
        mean_mse_gradient(o, targets, shape.outputs);
        gradient.fill(0.0);
        let workspace = Workspace { cache: &mut *cache, masks: &[], masked: &mut [] };
        let space = BackwardSpace { d, space };
        network.backward::<Inference>(sequence, workspace, *steps, o, space, gradient);
    }
}

/// [`rnn_core::adapt::Readout`]: the readout alone learns. I channels, H units, T steps.
#[derive(Debug, Clone)]
pub struct Readout<'m> {
    network: NetworkRef<'m, f32>,
    steps: usize,
    memory: Aligned,
    /// H x T
    h: Vec<f32>,
    /// I x T
    targets: Vec<f32>,
    /// o, then dL/do, I x T.
    o: Vec<f32>,
}

impl<'m> Readout<'m> {
    /// On a network that stays as it is; learns blocks of T = `steps` >= 1 samples.
    pub fn new(network: NetworkRef<'m, f32>, steps: usize) -> Self {
        let shape = network.shape();
        Readout {
            network,
            steps,
            memory: Aligned::new(shape.memory()),
            h: vec![0.0; shape.layers.hidden() * steps],
            targets: vec![0.0; shape.inputs * steps],
            o: vec![0.0; shape.inputs * steps],
        }
    }

    fn view<'w>(&self, weights: &'w Aligned) -> DenseRef<'w, f32> {
        let DenseRef { inputs, outputs, .. } = self.network.readout();
        let (w, b) = weights.split_at(inputs * outputs);
        DenseRef { inputs, outputs, w, b }
    }
}

impl Learner for Readout<'_> {
    /// W_hy, b_y.
    type Weights = Aligned;
    type Memory = ();
    type Sample = Vec<f32>;

    fn steps(&self) -> usize {
        self.steps
    }
    fn at_rest(&self) {}
    fn rest(&mut self) {
        self.memory.fill(0.0);
    }
    fn sense(&mut self, u: &Vec<f32>) {
        self.network.step::<Inference>(Columns::Values(u), &mut self.memory);
    }
    fn step(&self, weights: &Aligned, (): &mut (), o: &mut Vec<f32>) {
        self.view(weights).forward::<Inference>(self.network.h(&self.memory), o);
    }
    fn keep(&mut self, t: usize, target: &Vec<f32>) {
        let h = self.network.h(&self.memory);
        self.h[t * h.len()..][..h.len()].copy_from_slice(h);
        self.targets[t * target.len()..][..target.len()].copy_from_slice(target);
    }
    fn gradient(&mut self, weights: &Aligned, (): &(), gradient: &mut Aligned) {
        let readout = self.view(weights);
        let (w, b) = gradient.split_at_mut(readout.inputs * readout.outputs);
        let gradient = DenseMut { w, b };
        readout_gradient(readout, &self.h, &self.targets, &mut self.o, gradient);
    }
}
